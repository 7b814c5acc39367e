"""The contract of a sweep: one body, every entry of the table. A new sweep is tested by entering it."""

import contextlib
import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib.image
import pytest
import rig

from pipeline.report import style
from pipeline.report.tables import BATCH_LOSS_COLUMNS, CURVE_COLUMNS, SUMMARY_COLUMNS, TIMING_COLUMNS, TRIAL_COLUMNS
from pipeline.run import worker
from sweeps import SWEEPS, session
from sweeps.__main__ import main
from sweeps.cli import Options
from sweeps.experiments import COMMANDS
from sweeps.folders import BEST, FINDINGS
from sweeps.question import Answer, Question
from sweeps.stored import stored

NAMES = [name for name in SWEEPS if name not in COMMANDS]
"""gradient-check and data train nothing; assignment, experiments and report are made of the others."""


ROWS = 800
"""So many that two epochs of small mini-batches have more than 50 steps, and so a row in batch_losses.csv."""

SMALL = "--batch-size 10"
SMALLEST: Mapping[str, str] = {
    "depth": "--batch-size 10 --networks 5 5-4",
    "lambda": "--batch-size 10 --network.hidden 5",
    "init-sensitivity": "--batch-size 10 --hidden 5 --sigma.values 0.1 0.001",
    "random-search": "--batch-size 10 --space.hidden 5 5-4",
    "two-layer": "--batch-size 10 --hidden 4 --long-step-size 1",
    "optimizers": "--batch-size 10 --hidden 5 4 --names sgd adam --etas.values 0.01 0.1",
    "width": "--batch-size 10 --units 3 4 --layers 3",
    "skip": "--batch-size 10 --hidden 4 4 4 --skips 1-3 --norms none",
    "batch-norm": "--batch-size 10 --hidden 5 --places none before --statistics ema adaptive",
    "dropout": "--batch-size 10 --hidden 5 4 --p 1 0.5 --norms before",
    "weight-scale": "--batch-size 10 --hidden 5 --sigma.log-range 1e-3 1 2",
    "batch-size": "--hidden 5 --batch-sizes 5 10 --norms batch layer",
    "activations": "--batch-size 10 --hidden 5 4 --names relu sigmoid --etas.values 0.01 0.1",
    "overfit": "--batch-size 5 --networks 5 5-4 --train-rows 200",
    "training-stats": "--batch-size 10 --hidden 5 4",
    "augmentation": "--batch-size 10 --hidden 5",
    "best-network": "--batch-size 10 --hidden 5 4 --patience 2",
}
"""Flags that make a smoke run smaller still, so that it says the same of the machine in less time; else SMALL."""

OF_IMAGES = {"augmentation", "batch-norm", "best-network"}
"""Sweeps that change images: they get rows that are some."""

KILLED = (0.0, 0.3, 0.7)
"""After what share of the packs a run is killed: before the first is stored, within the first stage, late."""


@dataclass
class Finished:
    """A smoke run of a sweep: its command line, artifacts and folder, what it printed, what it asked and answered."""

    arguments: Sequence[str]
    out: Path
    folder: Path
    printed: str
    question: Question[Any, Any]
    answer: Answer[Any, Any]

    @property
    def decided(self) -> set[str]:
        """The files that depend on nothing but the configuration, those of its own tables among them."""
        own = self.question.tables(self.answer)
        measured = {"diagnosis.json"} if self.question.diagnose else set()
        return {f"{name}.csv" for name in ("trials", "curves", "batch_losses", *own)} | {*self.question.said} | measured


def command(name: str, folder: Path, jobs: int = 1) -> list[str]:
    """Return the command line of a smoke run whose artifacts go into `folder`."""
    data = rig.npz(folder, ROWS, (1, 2, 3) if name in OF_IMAGES else (rig.D,))
    where = ["--dataset", str(data), "--artifacts", str(folder / "out")]
    return [name, "--scale", "smoke", "--jobs", str(jobs), *where, *SMALLEST.get(name, SMALL).split()]


