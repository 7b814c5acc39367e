"""What a trial leaves behind: frozen, complete, and the only thing that tables and figures are made from."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum

from pipeline.errors import one_of, require
from pipeline.spec import BATCH_NORM, InitSpec, TrialSpec

WINDOW = 50
"""Steps whose mini-batch losses are averaged into one number: short beside an epoch, long beside the noise."""


class Status(StrEnum):
    """How a trial ended; PRUNED trials were well when their setting was dropped at the end of a cycle."""

    COMPLETE = "COMPLETE"
    PRUNED = "PRUNED"
    DIVERGED = "DIVERGED"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Curves:
    """One entry per epoch, the untrained network first (epoch 0, step 0, cycle 0); every field has the same length.

    eta is the schedule's learning rate at `step`, the one of the update to come. Training values are measured on
    a fixed subset of min(5000, n) training rows. Losses are mean cross-entropies in nats; cost = loss + lambda *
    sum ||W||^2 (equation (20)), or as the trial's L2 factor has it; accuracies are counts / n. The running values are
    means over the epoch's mini-batches, as training itself saw them; the untrained network has none.
    """

    step: tuple[int, ...] = ()
    epoch: tuple[int, ...] = ()
    cycle: tuple[int, ...] = ()
    eta: tuple[float, ...] = ()
    train_loss: tuple[float, ...] = ()
    train_cost: tuple[float, ...] = ()
    train_accuracy: tuple[float, ...] = ()
    val_loss: tuple[float, ...] = ()
    val_cost: tuple[float, ...] = ()
    val_accuracy: tuple[float, ...] = ()
    running_loss: tuple[float | None, ...] = ()
    running_accuracy: tuple[float | None, ...] = ()

    def until(self, epoch: int) -> "Curves":
        """Return the entries up to the end of `epoch`."""
        return Curves(*(getattr(self, each.name)[: epoch + 1] for each in fields(self)))


@dataclass(frozen=True)
class TrialRecord:
    """The outcome of one trial.

    (stage, number) is its place in the plan of a sweep; `pack` counts packs. Where settings are dropped at the end of
    cycles, every cycle is a leg in a pack of its own; `pack` and `pack_key` are those of the last one. batch_losses are
    the mean cross-entropies (nats) that training itself saw: entry i averages the mini-batches of steps 50 i + 1 to
    50 (i + 1), an unfinished last window is left out. shifted_accuracy is that on the test rows of every shift that the
    trial asks for, by name.
    """

    stage: str
    number: int
    pack: int
    replicate: int
    spec: TrialSpec
    status: Status
    curves: Curves = Curves()
    test_accuracy: float | None = None
    reason: str = ""  # why it diverged, with the step, failed or was dropped
    pack_key: str = ""  # which trials it was packed with: another composition is another run
    batch_losses: tuple[float, ...] = ()
    shifted_accuracy: dict[str, float] = field(default_factory=dict)
    came_from: tuple[str, ...] = ()  # the keys of the packs of its earlier legs

    def final(self, metric: str) -> float | None:
        """Return the last value of a curve, or None where the trial did not complete."""
        return self.last(metric) if self.status is Status.COMPLETE else None

    def last(self, metric: str) -> float | None:
        """Return the last value of a curve; None where the trial was not well when it ended."""
        values: tuple[float, ...] = getattr(self.curves, metric)
        return values[-1] if self.status in (Status.COMPLETE, Status.PRUNED) and values else None


@dataclass(frozen=True)
class Timing:
    """What a trial's pack cost; seconds are those of the pack, shared by its `trials`."""

    seconds: float
    cpu_seconds: float
    trials: int
    worker: int  # process id


@dataclass(frozen=True)
class Provenance:
    """With what a record was computed."""

    versions: dict[str, str]
    blas: str
    kernel: str
    threads: int
    python: str
    environment: dict[str, str]  # OPENBLAS_* and the like, as found
    revision: str = ""  # of the code, with "+" after it where files were changed since; empty outside a checkout

    @property
    def arithmetic(self) -> tuple[str, ...]:
        """What decides the last bits: records of equal arithmetic, and equal packs, are equal bit for bit."""
        return self.versions["numpy"], self.versions["scipy"], self.blas, self.kernel, str(self.threads)


