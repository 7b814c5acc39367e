"""What varies in an experiment: factors, each with levels that have names, and the cells that they make."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from pipeline.errors import require
from pipeline.spec.canonical import canonical_json
from pipeline.spec.parameters import Setting, parameter
from pipeline.spec.trial import TrialSpec

CellName = tuple[str, ...]
"""The names of the levels of a cell, one of every factor."""


@dataclass(frozen=True)
class Level:
    """One of the values of a factor.

    Attributes:
        label: what figures and sentences call it, such as "Adam" or "keep 0.5".
        setting: the parameters that it stands for.
        against: the labels of the levels that its effect is measured against; None for the first of the factor.
    """

    label: str
    setting: Setting
    against: tuple[str, ...] | None = None

    def holds(self, trial: TrialSpec) -> bool:
        """Return whether `trial` has the parameters of this level."""
        return all(parameter(trial, name) == value for name, value in self.setting.items())


@dataclass(frozen=True)
class Factor:
    """What varies: its name, as axes and tables have it, and its levels, the first of which is the baseline.

    All levels set the same parameters, so that a trial lies in one of them at most.
    `asked` says whether the effects of its levels are of interest, and not only those of other factors at each of them.
    `changes` says that levels are called by what they change, so that what they leave as it is has to be told.
    """

    name: str
    levels: tuple[Level, ...]
    asked: bool = True
    changes: bool = False

    def __post_init__(self) -> None:
        labels = [level.label for level in self.levels]
        require(0 < len(set(labels)) == len(labels), self.name, "must be different, and at least one", tuple(labels))
        if len({frozenset(level.setting) for level in self.levels}) > 1:  # a trial could lie in two of them
            raise ValueError(f"levels of {self.name} must set the same parameters, got {labels}")
        distinct = len({canonical_json(level.setting) for level in self.levels})
        require(distinct == len(labels), self.name, "must have levels that differ", tuple(labels))
        for level in self.levels:
            if not set(level.against or ()) <= set(labels) - {level.label}:
                raise ValueError(f"{level.label} must be measured against others of {labels}, got {level.against}")

    def level(self, label: str) -> Level:
        """Return the level called `label`."""
        return next(level for level in self.levels if level.label == label)

    def baselines(self, level: Level) -> tuple[str, ...]:
        """Return the labels that the effect of `level` is measured against: none for the first level."""
        if level.against is None:
            return () if level == self.levels[0] else (self.levels[0].label,)
        return level.against

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that its levels set, in order."""
        return tuple(self.levels[0].setting)

    @property
    def numbers(self) -> tuple[float, ...]:
        """The numbers that the levels stand for, where these are of exactly one parameter; else none."""
        numeric = [
            name for name in self.levels[0].setting if all(_is_number(level.setting[name]) for level in self.levels)
        ]
        return tuple(float(level.setting[numeric[0]]) for level in self.levels) if len(numeric) == 1 else ()


@dataclass(frozen=True)
class Design:
    """Every combination of the levels of some factors."""

    factors: tuple[Factor, ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that any level sets, in order."""
        return tuple(dict.fromkeys(name for factor in self.factors for name in factor.parameters))

    def cells(self) -> Iterator[tuple[CellName, Setting]]:
        """Yield the labels and the setting of every cell, the last factor varying fastest."""
        for levels in product(*(factor.levels for factor in self.factors)):
            yield (
                tuple(level.label for level in levels),
                {name: value for level in levels for name, value in level.setting.items()},
            )

    def labels(self, trial: TrialSpec) -> CellName:
        """Return the cell that `trial` lies in.

        Raises:
            ValueError: it lies in none.
        """
        found = tuple(next((lv.label for lv in factor.levels if lv.holds(trial)), "") for factor in self.factors)
        if "" in found:
            raise ValueError(f"a trial must lie in a cell of its design, got {trial.key}")
        return found


def levels(
    name: str, values: Sequence[Any], labels: Mapping[Any, str] | None = None, *, template: str = "{}"
) -> tuple[Level, ...]:
    """Return a level for each value of the parameter `name`, called as `labels` say, or by the `template`."""
    named = labels or {}
    return tuple(Level(named.get(value) or template.format(value), {name: value}) for value in values)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)
