"""A grid as a sweep: every setting of a product, trained the same way with every pair of seeds, and tested."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, ClassVar, Self

from pipeline.errors import require
from pipeline.run.replay import any_rows
from pipeline.run.samplers import LogRange, grid
from pipeline.run.stage import Listed, Stage, StageResult
from pipeline.run.sweep import Sweep
from pipeline.spec import (
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
    bn_epsilon: float = NetworkSpec.bn_epsilon
    bn_alpha: float = NetworkSpec.bn_alpha
    dtype: str = NetworkSpec.dtype
    optimizer: OptimizerSpec = field(default_factory=OptimizerSpec)
    eta_min: float = 1e-5
    eta_max: float = 1e-1
    step_size: int = 5
    """epochs from the smallest to the largest learning rate"""
    cycles: int = 2
    batch_size: int = 100
    val_fraction: float = 0.1
    """of the training rows, kept for validation"""

    def __init_subclass__(cls) -> None:
        if "stage_name" not in vars(cls):
            raise TypeError(f"a grid must name its stage, got none in {cls.__name__}")

    def __post_init__(self) -> None:
        positive_integer("replicates", self.replicates)
        trial, asked = self.trial(any_rows), Listed(self.settings())
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

    def trial(self, rows: Rows) -> TrialSpec:
        """Return the trial that the settings change, on the rows of a stage that opens the test set."""
        network = NetworkSpec(
            activation=self.activation, bn_epsilon=self.bn_epsilon, bn_alpha=self.bn_alpha, dtype=self.dtype
        )
        schedule = ScheduleSpec("triangular", self.eta_min, self.eta_max, self.step_size, self.cycles)
        return TrialSpec(
            rows(self.val_fraction, True),
            network,
            InitSpec(),
            schedule,
            self.optimizer,
            self.batch_size,
            self.lambda_,
        )


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
    """lowest, highest and how many, both ends included; takes the place of the list"""

    def taken(self, of: str) -> tuple[float, ...]:
        """Return the numbers; `of` names the parameter in refusals.

        Raises:
            ConfigError: a number is not positive, or the range holds too few of them.
        """
        if self.log_range is not None:
            low, high, count = self.log_range
            positive_integer(f"number of {of} values", count)
            return grid(LogRange(low, high, of), count)
        for value in self.values:
            positive(of, value)
        return self.values
