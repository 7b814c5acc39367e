"""A trial, everything needed to repeat one run; and a pack, trials that train in lockstep."""

import dataclasses
import math
from dataclasses import dataclass, field
from functools import cached_property

from pipeline.errors import ConfigError, require
from pipeline.spec.canonical import digest, plain
from pipeline.spec.images import AugmentSpec, EvaluationSpec
from pipeline.spec.network import InitSpec, NetworkSpec
from pipeline.spec.rules import positive_integer
from pipeline.spec.training import OptimizerSpec, ScheduleSpec

L2_FACTORS = (1.0, 0.5)


@dataclass(frozen=True)
class DataSpec:
    """Which rows a trial sees: a data set by content digest, and how it is split.

    inputs is D, classes is C; shape is (channels, height, width) where rows are images, else (). n_train counts the
    first training rows of the split, those that are trained on. Where components is r, rows are not the D features but
    their coordinates along the first r principal axes of these standardised training rows: an approximation, good
    enough to compare settings in a fraction of the time. Such rows are no images, and none of them are test rows.
    """

    name: str
    digest: str
    inputs: int
    classes: int
    n_train: int
    n_val: int
    n_test: int  # 0 where the stage keeps the test set closed
    shape: tuple[int, ...] = ()
    components: int | None = None

    def __post_init__(self) -> None:
        positive_integer("training rows", self.n_train)
        positive_integer("validation rows", self.n_val)
        if self.components is None:
            return
        positive_integer("components", self.components)
        most = min(self.inputs, self.n_train - 1)  # rows less their mean have one direction less than there are rows
        rule = f"must not exceed {most:,}, all that {self.n_train:,} training rows of {self.inputs:,} features have"
        require(self.components <= most, "components", rule, self.components)
        require(not self.shape, "shape", "must be left out with components, which are no images", self.shape)
        require(self.n_test == 0, "test rows", "must stay closed with components, an approximation", self.n_test)

    @property
    def columns(self) -> int:
        """The numbers per row, which networks see: D, or with components r."""
        return self.inputs if self.components is None else self.components

    def on_components(self, count: int) -> "DataSpec":
        """Return these rows along the first `count` principal axes.

        Raises:
            ConfigError: there are not so many, or there are test rows among them.
        """
        return dataclasses.replace(self, components=count, shape=())


@dataclass(frozen=True)
class TrialSpec:
    """Everything needed to repeat one training run, bit for bit, in a given pack."""

    data: DataSpec
    network: NetworkSpec = field(default_factory=NetworkSpec)
    init: InitSpec = field(default_factory=InitSpec)
    schedule: ScheduleSpec = field(default_factory=ScheduleSpec)
    optimizer: OptimizerSpec = field(default_factory=OptimizerSpec)
    batch_size: int = 100
    lambda_: float = 0.005
    l2_factor: float = 1.0
    keep: float = 1.0
    augment: AugmentSpec = field(default_factory=AugmentSpec)
    evaluation: EvaluationSpec = field(default_factory=EvaluationSpec)
    init_seed: int = 0
    order_seed: int = 0

    def __post_init__(self) -> None:
        positive_integer("batch size", self.batch_size)
        require(
            self.batch_size <= self.data.n_train,
            "batch size",
            f"must not exceed the {self.data.n_train} training rows",
            self.batch_size,
        )
        require(math.isfinite(self.lambda_) and self.lambda_ >= 0, "lambda", "must be a number >= 0", self.lambda_)
        rule = "must be 1 (lambda * sum W^2, DD2424) or 0.5 (CS231n)"
        require(self.l2_factor in L2_FACTORS, "l2 factor", rule, self.l2_factor)
        require(0 < self.keep <= 1, "keep", "must be a probability in (0, 1]", self.keep)
        drawn = self.augment.active or self.evaluation.augment.active or self.evaluation.shifts
        images = len(self.data.shape) == 3
        seen = "" if self.data.components is None else f"{self.data.components} components of "
        require(not drawn or images, "augmentation", "must be of images", f"{seen}the data set {self.data.name}")
        shift, side = max(self.augment.shift, self.evaluation.augment.shift), max(self.data.shape[1:], default=0)
        require(not images or shift <= side, "shift", f"must not exceed the {side} pixels of a side", shift)
        often = self.evaluation.per_epoch
        rule = f"must not exceed the {self.steps_per_epoch} steps of an epoch"
        require(often <= self.steps_per_epoch, "estimates per epoch", rule, often)
        adapts = self.evaluation.statistics == "ema" or self.network.batch_norm != "none"
        require(adapts, "statistics", "must be ema without batch norm, which has none", self.evaluation.statistics)

    @cached_property
    def key(self) -> str:
        """The name of this trial: the first 16 hex digits of the SHA-256 of its canonical JSON."""
        return digest(self)

    @cached_property
    def common(self) -> "TrialSpec":
        """This trial with everything that may differ inside a pack set to one value."""
        schedule = dataclasses.replace(self.schedule, eta_min=1.0, eta_max=1.0)
        return dataclasses.replace(self, lambda_=0.0, l2_factor=1.0, keep=1.0, init=InitSpec(), schedule=schedule)

    @property
    def steps_per_epoch(self) -> int:
        """Mini-batches per epoch."""
        return len(_starts(self.data.n_train, self.batch_size))


def batches(n: int, batch_size: int) -> list[slice]:
    """Cut n shuffled rows into mini-batches; the short last one is kept, but a single row joins the batch before."""
    starts = _starts(n, batch_size)
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], n], strict=True)]


def _starts(n: int, batch_size: int) -> range:
    """Return where mini-batches start: a range, as rows that nobody has read yet may be countless."""
    starts = range(0, n, batch_size)
    alone = n % batch_size == 1 and n > 1  # never true of batches of one, which are all of full size
    return starts[:-1] if alone else starts


@dataclass(frozen=True)
class Pack:
    """Trials that train in lockstep on the same mini-batches: the unit of work.

    They share the replicate (both seeds), data, network, optimizer, batch size, augmentation, evaluation and the
    schedule's shape; lambda, initialisation, the learning rates and dropout's keep are arrays over the trials.
    """

    trials: tuple[TrialSpec, ...]

    def __post_init__(self) -> None:
        require(len(self.trials) > 0, "a pack", "must hold at least one trial", 0)
        shared = self.trials[0].common
        for trial in self.trials[1:]:
            if trial.common != shared:
                one, other = plain(shared), plain(trial.common)
                parts = ", ".join(part for part in one if one[part] != other[part])
                raise ConfigError(f"the trials of a pack must share {parts}, got {self.trials[0].key} and {trial.key}")

    @cached_property
    def key(self) -> str:
        """The name of this pack: a hash over its members in order."""
        return digest(self)
