"""Making a sweep so: only what is missing is computed, and interrupted equals uninterrupted, wherever it was cut."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import rig
from rig import Killed, csv, dies, results

from pipeline.errors import HostError
from pipeline.records import Row, Status
from pipeline.report import tables
from pipeline.run.samplers import replicate_seeds
from pipeline.run.study import Study
from pipeline.spec import canonical_json

SEARCH = rig.listed()  # 6 trials; with width 2 packs of 2, 1, 2, 1
FINAL = rig.listed("final", (0.005, 0.05), 1, final=True)  # 2 trials, one pack
ADDS = 8


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[str, str], dict[str, bytes]]:
    """What an uninterrupted run gives."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    ran = rig.run(folder, SEARCH, FINAL, width=2)
    assert len(ran.records) == ADDS
    return csv(ran), results(folder)


def test_a_run_leaves_every_trial_of_every_stage_and_nothing_that_waits(tmp_path: Path) -> None:
    ran = rig.run(tmp_path / "run", SEARCH, FINAL, width=2)
    assert [result.stage for result in ran.results] == [SEARCH, FINAL]
    assert [record.number for record in ran.results[0].records] == list(range(6))
    assert {record.status for record in ran.records} == {Status.COMPLETE}
    assert ran.watched.stages == [("search", 0), ("final", 0)]
    assert ran.watched.packed == [[0, 1, 2, 3, 4, 5], [0, 1]]
    assert ran.runner.computed == 8
    rows = [row for stage in ran.runner.rows.values() for row in stage]
    assert [row.record for row in rows] == ran.records
    assert len({canonical_json(row.provenance) for row in rows}) == 1
    assert ran.watched.warnings == []
    assert not (tmp_path / "run" / ".pending").exists()
    assert {path.name for path in (tmp_path / "run" / "networks").iterdir()} == {f"{number}.npz" for number in range(2)}


def test_only_the_final_stage_has_test_accuracies_and_only_its_rows_hold_a_test_set(tmp_path: Path) -> None:
    ran = rig.run(tmp_path / "run", SEARCH, FINAL)
    search, final = ran.results
    assert {record.test_accuracy for record in search.records} == {None}
    assert all(record.test_accuracy is not None for record in final.records)
    with_test = {path.parent.name for path in (tmp_path / "cache").rglob("*test*")}
    assert len(with_test) == 1
    assert with_test.pop().endswith("-t40")
    assert {record.spec.data.n_test for record in search.records} == {0}


def test_the_final_stage_trains_with_fresh_seeds() -> None:
    search, final = (
        {seed for replicate in range(50) for seed in replicate_seeds(0, name, replicate)}
        for name in ("search", "final")
    )
    assert not search & final


@pytest.mark.parametrize("seed", range(2))
def test_the_order_in_which_results_arrive_changes_nothing(tmp_path: Path, whole, seed: int) -> None:
    ran = rig.run(tmp_path / "run", SEARCH, FINAL, width=2, engine=rig.shuffled(seed))
    assert csv(ran) == whole[0]
    assert results(tmp_path / "run") == whole[1]


def test_rows_enter_the_study_in_plan_order_whatever_arrives_first(tmp_path: Path, monkeypatch) -> None:
    added: list[int] = []
    add = Study.add

    def noted(study: Study, row: Row, *rest: Any) -> None:
        added.append(row.record.number)
        add(study, row, *rest)

    monkeypatch.setattr(Study, "add", noted)
    backwards = rig.InProcess(order=lambda names: names[::-1])
    rig.run(tmp_path / "run", SEARCH, width=2, engine=backwards)
    assert added == [0, 1, 2, 3, 4, 5]


def test_the_second_run_computes_nothing_and_leaves_every_byte(tmp_path: Path) -> None:
    first = rig.run(tmp_path / "run", SEARCH, FINAL, width=2)
    before = rig.files(tmp_path / "run")
    second = rig.run(tmp_path / "run", SEARCH, FINAL, width=2, engine=rig.forbidden())
    assert second.records == first.records
    assert second.runner.computed == 0
    assert second.watched.stages == [("search", 6), ("final", 2)]
    assert second.watched.packed == []
    assert rig.files(tmp_path / "run") == before


