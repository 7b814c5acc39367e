"""Packs that were interrupted go on at the end of the last cycle that they finished, from a file that is whole."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rig
from rig import Killed, csv, dies, results, split_of, task
from small import assert_same_bits

from pipeline.core.optimizers import OPTIMIZERS
from pipeline.data import data_spec, digits, open_split, prepare
from pipeline.errors import DataError
from pipeline.run import checkpoints, sweep, worker
from pipeline.run.task import Task
from pipeline.run.worker import compute
from pipeline.spec import AugmentSpec, EvaluationSpec, OptimizerSpec, Pack
from pipeline.train import train

SEARCH = rig.listed(lambdas=(0.001, 1e30, 0.1), cycles=3)  # 6 trials, of which 2 diverge; in packs of 2, 1, 2, 1
FINAL = rig.listed("final", (0.005, 0.05), 1, final=True, cycles=2)


def rich_task(folder: Path, optimizer: str) -> Task:
    """Return a task with everything that has a state: dropout, augmentation, estimated statistics, three cycles."""
    item = task(folder, (0.001, 0.01), cycles=3)
    trials = [
        dataclasses.replace(
            trial,
            data=data_spec(digits.load(), 0.1, opens_test=False),
            optimizer=OptimizerSpec(optimizer),
            keep=keep,
            batch_size=200,
            augment=AugmentSpec(shift=1),
            evaluation=EvaluationSpec("precise", rows=50),
        )
        for trial, keep in zip(item.trials.trials, (0.8, 1.0), strict=True)
    ]
    return dataclasses.replace(item, trials=Pack(tuple(trials)))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_checkpoint_is_read_back_as_it_was_written(tmp_path: Path, optimizer: str) -> None:
    item = rich_task(tmp_path, optimizer)
    split = open_split(prepare(digits.load(), item.trials.trials[0].data, tmp_path / "cache"))
    compute(item, split)
    found = checkpoints.read(item)
    assert found is not None
    expected = next(report for report in train(item.trials, split) if report.epoch == 4).checkpoint()
    assert (found.checkpoint.trials, found.checkpoint.epoch, found.checkpoint.step) == ((0, 1), 4, expected.step)
    assert found.checkpoint.generators == expected.generators
    assert found.checkpoint.network.spec == expected.network.spec
    assert_same_bits(found.checkpoint.network.parameters, expected.network.parameters)
    assert_same_bits(found.checkpoint.optimizer, expected.optimizer)
    for name in ("estimated", "averages"):
        one, other = (
            each.estimated if name == "estimated" else each.network.averages for each in (found.checkpoint, expected)
        )
        assert one.keys() == other.keys() == {1}
        assert_same_bits(vars(one[1]), vars(other[1]))
    assert [record.curves.epoch[-1] for record in found.outcome.records] == [4, 4]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The epochs after which packs began to train."""
    starts: list[int] = []

    def noted(pack, split, start=None):
        starts.append(start.epoch if start else 0)
        return train(pack, split, start)

    monkeypatch.setattr(worker, "train", noted)
    return starts


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[str, str], dict[str, bytes]]:
    """What an uninterrupted run gives."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    return csv(rig.run(folder, SEARCH, FINAL, width=2)), results(folder)


@pytest.mark.parametrize("writes", range(1, 6))
def test_a_run_killed_at_the_end_of_a_cycle_goes_on_there_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole, writes: int, started: list[int]
) -> None:
    """Two ends of cycles each in the packs of 2 and 1, of 2 and 1, and one in the final one."""
    with monkeypatch.context() as patch:
        dies(patch, checkpoints, "write", writes)
        with pytest.raises(Killed):
            rig.run(tmp_path / "run", SEARCH, FINAL, width=2)
    started.clear()
    again = rig.run(tmp_path / "run", SEARCH, FINAL, width=2)
    assert csv(again) == whole[0]
    assert results(tmp_path / "run") == whole[1]
    assert started[0] == 2 * (2 - writes % 2)
    assert set(started[1:]) == {0}
    assert not (tmp_path / "run" / ".pending").exists()


def test_the_cost_of_a_pack_is_that_of_all_its_sittings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = rig.listed(cycles=2, replicates=1)
    with monkeypatch.context() as patch:
        dies(patch, checkpoints, "write", 1)
        with pytest.raises(Killed):
            rig.run(tmp_path / "run", stage)
    [file] = (tmp_path / "run" / ".pending").glob("*.npz")
    item = next(rig.StagePlan(rig.Plan(0, tmp_path / "run"), stage, {}).rounds())[0]
    assert item.checkpoint == file
    before = checkpoints.read(item)
    assert before is not None
    [row, *_] = rig.run(tmp_path / "run", stage).runner.rows["search"]
    assert row.timing.seconds > before.outcome.timing.seconds > 0
    assert row.earlier == ()


def flipped(content: bytes, place: float = 0.5) -> bytes:
    middle = int(place * len(content))
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "truncated": lambda content: content[:-100],
    "half": lambda content: content[: len(content) // 2],
    "a flipped bit": flipped,
    "another flipped bit": lambda content: flipped(content, 0.2),
    "garbage": lambda _: b"garbage" * 99,
}


def interrupted(folder: Path, monkeypatch: pytest.MonkeyPatch, stage: rig.Stage) -> Path:
    """Return the checkpoint of a run that was killed at the end of its first cycle."""
    with monkeypatch.context() as patch:
        dies(patch, checkpoints, "write", 1)
        with pytest.raises(Killed):
            rig.run(folder, stage)
    [file] = (folder / ".pending").glob("*.npz")
    return file


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_warned_of_and_its_pack_computed_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[int], damage: Callable[[bytes], bytes]
) -> None:
    stage = rig.listed(cycles=2, replicates=1)
    file = interrupted(tmp_path / "run", monkeypatch, stage)
    file.write_bytes(damage(file.read_bytes()))
    started.clear()
    again = rig.run(tmp_path / "run", stage)
    assert csv(again) == csv(rig.run(tmp_path / "fresh", stage))
    [warning] = again.watched.warnings
    assert warning.startswith(f"{file} must be a checkpoint of an interrupted run, got ")
    assert warning.endswith("; computing its pack from the start")
    assert started[0] == 0


def test_a_pack_that_goes_on_is_told_of_and_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = rig.listed(cycles=2, replicates=1)
    interrupted(tmp_path / "run", monkeypatch, stage)
    again = rig.run(tmp_path / "run", stage)
    assert again.watched.resumptions == [([0, 1, 2], stage.fixed.schedule.cycle_epochs)]
    assert not rig.run(tmp_path / "run", stage).watched.resumptions


def test_a_checkpoint_of_another_pack_is_foreign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[int]
) -> None:
    stage, other = (rig.listed(lambdas=lambdas, cycles=2, replicates=1) for lambdas in ((0.1, 0.2), (0.3, 0.4)))
    foreign = interrupted(tmp_path / "other", monkeypatch, other).read_bytes()
    file = interrupted(tmp_path / "run", monkeypatch, stage)
    file.write_bytes(foreign)
    started.clear()
    again = rig.run(tmp_path / "run", stage)
    assert csv(again) == csv(rig.run(tmp_path / "fresh", stage))
    [warning] = again.watched.warnings
    assert "must be the checkpoint of pack" in warning
    assert started[0] == 0


def test_what_another_machine_began_is_computed_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[int]
) -> None:
    """All numbers of a record come from one arithmetic, the one that it names."""
    stage = rig.listed(cycles=2, replicates=1)
    interrupted(tmp_path / "run", monkeypatch, stage)
    here = worker.provenance()
    for module in (sweep, worker):
        monkeypatch.setattr(module, "provenance", lambda: dataclasses.replace(here, kernel="Z80"))
    started.clear()
    again = rig.run(tmp_path / "run", stage)
    assert started == [0]
    assert not again.watched.resumptions


def test_a_pack_without_survivors_leaves_no_checkpoint(tmp_path: Path) -> None:
    item = task(tmp_path, (1e30, 1e31), cycles=2)
    compute(item, open_split(split_of(item, tmp_path / "cache")))
    assert not item.checkpoint.exists()
    assert checkpoints.read(item) is None


def test_a_pack_of_one_cycle_leaves_none_either(tmp_path: Path) -> None:
    item = task(tmp_path)
    compute(item, open_split(split_of(item, tmp_path / "cache")))
    assert not item.checkpoint.exists()


def test_nothing_in_a_checkpoint_is_executed(tmp_path: Path) -> None:
    item = task(tmp_path, cycles=2)
    np.savez(item.checkpoint, members=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="must be a checkpoint of an interrupted run"):
        checkpoints.read(item)
