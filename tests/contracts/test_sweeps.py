"""The contract of a sweep: one body, every entry of the table. A new sweep is tested by entering it."""

import contextlib
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.image
import pytest
import rig

from pipeline.report.tables import CURVE_COLUMNS, SUMMARY_COLUMNS, TIMING_COLUMNS, TRIAL_COLUMNS
from sweeps import SWEEPS
from sweeps.__main__ import main

COMMANDS = {"gradient-check", "data", "report", "assignment"}
"""Entries that train nothing, and so are no sweeps."""

NAMES = [name for name in SWEEPS if name not in COMMANDS]


@dataclass
class Finished:
    """A smoke run of a sweep: its command line, its artifacts, its folder, and what it printed."""

    arguments: Sequence[str]
    out: Path
    folder: Path
    printed: str


@pytest.fixture(scope="module", params=NAMES)
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Run a sweep once, at the scale made for that, figures and all."""
    out = tmp_path_factory.mktemp(request.param) / "out"
    data = rig.npz(out.parent)
    arguments = [request.param, "--scale", "smoke", "--dataset", str(data), "--artifacts", str(out), "--jobs", "1"]
    code, printed, errors = called(arguments)
    assert (code, errors) == (0, "")
    [folder] = (out / request.param).iterdir()
    return Finished(arguments, out, folder, printed)


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
    assert set(SWEEPS) >= COMMANDS


def test_it_leaves_every_file_that_users_rely_on(finished: Finished) -> None:
    left = {path.name for path in finished.folder.iterdir()} - {".lock"}
    tables = {"trials.csv", "curves.csv", "summary.csv", "timings.csv"}
    assert {"study.db", "manifest.json", "best.json", "figures"} | tables <= left
    assert left <= {"study.db", "manifest.json", "best.json", "figures", "networks"} | tables


def test_its_folder_is_named_by_data_set_digest_and_scale(finished: Finished) -> None:
    stem, digest, scale = finished.folder.name.split("-")
    assert (stem, scale) == ("tiny", "smoke")
    assert len(digest) == 8
    assert str(finished.folder) in finished.printed.splitlines()[-1]


def test_its_tables_have_the_columns_that_users_rely_on(finished: Finished) -> None:
    trials, curves, summary, timings = (
        table(finished.folder / f"{name}.csv") for name in ("trials", "curves", "summary", "timings")
    )
    assert list(trials[0])[: len(TRIAL_COLUMNS)] == list(TRIAL_COLUMNS)
    assert list(curves[0]) == list(CURVE_COLUMNS)
    assert list(summary[0])[-len(SUMMARY_COLUMNS) :] == list(SUMMARY_COLUMNS)
    assert list(timings[0]) == list(TIMING_COLUMNS)
    identities = [(row["stage"], row["number"]) for row in trials]
    assert len(set(identities)) == len(identities) == len(timings)
    assert {(row["stage"], row["number"]) for row in curves} == set(identities)
    assert sum(int(row["n"]) + int(row["n_diverged"]) + int(row["n_failed"]) for row in summary) == len(trials)


def test_its_trials_are_paired_and_the_test_set_is_opened_at_the_end_alone(finished: Finished) -> None:
    trials = table(finished.folder / "trials.csv")
    seeds: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for row in trials:
        seeds.setdefault((row["stage"], row["replicate"]), set()).add((row["init_seed"], row["order_seed"]))
    assert {len(pairs) for pairs in seeds.values()} == {1}
    assert len(set.union(*seeds.values())) == len(seeds)
    opened = {row["stage"] for row in trials if row["test_accuracy"]}
    assert opened <= {trials[-1]["stage"]}


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
    for name in ("trials.csv", "curves.csv", "summary.csv", "best.json"):
        assert str(finished.out) not in (finished.folder / name).read_text()


def test_typed_again_it_computes_nothing_and_leaves_every_byte(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rig.files(finished.out)
    monkeypatch.setattr("sweeps.session.LokyEngine", lambda _: rig.forbidden())
    code, printed, errors = called(finished.arguments)
    assert (code, errors) == (0, "")
    assert "all trials are present; nothing to run" in printed
    assert rig.files(finished.out) == before  # figures included


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
def test_a_plan_writes_nothing(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    data = rig.npz(tmp_path)
    arguments = [name, "--scale", "smoke", "--dataset", str(data), "--artifacts", str(out), "--jobs", "1", "--plan"]
    code, printed, errors = called(arguments)
    assert (code, errors) == (0, "")
    assert not out.exists()
    assert "trials" in printed
    assert "predicted: " in printed


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_data_set_is_one_line_and_leaves_no_trace(name: str, tmp_path: Path) -> None:
    code, _, errors = called([name, "--dataset", "cifar11", "--artifacts", str(tmp_path / "out")])
    assert code == 2
    assert errors.startswith("error: data set must be one of ")
    assert len(errors.splitlines()) == 1
    assert not (tmp_path / "out").exists()
