"""Which settings together generalise best? Many at random, the best few again with fresh seeds, the winner tested."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

import tyro

from pipeline.errors import ConfigError, require
from pipeline.run.replay import any_rows
from pipeline.run.samplers import LogRange
from pipeline.run.space import Choices, Dimension, Interval, Space
from pipeline.run.stage import Listed, SpaceSearch, Stage, StageResult, means
from pipeline.run.sweep import Sweep
from pipeline.spec import (
    InitSpec,
    NetworkSpec,
    ScheduleSpec,
    Setting,
    TrialSpec,
    parameter,
    positive_integer,
    with_setting,
)
from sweeps.cli import asked
from sweeps.depth import hidden_sizes
from sweeps.question import Rows

SEARCH, CONFIRM, FINAL = "random-search", "random-confirm", "random-final"
"""The stages. Seeds are made from their names, and no two sweeps are to share their noise."""

PARAMETERS = ("hidden", "batch_norm", "init", "sigma", "lambda", "eta_max", "keep")
"""What tells two settings of this sweep apart, by public name."""

DEFAULT: Setting = {
    **{"hidden": (50, 50), "batch_norm": "before", "init": "he", "sigma": None},
    **{"lambda": 0.005, "eta_max": 0.1, "keep": 1.0},
}
"""The network to compare with: that of DD2424, assignment 3."""


@dataclass(frozen=True)
class Searched:
    """What is searched. Of a number: one fixes it, two are the ends of its range."""

    hidden: tuple[str, ...] = ("50", "50-50", "100-50", "200-100", "500-250-100")
    """networks to choose from, by their hidden sizes"""
    batch_norm: tuple[str, ...] = ("before",)
    """of none, before and after, those to choose from"""
    eta_max: tuple[float, ...] = (0.01, 1.0)
    """largest learning rate, on a log scale"""
    lambda_: Annotated[tuple[float, ...], tyro.conf.arg(name="lambda")] = (1e-5, 1e-1)
    """L2 penalty, on a log scale"""
    sigma: tuple[float, ...] = (1e-3, 3e-1)
    """weight scale: standard deviation of the initial weights, on a log scale"""
    keep: tuple[float, ...] = (0.5, 1.0)
    """dropout: the probability to keep a hidden unit, evenly"""

    def dimensions(self) -> dict[str, Dimension | Any]:
        """Return a Dimension, or the one value that it is fixed at, by public name.

        Raises:
            ConfigError: a range is empty or reversed, or a network is not one.
        """
        for name, listed in (("networks", self.hidden), ("batch norm", self.batch_norm)):
            require(0 < len(set(listed)) == len(listed), name, "must be different, and at least one", listed)
        hidden = {text: hidden_sizes(text) for text in self.hidden}
        norms = {text: text for text in self.batch_norm}
        return {
            "hidden": Choices(hidden, "hidden") if len(hidden) > 1 else hidden[self.hidden[0]],
            "batch_norm": Choices(norms, "batch norm") if len(norms) > 1 else self.batch_norm[0],
            "eta_max": _numbers("eta max", self.eta_max),
            "lambda": _numbers("lambda", self.lambda_),
            "sigma": _numbers("sigma", self.sigma),
            "keep": _numbers("keep", self.keep, log=False),
        }


def _numbers(of: str, given: tuple[float, ...], *, log: bool = True) -> Dimension | float:
    require(len(given) in (1, 2), of, "must be one number, or the two ends of a range", given)
    first, last = given[0], given[-1]
    if len(given) == 1:
        return first
    return LogRange(first, last, of) if log else Interval(first, last, of)


@dataclass(frozen=True)
class SearchStage:
    """The search: many settings, trained shortly."""

    count: int = 60
    """settings"""
    replicates: int = 1
    """pairs of seeds each: one, as many settings tell more than few repeats; the next stage repeats the best"""
    step_size: int = 3
    cycles: int = 1
    sampler: str = "random"
    """any sampler of Optuna: random, qmc, tpe, nsgaii, cmaes, gp, ..., or its class"""
    round_size: int = 20
    """settings that are proposed (and packed) at a time"""
    val_fraction: float = 0.1
    """of the training rows, kept for validation"""

    def __post_init__(self) -> None:
        positive_integer("count (settings)", self.count)
        positive_integer("replicates", self.replicates)
        positive_integer("round size", self.round_size)
        whole = self.count % self.round_size == 0
        require(whole, "count (settings)", f"must be a multiple of the round size {self.round_size}", self.count)
        if self.sampler != "random":  # the one that needs no asking: Optuna takes a second, which --help can spare
            from pipeline.run.proposals import looks_back  # noqa: PLC0415

            looks_back(self.sampler)  # refuses unknown names


@dataclass(frozen=True)
class ConfirmStage:
    """The best settings once more, with fresh seeds and for longer: the best of them here is the winner."""

    finalists: int = 5
    """settings"""
    replicates: int = 2
    step_size: int = 4
    cycles: int = 2
    val_fraction: float = 0.1

    def __post_init__(self) -> None:
        positive_integer("finalists", self.finalists)
        positive_integer("replicates", self.replicates)


@dataclass(frozen=True)
class FinalStage:
    """The winner and the default network, with fresh seeds. Opens the test set."""

    replicates: int = 5
    step_size: int = 5
    cycles: int = 2
    val_fraction: float = 0.02

    def __post_init__(self) -> None:
        positive_integer("replicates", self.replicates)


@dataclass(frozen=True)
class RandomSearch:
    """Which hidden sizes, learning rate, lambda, weight scale and dropout generalise best together?

    Many settings are trained shortly, the best few again with fresh seeds; the winner of these is tested beside the
    default network. How much each parameter matters is said by fANOVA.
    """

    space: Searched = field(default_factory=Searched)
    eta_min: float = 1e-5
    batch_size: int = 100
    search: SearchStage = field(default_factory=SearchStage)
    confirm: ConfirmStage = field(default_factory=ConfirmStage)
    final: FinalStage = field(default_factory=FinalStage)

    def __post_init__(self) -> None:
        rule = f"must not exceed the {self.search.count} settings of the search"
        require(self.confirm.finalists <= self.search.count, "finalists", rule, self.confirm.finalists)
        for stage in (self.search, self.confirm, self.final):
            trial = self.trial(stage, any_rows)
            for name, dimension in self.searched.items():  # so that what no trial can be is refused before data is read
                for value in _ends(dimension):
                    with_setting(trial, {name: value})

    @classmethod
    def at_scale(cls, scale: str) -> Self:
        """Return the defaults at a scale: smoke proves that everything runs, quick gives a first impression."""
        if scale == "smoke":
            return cls(
                search=SearchStage(count=8, step_size=1, round_size=8),
                confirm=ConfirmStage(finalists=2, replicates=2, step_size=1, cycles=1),
                final=FinalStage(replicates=2, step_size=1, cycles=1),
            )
        if scale == "quick":
            return cls(
                search=SearchStage(count=20, step_size=2),
                confirm=ConfirmStage(finalists=3, replicates=2, step_size=2),
                final=FinalStage(replicates=3, step_size=2),
            )
        return cls()

    @property
    def searched(self) -> dict[str, Dimension]:
        """What varies, by public name."""
        return {name: each for name, each in self.space.dimensions().items() if isinstance(each, Dimension)}

    @property
    def fixed(self) -> Setting:
        """What of the searched parameters is fixed at one value."""
        return {name: each for name, each in self.space.dimensions().items() if not isinstance(each, Dimension)}

    def trial(
        self, stage: SearchStage | ConfirmStage | FinalStage, rows: Rows, *, opens_test: bool = False
    ) -> TrialSpec:
        """Return what all trials of a stage share, with a value of every searched parameter in its place."""
        every = {name: next(_ends(each)) for name, each in self.searched.items()} | dict(self.fixed)
        schedule = ScheduleSpec("triangular", self.eta_min, every["eta_max"], stage.step_size, stage.cycles)
        data = rows(stage.val_fraction, opens_test)
        trial = TrialSpec(data, NetworkSpec(), InitSpec("normal", every["sigma"]), schedule, batch_size=self.batch_size)
        return with_setting(trial, every)


def _ends(dimension: Dimension) -> Iterator[Any]:
    """Yield the values that a rule would refuse first: both ends of a range, every choice."""
    if isinstance(dimension, Choices):
        yield from dimension.values.values()
    else:
        yield from (dimension.low, dimension.high)


@dataclass(frozen=True)
class Ranked:
    """A setting and its mean validation accuracy in a stage, over the seeds of which every one completed."""

    setting: Setting
    mean: float


@dataclass(frozen=True)
class Conclusion:
    """What the search came to, stage by stage, the best first; settings of which a trial did not complete are none."""

    searched: Sequence[Ranked]
    confirmed: Sequence[Ranked] = ()

    @property
    def winner(self) -> Setting | None:
        """The setting with the best mean in the second stage."""
        return self.confirmed[0].setting if self.confirmed else None

    @property
    def roles(self) -> dict[str, Setting]:
        """The settings of the final stage by what they are there for."""
        return {"winner": self.winner, "default": DEFAULT} if self.winner else {}


def stages(config: RandomSearch, rows: Rows) -> Sweep[Conclusion]:
    """Yield the stages: the search, its best settings again, and what the winner is worth beside the default."""
    search = config.search
    proposal = SpaceSearch(_space(config), search.sampler, search.count, search.round_size)
    result = yield Stage(SEARCH, config.trial(search, rows), proposal, search.replicates)
    searched = ranked(result)
    if not searched:
        return Conclusion(searched)
    finalists = Listed(tuple(each.setting for each in searched[: config.confirm.finalists]))
    result = yield Stage(CONFIRM, config.trial(config.confirm, rows), finalists, config.confirm.replicates)
    conclusion = Conclusion(searched, ranked(result))
    if conclusion.roles:  # the choice is fixed here; what follows measures it
        settings = Listed(_distinct(conclusion.roles))
        trial = config.trial(config.final, rows, opens_test=True)
        yield Stage(FINAL, trial, settings, config.final.replicates, keeps_networks=True)
    return conclusion


def _space(config: RandomSearch) -> Space:
    if not config.searched:
        raise ConfigError("a search must vary at least one parameter, got one value of each")
    return Space(config.searched)


def _distinct(roles: Mapping[str, Setting]) -> tuple[Setting, ...]:
    """Return the settings, each once: the winner may be the default."""
    settings = list(roles.values())
    return tuple(setting for index, setting in enumerate(settings) if setting not in settings[:index])


def ranked(result: StageResult) -> tuple[Ranked, ...]:
    """Return the settings of a stage that completed with every seed, the best mean first, of equals the earlier."""
    found = [(values, mean) for values, mean in means(result.records, PARAMETERS) if mean is not None]
    best = sorted(found, key=lambda pair: -pair[1])
    return tuple(Ranked(dict(zip(PARAMETERS, values, strict=True)), mean) for values, mean in best)


def setting_of(trial: TrialSpec) -> Setting:
    """Return the setting of a trial."""
    return {name: parameter(trial, name) for name in PARAMETERS}


ENTRY = asked(RandomSearch, "sweeps.answers.random_search_results:QUESTION")


def budgets(_config: RandomSearch) -> list[str]:
    """Return what may grow without a new run: more settings are more rounds, more finalists' seeds are more packs.

    Should the choice move, the final stage runs for the new one.
    """
    return ["search.count", "confirm.replicates"]
