"""What a worker does with one pack: a pure function of its task, whose outcome is then written to a file.

The file is how a finished pack waits for its turn to be recorded, and how it survives a driver that is killed.
"""

import hashlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data import Split, open_split
from pipeline.data.augment import PixelScale
from pipeline.data.dataset import Labels
from pipeline.data.shifts import ShiftedRows
from pipeline.errors import DataError
from pipeline.evaluate import Prediction, Rows, predict
from pipeline.files import exists, reading, write_text
from pipeline.records import Provenance, Status
from pipeline.run import checkpoints, networks
from pipeline.run.checkpoints import Standing
from pipeline.run.history import History
from pipeline.run.provenance import provenance
from pipeline.run.task import Outcome, Task
from pipeline.spec import canonical_json, from_json
from pipeline.statistics import statistics_for
from pipeline.train import EpochReport, train


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
    """Return the outcome that waits in the task's file, if there is one, with all that belongs to it.

    These are its networks, where they are wanted, and the checkpoint that later legs go on from.

    Raises:
        DataError: the file is damaged.
    """
    if not exists(task.result):
        return None
    outcome = read_outcome(task.result)
    whole = all(task.has_network(index, record) for index, record in enumerate(outcome.records))
    return outcome if whole and _can_go_on(task, outcome) else None


def _can_go_on(task: Task, outcome: Outcome) -> bool:
    """Whether the checkpoint of a leg is there, whole, where a trial may go on from it."""
    if not task.goes_on or all(record.status is not Status.PRUNED for record in outcome.records):
        return True
    try:
        return checkpoints.read(task) is not None
    except DataError:
        return False


def read_outcome(path: Path) -> Outcome:
    """Return the outcome that `work` wrote to `path`.

    Raises:
        DataError: the file is not as it was written.
        HostError: it cannot be read.
    """
    with reading(path):
        digest, _, content = path.read_bytes().partition(b"\n")
    text = content.removesuffix(b"\n").decode(errors="replace")
    if digest != _digest(text).encode():
        raise DataError(f"{path} must match its digest, got a damaged file")
    return from_json(text, Outcome)


def compute(task: Task, split: Split) -> Outcome:
    """Train the trials of `task` on `split`, from where they stand, and return their records.

    Where they stand is kept at the end of every cycle that is not the last one of their schedule.
    """
    by = provenance()
    start = _start(task, split, by)
    if start and start.checkpoint.epoch == task.end:
        return start.outcome
    history, schedule = History(task, start, by), task.trials.trials[0].schedule
    for report in train(task.trials, split, start.checkpoint if start else None):
        history.take(report)
        at_cycle_end = report.epoch > 0 and report.epoch % schedule.cycle_epochs == 0
        if at_cycle_end and report.epoch < schedule.epochs and len(report.trials):
            standing = history.standing(report)
            checkpoints.write(task, standing)
            if report.epoch == task.end:
                return standing.outcome
    outcome = history.outcome(Status.PRUNED if task.goes_on else Status.COMPLETE)
    tested = _test(task, report, split)
    records = (replace(record, **tested.get(trial, {})) for trial, record in enumerate(outcome.records))
    return replace(outcome, records=tuple(records))


def _start(task: Task, split: Split, by: Provenance) -> Standing | None:
    """Return where the trials of `task` stand: where it was interrupted, or where its sources ended, if it has any."""
    with suppress(DataError):
        found = checkpoints.read(task)
        if found and checkpoints.goes_on(found, by):
            return found
    return checkpoints.joined(task, [_end(source, split) for source in task.sources]) if task.sources else None


def _end(source: Task, split: Split) -> Standing:
    """Return where an earlier leg ended; it is computed again where its file is lost."""
    with suppress(DataError):
        found = checkpoints.read(source)
        if found:
            return found
    compute(source, split)
    found = checkpoints.read(source)
    if found is None:
        raise ValueError(f"a leg that others go on from must leave a checkpoint, got none at {source.checkpoint}")
    return found


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
