"""Ours, through the engine, the workers and the files of a sweep; evaluation after every epoch, training rows too."""

import dataclasses
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

from peers.clock import Clock
from peers.cores import Accuracies
from peers.job import Job

from pipeline.data import open_split
from pipeline.run.calibrate import calibrate
from pipeline.run.engines import Failure, LokyEngine
from pipeline.run.packing import into_packs
from pipeline.run.worker import Task, read_outcome, work
from pipeline.spec import DataSpec, NetworkSpec, Pack, ScheduleSpec, TrialSpec


def packed(job: Job, clock: Clock) -> Accuracies:
    """Race with packs by the rule of the pipeline."""
    return _race(job, clock, None)


def unpacked(job: Job, clock: Clock) -> Accuracies:
    """Race with one network per pack."""
    return _race(job, clock, 1)


def trials(job: Job, data: DataSpec) -> list[TrialSpec]:
    """Return the trials of the job as the pipeline says it."""
    schedule = ScheduleSpec("triangular", job.eta_min, job.eta_max, job.step_size, job.cycles)
    network = NetworkSpec(job.hidden, batch_norm="before")
    base = TrialSpec(
        data, network, schedule=schedule, batch_size=job.batch_size, init_seed=job.seed, order_seed=job.seed
    )
    return [dataclasses.replace(base, lambda_=lambda_) for lambda_ in job.lambdas]


def _race(job: Job, clock: Clock, width: int | None) -> Accuracies:
    split = Path(job.split)
    packs = into_packs(trials(job, open_split(split).spec), width)
    engine = LokyEngine(job.cores)
    _done(engine.run(calibrate, {str(core): packs[0] for core in range(job.cores)}))
    with tempfile.TemporaryDirectory() as folder:
        tasks = _tasks(packs, Path(folder))
        with clock:
            _done(engine.run(partial(work, split=split), {task.result.name: task for task in tasks}))
        records = [record for task in tasks for record in read_outcome(task.result).records]
    return [(record.spec.lambda_, record.curves.val_accuracy[-1]) for record in records]


def _tasks(packs: list[Pack], folder: Path) -> list[Task]:
    numbers = count()
    return [
        Task("race", index, 0, tuple(next(numbers) for _ in pack.trials), pack, folder / f"{index}.json", None)
        for index, pack in enumerate(packs)
    ]


def _done(outcomes: Iterator[tuple[str, object]]) -> None:
    """Wait for all outcomes.

    Raises:
        RuntimeError: one is a failure.
    """
    for _, outcome in outcomes:
        if isinstance(outcome, Failure):
            raise RuntimeError(outcome.reason)
