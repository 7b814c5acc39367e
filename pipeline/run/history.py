"""What a pack leaves behind while it trains: its records, grown report by report."""

import os
import time
from dataclasses import fields, replace

import numpy as np

from pipeline.records import WINDOW, Curves, Provenance, Status, Timing
from pipeline.run.checkpoints import Standing
from pipeline.run.task import Outcome, Task
from pipeline.train import EpochReport


class History:
    """The records of a task's trials so far, from where it starts; `by` is what computes them."""

    def __init__(self, task: Task, start: Standing | None, by: Provenance) -> None:
        self.task, self.by = task, by
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        before = start.outcome.timing if start else None
        if before:
            self.wall, self.cpu = self.wall - before.seconds, self.cpu - before.cpu_seconds
        self.earlier = start.outcome.earlier if start else ()
        self.records = [task.record(index, Status.PRUNED) for index in range(len(task.numbers))]
        self.curves: list[list[tuple[float | None, ...]]] = [[] for _ in task.numbers]
        self.losses: list[list[float]] = [[] for _ in task.numbers]
        self.windows: list[tuple[float, ...]] = [() for _ in task.numbers]
        if start:
            self.records = list(start.outcome.records)
            self.curves = [_rows(record.curves) for record in self.records]
            self.losses = [list(tail) for tail in start.tails]
            self.windows = [record.batch_losses for record in self.records]

    def take(self, report: EpochReport) -> None:
        """Take a report in."""
        for divergence in report.diverged:
            self.records[divergence.trial] = self.task.record(divergence.trial, Status.DIVERGED, divergence.reason)
        for position, trial in enumerate(report.trials.tolist()):
            self.curves[trial].append(_row(report, position))
            self.losses[trial] += report.batch_losses[position].tolist()

    def standing(self, report: EpochReport) -> Standing:
        """Return where the pack stands at the end of a cycle."""
        tails = tuple(tuple(losses[_whole(losses) :]) for losses in self.losses)
        return Standing(report.checkpoint(), self.outcome(Status.PRUNED), tails)

    def outcome(self, status: Status) -> Outcome:
        """Return the outcome, in which trials that are well have a `status`."""
        records = tuple(
            replace(
                record,
                status=status if record.status is Status.PRUNED else record.status,
                curves=Curves(*zip(*self.curves[trial], strict=True)),
                batch_losses=self.windows[trial] + _means(self.losses[trial]),
            )
            for trial, record in enumerate(self.records)
        )
        seconds = time.perf_counter() - self.wall, time.process_time() - self.cpu
        return Outcome(records, Timing(*seconds, len(records), os.getpid()), self.by, self.earlier)


def _rows(curves: Curves) -> list[tuple[float | None, ...]]:
    """Return the rows of curves, in the order of the fields."""
    return list(zip(*(getattr(curves, each.name) for each in fields(curves)), strict=True))


def _row(report: EpochReport, position: int) -> tuple[float | None, ...]:
    """Return one row of Curves, in the order of its fields."""
    measured = [
        float(values[position])
        for part in (report.train, report.val)
        for values in (part.loss, part.cost, part.accuracy)
    ]
    steps = (values[position] for values in (report.batch_losses, report.batch_accuracies))
    running = [float(values.mean()) if len(values) else None for values in steps]
    return (report.step, report.epoch, report.cycle, float(report.eta[position]), *measured, *running)


def _whole(losses: list[float]) -> int:
    """Return how many of the losses are in whole windows."""
    return len(losses) // WINDOW * WINDOW


def _means(losses: list[float]) -> tuple[float, ...]:
    """Return the means over WINDOW steps after the other, from the first step on; an unfinished window is left out."""
    return tuple(np.reshape(losses[: _whole(losses)], (-1, WINDOW)).mean(axis=1).tolist())
