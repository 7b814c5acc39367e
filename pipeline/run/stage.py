"""A stage as a value: what is fixed, which settings are asked, how often."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError, require
from pipeline.records import TrialRecord
from pipeline.run.pruning import dropped
from pipeline.run.samplers import WHAT_COUNT, LogRange, adaptive, enumerated, replicate_seeds, sampler_seed
from pipeline.run.space import Space
from pipeline.spec import Setting, TrialSpec, canonical_json, parameter, positive_integer, with_setting

MOST_SETTINGS = 10_000
"""Of a search: what its samplers propose in seconds."""

MOST_LOOKED_BACK_AT = 1_000
"""Of a search whose every round looks at all before it: what that takes grows with their square."""

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

    @property
    def together(self) -> int:
        """The settings of a round, where it is a whole one: they are ranked together."""
        ...

    @property
    def looks_back(self) -> bool:
        """Whether a round depends on the results of the rounds before."""
        ...

    @property
    def space(self) -> Space | None:
        """Where it looks; None where nothing is searched."""
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

    @property
    def together(self) -> int:
        """All of them."""
        return self.count

    @property
    def looks_back(self) -> bool:
        """There is nothing to look back at."""
        return False

    @property
    def space(self) -> None:
        """Nothing is searched."""
        return

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
        check_counts(self.count, self.round_size, looks_back=self.looks_back)
        if not self.looks_back:  # refuses what cannot be enumerated before anything runs
            enumerated(self.sampler, self.searched, self.count, 0)

    @property
    def rounds(self) -> int:
        """One for a grid, which is one thing; else as many as `count` takes."""
        return 1 if self.sampler == "grid" else -(-self.count // self.round_size)

    @property
    def together(self) -> int:
        """All of a grid; else those of a round."""
        return self.count if self.rounds == 1 else self.round_size

    @property
    def looks_back(self) -> bool:
        """Whether the sampler is TPE."""
        return adaptive(self.sampler)

    @property
    def space(self) -> Space:
        """The one range."""
        return Space({self.name: self.searched})

    def settings(self, stage: str, root: int, round_: int, earlier: Sequence[TrialRecord]) -> tuple[Setting, ...]:
        """Return the settings of one round; TPE alone looks at `earlier`, as one observation per setting."""
        size = self.together
        start = round_ * size
        if self.looks_back:
            from pipeline.run.proposals import propose  # noqa: PLC0415  (Optuna, which bad input need not wait for)

            size = min(size, self.count - start)
            history = means(earlier, (self.name,), pruned=True)
            return propose(self.space, size, history, sampler_seed(root, stage, round_))
        values = enumerated(self.sampler, self.searched, self.count, sampler_seed(root, stage))
        return tuple({self.name: value} for value in values[start : start + size])


@dataclass(frozen=True)
class SpaceSearch:
    """Several parameters searched at once by one of Optuna's samplers, in rounds of `round_size` settings."""

    space: Space
    sampler: str
    count: int
    round_size: int

    def __post_init__(self) -> None:
        from pipeline.run.proposals import check  # noqa: PLC0415  (Optuna, which bad input need not wait for)

        check_counts(self.count, self.round_size, looks_back=self.looks_back)
        check(self.space, self.sampler, self.count)

    @property
    def rounds(self) -> int:
        """As many as `count` takes."""
        return -(-self.count // self.round_size)

    @property
    def together(self) -> int:
        """Those of a round."""
        return min(self.round_size, self.count)

    @property
    def looks_back(self) -> bool:
        """Whether the sampler is neither random nor quasi-random."""
        from pipeline.run.proposals import looks_back  # noqa: PLC0415

        return looks_back(self.sampler)

    def settings(self, stage: str, root: int, round_: int, earlier: Sequence[TrialRecord]) -> tuple[Setting, ...]:
        """Return the settings of one round; a larger count only appends rounds."""
        from pipeline.run.proposals import proposed  # noqa: PLC0415

        start = round_ * self.round_size
        size = min(self.round_size, self.count - start)
        seed = sampler_seed(root, stage)
        if self.looks_back:
            sizes = [self.round_size] * round_ + [size]
            return proposed(self.space, self.sampler, sizes, dict(means(earlier, self.space.names, pruned=True)), seed)
        return proposed(self.space, self.sampler, [start + size], {}, seed)[start:]


def check_counts(count: int, round_size: int, *, looks_back: bool) -> None:
    """Refuse a search for more settings than can be proposed.

    Raises:
        ConfigError: there are too many, or none.
    """
    positive_integer(WHAT_COUNT, count)
    positive_integer("settings per round", round_size)
    most = MOST_LOOKED_BACK_AT if looks_back else MOST_SETTINGS
    rule = f"must be at most {most:,}{' with a sampler that looks back' if looks_back else ''}"
    require(count <= most, WHAT_COUNT, rule, count)


def check_trials(settings: int, replicates: int, of: str) -> None:
    """Refuse a stage of more trials than can be planned.

    Raises:
        ConfigError: there are, or a setting has none.
    """
    positive_integer(f"replicates of {of}", replicates)
    rule = f"must be at most {MOST_TRIALS:,}"
    require(settings * replicates <= MOST_TRIALS, f"trials of {of}", rule, settings * replicates)


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
        prune: the share of the settings of a round, the worst, that is dropped at the end of every cycle but the last.
    """

    name: str
    fixed: TrialSpec
    proposal: Proposal
    replicates: int
    keeps_networks: bool = False
    prune: float = 0.0

    def __post_init__(self) -> None:
        check_trials(self.proposal.count, self.replicates, f"stage {self.name}")
        check_prune(self.prune, self.fixed.schedule.cycles, self.proposal.together, f"prune of {self.name}")
        if self.prune and self.fixed.data.n_test:
            raise ConfigError(f"stage {self.name} must not prune where it opens the test set, got {self.prune}")
        if self.keeps_networks and not self.fixed.data.n_test:
            raise ConfigError(f"stage {self.name} must have test rows to keep networks, got none")

    @property
    def count(self) -> int:
        """The trials of the whole stage."""
        return self.proposal.count * self.replicates

    @property
    def legs(self) -> tuple[int | None, ...]:
        """The cycles that packs train one by one, with a choice among the settings in between; or None: all at once."""
        return tuple(range(1, self.fixed.schedule.cycles + 1)) if self.prune else (None,)

    def trials(self, settings: Sequence[Setting], root: int) -> list[TrialSpec]:
        """Return the trials of `settings`: replicate after replicate, so that more replicates only append."""
        specs = [with_setting(self.fixed, setting) for setting in settings]
        seeds = [replicate_seeds(root, self.name, replicate) for replicate in range(self.replicates)]
        return [with_setting(spec, {"init_seed": i, "order_seed": o}) for i, o in seeds for spec in specs]


def check_prune(share: float, cycles: int, together: int, what: str = "prune") -> None:
    """Refuse a share of settings to drop at the ends of cycles that is none, or that never drops any.

    Args:
        share: of the settings.
        cycles: how many there are.
        together: the settings that are ranked with each other, those of a round.
        what: the name of the share.

    Raises:
        ConfigError: it is.
    """
    require(0 <= share < 1, what, "must be a share of the settings in [0, 1)", share)
    rule = "must be 0 with 1 cycle: settings are dropped between cycles"
    require(share == 0 or cycles > 1, what, rule, share)
    rule = f"must drop a setting or be 0: floor(prune x {together}) of the {together} that are ranked together"
    require(share == 0 or dropped(together, share) > 0, what, rule, share)


@dataclass(frozen=True)
class StageResult:
    """A finished stage: its records in plan order."""

    stage: Stage
    records: tuple[TrialRecord, ...]

    def scores(self, name: str) -> tuple[list[float], NDArray[np.float64]]:
        """Return the values of the parameter `name`, increasing, and their validation accuracies (L, R).

        A trial that did not complete is nan, pruned ones included.
        """
        values = sorted({parameter(record.spec, name) for record in self.records})
        scores = np.full((len(values), self.stage.replicates), np.nan)
        for record in self.records:
            accuracy = record.final("val_accuracy")
            if accuracy is not None:
                scores[values.index(parameter(record.spec, name)), record.replicate] = accuracy
        return values, scores


Conclusion = TypeVar("Conclusion")

Sweep: TypeAlias = Generator[Stage, StageResult, Conclusion]
"""Yields stages, is sent their results, returns its conclusion."""


def means(
    records: Sequence[TrialRecord], names: Sequence[str], *, pruned: bool = False
) -> list[tuple[tuple[Any, ...], float | None]]:
    """Return each setting, as the values of the parameters `names`, and its mean validation accuracy.

    Settings come in order of appearance; the mean is over their replicates, None if one of these did not complete.
    With `pruned`, that of a setting that was dropped at the end of a cycle is the mean it had then.
    """
    accuracies: dict[tuple[Any, ...], list[float | None]] = {}
    for record in records:
        setting = tuple(parameter(record.spec, name) for name in names)
        accuracy = record.last("val_accuracy") if pruned else record.final("val_accuracy")
        accuracies.setdefault(setting, []).append(accuracy)
    return [(setting, _mean(found)) for setting, found in accuracies.items()]


def _mean(values: Sequence[float | None]) -> float | None:
    finite = [value for value in values if value is not None]
    return sum(finite) / len(finite) if len(finite) == len(values) else None
