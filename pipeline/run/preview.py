"""What a sweep would run and cost: stages under expected results, priced by training a little on made-up rows.

Nothing measured here enters a configuration; it is shown and forgotten.
"""

import heapq
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from pipeline.data import Split
from pipeline.errors import HostError
from pipeline.evaluate import measure
from pipeline.inference import predicted_half_width
from pipeline.records import Curves, Status, TrialRecord
from pipeline.run.engines import Engine, Failure
from pipeline.run.packing import into_packs
from pipeline.run.samplers import grid
from pipeline.run.stage import Search, Stage, StageResult
from pipeline.run.sweep import Conclusion, Sweep
from pipeline.spec import InitSpec, Pack, Setting, TrialSpec
from pipeline.train import CURVE_ROWS, train

TYPICAL_SD = 0.004
"""Standard deviation over seeds of validation and test accuracy on CIFAR-10 with [50, 50]: 0.0042 and 0.0030."""

ROWS = 6000
"""Made-up training rows for the calibration: on CIFAR-10 larger than a cache, as the real ones are."""

RECORDING_SECONDS = 0.01
"""Per trial: one SQLite transaction."""

DRAWING_SECONDS = 4.0
"""Tables and figures at the end."""


@dataclass(frozen=True)
class StagePlan:
    """A stage with its packs, as the sizes of packs in plan order."""

    stage: Stage
    packs: tuple[Pack, ...]


def expected(sweep: Sweep[Conclusion], root: int, width: int | None) -> list[StagePlan]:
    """Return the stages that `sweep` goes through if every search peaks in the middle of its range.

    Every stage and pack is built, so whatever a stage refuses is refused here, before anything is written.

    Raises:
        ConfigError: a stage refuses its configuration.
    """
    plans: list[StagePlan] = []
    try:
        stage = next(sweep)
        while True:
            settings = _settings(stage)
            packs = [
                pack
                for start in range(0, len(settings), _round_size(stage))
                for pack in into_packs(stage.trials(settings[start : start + _round_size(stage)], root), width)
            ]
            plans.append(StagePlan(stage, tuple(packs)))
            invented = _invented(stage, stage.trials(settings, root), len(settings))
            stage = sweep.send(StageResult(stage, tuple(invented)))
    except StopIteration:
        return plans


def _settings(stage: Stage) -> tuple[Setting, ...]:
    proposal = stage.proposal
    if isinstance(proposal, Search):  # a grid stands for every sampler: the number of trials is the same
        return tuple({proposal.name: value} for value in grid(proposal.searched, proposal.count))
    return proposal.settings(stage.name, 0, 0, ())


def _round_size(stage: Stage) -> int:
    proposal = stage.proposal
    return proposal.round_size if isinstance(proposal, Search) and proposal.rounds > 1 else proposal.count


def _invented(stage: Stage, trials: Sequence[TrialSpec], per_replicate: int) -> list[TrialRecord]:
    """Return records whose accuracies fall off from the middle setting, with some noise over the replicates."""
    middle = (per_replicate - 1) / 2
    records = []
    for number, trial in enumerate(trials):
        replicate, setting = divmod(number, per_replicate)
        noise = 0.002 * (-1) ** (replicate + setting)
        accuracy = 0.5 - 0.03 * ((setting - middle) / max(middle, 1)) ** 4 + noise
        curves = Curves(val_accuracy=(accuracy,))
        records.append(TrialRecord(stage.name, number, 0, replicate, trial, Status.COMPLETE, curves))
    return records


@dataclass(frozen=True)
class Speed:
    """Seconds per step and per evaluated row of one pack, and the private memory of the process in bytes."""

    step: float
    row: float
    memory: int


def calibrate(pack: Pack) -> Speed:
    """Train `pack` for two short epochs on made-up rows and time them."""
    first = pack.trials[0]
    batch = first.batch_size
    n = min(first.data.n_train, max(ROWS, batch))
    rows = replace(first.data, n_train=n, n_val=1)
    short = replace(first.schedule, step_size=1, cycles=1, eta_min=1e-5, eta_max=1e-5)
    # The time does not depend on the values, as long as nothing diverges: the members are made alike, and harmless.
    trial = replace(first, data=rows, schedule=short, init=InitSpec(), lambda_=1e-3)
    trials = (trial,) * len(pack.trials)
    split = _made_up(trial)
    clock = [time.perf_counter()]
    reports = []
    for report in train(Pack(trials), split):
        clock.append(time.perf_counter())
        reports.append(report)
    network = reports[-1].network
    start = time.perf_counter()
    measured = min(CURVE_ROWS, n)
    measure(network, split.x_train[:measured], split.y_train[:measured], network.averages, np.zeros(network.size))
    row = (time.perf_counter() - start) / measured
    epoch = min(np.diff(clock[1:]))
    step = (epoch - row * (measured + 1)) / trials[0].steps_per_epoch
    return Speed(max(step, 1e-6), row, private_memory() - split.x_train.nbytes)


def _made_up(trial: TrialSpec) -> Split:
    rng = np.random.default_rng(0)
    n, D = trial.data.n_train, trial.data.inputs
    x = rng.standard_normal((n, D), dtype=np.float32)
    y = rng.integers(0, trial.data.classes, n)
    none = np.zeros(D)
    return Split(x, y, x[:1], y[:1], None, None, none, none, (), (), (0.0, 1.0), trial.data)