@pytest.fixture(scope="module", params=NAMES)
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Run a sweep once, at the scale made for that, with two workers, figures and all."""
    folder = tmp_path_factory.mktemp(request.param)
    arguments, out = command(request.param, folder, jobs=2), folder / "out"
    seen: list[tuple[Question[Any, Any], Answer[Any, Any]]] = []

    def watched(question: Question[Any, Any], config: Any, options: Options, *fit: Any) -> None:
        def write(answer: Answer[Any, Any], *where: Any) -> None:
            seen.append((question, answer))
            question.write(answer, *where)

        run(replace(question, write=write), config, options, *fit)

    run = session.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "run", watched)
        code, printed, errors = called(arguments)
    assert (code, errors) == (0, "")
    [folder] = (out / request.param).iterdir()
    [(question, answer)] = seen
    return Finished(arguments, out, folder, printed, question, answer)


def computing(monkeypatch: pytest.MonkeyPatch, engine: rig.InProcess) -> rig.InProcess:
    """Let commands compute with another engine, and save no figure, which takes longer."""
    monkeypatch.setattr(session, "LokyEngine", lambda *_: engine)
    monkeypatch.setattr(style, "save", lambda *_: ())
    return engine


def called(arguments: Sequence[str]) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of a command."""
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.redirect_stderr(io.StringIO()) as errors:
        code = main(arguments)
    return code, printed.getvalue(), errors.getvalue()


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_there_is_a_sweep_to_test() -> None:
    assert "lambda" in NAMES
    assert set(SWEEPS) >= {*COMMANDS, *SMALLEST}


def test_it_leaves_every_file_that_users_rely_on_and_no_other(finished: Finished) -> None:
    keeps = any(result.stage.keeps_networks for result in finished.answer.results)
    others = {"study.db", "manifest.json", "timings.csv", "figures", ".drawn.json"} | ({"networks"} if keeps else set())
    assert "summary.csv" in finished.decided
    assert {path.name for path in finished.folder.iterdir()} - {".lock"} == finished.decided | others


def test_what_was_chosen_or_where_nothing_was_what_was_found_is_stored(finished: Finished) -> None:
    assert finished.question.said
    if BEST in finished.question.said:
        best = json.loads((finished.folder / BEST).read_text())
        assert best["reason"]
        assert 0 <= best["test_accuracy"]["mean"] <= 1
    if FINDINGS in finished.question.said:
        findings = (finished.folder / FINDINGS).read_text().splitlines()
        assert findings
        assert all(finding in finished.printed.splitlines() for finding in findings)


def test_its_folder_is_named_by_data_set_digest_and_scale(finished: Finished) -> None:
    stem, digest, scale = finished.folder.name.split("-")
    assert (stem, scale) == ("tiny", "smoke")
    assert len(digest) == 8
    assert str(finished.folder) in finished.printed.splitlines()[-1]


def test_its_tables_have_the_columns_that_users_rely_on(finished: Finished) -> None:
    trials, curves, losses, summary, timings = (
        table(finished.folder / f"{name}.csv") for name in ("trials", "curves", "batch_losses", "summary", "timings")
    )
    assert list(trials[0])[: len(TRIAL_COLUMNS)] == list(TRIAL_COLUMNS)
    assert list(curves[0]) == list(CURVE_COLUMNS)
    assert list(summary[0])[-len(SUMMARY_COLUMNS) :] == list(SUMMARY_COLUMNS)
    assert list(timings[0]) == list(TIMING_COLUMNS)
    assert list(losses[0]) == list(BATCH_LOSS_COLUMNS)
    identities = [(row["stage"], row["number"]) for row in trials]
    assert len(set(identities)) == len(identities) == len(timings)
    for rows in (curves, losses):
        assert {(row["stage"], row["number"]) for row in rows} == set(identities)
    tuning = table(finished.folder / "tuning.csv") if "tuning.csv" in finished.decided else []
    counts = [int(row[name]) for row in summary + tuning for name in ("n", "n_diverged", "n_failed", "n_pruned")]
    assert sum(counts) == len(trials)


def test_its_trials_are_paired_and_the_test_set_is_opened_at_the_end_alone(finished: Finished) -> None:
    trials = table(finished.folder / "trials.csv")
    seeds: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for row in trials:
        seeds.setdefault((row["stage"], row["replicate"]), set()).add((row["init_seed"], row["order_seed"]))
    assert {len(pairs) for pairs in seeds.values()} == {1}
    assert len(set.union(*seeds.values())) == len(seeds)
    opened = {row["stage"] for row in trials if row["test_accuracy"]}
    assert opened == {trials[-1]["stage"]}


