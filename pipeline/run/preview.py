"""What a sweep would run and cost: stages under expected results, priced by training a little on made-up rows.

Nothing measured here enters a configuration; it is shown and forgotten.
"""

import heapq
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pipeline.errors import HostError
from pipeline.inference import predicted_half_width
from pipeline.records import Curves, Row, Status
from pipeline.run.calibrate import Speed, calibrate
from pipeline.run.engines import Engine, Failure
from pipeline.run.memory import worker_bytes
from pipeline.run.plan import Plan, StagePlan
from pipeline.run.replay import Stored
from pipeline.run.stage import Conclusion, Search, Stage, Sweep
from pipeline.run.task import Task
from pipeline.spec import NetworkSpec, OptimizerSpec, Pack, TrialSpec, parameter
from pipeline.train import CURVE_ROWS

TYPICAL_SD = 0.004
"""Standard deviation over seeds of validation and test accuracy on CIFAR-10 with [50, 50]: 0.0042 and 0.0030."""

RECORDING_SECONDS = 0.01
"""Per trial: one SQLite transaction."""

AROUND_SECONDS = 7.0
"""Imports, reading and verifying the data, tables and figures."""


@dataclass(frozen=True)
class StageNeeds:
    """A stage, how many of its trials are there already, and the packs that are still to be computed.

    Of those that are there, some may have `failed`.
    They come in queues, one per round: before the next one, all of a queue must be done. Of a stage that prunes there
    is one per leg, and each pack is trained for one cycle.
    """

    stage: Stage
    present: int
    queues: tuple[tuple[Pack, ...], ...]
    failed: int = 0

    @cached_property
    def packs(self) -> tuple[Pack, ...]:
        """Those of all queues."""
        return tuple(pack for queue in self.queues for pack in queue)

    @property
    def missing(self) -> int:
        """The trials still to be computed."""
        return self.stage.count - self.present


def nothing(_stage: str) -> dict[tuple[str, str], Row]:
    """Return the rows that are stored of a stage where nothing is."""
    return {}


def expected(sweep: Sweep[Conclusion], plan: Plan, stored: Stored = nothing) -> list[StageNeeds]:
    """Return what `sweep` still needs if every search that is not complete peaks in the middle of its range.

    Stages, rounds, trials and packs are those of a run, with invented results for those that are missing. So whatever
    a run would refuse on its way is refused here, before anything is written.

    Raises:
        ConfigError: a stage refuses its configuration.
    """
    needs: list[StageNeeds] = []
    try:
        stage = next(sweep)
        while True:
            staged = StagePlan(plan, stage, dict(stored(stage.name)))
            missing, queues = set[int](), []
            for tasks in staged.rounds():
                queue = [(task, absent) for task in tasks if (absent := staged.missing(task))]
                if queue:
                    queues.append(tuple(task.trials for task, _ in queue))
                for task, absent in queue:
                    missing.update(task.numbers[index] for index in absent)
                    known = staged.standing if task.goes_on else staged.rows
                    known.update((row.identity, row) for row in _invented(stage, task, absent))
            result = staged.result()
            failed = sum(record.status is Status.FAILED for record in result.records)
            needs.append(StageNeeds(stage, stage.count - len(missing), tuple(queues), failed))
            stage = sweep.send(result)
    except StopIteration:
        return needs


def _invented(stage: Stage, task: Task, absent: Sequence[int]) -> Iterator[Row]:
    """Yield rows for the absent trials of a task: the middle of the range does best, with noise over replicates."""
    for index in absent:
        trial = task.trials.trials[index]
        noise = 0.002 * (-1) ** (task.replicate + task.numbers[index])
        curves = Curves(val_accuracy=(0.5 - 0.03 * _from_middle(stage, trial) ** 4 + noise,))
        yield Row(replace(task.record(index, Status.PRUNED if task.goes_on else Status.COMPLETE), curves=curves))


def _from_middle(stage: Stage, trial: TrialSpec) -> float:
    """Return how far a trial is from where its stage is expected to do best: 0 there, 1 at the ends of a range."""
    space = stage.proposal.space
    return space.off_middle(tuple(parameter(trial, name) for name in space.names)) if space else 0.0


class Kind(NamedTuple):
    """What the speed of a pack of M trials depends on: packs of a kind cost the same per step and per row."""

    network: NetworkSpec
    batch_size: int
    optimizer: OptimizerSpec
    columns: int
    classes: int
    size: int


def kind(pack: Pack) -> Kind:
    """Return the kind of `pack`."""
    first = pack.trials[0]
    data = first.data
    return Kind(first.network, first.batch_size, first.optimizer, data.columns, data.classes, len(pack.trials))


