"""`python -m sweeps lambda` from end to end, on 200 rows: the same bytes however it ran, or a line that says why."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rig
from lambda_runs import EXPORTS, engine, exported, folder_of, rows, run

from sweeps.__main__ import main

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.mark.parametrize("jobs", [2, 3])
def test_any_number_of_jobs_leaves_the_same_bytes(npz: Path, tmp_path: Path, done: Path, jobs: int) -> None:
    folder = run(npz, tmp_path / "out", jobs=jobs)
    assert exported(folder) == exported(done)
    assert set(EXPORTS) < exported(folder).keys()
    with_one, with_many = (json.loads((each / "manifest.json").read_text()) for each in (done, folder))
    for each in (with_one, with_many):
        for made in each["computed_with"]:  # the checkout, whose revision it names, may change while tests run
            del made["revision"]
    assert with_one["computed_with"] == with_many["computed_with"]
    assert [made["trials"] for made in with_one["computed_with"]] == [len(rows(done))]


def test_results_in_any_order_leave_the_same_bytes(
    npz: Path, tmp_path: Path, done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine(monkeypatch, rig.shuffled(seed=0))
    assert exported(run(npz, tmp_path / "out")) == exported(done)


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
    folder = run(npz, tmp_path / "out")
    assert exported(folder) == exported(done)
    made = json.loads((folder / "manifest.json").read_text())["computed_with"]
    assert sum(each["trials"] for each in made) == len(rows(done))  # those of before the kill included
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


def test_the_learning_rates_of_the_curves_are_exact_at_the_ends_of_a_cycle(done: Path) -> None:
    with (done / "curves.csv").open(newline="") as file:
        etas = {(row["epoch"], row["eta"]) for row in csv.DictReader(file)}
    assert etas == {("0", "1e-05"), ("1", "0.1"), ("2", "1e-05")}


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
    assert "over training seeds; the choice of these 40 test rows" in best["test_accuracy"]["note"]
    other = best["test_accuracy_by_role"]["default"]["lambda"]
    default = [float(row["test_accuracy"]) for row in rows(done, "final") if float(row["lambda"]) == other]
    difference = best["differences"]["chosen - default"]
    assert difference["mean"] == pytest.approx(np.mean(np.subtract(tested, default)), abs=1e-12)
    assert difference["sd"] == pytest.approx(np.std(np.subtract(tested, default), ddof=1), abs=1e-12)
    assert best["test_accuracy_by_role"].keys() == {"chosen", "one standard error", "default"}
    assert {float(row["lambda"]) for row in rows(done, "final")} == {
        role["lambda"] for role in best["test_accuracy_by_role"].values()
    }
    accuracies = [float(row["test_accuracy"]) * 40 for row in rows(done, "final")]
    np.testing.assert_allclose(accuracies, np.round(accuracies), atol=1e-9)  # counts / 40


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
        line = f"{stage}: 4 settings x 2 replicates = {len(trials)} trials of 2 epochs; {len(packs)} packs to train"
        assert line in output
    assert re.search(
        r"^final: \d settings x 2 replicates = \d trials of 2 epochs; \d packs to train", output, re.MULTILINE
    )
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