def test_its_figures_can_be_looked_at_in_both_formats(finished: Finished) -> None:
    pictures = sorted((finished.folder / "figures").iterdir())
    assert {path.suffix for path in pictures} == {".png", ".svg"}
    assert {path.stem for path in pictures if path.suffix == ".png"} == {
        path.stem for path in pictures if path.suffix == ".svg"
    }
    for path in pictures:
        if path.suffix == ".png":
            image = matplotlib.image.imread(path)
            assert image.std() > 0  # not blank


def test_its_manifest_says_with_what_it_was_made(finished: Finished) -> None:
    manifest = json.loads((finished.folder / "manifest.json").read_text())
    assert manifest["configuration"]["sweep"] == finished.arguments[0]
    assert manifest["configuration"]["seed"] == 0
    assert finished.arguments[0] in manifest["configuration"]
    [made] = manifest["computed_with"]
    assert made["threads"] == 1


def test_exports_name_no_path_and_no_hour(finished: Finished) -> None:
    for name in finished.decided:
        assert str(finished.out.parent) not in (finished.folder / name).read_text()


def test_typed_again_it_computes_nothing_and_leaves_every_byte(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rig.files(finished.out)
    monkeypatch.setattr("sweeps.session.LokyEngine", lambda *_: rig.forbidden())
    code, printed, errors = called(finished.arguments)
    assert (code, errors) == (0, "")
    assert "all trials are present; nothing to run" in printed
    assert rig.files(finished.out) == before  # figures included


def test_killed_again_and_again_it_ends_as_if_it_had_never_stopped(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = command(finished.question.name, tmp_path)
    packs = len({(record.stage, record.pack) for record in finished.answer.records})
    engine = computing(monkeypatch, rig.shuffled(3))  # so that some that are computed wait for those before
    kept = 0
    for share in KILLED:
        with monkeypatch.context() as patch:
            rig.dies(patch, worker, "compute", after=int(share * packs) - kept + 1)  # what this one came to is lost
            with pytest.raises(rig.Killed):
                called(arguments)
        kept = int(share * packs)
    engine.ran.clear()
    assert called(arguments)[0] == 0
    assert len(engine.ran) == packs - kept
    [folder] = (tmp_path / "out" / finished.question.name).iterdir()
    for name in finished.decided:
        assert (folder / name).read_bytes() == (finished.folder / name).read_bytes(), name


def test_its_answer_can_be_read_from_its_store(finished: Finished) -> None:
    before = rig.files(finished.out)
    answer = stored(finished.question, finished.folder)
    for part in ("configuration", "records", "rows", "retired", "fingerprint", "diagnosis"):
        assert getattr(answer, part) == getattr(finished.answer, part), part
    for name, table_ in finished.question.tables(answer).items():
        assert table_.equals(finished.question.tables(finished.answer)[name])
    assert rig.files(finished.out) == before


def test_the_report_hears_of_it_from_what_is_stored_and_nothing_is_trained_or_written(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rig.files(finished.out)
    computing(monkeypatch, rig.forbidden())
    tells = SWEEPS[finished.question.name].tells
    assert tells is not None
    data = finished.folder.name.removesuffix("-smoke")
    told = tells(Options(scale="smoke", artifacts=finished.out), data)
    assert told.sections
    assert told.origin is not None
    assert told.origin.trials == len(finished.answer.records)
    nowhere = tells(Options(scale="quick", artifacts=finished.out), data)
    assert nowhere.origin is None
    assert [section.title for section in nowhere.sections] == [finished.question.title]
    assert rig.files(finished.out) == before


def test_another_seed_needs_another_name(finished: Finished) -> None:
    before = rig.files(finished.out)
    code, _, errors = called([*finished.arguments, "--seed", "1"])
    assert code == 2
    assert errors.startswith(
        "error: a run must keep its configuration, got seed = 1, stored 0; choose another RUN=name"
    )
    assert len(errors.splitlines()) == 1
    assert rig.files(finished.out) == before


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_writes_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computing(monkeypatch, rig.InProcess())
    code, printed, errors = called([*command(name, tmp_path), "--plan"])
    assert (code, errors) == (0, "")
    assert not (tmp_path / "out").exists()
    assert "trials" in printed
    assert "predicted: " in printed


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_data_set_is_one_line_and_leaves_no_trace(name: str, tmp_path: Path) -> None:
    code, _, errors = called([name, "--dataset", "cifar11", "--artifacts", str(tmp_path / "out")])
    assert code == 2
    assert errors.startswith("error: data set must be one of ")
    assert len(errors.splitlines()) == 1
    assert not (tmp_path / "out").exists()
