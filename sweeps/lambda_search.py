"""Which lambda? A search from coarse to fine, then the winners trained longer, with fresh seeds, and tested once."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from pipeline.errors import one_of, require
from pipeline.inference import Choice, Interval, interval_rule, one_standard_error, widened
from pipeline.records import Status
from pipeline.run.replay import any_rows
from pipeline.run.samplers import SAMPLERS, LogRange, adaptive
from pipeline.run.stage import Listed, Search, Stage, StageResult, Sweep, check_counts, check_prune, check_trials
from pipeline.spec import (
    DataSpec,
    InitSpec,
    NetworkSpec,
    OptimizerSpec,
    ScheduleSpec,
    TrialSpec,
    positive_integer,
)
from sweeps.cli import asked

WIDENINGS = 2
"""How often the coarse range is moved, a decade at a time, when the best lambda lies at its end."""


@dataclass(frozen=True)
class SearchStage:
    """A search stage: `count` lambdas by `sampler`, each with `replicates` pairs of seeds."""

    count: int
    replicates: int
    step_size: int
    cycles: int = 2
    sampler: str = "grid"
    """grid, random, sobol or tpe"""
    round_size: int = 4
    """lambdas that random, sobol and tpe propose (and pack) at a time"""
    val_fraction: float = 0.1
    """of the training rows, kept for validation"""
    prune: float = 0.0
    """share of the lambdas proposed together, the worst, dropped at the end of every cycle but the last; 0: none is"""

    def __post_init__(self) -> None:
        positive_integer("count (lambdas of a stage)", self.count)
        positive_integer("replicates", self.replicates)
        check_trials(self.count, self.replicates, "a stage")
        one_of("sampler", self.sampler, SAMPLERS)
        positive_integer("round size", self.round_size)
        check_counts(self.count, self.round_size, looks_back=adaptive(self.sampler))
        whole = self.sampler == "grid" or self.count % self.round_size == 0
        require(whole, f"count of a {self.sampler} stage", f"must be a multiple of {self.round_size}", self.count)
        check_prune(self.prune, self.cycles, self.count if self.sampler == "grid" else self.round_size)


@dataclass(frozen=True)
class FinalStage:
    """The last stage: best, one-standard-error and default lambda, longer and with fresh seeds. Opens the test set."""

    default: float = 0.005
    """a lambda to compare with, that of the handouts"""
    replicates: int = 6
    step_size: int = 5
    cycles: int = 3
    val_fraction: float = 0.02

    def __post_init__(self) -> None:
        require(math.isfinite(self.default) and self.default >= 0, "default lambda", "must be >= 0", self.default)
        positive_integer("replicates", self.replicates)


@dataclass(frozen=True)
class LambdaSearch:
    """Which L2 penalty lambda generalises best? Coarse to fine, then a test of the winners."""

    network: NetworkSpec = field(default_factory=NetworkSpec)
    init: InitSpec = field(default_factory=InitSpec)
    optimizer: OptimizerSpec = field(default_factory=OptimizerSpec)
    eta_min: float = 1e-5
    eta_max: float = 1e-1
    batch_size: int = 100
    low: float = 1e-5
    """lower end of the first range of lambda"""
    high: float = 1e-1
    """upper end of the first range of lambda"""
    screen: int = 0
    """first principal components that stand for the pixels in the coarse stage (approximate); 0 for the pixels"""
    coarse: SearchStage = field(default_factory=lambda: SearchStage(count=16, replicates=2, step_size=2))
    refine: SearchStage = field(default_factory=lambda: SearchStage(count=12, replicates=4, step_size=5))
    final: FinalStage = field(default_factory=FinalStage)

    def __post_init__(self) -> None:
        LogRange(self.low, self.high)
        require(self.screen >= 0, "screen", "must be a number of principal components, or 0 for none", self.screen)
        for stage in (self.coarse, self.refine, self.final):  # what no trial can be is refused before data is read
            self.trial(stage, any_rows(stage.val_fraction, False))

    @classmethod
    def at_scale(cls, scale: str) -> Self:
        """Return the defaults at a scale: smoke proves that everything runs, quick gives a first impression."""
        if scale == "smoke":
            return cls(
                coarse=SearchStage(count=4, replicates=2, step_size=1, cycles=1),
                refine=SearchStage(count=4, replicates=2, step_size=1, cycles=1),
                final=FinalStage(replicates=2, step_size=1, cycles=1),
            )
        if scale == "quick":
            return cls(
                coarse=SearchStage(count=8, replicates=2, step_size=1),
                refine=SearchStage(count=8, replicates=2, step_size=2),
                final=FinalStage(replicates=3, step_size=2),
            )
        return cls()

    def trial(self, stage: SearchStage | FinalStage, rows: DataSpec) -> TrialSpec:
        """Return what all trials of a stage share."""
        schedule = ScheduleSpec(
            eta_min=self.eta_min, eta_max=self.eta_max, step_size=stage.step_size, cycles=stage.cycles
        )
        return TrialSpec(rows, self.network, self.init, schedule, self.optimizer, self.batch_size)


@dataclass(frozen=True)
class Range:
    """One coarse stage: where it looked and what the interval rule made of it, in numbers and words."""

    stage: str
    low: float
    high: float
    interval: Interval | None
    words: str


@dataclass(frozen=True)
class Conclusion:
    """What the search came to; `choice` is None where no lambda of a search stage completed with every seed.

    Where `screen` is not 0, the ranges were searched on so many principal components: their results are approximate.
    """

    ranges: tuple[Range, ...]
    refined: tuple[float, float] | None = None
    choice: Choice | None = None
    refine_words: str = ""
    screen: int = 0

    def roles(self, default: float) -> dict[str, float]:
        """Return the lambdas of the final stage by what they are there for."""
        if self.choice is None:
            return {}
        return {"chosen": self.choice.best, "one standard error": self.choice.one_se, "default": default}

    @property
    def reason(self) -> str:
        """How the choice came about, in words."""
        words = []
        on = f" on {self.screen} principal components of the rows (approximate)" if self.screen else ""
        for index, tried in enumerate(self.ranges):
            verb = "searched" if index == 0 else "moved the range a decade and searched"
            words.append(f"{tried.stage}: {verb} {tried.low:g} to {tried.high:g}{on}; {tried.words}")
        if self.ranges[-1].interval and self.ranges[-1].interval.edge and len(self.ranges) > WIDENINGS:
            words.append(f"The best still lies at an end after {WIDENINGS} moves: the range may be wrong.")
        if self.refined:
            words.append(f"refine: {self.refine_words}")
        if self.choice and self.choice.best in (self.refined or ()):
            words.append("It lies at an end of the refined range; what lies beyond was searched only coarsely.")
        return " ".join(words)


def _nothing(result: StageResult) -> str:
    """Say why a stage leaves nothing to choose from."""
    ended = Counter(record.status for record in result.records)
    diverged, failed, pruned = (ended[status] for status in (Status.DIVERGED, Status.FAILED, Status.PRUNED))
    if diverged == len(result.records):
        return "every trial diverged, so nothing is chosen."
    dropped = f", {pruned} were dropped with their lambda" if pruned else ""
    return (
        f"no lambda completed with every seed ({diverged} of {len(result.records)} trials diverged, {failed} failed"
        f"{dropped}), so nothing is chosen."
    )


def _pruned(result: StageResult) -> str:
    """Say how many lambdas were dropped before the last cycle, as a sentence to append; nothing if none were."""
    dropped = {record.spec.lambda_ for record in result.records if record.status is Status.PRUNED}
    count, cycles = result.stage.proposal.count, result.stage.fixed.schedule.cycles
    return f" {len(dropped)} of the {count} lambdas were dropped before the last of {cycles} cycles." if dropped else ""


def stages(config: LambdaSearch, rows: Callable[[float, bool], DataSpec]) -> Sweep[Conclusion]:
    """Yield the stages of the search.

    Args:
        config: the configuration.
        rows: (fraction of the training rows to validate on, whether the test set is opened) -> the rows.
    """
    ranges = yield from _coarse(config, rows)
    interval = ranges[-1].interval
    if interval is None:
        return Conclusion(ranges, screen=config.screen)
    low, high = refined = _refined(interval)
    result = yield _search_stage("refine", config, config.refine, LogRange(low, high), rows)
    choice = one_standard_error(*result.scores("lambda"))
    words = choice.words + _pruned(result) if choice else _nothing(result)
    conclusion = Conclusion(ranges, refined, choice, words, config.screen)
    lambdas = tuple(dict.fromkeys(conclusion.roles(config.final.default).values()))
    if lambdas:  # the choice is fixed here; what follows measures it
        yield Stage(
            "final",
            config.trial(config.final, rows(config.final.val_fraction, True)),
            Listed(tuple({"lambda": lambda_} for lambda_ in lambdas)),
            config.final.replicates,
            keeps_networks=True,
        )
    return conclusion


def _coarse(config: LambdaSearch, rows: Callable[[float, bool], DataSpec]) -> Sweep[tuple[Range, ...]]:
    """Search the first range, and where the best lies at an end, the range a decade further that way.

    On principal components, where the configuration wants that: the stages' names say that they are approximate.
    """
    low, high = config.low, config.high
    first = "coarse-approximate" if config.screen else "coarse"
    ranges: list[Range] = []
    while True:
        name = f"{first}-{len(ranges) + 1}" if ranges else first
        result = yield _search_stage(name, config, config.coarse, LogRange(low, high), rows, components=config.screen)
        interval = interval_rule(*result.scores("lambda"), on_grid=config.coarse.sampler == "grid")
        words = interval.words + _pruned(result) if interval else _nothing(result)
        ranges.append(Range(name, low, high, interval, words))
        if interval is None or interval.edge is None or len(ranges) > WIDENINGS:
            return tuple(ranges)
        low, high = widened(low, high, interval.edge)


def _search_stage(
    name: str,
    config: LambdaSearch,
    stage: SearchStage,
    searched: LogRange,
    rows: Callable[[float, bool], DataSpec],
    *,
    components: int = 0,
) -> Stage:
    data = rows(stage.val_fraction, False)
    return Stage(
        name,
        config.trial(stage, data.on_components(components) if components else data),
        Search("lambda", searched, stage.sampler, stage.count, stage.round_size),
        stage.replicates,
        prune=stage.prune,
    )


def _refined(interval: Interval) -> tuple[float, float]:
    """Return the range to refine; around a single coarse value, half a decade each way."""
    low, high = interval.padded
    return (low, high) if low < high else (low / math.sqrt(10), high * math.sqrt(10))


ENTRY = asked(LambdaSearch, stages, "sweeps.answers.lambda_results:QUESTION")


def budgets(config: LambdaSearch) -> list[str]:
    """Return what may grow without a new run: of the last search stage only, as all that follows depends on it.

    More lambdas are more rounds; a grid has one, so that another count is another grid. Where lambdas are dropped by
    their means, other replicates would have dropped others.
    """
    replicates = ["refine.replicates"] if not config.refine.prune else []
    return replicates if config.refine.sampler == "grid" else [*replicates, "refine.count"]
