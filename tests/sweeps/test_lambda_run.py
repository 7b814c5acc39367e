"""`python -m sweeps lambda` from end to end, on 200 rows: the same bytes however it ran, or a line that says why."""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rig
from joblib.externals.loky import get_reusable_executor

from pipeline.files import lock
from sweeps.__main__ import main

EXPORTS = ("trials.csv", "curves.csv", "summary.csv", "best.json")


@pytest.fixture(scope="module", autouse=True)
def _no_workers_left_behind() -> Iterator[None]:
    yield
    get_reusable_executor(reuse=True, kill_workers=True).shutdown(kill_workers=True)


@pytest.fixture(scope="module")
def npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rig.npz(tmp_path_factory.mktemp("data"))


@pytest.fixture(autouse=True)
def _without_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the drawing, which takes seconds, to the test that asks for it and to the contract of all sweeps."""
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr("sweeps.lambda_results.draw", lambda *_: None)


@pytest.fixture
def drawn() -> None:
    """Ask for figures."""


def run(npz: Path, out: Path, **flags: object) -> Path:
    """Run a small search to its end and return its folder."""
    assert main(rig.lambda_command(npz, out, **flags)) == 0
    return folder_of(out)


def folder_of(out: Path) -> Path:
    [folder] = (out / "lambda").iterdir()
    return folder


def rows(folder: Path, stage: str = "") -> list[dict[str, str]]:
    with (folder / "trials.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if stage in {"", row["stage"]}]


def exported(folder: Path) -> dict[str, bytes]:
    """Return what must be the same however the run went."""
    return {
        name: content
        for name, content in rig.files(folder).items()
        if name in EXPORTS or name.startswith(("networks", ".pending"))
    }


@pytest.fixture(scope="module")
def done(npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with one job; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sweeps.lambda_results.draw", lambda *_: None)
        return run(npz, tmp_path_factory.mktemp("done") / "out")


@pytest.fixture
def copied(done: Path, tmp_path: Path) -> Path:
    """A copy of its artifacts folder, to run in again."""
    out = tmp_path / "odd [/out] :x:"  # whatever means something to a terminal
    for name, content in rig.files(done.parents[1]).items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(content)
    return out


def engine(monkeypatch: pytest.MonkeyPatch, instead: rig.InProcess) -> rig.InProcess:
    """Let the command compute with another engine."""
    monkeypatch.setattr("sweeps.session.LokyEngine", lambda _: instead)
    return instead


@pytest.mark.parametrize("jobs", [2, 3])
def test_any_number_of_jobs_leaves_the_same_bytes(npz: Path, tmp_path: Path, done: Path, jobs: int) -> None:
    folder = run(npz, tmp_path / "out", jobs=jobs)
    assert exported(folder) == exported(done)
    assert set(EXPORTS) < exported(folder).keys()
    with_one, with_many = (json.loads((each / "manifest.json").read_text()) for each in (done, folder))
    assert with_one["computed_with"] == with_many["computed_with"]
    assert len(with_one["computed_with"]) == 1


def test_results_in_any_order_leave_the_same_bytes(
    npz: Path, tmp_path: Path, done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine(monkeypatch, rig.shuffled(seed=0))
    assert exported(run(npz, tmp_path / "out")) == exported(done)


def test_the_second_run_says_that_all_is_there_and_leaves_every_byte(
    npz: Path, copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = rig.files(copied)
    engine(monkeypatch, rig.forbidden())
    run(npz, copied)
    assert rig.files(copied) == before
    output = capsys.readouterr().out
    for line in ("coarse: all 8 trials are present", "refine: all 8 trials", "all trials are present; nothing to run"):
        assert line in output


KILL = """
import os, signal, sys
from pipeline.run.study import Study
from sweeps.__main__ import main
add, calls = Study.add, iter(range(1, 99))
def dying(self, *arguments):
    add(self, *arguments)
    if next(calls) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
