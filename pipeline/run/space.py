"""Where a search looks: ranges and lists of values by parameter name. Knows no sampler."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pipeline.errors import one_of, require
from pipeline.run.samplers import LogRange, round_significant
from pipeline.spec import PARAMETERS, Setting


@dataclass(frozen=True)
class Interval:
    """The interval [low, high] of a parameter, searched evenly; `of` names it in refusals."""

    low: float
    high: float
    of: str = field(default="value", compare=False)

    def __post_init__(self) -> None:
        ordered = math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high
        require(ordered, f"{self.of} range", "must be two numbers, the lower first", (self.low, self.high))

    def value(self, told: float) -> float | None:
        """Return the rounded value that is run for `told`; None where it rounds out of the interval."""
        value = round_significant(told)
        return value if self.low <= value <= self.high else None

    def told(self, value: float) -> float:
        """Return what a sampler is told of `value`."""
        return min(max(value, self.low), self.high)

    def off_middle(self, value: float) -> float:
        """Return where `value` lies: 0 in the middle, -1 and 1 at the ends."""
        return (2 * value - self.low - self.high) / (self.high - self.low)


@dataclass(frozen=True)
class Choices:
    """Values to choose from, by what files and figures call them; `of` names the parameter in refusals."""

    values: Mapping[str, Any]
    of: str = field(default="value", compare=False)

    def __post_init__(self) -> None:
        require(len(self.values) > 0, f"{self.of} choices", "must be at least one", tuple(self.values))

    def value(self, told: str) -> Any:
        """Return the value that is called `told`."""
        return self.values[told]

    def told(self, value: Any) -> str:
        """Return what `value` is called."""
        return next(name for name, each in self.values.items() if each == value)

    def off_middle(self, value: Any) -> float:
        """Return 0 for the last value and 1 for the first: a preview prices a search as if the last did best."""
        place = list(self.values).index(self.told(value))
        return 1 - (place + 1) / len(self.values)


Dimension: TypeAlias = LogRange | Interval | Choices
"""The values of one parameter."""


@dataclass(frozen=True)
class Space:
    """The parameters that a search varies at once, by public name (`pipeline.spec.PARAMETERS`)."""

    dimensions: Mapping[str, Dimension]

    def __post_init__(self) -> None:
        require(len(self.dimensions) > 0, "a search", "must vary at least one parameter", tuple(self.dimensions))
        for name in self.dimensions:
            one_of("parameter", name, PARAMETERS)

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters."""
        return tuple(self.dimensions)

    @property
    def size(self) -> float:
        """How many settings there are; infinite with a range among the dimensions, which the draws find out."""
        sizes = (len(each.values) if isinstance(each, Choices) else math.inf for each in self.dimensions.values())
        return math.prod(sizes)

    def setting(self, told: Mapping[str, Any]) -> Setting | None:
        """Return the setting that is run where a sampler says `told`; None where a value rounds out of its range."""
        setting = {name: dimension.value(told[name]) for name, dimension in self.dimensions.items()}
        return None if None in setting.values() else setting

    def told(self, values: tuple[Any, ...]) -> dict[str, Any]:
        """Return what a sampler is told of a setting's `values`, which are in the order of the names."""
        pairs = zip(self.dimensions.items(), values, strict=True)
        return {name: dimension.told(value) for (name, dimension), value in pairs}

    def off_middle(self, values: tuple[Any, ...]) -> float:
        """Return how far `values` are from where a preview expects the best: 0 there, 1 at an end of any dimension."""
        pairs = zip(self.dimensions.values(), values, strict=True)
        return max(abs(dimension.off_middle(value)) for dimension, value in pairs)