@dataclass(frozen=True)
class Preview:
    """A priced plan.

    Attributes:
        needs: the stages.
        speeds: what was measured, by kind of pack.
        startup: seconds until the workers were ready.
        workers: how many there are.
        as_bytes: whether the features of the data set are bytes.
    """

    needs: list[StageNeeds]
    speeds: Mapping[Kind, Speed]
    startup: float
    workers: int
    as_bytes: bool

    def seconds(self, need: StageNeeds) -> float:
        """Return the seconds a stage takes, queue after queue."""
        one_cycle = need.stage.prune > 0
        queues = ([self._pack_seconds(pack, one_cycle=one_cycle) for pack in queue] for queue in need.queues)
        return sum(map(self._queue_seconds, queues)) + RECORDING_SECONDS * need.missing

    def _queue_seconds(self, packs: Sequence[float]) -> float:
        """Return when packs of so many seconds are done: in order, they go to whichever worker is free first."""
        free = [0.0] * self.workers
        for seconds in packs:
            heapq.heapreplace(free, free[0] + seconds)
        return max(free)

    def _pack_seconds(self, pack: Pack, *, one_cycle: bool) -> float:
        spec, speed = pack.trials[0], self.speeds[kind(pack)]
        epochs = spec.schedule.cycle_epochs if one_cycle else spec.schedule.epochs
        evaluated = (min(CURVE_ROWS, spec.data.n_train) + spec.data.n_val) * (epochs + 1) + spec.data.n_test
        return epochs * spec.steps_per_epoch * speed.step + evaluated * speed.row

    @cached_property
    def total_seconds(self) -> float:
        """Seconds of the whole sweep, workers' start, tables and figures included."""
        return self.startup + sum(self.seconds(need) for need in self.needs) + AROUND_SECONDS

    @property
    def worker_memory(self) -> int:
        """Bytes of a worker beyond the shared rows, at its peak."""
        return max((worker_bytes(pack) for need in self.needs for pack in need.packs), default=0)

    @property
    def shared_memory(self) -> int:
        """Bytes of the rows that all workers share, of the largest stage."""
        return max(
            (1 if self.as_bytes and rows.components is None else 4)
            * rows.columns
            * (rows.n_train + rows.n_val + rows.n_test)
            for rows in (need.stage.fixed.data for need in self.needs)
        )

    def lines(self) -> list[str]:
        """Return the preview as lines to print."""
        lines = [self._stage_line(need) for need in self.needs]
        if failed := sum(need.failed for need in self.needs):
            lines.append(f"{failed} trials have failed; with RETRY=failed they are trained again")
        if not any(need.packs for need in self.needs):
            return [*lines, "all trials are present; nothing to run"]
        searches = any(isinstance(need.stage.proposal, Search) for need in self.needs)
        provided = ", if no range has to be moved" if searches else ""
        cores = f"{self.workers} worker{'s' if self.workers > 1 else ''}"
        return [
            *lines,
            f"predicted: {_duration(self.total_seconds)} on {cores}{provided}{self._aside}",
            f"memory: {self.worker_memory / 1e6:.0f} MB per worker and {self.shared_memory / 1e6:.0f} MB of rows "
            "that they share",
            f"(intervals assume the spread over seeds that [50, 50] has on CIFAR-10, sd {TYPICAL_SD}; others differ)",
        ]

    @property
    def _aside(self) -> str:
        """What the prediction leaves out, as to know how long it takes would take about as long."""
        rotated = any(need.packs and need.stage.fixed.data.components for need in self.needs)
        return "; principal components are found first, once per data set, which is not counted" if rotated else ""

    def _stage_line(self, need: StageNeeds) -> str:
        stage = need.stage
        half = predicted_half_width(TYPICAL_SD, stage.replicates)
        told = f"95 % interval of a mean accuracy about ±{100 * half:.1f} points"
        width = told if math.isfinite(half) else "no interval, from one seed"
        epochs = sorted({trial.schedule.epochs for pack in need.packs for trial in pack.trials})
        long = " to ".join(map(str, dict.fromkeys((epochs[0], epochs[-1])))) if epochs else stage.fixed.schedule.epochs
        if stage.prune:
            long = f"{stage.fixed.schedule.cycle_epochs} to {long}"
        components = stage.fixed.data.components
        on = "" if components is None else f" on {components:,} principal components (approximate)"
        together = " proposed together" if stage.proposal.rounds > 1 else ""
        rule = f", the worst {100 * stage.prune:g} % of the settings{together} dropped between cycles"
        dropped = rule if stage.prune else ""
        have = f"{dropped}, {need.present} present" if need.present else dropped
        return (
            f"{stage.name}: {stage.proposal.count} settings x {stage.replicates} replicates = {stage.count} trials "
            f"of {long} epochs{on}{have}; {len(need.packs)} packs to train, {_duration(self.seconds(need))}; {width}"
        )


def price(needs: list[StageNeeds], engine: Engine, workers: int, *, as_bytes: bool) -> Preview:
    """Calibrate every kind of pack in `needs`, with all workers busy at once, and return the priced plan.

    `as_bytes` says whether the features of the data set are bytes.

    Raises:
        HostError: a pack cannot be trained here.
    """
    packs = {kind(pack): pack for need in needs for pack in need.packs}
    startup = _startup(engine, workers) if packs else 0.0
    speeds = {each: _together(engine, pack, workers) for each, pack in packs.items()}
    return Preview(needs, speeds, startup, workers, as_bytes)


def _startup(engine: Engine, workers: int) -> float:
    """Return the seconds until all workers have answered once."""
    start = time.perf_counter()
    list(engine.run(_ready, {str(index): index for index in range(workers)}))
    return time.perf_counter() - start


def _together(engine: Engine, pack: Pack, workers: int) -> Speed:
    """Return the mean speed of `workers` calibrations at once."""
    outcomes = [outcome for _, outcome in engine.run(calibrate, {str(index): pack for index in range(workers)})]
    for outcome in outcomes:
        if isinstance(outcome, Failure):
            raise HostError(f"a pack must train here to be priced, got {outcome.reason}")
    speeds = [outcome for outcome in outcomes if not isinstance(outcome, Failure)]
    return Speed(*(float(np.mean(values)) for values in zip(*map(astuple, speeds), strict=True)))


def _ready(_index: int) -> int:
    return os.getpid()


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"
