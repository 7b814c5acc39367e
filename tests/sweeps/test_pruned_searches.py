"""Searches that drop settings at the ends of cycles, by command: the same bytes however they ran, and what they say."""

import csv
import dataclasses
import json
from pathlib import Path

import pytest
import rig
from lambda_runs import engine, exported, folder_of, rows, run

from pipeline.run.study import Study
from sweeps import SWEEPS
from sweeps.__main__ import main
from sweeps.answers.lambda_results import QUESTION
from sweeps.answers.lambda_sections import sections
from sweeps.lambda_search import LambdaSearch, SearchStage, budgets
from sweeps.stored import stored

pytestmark = pytest.mark.usefixtures("without_figures")

HALVED = {"coarse.prune": 0.5, "coarse.cycles": 2, "refine.prune": 0.5, "refine.cycles": 2}


@pytest.fixture(scope="module")
def halved(npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that drops half of its lambdas, with one job; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sweeps.answers.lambda_results.draw", lambda *_: None)
        return run(npz, tmp_path_factory.mktemp("halved") / "out", **HALVED)


def test_nothing_is_dropped_unless_it_is_asked_for(done: Path) -> None:
    assert {row["status"] for row in rows(done)} == {"COMPLETE"}
    assert (LambdaSearch().coarse.prune, LambdaSearch().refine.prune) == (0, 0)


def test_half_of_the_lambdas_of_search_stages_are_dropped_with_their_last_values(halved: Path) -> None:
    stages = dict.fromkeys(row["stage"] for row in rows(halved))
    for stage in stages:
        statuses = [row["status"] for row in rows(halved, stage)]
        assert statuses.count("PRUNED") == (0 if stage == "final" else 4), stage
    dropped = [row for row in rows(halved) if row["status"] == "PRUNED"]
    assert all(0 < float(row["val_accuracy"]) <= 1 and row["reason"].startswith("rank ") for row in dropped)
    with (halved / "summary.csv").open(newline="") as file:
        counts = [(row["n"], row["n_pruned"], row["val_accuracy_mean"] == "") for row in csv.DictReader(file)]
    assert set(counts) == {("2", "0", False), ("0", "2", True)}


@pytest.mark.parametrize("jobs", [2, 3])
def test_any_number_of_jobs_leaves_the_same_bytes(npz: Path, tmp_path: Path, halved: Path, jobs: int) -> None:
    assert exported(run(npz, tmp_path / "out", jobs=jobs, **HALVED)) == exported(halved)


def test_a_run_cut_between_two_legs_leaves_the_same_bytes(
    npz: Path, tmp_path: Path, halved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        rig.dies(patch, Study, "add", 4)
        with pytest.raises(rig.Killed):
            main(rig.lambda_command(npz, tmp_path / "out", **HALVED))
    assert exported(run(npz, tmp_path / "out", **HALVED)) == exported(halved)


def test_what_the_packs_cost_has_a_row_per_leg(halved: Path) -> None:
    with (halved / "timings.csv").open(newline="") as file:
        timings = list(csv.DictReader(file))
    for row in rows(halved):
        legs = [t["leg"] for t in timings if (t["stage"], t["number"]) == (row["stage"], row["number"])]
        assert legs == (["1"] if row["stage"] == "final" or row["status"] == "PRUNED" else ["1", "2"])


def test_the_conclusion_and_the_report_say_how_many_were_dropped(halved: Path) -> None:
    best = json.loads((halved / "best.json").read_text())
    assert best["reason"].count(" of the 4 lambdas were dropped before the last of 2 cycles.") >= 2
    answer = stored(QUESTION, halved)
    text = str(sections(answer))
    assert "The refine stage drops 50 % of its lambdas, those with the lowest mean validation accuracies" in text
    assert "2 of 4 were dropped." in text


def test_a_plan_counts_the_packs_of_all_legs(
    npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine(monkeypatch, rig.InProcess())
    assert main(rig.lambda_command(npz, tmp_path / "out", plan=True, **HALVED)) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("coarse: ")]
    assert line.startswith(
        "coarse: 4 settings x 2 replicates = 8 trials of 2 to 4 epochs, the worst 50 % of the settings dropped"
    )
    assert " between cycles; 6 packs to train" in line
    assert not (tmp_path / "out").exists()


def test_progress_tells_who_was_dropped(npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(npz, tmp_path / "out", **HALVED)
    output = capsys.readouterr().out
    assert "coarse: 4 trials dropped after cycle 1" in output
    assert "coarse: 8/8 trials, 4 pruned, best validation accuracy" in output


def test_other_replicates_would_have_dropped_others_and_are_refused(
    npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(npz, tmp_path / "out", **HALVED)
    before = rig.files(folder_of(tmp_path / "out"))
    engine(monkeypatch, rig.forbidden())
    assert main(rig.lambda_command(npz, tmp_path / "out", **(HALVED | {"refine.replicates": 3}))) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "a run must keep its configuration, got lambda.refine.replicates = 3, stored 2" in line
    assert rig.files(folder_of(tmp_path / "out")) == before


@pytest.mark.parametrize(
    ("sampler", "prune", "grows"),
    [
        ("grid", 0.0, ["refine.replicates"]),
        ("grid", 0.5, []),
        ("random", 0.0, ["refine.replicates", "refine.count"]),
        ("random", 0.5, ["refine.count"]),
    ],
)
def test_what_may_grow(sampler: str, prune: float, grows: list[str]) -> None:
    refine = SearchStage(count=4, replicates=2, step_size=1, sampler=sampler, prune=prune)
    assert budgets(dataclasses.replace(LambdaSearch(), refine=refine)) == grows


RANDOM = [
    *("random-search", "--scale", "smoke", "--jobs", "1", "--space.hidden", "5", "6-5", "--batch-size", "20"),
    *("--search.count", "16", "--search.round-size", "8", "--search.cycles", "2", "--search.prune", "0.75"),
]


def test_a_random_search_drops_settings_within_their_round(
    npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_forests: None
) -> None:
    monkeypatch.setattr("sweeps.answers.random_search_results.draw", lambda *_: None, raising=False)
    assert main([*RANDOM, "--dataset", str(npz), "--artifacts", str(tmp_path / "out")]) == 0
    [folder] = (tmp_path / "out" / "random-search").iterdir()
    searched = rows(folder, "random-search")
    for round_ in (searched[:8], searched[8:]):
        assert [row["status"] for row in round_].count("PRUNED") == 6
    findings = (folder / "findings.md").read_text()
    assert "12 of the 16 settings were dropped at the end of a cycle, the worst 0.75 of those that were" in findings
    assert {row["status"] for row in rows(folder) if row["stage"] != "random-search"} == {"COMPLETE"}


def test_the_sweeps_that_can_drop_settings_say_so_in_their_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name, flags in {"lambda": ("--coarse.prune", "--refine.prune"), "random-search": ("--search.prune",)}.items():
        assert name in SWEEPS
        main([name, "--help"])
        text = capsys.readouterr().out
        assert all(flag in text for flag in flags)
        assert "0: none is" in " ".join(text.split())
