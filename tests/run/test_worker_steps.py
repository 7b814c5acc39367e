"""What a worker records of the mini-batches of its trials: windows of losses, and running means of every epoch."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from rig import split_of, task

from pipeline.data import open_split
from pipeline.records import WINDOW, Status
from pipeline.run import worker
from pipeline.run.worker import compute
from pipeline.train import train


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def counting(pack, split, start=None):
    """Train, but with the number of the step, plus 1000 for every trial, for its loss, and 1/100 of it for accuracy."""
    for report in train(pack, split, start):
        steps = np.arange(report.step)[report.step - report.batch_losses.shape[1] :] + 1.0
        numbers = 1000.0 * report.trials[:, None] + steps
        yield dataclasses.replace(report, batch_losses=numbers, batch_accuracies=numbers / 100)


def test_batch_losses_are_means_over_50_steps_across_epochs_and_an_unfinished_window_is_left_out(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """112 steps, 8 an epoch: the mean of 1 to 50 is 25.5, of 51 to 100 75.5, and 12 steps are left."""
    monkeypatch.setattr(worker, "train", counting)
    item = task(tmp_path, cycles=7)
    records = compute(item, open_split(split_of(item, cache))).records
    assert [record.batch_losses for record in records] == [(25.5, 75.5), (1025.5, 1075.5), (2025.5, 2075.5)]


def test_running_values_are_means_over_the_mini_batches_of_every_epoch_and_the_untrained_network_has_none(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """8 steps an epoch: the mean of 1 to 8 is 4.5, of 9 to 16 12.5; accuracies are made a hundredth of that."""
    monkeypatch.setattr(worker, "train", counting)
    item = task(tmp_path)
    records = compute(item, open_split(split_of(item, cache))).records
    for trial, record in enumerate(records):
        assert record.curves.running_loss == pytest.approx((None, 1000 * trial + 4.5, 1000 * trial + 12.5))
        assert record.curves.running_accuracy == pytest.approx((None, 10 * trial + 0.045, 10 * trial + 0.125))


def test_running_values_are_those_of_training_itself(tmp_path: Path, cache: Path) -> None:
    item = task(tmp_path)
    split = open_split(split_of(item, cache))
    reports = list(train(item.trials, split))[1:]
    for trial, record in enumerate(compute(item, split).records):
        losses = [sum(report.batch_losses[trial]) / 8 for report in reports]
        rights = [sum(report.batch_accuracies[trial] * 18) / (8 * 18) for report in reports]  # 144 rows in eight
        assert record.curves.running_loss[1:] == pytest.approx(losses, rel=1e-12)
        assert record.curves.running_accuracy[1:] == pytest.approx(rights, rel=1e-12)


def test_a_trial_that_diverged_keeps_the_windows_of_the_epochs_that_it_finished(tmp_path: Path, cache: Path) -> None:
    """Its weights grow by 2 eta lambda - 1 wherever that is above 1, until they are beyond float32 in epoch 8 to 11."""
    item = task(tmp_path, (0.001, 42.0, 0.01), cycles=7)
    split = open_split(split_of(item, cache))
    losses = [[], [], []]
    for report in train(item.trials, split):
        for lane, position in zip(report.batch_losses, report.trials, strict=True):
            losses[position] += lane.tolist()
    records = compute(item, split).records
    assert [record.status for record in records] == [Status.COMPLETE, Status.DIVERGED, Status.COMPLETE]
    assert [len(record.batch_losses) for record in records] == [2, 1, 2]
    for record, steps in zip(records, losses, strict=True):
        means = [sum(steps[start : start + WINDOW]) / WINDOW for start in (0, 50)]
        assert record.batch_losses == pytest.approx(means[: len(record.batch_losses)], rel=1e-12)


def test_a_run_too_short_for_a_window_has_none(tmp_path: Path, cache: Path) -> None:
    item = task(tmp_path)  # 16 steps
    outcome = compute(item, open_split(split_of(item, cache)))
    assert [record.batch_losses for record in outcome.records] == [(), (), ()]