@pytest.mark.parametrize("writes", range(ADDS + 1))
def test_a_run_killed_between_any_two_writes_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole, writes: int
) -> None:
    engine = rig.InProcess()
    with monkeypatch.context() as patch:
        dies(patch, Study, "add", writes)
        with pytest.raises(Killed):
            rig.run(tmp_path / "run", SEARCH, FINAL, width=2, engine=engine)
    again = rig.run(tmp_path / "run", SEARCH, FINAL, width=2, engine=engine)
    assert csv(again) == whole[0]
    assert results(tmp_path / "run") == whole[1]
    assert len(engine.ran) == len(set(engine.ran)) == 5  # packs: not one was computed twice
    assert sum(present for _, present in again.watched.stages) == writes


def test_outcomes_that_wait_are_used_and_not_computed_again(tmp_path: Path, monkeypatch, whole) -> None:
    backwards = rig.InProcess(order=lambda names: names[::-1])
    with monkeypatch.context() as patch:
        dies(patch, Study, "add", 0)
        with pytest.raises(Killed):
            rig.run(tmp_path / "run", SEARCH, FINAL, width=2, engine=backwards)
    assert len(backwards.ran) == 4  # the whole first stage was computed before its first pack was there to record
    assert len(list((tmp_path / "run" / ".pending").iterdir())) == 4
    again = rig.run(tmp_path / "run", SEARCH, FINAL, width=2)
    assert csv(again) == whole[0]
    assert [name for name in again.engine.ran if name.startswith("search")] == []
    assert again.watched.left_over == [[0, 1], [2], [3, 4], [5]]
    assert again.watched.packed == [[0, 1]]  # nobody is told of no packs
    assert again.runner.computed == 2


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda _: b"\x80\x00"])
def test_a_damaged_outcome_is_warned_of_and_computed_again(
    tmp_path: Path, monkeypatch, whole, damage: Callable[[bytes], bytes]
) -> None:
    backwards = rig.InProcess(order=lambda names: names[::-1])
    with monkeypatch.context() as patch:
        dies(patch, Study, "add", 0)
        with pytest.raises(Killed):
            rig.run(tmp_path / "run", SEARCH, FINAL, width=2, engine=backwards)
    hurt = tmp_path / "run" / ".pending" / backwards.ran[1]
    hurt.write_bytes(damage(hurt.read_bytes()))
    again = rig.run(tmp_path / "run", SEARCH, FINAL, width=2)
    assert csv(again) == whole[0]
    [warning] = again.watched.warnings
    assert str(hurt) in warning
    assert warning.endswith("got a damaged file; computing its pack again")
    assert again.engine.ran[0] == hurt.name


