"""What a worker does with one pack: a pure function of its task, whose outcome is then written to a file.

The file is how a finished pack waits for its turn to be recorded, and how it survives a driver that is killed.
"""

import hashlib
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.data import Split, open_split
from pipeline.errors import DataError
from pipeline.evaluate import Prediction, predict
from pipeline.files import atomic, write_text
from pipeline.records import Curves, Provenance, Status, Timing, TrialRecord
from pipeline.run.blas import provenance
from pipeline.spec import Pack, canonical_json, from_json
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
    timing: Timing
    provenance: Provenance | None  # None where nothing was computed


def work(task: Task, split: Path) -> None:
    """Compute `task` on the rows in the folder `split`; write its outcome, whole or not at all, to `task.result`."""
    text = canonical_json(compute(task, open_split(split)))
    write_text(task.result, f"{_digest(text)}\n{text}\n")


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
    curves: list[list[tuple[float, ...]]] = [[] for _ in task.numbers]
    records: dict[int, TrialRecord] = {}
    for report in train(task.trials, split):
        for divergence in report.diverged:
            records[divergence.trial] = task.record(divergence.trial, Status.DIVERGED, divergence.reason)
        for position, trial in enumerate(report.trials.tolist()):
            curves[trial].append(_row(report, position))
    for trial in report.trials.tolist():
        records[trial] = task.record(trial, Status.COMPLETE)
    accuracy = _test(task, report, split) if task.networks else {}
    complete = tuple(
        _completed(records[trial], curves[trial], accuracy.get(trial)) for trial in range(len(task.numbers))
    )
    timing = Timing(time.perf_counter() - wall, time.process_time() - cpu, len(complete), os.getpid())
    return Outcome(complete, timing, provenance())


def _row(report: EpochReport, position: int) -> tuple[float, ...]:
    """Return one row of Curves, in the order of its fields."""
    measured = [
        float(values[position])
        for part in (report.train, report.val)
        for values in (part.loss, part.cost, part.accuracy)
    ]
    return (report.step, report.epoch, report.cycle, float(report.eta[position]), *measured)


def _completed(record: TrialRecord, rows: list[tuple[float, ...]], test_accuracy: float | None) -> TrialRecord:
    """Return `record` with its curves and its test accuracy."""
    return replace(record, curves=Curves(*zip(*rows, strict=True)), test_accuracy=test_accuracy)


def _test(task: Task, report: EpochReport, split: Split) -> dict[int, float]:
    """Open the test set: return the accuracy by trial, and keep the networks with their predictions."""
    if split.x_test is None or split.y_test is None:
        raise ValueError(f"stage {task.stage} keeps its networks but its split has no test rows")
    prediction = predict(report.network, split.x_test, report.network.averages)
    accuracies = {}
    for position, trial in enumerate(report.trials.tolist()):
        correct = int((prediction.classes[position] == split.y_test).sum())
        accuracies[trial] = correct / len(split.y_test)
        _keep(task, trial, position, report, prediction)
    return accuracies


def _keep(task: Task, trial: int, position: int, report: EpochReport, prediction: Prediction) -> None:
    """Write one network: its parameters, its moving averages, its test predictions, the key of its trial."""
    network = report.network
    arrays = {name: np.ascontiguousarray(array[position]) for name, array in network.parameters.items()}
    for layer, moments in enumerate(network.averages, start=1):
        arrays[f"mean{layer}"] = moments.mean[position]
        arrays[f"variance{layer}"] = moments.variance[position]
    arrays["key"] = np.array(task.trials.trials[trial].key)
    arrays["test_predicted"] = prediction.classes[position]
    arrays["test_confidence"] = prediction.confidence[position]
    with atomic(Path(task.networks or "") / f"{task.numbers[trial]}.npz") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