Study.add = dying
main(sys.argv[1:])
"""


def test_a_killed_run_with_two_jobs_ends_like_an_uninterrupted_one_with_one(
    npz: Path, tmp_path: Path, done: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = rig.lambda_command(npz, tmp_path / "out", jobs=2)
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", KILL, *arguments], cwd=root, check=False, capture_output=True)
    assert killed.returncode == -9, killed.stderr
    left = folder_of(tmp_path / "out")
    assert not (left / "trials.csv").exists()
    assert len(json.loads((left / "manifest.json").read_text())["computed_with"]) == 1  # noted before the first row
    folder = run(npz, tmp_path / "out")
    assert exported(folder) == exported(done)
    output = capsys.readouterr().out
    assert "coarse: 8 trials, 5 present" in output
    assert "warning" not in output  # other surroundings would be worth one


def test_search_stages_never_see_a_test_row_and_the_final_one_has_fresh_seeds(done: Path) -> None:
    final, search = rows(done, "final"), [row for row in rows(done) if row["stage"] != "final"]
    assert {row["test_accuracy"] for row in search} == {""}
    assert all(0 <= float(row["test_accuracy"]) <= 1 for row in final)
    cache = done.parents[1] / "cache"
    cached = {path.name: [file.name for file in path.glob("*test*")] for path in cache.iterdir() if path.is_dir()}
    assert sorted(map(len, cached.values())) == [0, 2]

    def seeds(trials: list[dict[str, str]]) -> set[str]:
        return {row[kind] for row in trials for kind in ("init_seed", "order_seed")}

    assert not seeds(final) & seeds(search)


def test_the_lambdas_of_a_replicate_share_both_seeds(done: Path) -> None:
    pairs: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for row in rows(done):
        pairs.setdefault((row["stage"], row["replicate"]), set()).add((row["init_seed"], row["order_seed"]))
    assert {len(found) for found in pairs.values()} == {1}
    assert len(set.union(*pairs.values())) == len(pairs) == 2 * len({row["stage"] for row in rows(done)})


def test_the_conclusion_can_be_worked_out_from_the_stored_trials(done: Path) -> None:
    best = json.loads((done / "best.json").read_text())
    refine: dict[str, list[float]] = {}
    for row in rows(done, "refine"):
        refine.setdefault(row["lambda"], []).append(float(row["val_accuracy"]))
    means = {float(lambda_): np.mean(accuracies) for lambda_, accuracies in refine.items()}
    assert means[best["lambda"]] == max(means.values())
    assert best["lambda_1se"] >= best["lambda"]
    tested = [float(row["test_accuracy"]) for row in rows(done, "final") if float(row["lambda"]) == best["lambda"]]
    assert best["test_accuracy"]["mean"] == pytest.approx(np.mean(tested), rel=1e-12)
    assert best["test_accuracy"]["sd"] == pytest.approx(np.std(tested, ddof=1), rel=1e-12)
    assert best["test_accuracy"]["n"] == len(tested) == 2
    assert best["test_accuracy"]["low"] < np.mean(tested) < best["test_accuracy"]["high"]
    assert "over training seeds; 40 test images" in best["test_accuracy"]["note"]
    assert best["test_accuracy_by_role"].keys() == {"chosen", "one standard error", "default"}
    assert {float(row["lambda"]) for row in rows(done, "final")} == {
        role["lambda"] for role in best["test_accuracy_by_role"].values()
    }
    accuracies = [float(row["test_accuracy"]) * 40 for row in rows(done, "final")]
    np.testing.assert_allclose(accuracies, np.round(accuracies), atol=1e-9)  # counts / 40


@pytest.mark.parametrize(
    ("flags", "difference"),
    [
        ({"seed": 1}, "seed = 1, stored 0"),
        ({"high": 0.2}, "lambda.high = 0.2, stored 0.1"),
        ({"coarse.count": 5}, "lambda.coarse.count = 5, stored 4"),
        ({"refine.count": 5}, "lambda.refine.count = 5, stored 4"),
        ({"refine.sampler": "sobol"}, 'lambda.refine.sampler = "sobol", stored "grid"'),
        ({"final.replicates": 3}, "lambda.final.replicates = 3, stored 2"),
        ({"pack-width": 4}, "pack_width = 4, stored 2"),
        ({"pack-width": None}, "pack_width = null, stored 2"),
        ({"refine.replicates": 1}, "lambda.refine.replicates may only grow within a run, got 1, stored 2"),
        ({"coarse.count": 5, "seed": 1, "init.scheme": "xavier"}, "lambda.coarse.count = 5"),  # the first of three
    ],
    ids=str,
)
def test_another_configuration_is_refused_in_one_line_and_changes_nothing(
    npz: Path, copied: Path, flags: dict[str, Any], difference: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = rig.files(copied)
    assert main(rig.lambda_command(npz, copied, **flags)) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert difference in line
    assert "choose another RUN=name, or delete" in line
    assert rig.files(copied) == before


def test_more_replicates_of_the_last_search_stage_extend_the_run(
    npz: Path, copied: Path, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = engine(monkeypatch, rig.InProcess())
    folder = run(npz, copied, **{"refine.replicates": 6})
    assert rows(folder, "coarse") == rows(done, "coarse")
    assert rows(folder, "refine")[:8] == rows(done, "refine")
    assert len(rows(folder, "refine")) == 24
    assert sum(name.startswith("coarse") for name in watched.ran) == 0
    assert sum(name.startswith("refine") for name in watched.ran) == 8  # packs of two: 4 more replicates of 4 lambdas
    assert json.loads((folder / "manifest.json").read_text())["configuration"]["lambda"]["refine"]["replicates"] == 6
    at_once = run(npz, tmp_path / "at-once", **{"refine.replicates": 6})
    assert {name: exported(folder)[name] for name in EXPORTS} == {name: exported(at_once)[name] for name in EXPORTS}
    for row in rows(folder, "final"):  # whatever the choice has become
        with np.load(folder / "networks" / f"{row['number']}.npz") as network:
            assert str(network["key"]) == row["key"]
    before = rig.files(copied)
    engine(monkeypatch, rig.forbidden())
    run(npz, copied, **{"refine.replicates": 6})
    assert rig.files(copied) == before


def test_failed_trials_are_told_counted_and_trained_again_when_asked(
    npz: Path, tmp_path: Path, done: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = engine(monkeypatch, rig.InProcess())
    failing.failing = lambda name: [ran[:6] for ran in failing.ran].count("refine") == 2 and name == failing.ran[-1]
    folder = run(npz, tmp_path / "out")
    output = capsys.readouterr().out
    assert "refine: trial 2 failed: worker died 3 times (SIGKILL(-9))" in output
    assert "2 trials failed; the same command with RETRY=failed trains them again" in output
    assert [(row["stage"], row["number"]) for row in rows(folder) if row["status"] == "FAILED"] == [
        ("refine", "2"),
        ("refine", "3"),
    ]
    again = engine(monkeypatch, rig.InProcess())
    run(npz, tmp_path / "out", retry="failed")
    assert [name.partition("-")[0] for name in again.ran if not name.startswith("final")] == ["refine"]
    assert {name: exported(folder)[name] for name in EXPORTS} == {name: exported(done)[name] for name in EXPORTS}


def test_a_sweep_in_which_everything_diverges_ends_well_says_so_and_draws_what_there_is(
    npz: Path, tmp_path: Path, drawn: None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run(npz, tmp_path / "out", **{"eta-max": 1e30})
    best = json.loads((folder / "best.json").read_text())
    assert best["lambda"] is best["lambda_1se"] is best["test_accuracy"] is None
    assert best["reason"] == "coarse: searched 1e-05 to 0.1; every trial diverged, so nothing is chosen."
    assert best["reason"] in capsys.readouterr().out
    assert {row["status"] for row in rows(folder)} == {"DIVERGED"}
    assert {row["val_accuracy"] for row in rows(folder)} == {""}
    assert all("at step" in row["reason"] for row in rows(folder))
    assert (folder / "figures" / "learning-rate.png").exists()
    assert not (folder / "networks").exists()


def test_a_plan_counts_what_the_run_will_do_and_writes_nothing(
    npz: Path, tmp_path: Path, done: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(rig.lambda_command(npz, tmp_path / "out", plan=True)) == 0
    assert list(tmp_path.iterdir()) == []
    output = capsys.readouterr().out
    for stage in ("coarse", "refine"):
        trials = rows(done, stage)
        packs = {row["pack"] for row in trials}
        line = f"{stage}: 4 settings x 2 replicates = {len(trials)} trials of 2 epochs in {len(packs)} packs"
        assert line in output
    assert re.search(r"^final: \d settings x 2 replicates = \d trials of 2 epochs in \d packs", output, re.MULTILINE)
    assert re.search(r"^predicted: .* on 1 worker", output, re.MULTILINE)
    assert re.search(r"^memory: \d+ MB per worker", output, re.MULTILINE)


def test_a_plan_downloads_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    arguments = rig.lambda_command("cifar10", tmp_path / "out", plan=True, data_dir=tmp_path / "data", batch_size=1000)
    assert main(arguments) == 0
    assert [path.name for path in tmp_path.rglob("*")] == ["data"]
    output = capsys.readouterr().out
    assert re.search(r"^note: CIFAR-10 must be in .* a run would download 170 MB", output, re.MULTILINE)
    assert "coarse: 4 settings x 2 replicates = 8 trials" in output


def test_a_folder_in_use_is_the_hosts_fault_and_is_left_alone(
    npz: Path, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = rig.files(copied)
    with lock(folder_of(copied)):
        assert main(rig.lambda_command(npz, copied)) == 3
    [line] = capsys.readouterr().err.splitlines()
    assert "must be used by one run at a time, got process" in line
    assert rig.files(copied) == before


def test_a_damaged_study_is_damaged_data_and_is_left_alone(
    npz: Path, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = folder_of(copied) / "study.db"
    study.write_bytes(study.read_bytes()[:5000])
    before = rig.files(copied)
    assert main(rig.lambda_command(npz, copied)) == 4
    [line] = capsys.readouterr().err.splitlines()
    assert str(study) in line
    assert rig.files(copied) == before
