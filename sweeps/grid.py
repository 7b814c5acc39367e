"""A grid as a sweep: every setting of a product, trained the same way with every pair of seeds, and tested."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from itertools import product
from typing import Any, ClassVar, Self

from pipeline.errors import one_of, require
from pipeline.run.replay import any_rows
from pipeline.run.samplers import LogRange, grid
from pipeline.run.stage import Listed, Stage, StageResult, Sweep, check_trials
from pipeline.spec import (
    CONVENTIONS,
    AugmentSpec,
    InitSpec,
    NetworkSpec,
    OptimizerSpec,
    ScheduleSpec,
    Setting,
    TrialSpec,
    canonical_json,
    positive,
    positive_integer,
    with_setting,
)
from sweeps.cli import LambdaFlag
from sweeps.question import Rows

MOST_VALUES = 1_000
"""Of a range: more than any figure can show."""


@dataclass(frozen=True)
class Grid(ABC):
    """What every grid can be asked: how its networks are trained, and how often. A subclass adds what varies.

    The one stage opens the test set: it chooses nothing.
    """

    stage_name: ClassVar[str]
    """of the one stage, and every grid's own: seeds are made from it, and no two grids are to share their noise"""

    replicates: int = 3
    """pairs of seeds per setting"""
    lambda_: LambdaFlag = 0.005
    activation: str = "relu"
    convention: str = "dd2424"
    """dd2424, cs231n or cmu: what l2-factor, bn-start and bn-epsilon are where they are not given, and what p of the
    sweep dropout is the probability of; sets neither lambda (cmu has no penalty: give --lambda 0) nor --keep"""
    l2_factor: float | None = None
    """the cost adds this times lambda * sum of squares: 1 or 0.5"""
    bn_start: str | None = None
    """what moving averages start from: first_batch, zeros or standard"""
    bn_epsilon: float | None = None
    bn_alpha: float = NetworkSpec.bn_alpha
    dtype: str = NetworkSpec.dtype
    keep: float = 1.0
    """dropout: the probability to keep a hidden unit"""
    optimizer: OptimizerSpec = field(default_factory=OptimizerSpec)
    schedule: str = "triangular"
    """triangular, constant, step, exponential or cosine"""
    eta_min: float = 1e-5
    eta_max: float = 1e-1
    step_size: int = 5
    """epochs from the smallest to the largest learning rate; a cycle lasts two of them"""
    cycles: int = 2
    decay: float | None = None
    """of the schedules step and exponential: what the learning rate is multiplied by"""
    decay_every: int | None = None
    """of the schedule step: epochs"""
    warm_up: int = 0
    """of the schedule cosine: epochs"""
    batch_size: int = 100
    augment: AugmentSpec = field(default_factory=AugmentSpec)
    val_fraction: float = 0.1
    """of the training rows, kept for validation"""
    train_rows: int | None = None
    """train on so many of the other rows at most (without it: on all)"""

    def __init_subclass__(cls, *, abstract: bool = False) -> None:
        if not abstract and "stage_name" not in vars(cls):
            raise TypeError(f"a grid must name its stage, got none in {cls.__name__}")

    def __post_init__(self) -> None:
        positive_integer("replicates", self.replicates)
        one_of("convention", self.convention, CONVENTIONS)
        if self.train_rows is not None:
            positive_integer("train rows", self.train_rows)
        for name, usual in defaults(type(self)).items():
            if isinstance(usual, Values):
                getattr(self, name).check_one_way(name, usual)
        trial, asked = self.trial(any_rows), Listed(self.settings())
        check_trials(asked.count, self.replicates, f"stage {self.stage_name}")
        for setting in asked.listed:  # so that whatever needs no data to be refused is refused before any is read
            with_setting(trial, setting)

    @classmethod
    def at_scale(cls, scale: str) -> Self:
        """Return the defaults at a scale: smoke proves that everything runs, quick gives a first impression."""
        if scale == "smoke":
            return cls(replicates=2, step_size=1, cycles=1)
        return cls(step_size=2) if scale == "quick" else cls()

    @abstractmethod
    def axes(self) -> Sequence[Sequence[Setting]]:
        """Return what varies: the settings are all ways to take one part from every axis.

        Raises:
            ConfigError: an axis is empty, or repeats itself.
        """

    def settings(self) -> tuple[Setting, ...]:
        """Return the product of the axes, the last one varying fastest."""
        return tuple({name: value for part in parts for name, value in part.items()} for parts in product(*self.axes()))

    def trial(self, rows: Rows, *, opens_test: bool = True) -> TrialSpec:
        """Return the trial that the settings change, on the rows of a stage that opens the test set or does not."""
        convention = CONVENTIONS[self.convention]
        network = NetworkSpec(
            activation=self.activation,
            bn_epsilon=convention.bn_epsilon if self.bn_epsilon is None else self.bn_epsilon,
            bn_alpha=self.bn_alpha,
            bn_start=convention.bn_start if self.bn_start is None else self.bn_start,
            dtype=self.dtype,
        )
        rates = self.eta_min, self.eta_max, self.step_size, self.cycles
        return TrialSpec(
            rows(self.val_fraction, opens_test, self.train_rows),
            network,
            InitSpec(),
            ScheduleSpec(self.schedule, *rates, self.decay, self.decay_every, self.warm_up),
            self.optimizer,
            self.batch_size,
            self.lambda_,
            convention.l2_factor if self.l2_factor is None else self.l2_factor,
            self.keep,
            self.augment,
        )


