"""Pruned stages in whatever order, wherever they are cut, whatever fails: they end as if nothing had been."""

from collections.abc import Callable
from pathlib import Path

import pytest
import rig
from pruned_runs import ADDS, CYCLES, FINAL, PACKS, PRUNED, WIDTH, left, pruned
from rig import Killed, csv, dies, results

from pipeline.records import Status
from pipeline.run import checkpoints, worker
from pipeline.run.study import Study
from pipeline.train import train


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[str, str], dict[str, bytes]]:
    """What an uninterrupted run gives."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    ran = rig.run(folder, PRUNED, FINAL, width=WIDTH)
    assert len(ran.records) == ADDS
    return csv(ran), results(folder)


# Whatever the order, wherever it is cut


@pytest.mark.parametrize("seed", range(3))
def test_the_order_in_which_results_arrive_changes_nothing(tmp_path: Path, whole, seed: int) -> None:
    ran = rig.run(tmp_path / "run", PRUNED, FINAL, width=WIDTH, engine=rig.shuffled(seed))
    assert csv(ran) == whole[0]
    assert results(tmp_path / "run") == whole[1]


def test_the_second_run_computes_nothing_and_leaves_every_byte(tmp_path: Path) -> None:
    first = rig.run(tmp_path / "run", PRUNED, FINAL, width=WIDTH)
    before = rig.files(tmp_path / "run")
    second = rig.run(tmp_path / "run", PRUNED, FINAL, width=WIDTH, engine=rig.forbidden())
    assert second.records == first.records
    assert second.watched.stages == [("search", 12), ("final", 2)]
    assert rig.files(tmp_path / "run") == before


@pytest.mark.parametrize(
    ("adds", "backwards"), [*((adds, False) for adds in range(ADDS + 1)), *((adds, True) for adds in (0, 3, 5, 9))]
)
def test_a_run_killed_between_any_two_records_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole, adds: int, backwards: bool
) -> None:
    engine = rig.InProcess(order=lambda names: names[::-1] if backwards else names)
    with monkeypatch.context() as patch:
        dies(patch, Study, "add", adds)
        with pytest.raises(Killed):
            rig.run(tmp_path / "run", PRUNED, FINAL, width=WIDTH, engine=engine)
    again = rig.run(tmp_path / "run", PRUNED, FINAL, width=WIDTH, engine=engine)
    assert csv(again) == whole[0]
    assert results(tmp_path / "run") == whole[1]
    assert len(engine.ran) == len(set(engine.ran)) == PACKS  # not one was computed twice
    assert sum(present for _, present in again.watched.stages) == adds


@pytest.mark.parametrize("what", ["write", "write_text"])
@pytest.mark.parametrize("writes", range(1, 11))
def test_a_run_killed_between_any_two_files_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole, writes: int, what: str
) -> None:
    """Checkpoints are written at the ends of 9 packs (one of the diverged trial alone has none), outcomes after all."""
    engine = rig.InProcess()
    owner = checkpoints if what == "write" else worker
    with monkeypatch.context() as patch:
        dies(patch, owner, what, writes)
        with pytest.raises(Killed):
            rig.run(tmp_path / "run", PRUNED, FINAL, width=WIDTH, engine=engine)
    again = rig.run(tmp_path / "run", PRUNED, FINAL, width=WIDTH, engine=engine)
    assert csv(again) == whole[0]
    assert results(tmp_path / "run") == whole[1]
    assert len(engine.ran) - len(set(engine.ran)) <= 1  # the pack that it died in


def test_a_pack_that_died_after_its_checkpoint_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = rig.listed(cycles=2, prune=0.5, replicates=1)
    with monkeypatch.context() as patch:
        dies(patch, checkpoints, "write", 1)
        with pytest.raises(Killed):
            rig.run(tmp_path / "run", stage)
    starts: list[int] = []
    monkeypatch.setattr(
        worker, "train", lambda *given: starts.append(given[2].epoch if given[2] else 0) or train(*given)
    )
    again = rig.run(tmp_path / "run", stage)
    assert starts == [2]  # the second leg alone
    monkeypatch.undo()
    assert csv(again) == csv(rig.run(tmp_path / "fresh", stage))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-50]),
    "garbage": lambda path: path.write_bytes(b"garbage" * 99),
}


@pytest.mark.parametrize("adds", [0, 4, 5, 7])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_lost_checkpoints_are_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole, damage: Callable[[Path], object], adds: int
) -> None:
    files = left(tmp_path / "run", monkeypatch, adds)
    assert files
    for file in files:
        damage(file)
    again = rig.run(tmp_path / "run", PRUNED, FINAL, width=WIDTH)
    assert csv(again) == whole[0]
    assert results(tmp_path / "run") == whole[1]


def test_a_damaged_checkpoint_is_warned_of_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole) -> None:
    file, *_ = left(tmp_path / "run", monkeypatch, 0)
    file.write_bytes(file.read_bytes()[:-50])
    again = rig.run(tmp_path / "run", PRUNED, FINAL, width=WIDTH)
    [warning] = again.watched.warnings
    assert warning.startswith(f"{file} must be a checkpoint of an interrupted run, got ")
    assert csv(again) == whole[0]


# Failures


def failing(*calls: int) -> rig.InProcess:
    """Return an engine whose packs number `calls` give no result."""
    engine = rig.InProcess()
    engine.failing = lambda _: len(engine.ran) in calls
    return engine


@pytest.mark.parametrize("call", range(1, PACKS))
def test_a_retry_of_a_failed_pack_ends_as_if_it_had_not_failed(tmp_path: Path, whole, call: int) -> None:
    failed = rig.run(tmp_path / "run", PRUNED, FINAL, width=WIDTH, engine=failing(call))
    lost = [record for record in failed.records if record.status is Status.FAILED]
    assert lost
    settings = {record.spec.lambda_ for record in lost}
    ended = {r.status for r in pruned(failed) if r.spec.lambda_ in settings and r not in lost}
    assert Status.COMPLETE not in ended or all(len(record.came_from) == CYCLES - 1 for record in lost)
    assert rig.run(tmp_path / "run", PRUNED, FINAL, width=WIDTH, engine=rig.forbidden()).records == failed.records
    again = rig.run(tmp_path / "run", PRUNED, FINAL, width=WIDTH, retry=True)
    assert csv(again) == whole[0]
    assert results(tmp_path / "run").keys() == whole[1].keys()
    twice = rig.run(tmp_path / "run", PRUNED, FINAL, width=WIDTH, retry=True, engine=rig.forbidden())
    assert csv(twice) == whole[0]
    assert csv(rig.run(tmp_path / "run", PRUNED, FINAL, width=WIDTH, engine=rig.forbidden())) == whole[0]


def test_a_trial_that_fails_in_its_second_leg_keeps_what_the_first_one_left(tmp_path: Path) -> None:
    failed = rig.run(tmp_path / "run", PRUNED, width=WIDTH, engine=failing(7))
    [lost, *_] = [record for record in failed.records if record.status is Status.FAILED]
    assert lost.curves.epoch == (0, 1, 2)
    assert lost.final("val_accuracy") is lost.last("val_accuracy") is None
    assert len(lost.came_from) == 1


@pytest.mark.parametrize("call", [1, 7, PACKS - 1])
def test_a_retry_that_fails_again_adds_one_row_per_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    """In its first leg, its second and its last."""
    failed = rig.run(tmp_path / "run", PRUNED, width=WIDTH, engine=failing(call))
    lost = [record.spec.key for record in failed.records if record.status is Status.FAILED]
    assert lost
    added: list[str] = []
    add = Study.add
    monkeypatch.setattr(
        Study, "add", lambda study, row, *rest: added.append(row.record.spec.key) or add(study, row, *rest)
    )
    again = rig.run(tmp_path / "run", PRUNED, width=WIDTH, retry=True, engine=rig.InProcess(failing=lambda _: True))
    assert again.records == failed.records
    assert sorted(added) == sorted(lost)