def private_memory() -> int:
    """Return the bytes of memory (USS) that this process shares with nobody; 0 where the system does not say (macOS).

    Mapped rows do not count: theirs are the file cache's pages, private only while nobody else has them open.
    """
    try:
        lines = Path("/proc/self/smaps").read_text().splitlines()
    except OSError:
        return 0
    kilobytes, counts = 0, True
    for line in lines:
        first, *rest = line.split()
        if not first.endswith(":"):  # the head of a mapping: addresses, flags, and the file if there is one
            counts = not rest[-1].endswith(".npy")
        elif counts and first.startswith("Private_"):
            kilobytes += int(rest[0])
    return 1024 * kilobytes


@dataclass(frozen=True)
class Preview:
    """A priced plan.

    Attributes:
        plans: the stages.
        speeds: what was measured, by size of pack and stage name.
        startup: seconds until the workers were ready.
        workers: how many there are.
    """

    plans: list[StagePlan]
    speeds: Mapping[tuple[str, int], Speed]
    startup: float
    workers: int

    def seconds(self, plan: StagePlan) -> float:
        """Return the seconds a stage takes: its packs go, in order, to whichever worker is free first."""
        free = [0.0] * self.workers
        for pack in plan.packs:
            heapq.heappush(free, heapq.heappop(free) + self._pack_seconds(plan, pack))
        return max(free) + RECORDING_SECONDS * plan.stage.count

    def _pack_seconds(self, plan: StagePlan, pack: Pack) -> float:
        spec, speed = plan.stage.fixed, self.speeds[plan.stage.name, len(pack.trials)]
        epochs = spec.schedule.epochs
        evaluated = (min(CURVE_ROWS, spec.data.n_train) + spec.data.n_val) * (epochs + 1) + spec.data.n_test
        return epochs * spec.steps_per_epoch * speed.step + evaluated * speed.row

    @cached_property
    def total_seconds(self) -> float:
        """Seconds of the whole sweep, workers' start, tables and figures included."""
        return self.startup + sum(self.seconds(plan) for plan in self.plans) + DRAWING_SECONDS

    @property
    def worker_memory(self) -> int:
        """Bytes of a worker beyond the shared rows, at most."""
        return max(speed.memory for speed in self.speeds.values())

    @property
    def shared_memory(self) -> int:
        """Bytes of the rows that all workers share, of the largest stage."""
        return max(
            4 * rows.inputs * (rows.n_train + rows.n_val + rows.n_test)
            for rows in (plan.stage.fixed.data for plan in self.plans)
        )

    def lines(self) -> list[str]:
        """Return the preview as lines to print."""
        lines = []
        for plan in self.plans:
            stage, schedule = plan.stage, plan.stage.fixed.schedule
            half = predicted_half_width(TYPICAL_SD, stage.replicates)
            width = f"about ±{100 * half:.1f} points" if math.isfinite(half) else "no interval from one seed"
            lines.append(
                f"{stage.name}: {stage.proposal.count} settings x {stage.replicates} replicates = {stage.count} trials "
                f"of {schedule.epochs} epochs in {len(plan.packs)} packs, {_duration(self.seconds(plan))}; "
                f"95 % interval of a mean accuracy {width}"
            )
        cores = f"{self.workers} worker{'s' if self.workers > 1 else ''}"
        lines.append(f"predicted: {_duration(self.total_seconds)} on {cores}, if no range has to be moved")
        lines.append(
            f"memory: {self.worker_memory / 1e6:.0f} MB per worker and {self.shared_memory / 1e6:.0f} MB of rows "
            "that they share"
        )
        lines.append(f"(intervals assume the standard deviation over seeds seen on CIFAR-10, {TYPICAL_SD})")
        return lines


def price(plans: list[StagePlan], engine: Engine, workers: int) -> Preview:
    """Calibrate every size of pack in `plans`, with all workers busy at once, and return the priced plan."""
    start = time.perf_counter()
    list(engine.run(_ready, {str(index): index for index in range(workers)}))
    startup = time.perf_counter() - start
    shapes = {(plan.stage.name, len(pack.trials)): pack for plan in plans for pack in plan.packs}
    speeds: dict[tuple[str, int], Speed] = {}
    measured: dict[object, Speed] = {}
    for shape, pack in shapes.items():
        first = pack.trials[0]
        what = (first.network, first.batch_size, first.optimizer, len(pack.trials))
        if what not in measured:
            measured[what] = _together(engine, pack, workers)
        speeds[shape] = measured[what]
    return Preview(plans, speeds, startup, workers)


def _together(engine: Engine, pack: Pack, workers: int) -> Speed:
    """Return the mean speed of `workers` calibrations at once, and their largest memory."""
    outcomes = [outcome for _, outcome in engine.run(calibrate, {str(index): pack for index in range(workers)})]
    for outcome in outcomes:
        if isinstance(outcome, Failure):
            raise HostError(f"a pack must train here to be priced, got {outcome.reason}")
    speeds = [outcome for outcome in outcomes if not isinstance(outcome, Failure)]
    return Speed(
        float(np.mean([speed.step for speed in speeds])),
        float(np.mean([speed.row for speed in speeds])),
        max(speed.memory for speed in speeds),
    )


def _ready(_index: int) -> int:
    return os.getpid()


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"