def test_an_outcome_whose_trials_have_other_numbers_by_now_is_not_used(tmp_path: Path, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        dies(patch, Study, "add", 0)
        with pytest.raises(Killed):
            rig.run(tmp_path / "run", rig.listed(lambdas=(0.1, 0.2), replicates=1), width=1)
    moved = rig.listed(lambdas=(0.3, 0.1), replicates=1)
    ran = rig.run(tmp_path / "run", moved, width=1)
    fresh = rig.run(tmp_path / "fresh", moved, width=1)
    assert ran.records == fresh.records
    assert results(tmp_path / "run") == {}


KILL = """
import os, signal, sys
sys.path[:0] = {paths!r}
import rig, test_sweep
from pathlib import Path
from pipeline.run.study import Study
add, calls = Study.add, iter(range(1, 99))
def dying(self, *arguments):
    add(self, *arguments)
    if next(calls) == {after}:
        os.kill(os.getpid(), signal.SIGKILL)
Study.add = dying
rig.run(Path({folder!r}), test_sweep.SEARCH, test_sweep.FINAL, width=2)
"""


def test_a_process_that_is_really_killed_inside_a_pack_loses_nothing_that_was_recorded(tmp_path: Path, whole) -> None:
    here = Path(__file__).parent
    paths = [str(here), str(here.parent), str(here.parents[1])]
    script = KILL.format(paths=paths, after=4, folder=str(tmp_path / "run"))
    finished = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert finished.returncode == -9, finished.stderr
    again = rig.run(tmp_path / "run", SEARCH, FINAL, width=2)
    assert csv(again) == whole[0]
    assert results(tmp_path / "run") == whole[1]
    assert again.watched.stages == [("search", 4), ("final", 0)]
    assert again.watched.left_over == [[4]]  # number 3, of the same pack, was recorded: it is news to nobody
    assert again.watched.packed[0] == [5]


@pytest.fixture
def failed(tmp_path: Path) -> rig.Ran:
    """A run whose second pack failed."""
    engine = rig.InProcess()
    engine.failing = lambda _: len(engine.ran) == 2
    return rig.run(tmp_path / "run", SEARCH, width=2, engine=engine)


def test_a_pack_without_a_result_fails_its_trials_with_the_reason_and_no_others(failed: rig.Ran) -> None:
    assert [record.status.value for record in failed.records] == ["COMPLETE"] * 2 + ["FAILED"] + ["COMPLETE"] * 3
    assert failed.records[2].reason == "worker died 3 times (SIGKILL(-9))"
    assert failed.records[2].final("val_accuracy") is None
    assert np.isnan(failed.results[0].scores("lambda")[1]).tolist() == [[False, False], [False, False], [True, False]]


def test_failed_trials_stay_failed_until_a_retry_is_asked_for(tmp_path: Path, failed: rig.Ran) -> None:
    again = rig.run(tmp_path / "run", SEARCH, width=2, engine=rig.forbidden())
    assert again.records == failed.records
    assert again.watched.stages == [("search", 6)]


def test_a_retry_runs_what_failed_and_nothing_else(tmp_path: Path, failed: rig.Ran) -> None:
    again = rig.run(tmp_path / "run", SEARCH, width=2, retry=True)
    assert again.watched.stages == [("search", 5)]
    assert again.watched.packed == [[2]]
    assert {record.status for record in again.records} == {Status.COMPLETE}
    assert again.records == rig.run(tmp_path / "fresh", SEARCH, width=2).records
    assert csv(rig.run(tmp_path / "run", SEARCH, width=2, retry=True, engine=rig.forbidden())) == csv(again)


def test_a_retry_that_fails_again_is_a_failure_again(tmp_path: Path, failed: rig.Ran) -> None:
    hopeless = rig.InProcess(failing=lambda _: True)
    for _ in range(2):
        again = rig.run(tmp_path / "run", SEARCH, width=2, retry=True, engine=hopeless)
        assert again.records == failed.records


def test_what_is_not_about_a_pack_ends_the_run_and_keeps_what_was_recorded(tmp_path: Path, whole) -> None:
    def full(names: list[str]) -> list[str]:
        raise HostError("disk must have room, got none")

    with pytest.raises(HostError, match="disk must have room"):
        rig.run(tmp_path / "run", SEARCH, FINAL, width=2, engine=rig.InProcess(order=full))
    assert csv(rig.run(tmp_path / "run", SEARCH, FINAL, width=2)) == whole[0]


@pytest.mark.parametrize("how", [{"eta_max": 1e30}, {"lambdas": (0.001, 1e30, 0.1)}], ids=["eta", "lambda"])
def test_divergence_is_data(tmp_path: Path, how: dict[str, Any]) -> None:
    stage = rig.listed(**how)
    ran = rig.run(tmp_path / "run", stage)
    lost = [record for record in ran.records if record.status is Status.DIVERGED]
    assert [record.number for record in lost] == ([0, 1, 2, 3, 4, 5] if "eta_max" in how else [1, 4])
    assert all("at step" in record.reason for record in lost)
    frame = tables.trials_table(ran.records)
    rows = frame[frame["status"] == "DIVERGED"]
    assert rows[["train_loss", "train_accuracy", "val_loss", "val_accuracy", "test_accuracy"]].isna().all(axis=None)
    assert tables.summary_table(ran.records)["n_diverged"].sum() == len(lost)
    assert rig.run(tmp_path / "run", stage, engine=rig.forbidden()).records == ran.records


def test_tpe_is_told_of_a_diverged_round_and_goes_on(tmp_path: Path) -> None:
    stage = rig.Stage("search", rig.fixed(eta_max=1e30), rig.searched(sampler="tpe", count=4).proposal, 1)
    ran = rig.run(tmp_path / "run", stage)
    assert [record.status for record in ran.records] == [Status.DIVERGED] * 4
    assert len({record.spec.lambda_ for record in ran.records}) == 4


def test_the_study_shows_optunas_tools_what_was_searched(tmp_path: Path) -> None:
    rig.run(tmp_path / "run", rig.searched(count=2, replicates=1))
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'run' / 'study.db'}")
    rows = optuna.load_study(storage=storage, study_name="search").trials
    assert [row.params for row in rows] == [{"lambda": 1e-5}, {"lambda": 0.1}]
    assert all(json.loads(row.user_attrs["row"])["record"]["stage"] == "search" for row in rows)
    storage.engine.dispose()