def defaults(config: type[Grid]) -> Mapping[str, Any]:
    """Return the default of every field of a kind of grid."""
    return {
        one.name: one.default if one.default_factory is MISSING else one.default_factory() for one in fields(config)
    }


def stages(config: Grid, rows: Rows) -> Sweep[StageResult]:
    """Yield the one stage of a grid, and conclude with what it gives."""
    return (yield Stage(config.stage_name, config.trial(rows), Listed(config.settings()), config.replicates))


def budgets(_config: Grid) -> Collection[str]:
    """Return what may grow without a new run: packs hold one replicate, so that more of these change no other."""
    return ["replicates"]


def axis(name: str, values: Iterable[Any], called: str = "") -> list[Setting]:
    """Return the axis along which the parameter `name` takes `values`; `called` is what they are to the user.

    Raises:
        ConfigError: there is none, or two are the same.
    """
    listed = list(values)
    distinct = len({canonical_json(value) for value in listed})
    called = called or f"{name.replace('_', ' ')} values"
    require(0 < distinct == len(listed), called, "must be different, and at least one", tuple(listed))
    return [{name: value} for value in listed]


@dataclass(frozen=True)
class Values:
    """Positive numbers, listed, or evenly spaced on a log scale."""

    values: tuple[float, ...] = ()
    """the numbers themselves"""
    log_range: tuple[float, float, int] | None = None
    """lowest, highest and how many, both ends included; takes the place of the list that is there by default"""

    def check_one_way(self, of: str, usual: "Values") -> None:
        """Refuse a range beside a list that is not the `usual` one: either would be ignored.

        Raises:
            ConfigError: both are given.
        """
        one = self.log_range is None or self.values in ((), usual.values)
        require(one, of, "must be given as values or as log-range, not as both", (self.values, self.log_range))

    def taken(self, of: str) -> tuple[float, ...]:
        """Return the numbers; `of` names the parameter in refusals.

        Raises:
            ConfigError: a number is not positive, or the range holds too few of them.
        """
        if self.log_range is not None:
            low, high, count = self.log_range
            positive_integer(f"number of {of} values", count)
            require(count <= MOST_VALUES, f"number of {of} values", f"must be at most {MOST_VALUES:,}", count)
            return grid(LogRange(low, high, of), count)
        for value in self.values:
            positive(of, value)
        return self.values
