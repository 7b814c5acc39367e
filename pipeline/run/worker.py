"""What a worker does with one pack: a pure function of its task, whose outcome is then written to a file.

The file is how a finished pack waits for its turn to be recorded, and how it survives a driver that is killed.
"""

import hashlib
import os
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data import Split, open_split
from pipeline.data.augment import PixelScale
from pipeline.data.dataset import Labels
from pipeline.data.shifts import ShiftedRows
from pipeline.errors import DataError
from pipeline.evaluate import Prediction, Rows, predict
from pipeline.files import write_text
from pipeline.records import WINDOW, Curves, Provenance, Row, Status, Timing, TrialRecord
from pipeline.run import networks
from pipeline.run.provenance import provenance
from pipeline.spec import Pack, canonical_json, from_json
from pipeline.statistics import statistics_for
from pipeline.train import EpochReport, train


@dataclass(frozen=True)
class Task:
    """One pack of a stage: what to train, and where the outcome goes.

    Attributes:
        stage: its stage.
        pack: its index among the packs of the stage.
        replicate: the replicate of all its trials.
        numbers: the trials' numbers in the stage.
        trials: what they are.
        result: file for the outcome.
        networks: folder for the trained networks; None where they are not kept. Needs a split with test rows.
    """

    stage: str
    pack: int
    replicate: int
    numbers: tuple[int, ...]
    trials: Pack
    result: Path
    networks: Path | None

    def network(self, index: int) -> Path | None:
        """Return the file for the network of the trial at `index`; None where networks are not kept."""
        return self.networks / f"{self.numbers[index]}.npz" if self.networks else None

    def identity(self, index: int) -> tuple[str, str]:
        """Return what `Row.identity` says of the trial at `index`."""
        return self.trials.trials[index].key, self.trials.key

    def placed(self, index: int, record: TrialRecord) -> TrialRecord:
        """Return the record of the trial at `index` with its place in this plan."""
        return replace(record, number=self.numbers[index], pack=self.pack, replicate=self.replicate)

    def has_network(self, index: int, record: TrialRecord) -> bool:
        """Whether the network of a complete trial is there, whole, where networks are kept."""
        path = self.network(index)
        return path is None or record.status is not Status.COMPLETE or networks.is_whole(path, self.identity(index))

    def record(self, index: int, status: Status, reason: str = "") -> TrialRecord:
        """Return the record of the trial at `index` in the pack, as far as the task alone determines it."""
        return TrialRecord(
            self.stage,
            self.numbers[index],
            self.pack,
            self.replicate,
            self.trials.trials[index],
            status,
            reason=reason,
            pack_key=self.trials.key,
        )