@dataclass(frozen=True)
class Leg:
    """An earlier leg of a trial: what its pack cost and what computed it."""

    timing: Timing
    provenance: Provenance


@dataclass(frozen=True)
class Row:
    """One row of the store: what a trial left behind, what its pack cost, and what computed it.

    The latter two are None where a pack gave no results. `earlier` says the same of its earlier legs, which may have
    been computed elsewhere.
    """

    record: TrialRecord
    timing: Timing | None = None
    provenance: Provenance | None = None
    earlier: tuple[Leg, ...] = ()

    @property
    def identity(self) -> tuple[str, str]:
        """What was run: a trial in a pack. Its number is its place in a plan, which may grow."""
        return self.record.spec.key, self.record.pack_key

    @property
    def legs(self) -> tuple[Leg, ...]:
        """All of its legs that gave results."""
        if self.timing is None or self.provenance is None:
            return self.earlier
        return (*self.earlier, Leg(self.timing, self.provenance))

    @property
    def timings(self) -> tuple[Timing, ...]:
        """What its packs cost, leg by leg."""
        return (*(leg.timing for leg in self.earlier), *([self.timing] if self.timing else []))

    @property
    def provenances(self) -> tuple[Provenance, ...]:
        """What computed it, leg by leg."""
        return (*(leg.provenance for leg in self.earlier), *([self.provenance] if self.provenance else []))

    def at_end_of(self, leg: str, epoch: int) -> "Row":
        """Return the row as it was when the trial had come to the end of an earlier leg, after `epoch`."""
        record, index = self.record, self.record.came_from.index(leg)
        windows = record.spec.steps_per_epoch * epoch // WINDOW
        then = replace(
            record,
            status=Status.PRUNED,
            curves=record.curves.until(epoch),
            reason="",
            pack_key=leg,
            came_from=record.came_from[:index],
            batch_losses=record.batch_losses[:windows],
        )
        return Row(then, self.earlier[index].timing, self.earlier[index].provenance, self.earlier[:index])


@dataclass(frozen=True)
class Chance:
    """What the best constant guess comes to: its accuracy on the test rows, its loss (nats) on the training rows.

    With C equally frequent classes these are 1 / C and ln C.
    """

    accuracy: float
    loss: float

    def __post_init__(self) -> None:
        require(0 <= self.accuracy <= 1, "chance accuracy", "must lie in [0, 1]", self.accuracy)
        require(_sizes([self.loss]), "chance loss", "must be a number >= 0", self.loss)


@dataclass(frozen=True)
class Spread:
    """How large the numbers are in one untrained network, layer by layer, for one batch of training rows.

    activations are the standard deviations, over examples and units, of what each hidden layer puts out and of the
    class scores; gradients the root mean squares of the loss's gradients by W1 to Wk: k numbers each.
    """

    init: InitSpec
    batch_norm: str
    replicate: int
    activations: tuple[float, ...]
    gradients: tuple[float, ...]
    trial: str = ""  # its key

    def __post_init__(self) -> None:
        one_of("batch norm", self.batch_norm, BATCH_NORM)
        require(self.replicate >= 0, "replicate", "must not be negative", self.replicate)
        sizes = len(self.activations), len(self.gradients)
        require(0 < sizes[0] == sizes[1], "activations and gradients", "must be one each per layer", sizes)
        require(_sizes(self.activations), "activations", "must be numbers >= 0", self.activations)
        require(_sizes(self.gradients), "gradients", "must be numbers >= 0", self.gradients)


@dataclass(frozen=True)
class Diagnosis:
    """What a sweep measures beside its trials: spreads are those of networks of equally many layers.

    `of` names the trials that it belongs to, once it is stored: a digest of what was run, in plan order.
    """

    chance: Chance
    spreads: tuple[Spread, ...] = ()
    of: str = ""

    def __post_init__(self) -> None:
        layers = sorted({len(spread.activations) for spread in self.spreads})
        require(len(layers) <= 1, "spreads", "must have equally many layers", layers)


def _sizes(values: Iterable[float]) -> bool:
    """Return whether all `values` are finite and not negative."""
    return all(0 <= value < math.inf for value in values)
