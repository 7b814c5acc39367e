"""A stage as a value: what is fixed, which settings are asked, how often."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError, require
from pipeline.records import TrialRecord
from pipeline.run.samplers import LogRange, adaptive, enumerated, replicate_seeds, sampler_seed
from pipeline.spec import Setting, TrialSpec, canonical_json, parameter, positive_integer, with_setting

MOST_TRIALS = 1_000_000
"""Of a stage: what can be planned in minutes, and far more than anybody can wait for."""


class Proposal(Protocol):
    """Where the settings of a stage come from: all at once, or in rounds that look at the rounds before."""

    @property
    def count(self) -> int:
        """The settings of all rounds."""
        ...

    @property
    def rounds(self) -> int:
        """How many rounds there are."""
        ...

    def settings(self, stage: str, root: int, round_: int, earlier: Sequence[TrialRecord]) -> tuple[Setting, ...]:
        """Return the settings of a round: a function of its arguments alone."""
        ...


@dataclass(frozen=True)
class Listed:
    """Settings that are known beforehand."""

    listed: tuple[Setting, ...]

    def __post_init__(self) -> None:
        distinct = len({canonical_json(setting) for setting in self.listed})
        require(0 < distinct == len(self.listed), "settings", "must be different, and at least one", self.listed)

    @property
    def count(self) -> int:
        """The settings."""
        return len(self.listed)

    @property
    def rounds(self) -> int:
        """One."""
        return 1

    def settings(self, stage: str, root: int, round_: int, earlier: Sequence[TrialRecord]) -> tuple[Setting, ...]:
        """Return all of them."""
        return self.listed


@dataclass(frozen=True)
class Search:
    """A parameter searched over a range on a log scale; rounds of `round_size` settings, a grid in one."""

    name: str
    searched: LogRange
    sampler: str
    count: int
    round_size: int

    def __post_init__(self) -> None:
        positive_integer("settings (trials per replicate)", self.count)
        positive_integer("settings per round", self.round_size)
        if not adaptive(self.sampler):  # refuses what cannot be enumerated before anything runs
            enumerated(self.sampler, self.searched, self.count, 0)

    @property
    def rounds(self) -> int:
        """One for a grid, which is one thing; else as many as `count` takes."""
        return 1 if self.sampler == "grid" else -(-self.count // self.round_size)

    def settings(self, stage: str, root: int, round_: int, earlier: Sequence[TrialRecord]) -> tuple[Setting, ...]:
        """Return the settings of one round; TPE alone looks at `earlier`, as one observation per setting."""
        size = self.count if self.rounds == 1 else self.round_size
        start = round_ * size
        if adaptive(self.sampler):
            from pipeline.run.study import propose  # noqa: PLC0415  (Optuna, which bad input need not wait for)

            values = propose(
                self.searched,
                min(size, self.count - start),
                means(earlier, self.name),
                sampler_seed(root, stage, round_),
            )
        else:
            values = enumerated(self.sampler, self.searched, self.count, sampler_seed(root, stage))
            values = values[start : start + size]
        return tuple({self.name: value} for value in values)


@dataclass(frozen=True)
class Stage:
    """One step of a sweep: every setting of `proposal` in every replicate.

    Attributes:
        name: names its study, its rows and its seeds.
        fixed: everything that no setting changes, the data included; its seeds are replaced.
        proposal: the settings.
        replicates: how many pairs of seeds each setting runs with.
        keeps_networks: whether the trained networks and their test predictions are stored. Only a stage whose data
            has test rows can, and such a stage chooses nothing.
    """

    name: str
    fixed: TrialSpec
    proposal: Proposal
    replicates: int
    keeps_networks: bool = False

    def __post_init__(self) -> None:
        positive_integer(f"replicates of {self.name}", self.replicates)
        require(
            self.count <= MOST_TRIALS, f"trials of stage {self.name}", f"must be at most {MOST_TRIALS:,}", self.count
        )
        if self.keeps_networks and not self.fixed.data.n_test:
            raise ConfigError(f"stage {self.name} must have test rows to keep networks, got none")

    @property
    def count(self) -> int:
        """The trials of the whole stage."""
        return self.proposal.count * self.replicates

    def trials(self, settings: Sequence[Setting], root: int) -> list[TrialSpec]:
        """Return the trials of `settings`: replicate after replicate, so that more replicates only append."""
        specs = [with_setting(self.fixed, setting) for setting in settings]
        seeds = [replicate_seeds(root, self.name, replicate) for replicate in range(self.replicates)]
        return [with_setting(spec, {"init_seed": i, "order_seed": o}) for i, o in seeds for spec in specs]


@dataclass(frozen=True)
class StageResult:
    """A finished stage: its records in plan order."""

    stage: Stage
    records: tuple[TrialRecord, ...]

    def scores(self, name: str) -> tuple[list[float], NDArray[np.float64]]:
        """Return the values of the parameter `name`, increasing, and their validation accuracies (L, R).

        A trial that did not complete is nan.
        """
        values = sorted({parameter(record.spec, name) for record in self.records})
        scores = np.full((len(values), self.stage.replicates), np.nan)
        for record in self.records:
            accuracy = record.final("val_accuracy")
            if accuracy is not None:
                scores[values.index(parameter(record.spec, name)), record.replicate] = accuracy
        return values, scores


def means(records: Sequence[TrialRecord], name: str) -> list[tuple[float, float | None]]:
    """Return (value, mean validation accuracy over its replicates) in order of appearance; None if one diverged."""
    accuracies: dict[float, list[float | None]] = {}
    for record in records:
        accuracies.setdefault(parameter(record.spec, name), []).append(record.final("val_accuracy"))
    return [(value, _mean(found)) for value, found in accuracies.items()]


def _mean(values: Sequence[float | None]) -> float | None:
    finite = [value for value in values if value is not None]
    return sum(finite) / len(finite) if len(finite) == len(values) else None
