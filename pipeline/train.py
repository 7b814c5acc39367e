"""Training as a generator of epoch reports: logging, pruning and checkpoints are the caller's business."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pipeline.checkpoint import IMAGES, NOISE, ORDER, Checkpoint, beginning, generator
from pipeline.core.affine import Array
from pipeline.core.layers import dropout_masks
from pipeline.core.losses import penalty
from pipeline.core.network import Masks, Network, Statistics, of_trials
from pipeline.core.optimizers import OPTIMIZERS, State
from pipeline.core.schedules import SCHEDULES
from pipeline.data.augment import PixelScale, augment
from pipeline.data.rows import gather
from pipeline.data.split import Split
from pipeline.evaluate import Measurement, measure
from pipeline.spec import Pack, TrialSpec, batches
from pipeline.statistics import estimate, refreshes, statistics_for

CURVE_ROWS = 5000
"""Training values are measured on this many training rows, the first of the split (which are in random order)."""

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Divergence:
    """A trial, by its index in the pack, whose numbers stopped being finite at `step`, and which number it was."""

    trial: int
    step: int
    reason: str


@dataclass(frozen=True)
class EpochReport:
    """Where a pack stands at the end of an epoch; epoch 0 is the untrained network.

    Batch norm normalises by the statistics that the trials' EvaluationSpec asks for: the moving averages; those of the
    training rows, as last estimated, which was within the epoch, of networks that have moved since, and after the last
    epoch of the trained ones (where they are estimated then alone, the moving averages until then); or those of the
    measured rows themselves. The row of step 0 has no moving averages to use, since they start with the first
    mini-batch: whatever is asked for, the untrained networks are normalised by the statistics of the measured training
    rows, for this row only.

    Attributes:
        epoch: epochs done.
        step: updates done.
        cycle: the cycle that the epoch belongs to, from 1; 0 for the untrained network.
        trials: (M',) indices into the pack of the trials still finite, in the order of the arrays below.
        eta: (M',) the schedule's learning rate at `step`.
        train: measured on the first min(5000, n) training rows.
        val: measured on the validation rows.
        batch_losses: (M', S) mean cross-entropies, in float64, that the epoch's S steps took their gradients at, each
            over its mini-batch and without the penalty; S = 0 for the untrained network.
        batch_accuracies: (M', S) what share of each of these mini-batches was right.
        diverged: the trials that were dropped in this epoch.
        network: the networks themselves, M' of them; read only.
        statistics: those of training rows, estimated or averaged, by which these networks normalise where they do not
            adapt: what `statistics_for` wants to know; empty for the untrained network.
        checkpoint: gives what `train` goes on from; to be called before the next report is asked for.
    """

    epoch: int
    step: int
    cycle: int
    trials: Indices
    eta: Array
    train: Measurement
    val: Measurement
    batch_losses: Array
    batch_accuracies: Array
    diverged: tuple[Divergence, ...]
    network: Network
    statistics: Statistics
    checkpoint: Callable[[], Checkpoint]


@dataclass
class _Run:
    """The state of a pack in training; every array has the surviving trials M' as its leading axis."""

    pack: Pack
    network: Network
    optimizer_state: State
    rng: np.random.Generator
    noise: np.random.Generator
    images: np.random.Generator
    scale: PixelScale
    trials: Indices
    lambda_: Array
    eta_min: Array
    eta_max: Array
    keep: Array
    batch_losses: Array
    batch_accuracies: Array
    step: int = 0
    estimated: Statistics = field(default_factory=dict)
    diverged: list[Divergence] = field(default_factory=list)

    @property
    def shared(self) -> TrialSpec:
        """A member of the pack, asked for what all members share."""
        return self.pack.trials[0]

    def eta(self, steps: int = 1) -> Array:
        """The learning rates (S, M') of the S `steps` that come next, in float64."""
        schedule, t = self.shared.schedule, self.step + np.arange(steps)[:, None]
        return SCHEDULES[schedule.kind](t, schedule, self.shared.steps_per_epoch, self.eta_min, self.eta_max)

    def masks(self, B: int) -> Masks:
        """Draw those of dropout for a batch of B examples, where any trial has dropout."""
        network = self.shared.network
        if all(trial.keep == 1 for trial in self.pack.trials):
            return ()
        return dropout_masks(self.noise, self.keep, B, network.hidden, network.dtype)

    def drop(self, lost: dict[int, Divergence]) -> None:
        """Drop trials, given by position among the survivors."""
        self.diverged += lost.values()
        kept = [position for position in range(len(self.trials)) if position not in lost]
        if len(kept) == len(self.trials):
            return
        self.trials = self.trials[kept]
        self.lambda_, self.eta_min, self.eta_max = self.lambda_[kept], self.eta_min[kept], self.eta_max[kept]
        self.keep = self.keep[kept]
        self.batch_losses, self.batch_accuracies = self.batch_losses[kept], self.batch_accuracies[kept]
        self.optimizer_state = {name: array[kept] for name, array in self.optimizer_state.items()}
        self.estimated = of_trials(self.estimated, kept)
        self.network = self.network.keep(kept)

    def checkpoint(self, epoch: int) -> Checkpoint:
        """Return where the pack stands at the end of `epoch`."""
        generators = {ORDER: self.rng, NOISE: self.noise, IMAGES: self.images}
        return Checkpoint(
            tuple(self.trials.tolist()),
            epoch,
            self.step,
            self.network,
            self.optimizer_state,
            self.estimated,
            {kind: each.bit_generator.state for kind, each in generators.items()},
        ).copy()


def train(pack: Pack, split: Split, start: Checkpoint | None = None) -> Iterator[EpochReport]:
    """Train the trials of `pack` in lockstep on `split`, reporting before the first epoch and after every one.

    A trial whose mini-batch loss stops being finite stays in its lane until the epoch ends and is then dropped, so
    that its neighbours' bits do not change while it is among them. Ends early when no trial is left.

    Args:
        pack: the trials.
        split: the rows.
        start: where the trials of `pack` stand, which is left as it is; the first report is that of the epoch after.
            A pack that goes on from where it stood gives the bits of one that was never interrupted.
    """
    run = _start(pack, split, start.copy() if start else beginning(pack))
    if start is None:
        yield _report(run, split, 0)
    for epoch in range(start.epoch + 1 if start else 1, run.shared.schedule.epochs + 1):
        if not len(run.trials):
            return
        run.diverged = []
        _epoch(run, split, epoch)
        yield _report(run, split, epoch)


def _start(pack: Pack, split: Split, start: Checkpoint) -> _Run:
    """Return a run that goes on from `start`, whose arrays become its own."""
    shared = pack.trials[0]
    trials = [pack.trials[trial] for trial in start.trials]
    with np.errstate(over="ignore"):  # what float32 cannot hold makes its trial diverge, and say so
        lambda_ = np.array([trial.l2_factor * trial.lambda_ for trial in trials]).astype(shared.network.dtype)
    return _Run(
        pack,
        start.network,
        start.optimizer,
        generator(start.generators[ORDER]),
        generator(start.generators[NOISE]),
        generator(start.generators[IMAGES]),
        PixelScale.of(split),
        np.array(start.trials, np.intp),
        lambda_,
        np.array([trial.schedule.eta_min for trial in trials]),
        np.array([trial.schedule.eta_max for trial in trials]),
        np.array([trial.keep for trial in trials]).astype(shared.network.dtype),
        np.empty((len(trials), 0)),
        np.empty((len(trials), 0)),
        start.step,
        start.estimated,
    )


def _epoch(run: _Run, split: Split, epoch: int) -> None:
    """Take every mini-batch of one epoch, then drop the trials whose loss was not finite."""
    shared, network = run.shared, run.network
    optimizer = OPTIMIZERS[shared.optimizer.name]
    if optimizer.by_factors:
        network.scaled()
    order = run.rng.permutation(len(split.x_train))
    buffer: Array = np.empty((shared.batch_size + 1, split.x_train.shape[1]), split.x_train.dtype)
    cuts = batches(len(order), shared.batch_size)
    run.batch_losses, run.batch_accuracies = (np.empty((len(run.trials), len(cuts))) for _ in range(2))
    due = refreshes(shared.evaluation, len(cuts), last=epoch == shared.schedule.epochs)
    with np.errstate(all="ignore"):  # a diverging trial overflows; the test of every loss below says so
        eta = run.eta(len(cuts)).astype(shared.network.dtype)  # too large for float32: the trial diverges
        for step, batch in enumerate(cuts):
            if step in due:
                run.estimated = estimate(network, split.x_train, shared.evaluation)
            rows = order[batch]
            x = gather(split.x_train, rows, out=buffer[: len(rows)])
            x = augment(x, shared.augment, run.scale, run.images)
            loss, gradients, statistics, accuracy = network.loss_and_gradients(
                x.astype(shared.network.dtype, copy=False), split.y_train[rows], run.lambda_, run.masks(len(rows))
            )
            network.average(statistics)
            optimizer.update(network.parameters, gradients, run.optimizer_state, eta[step], shared.optimizer)
            del gradients  # their memory, still in the caches, serves the next step
            run.batch_losses[:, step], run.batch_accuracies[:, step] = loss, accuracy
        network.folded()
        if len(cuts) in due:
            run.estimated = estimate(network, split.x_train, shared.evaluation)
    lost: dict[int, Divergence] = {}
    for step in range(len(cuts)) if not np.isfinite(run.batch_losses).all() else ():
        _note(lost, run, run.batch_losses[:, step], "mini-batch loss", run.step + step + 1)
    run.step += len(cuts)
    run.drop(lost)


def _note(lost: dict[int, Divergence], run: _Run, values: Array, what: str, step: int) -> None:
    """Enter the trials with a value that is not finite into `lost`, by position, unless they are there already."""
    for position in np.flatnonzero(~np.isfinite(values)).tolist():
        reason = f"{what} is {values[position]} at step {step}"
        lost.setdefault(position, Divergence(int(run.trials[position]), step, reason))


def _report(run: _Run, split: Split, epoch: int) -> EpochReport:
    """Measure the surviving networks; those with a value that is not finite are dropped and left out."""
    shared, network = run.shared, run.network
    rows = slice(0, CURVE_ROWS)
    x, labels = split.x_train[rows], split.y_train[rows]
    statistics = run.estimated or network.averages
    with np.errstate(all="ignore"):  # the last update of an epoch may have gone beyond all numbers: the cost says so
        penalties = penalty(network.weights, run.lambda_)
        if epoch:
            of_train, of_val = (
                statistics_for(network, part, statistics, shared.evaluation, run.scale) for part in (x, split.x_val)
            )
        else:
            of_train = of_val = network.statistics(x)
    train_values = measure(network, x, labels, of_train, penalties)
    val_values = measure(network, split.x_val, split.y_val, of_val, penalties)
    lost: dict[int, Divergence] = {}
    _note(lost, run, train_values.cost, "training cost", run.step)
    _note(lost, run, val_values.cost, "validation cost", run.step)
    kept = [position for position in range(len(run.trials)) if position not in lost]
    run.drop(lost)
    return EpochReport(
        epoch,
        run.step,
        -(-epoch // shared.schedule.cycle_epochs),
        run.trials,
        run.eta()[0],
        _select(train_values, kept),
        _select(val_values, kept),
        run.batch_losses,
        run.batch_accuracies,
        tuple(run.diverged),
        run.network,
        run.estimated or run.network.averages,
        partial(run.checkpoint, epoch),
    )


def _select(values: Measurement, kept: list[int]) -> Measurement:
    return Measurement(values.loss[kept], values.cost[kept], values.accuracy[kept])