@dataclass(frozen=True)
class Outcome:
    """What became of a pack: a record per trial, in the pack's order, what it cost, and what computed it."""

    records: tuple[TrialRecord, ...]
    timing: Timing | None = None
    provenance: Provenance | None = None

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows to store."""
        return tuple(Row(record, self.timing, self.provenance) for record in self.records)


def work(task: Task, split: Path) -> None:
    """Compute `task` on the rows in the folder `split`; write its outcome, whole or not at all, to `task.result`.

    A task that is dispatched again because another one broke the pool may have been done before.
    """
    with suppress(DataError):
        if waiting(task):
            return
    text = canonical_json(compute(task, open_split(split)))
    write_text(task.result, f"{_digest(text)}\n{text}\n")


def waiting(task: Task) -> Outcome | None:
    """Return the outcome that waits in the task's file, if there is one, with its networks where they are wanted.

    Raises:
        DataError: the file is damaged.
    """
    if not task.result.exists():
        return None
    outcome = read_outcome(task.result)
    whole = all(task.has_network(index, record) for index, record in enumerate(outcome.records))
    return outcome if whole else None


def read_outcome(path: Path) -> Outcome:
    """Return the outcome that `work` wrote to `path`.

    Raises:
        DataError: the file is not as it was written.
    """
    digest, _, content = path.read_bytes().partition(b"\n")
    text = content.removesuffix(b"\n").decode(errors="replace")
    if digest != _digest(text).encode():
        raise DataError(f"{path} must match its digest, got a damaged file")
    return from_json(text, Outcome)


def compute(task: Task, split: Split) -> Outcome:
    """Train the trials of `task` on `split` and return their records."""
    wall, cpu = time.perf_counter(), time.process_time()
    curves: list[list[tuple[float | None, ...]]] = [[] for _ in task.numbers]
    losses: list[list[float]] = [[] for _ in task.numbers]
    records: dict[int, TrialRecord] = {}
    for report in train(task.trials, split):
        for divergence in report.diverged:
            records[divergence.trial] = task.record(divergence.trial, Status.DIVERGED, divergence.reason)
        for position, trial in enumerate(report.trials.tolist()):
            curves[trial].append(_row(report, position))
            losses[trial] += report.batch_losses[position].tolist()
    for trial in report.trials.tolist():
        records[trial] = task.record(trial, Status.COMPLETE)
    tested = _test(task, report, split)
    complete = tuple(
        replace(
            records[trial],
            curves=Curves(*zip(*curves[trial], strict=True)),
            batch_losses=_windows(losses[trial]),
            **tested.get(trial, {}),
        )
        for trial in range(len(task.numbers))
    )
    timing = Timing(time.perf_counter() - wall, time.process_time() - cpu, len(complete), os.getpid())
    return Outcome(complete, timing, provenance())


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


def _windows(losses: list[float]) -> tuple[float, ...]:
    """Return the means over WINDOW steps after the other, from the first step on; an unfinished window is left out."""
    whole = len(losses) // WINDOW * WINDOW
    return tuple(np.reshape(losses[:whole], (-1, WINDOW)).mean(axis=1).tolist())


def _test(task: Task, report: EpochReport, split: Split) -> dict[int, dict[str, Any]]:
    """Return what each trial's record says of the test rows, if the split has any; keep the networks where wanted.

    These are fields of TrialRecord: the accuracy on the rows as they are, and on every shifted set that is asked for.
    """
    if split.x_test is None or split.y_test is None:
        if task.networks:
            raise ValueError(f"stage {task.stage} keeps its networks but its split has no test rows")
        return {}
    if not len(report.trials):  # networks that were lost before their first step have no averages to be tested with
        return {}
    prediction = _predict(task, report, split, split.x_test)
    accuracies = _accuracies(prediction, split.y_test)
    shifted = {
        name: _accuracies(_predict(task, report, split, ShiftedRows(split.x_test, name, split)), split.y_test)
        for name in task.trials.trials[0].evaluation.shifts
    }
    # Adaptive statistics are of the test rows: a file has those of training rows, by which any rows can be classified.
    kept = replace(report.network, averages=report.statistics)
    for position, trial in enumerate(report.trials.tolist()):
        path = task.network(trial)
        if path:
            networks.write(path, task.identity(trial), kept, prediction, position)
    return {
        trial: {
            "test_accuracy": accuracies[position],
            "shifted_accuracy": {name: values[position] for name, values in shifted.items()},
        }
        for position, trial in enumerate(report.trials.tolist())
    }


def _predict(task: Task, report: EpochReport, split: Split, x: Rows) -> Prediction:
    """Classify rows `x`, normalising by the kind of statistics that the trials ask for."""
    evaluation = task.trials.trials[0].evaluation
    with np.errstate(all="ignore"):  # as in training: a network near the end of all numbers may overflow on other rows
        statistics = statistics_for(report.network, x, report.statistics, evaluation, PixelScale.of(split))
    return predict(report.network, x, statistics)


def _accuracies(prediction: Prediction, labels: Labels) -> list[float]:
    """Return the shares of right predictions, by trial."""
    return [int((classes == labels).sum()) / len(labels) for classes in prediction.classes]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
