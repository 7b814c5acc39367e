"""Which settings together generalise best? Many at random, the best few again with fresh seeds, the winner tested."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from pipeline.errors import require
from pipeline.run.replay import any_rows
from pipeline.run.stage import (
    Listed,
    SpaceSearch,
    Stage,
    StageResult,
    Sweep,
    check_counts,
    check_prune,
    check_trials,
    means,
)
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
from sweeps.question import Rows
from sweeps.random_search_space import Searched, ends

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
class SearchStage:
    """The search: many settings."""

    count: int = 60
    """settings"""
    replicates: int = 1
    """pairs of seeds each: one, as many settings tell more than few repeats; the next stage repeats the best"""
    step_size: int = 3
    """epochs of half a cycle of the learning rate"""
    cycles: int = 1
    """cycles of the learning rate"""
    sampler: str = "random"
    """one of Optuna's that needs nothing but a seed: random, qmc, tpe, nsgaii, cmaes, gp, ..., or its class"""
    round_size: int = 20
    """settings that are proposed (and packed) at a time; divides the count"""
    val_fraction: float = 0.1
    """of the training rows, kept for validation"""
    prune: float = 0.0
    """share of a round's settings, the worst, that is dropped at the end of every cycle but the last; 0: none is"""

    def __post_init__(self) -> None:
        positive_integer("count (settings)", self.count)
        positive_integer("replicates", self.replicates)
        check_trials(self.count, self.replicates, "the search")
        positive_integer("round size", self.round_size)
        whole = self.count % self.round_size == 0
        require(whole, "count (settings)", f"must be a multiple of the round size {self.round_size}", self.count)
        check_prune(self.prune, self.cycles, self.round_size)
        back = False
        if self.sampler != "random":  # the one that needs no asking: Optuna takes a second, which --help can spare
            from pipeline.run.proposals import looks_back  # noqa: PLC0415

            back = looks_back(self.sampler)  # refuses unknown names
        check_counts(self.count, self.round_size, looks_back=back)


@dataclass(frozen=True)
class ConfirmStage:
    """The best settings of the search once more, with fresh seeds: the best of them here is the winner."""

    finalists: int = 5
    """settings, the best of the search"""
    replicates: int = 2
    """pairs of seeds each; more of them extend a run that is there"""
    step_size: int = 4
    """epochs of half a cycle"""
    cycles: int = 2
    """cycles of the learning rate"""
    val_fraction: float = 0.1
    """of the training rows, kept for validation"""

    def __post_init__(self) -> None:
        positive_integer("finalists", self.finalists)
        positive_integer("replicates", self.replicates)


@dataclass(frozen=True)
class FinalStage:
    """The winner and the default network, with fresh seeds. Opens the test set."""

    replicates: int = 5
    """pairs of seeds each"""
    step_size: int = 5
    """epochs of half a cycle"""
    cycles: int = 2
    """cycles of the learning rate"""
    val_fraction: float = 0.02
    """of the training rows, kept for validation"""

    def __post_init__(self) -> None:
        positive_integer("replicates", self.replicates)


@dataclass(frozen=True)
class RandomSearch:
    """Which hidden sizes, learning rate, lambda, weight scale and dropout generalise best together?

    Many settings are trained, the best few again with fresh seeds; the winner of these is tested beside the default
    network. How much each parameter matters is said by fANOVA and rank tests.
    """

    space: Searched = field(default_factory=Searched)
    eta_min: float = 1e-5
    """smallest learning rate of every cycle"""
    batch_size: int = 100
    """rows of a mini-batch"""
    search: SearchStage = field(default_factory=SearchStage)
    confirm: ConfirmStage = field(default_factory=ConfirmStage)
    final: FinalStage = field(default_factory=FinalStage)

    def __post_init__(self) -> None:
        rule = f"must not exceed the {self.search.count} settings of the search"
        require(self.confirm.finalists <= self.search.count, "finalists", rule, self.confirm.finalists)
        for stage in (self.search, self.confirm, self.final):
            trial = self.trial(stage, any_rows)
            for name, dimension in self.space.dimensions.items():  # what no trial can be is refused before data is read
                for value in ends(dimension):
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

    def trial(
        self, stage: SearchStage | ConfirmStage | FinalStage, rows: Rows, *, opens_test: bool = False
    ) -> TrialSpec:
        """Return what all trials of a stage share, with a value of every searched parameter in its place."""
        every = {name: next(ends(each)) for name, each in self.space.dimensions.items()} | dict(self.space.fixed)
        schedule = ScheduleSpec("triangular", self.eta_min, every["eta_max"], stage.step_size, stage.cycles)
        data = rows(stage.val_fraction, opens_test)
        trial = TrialSpec(data, NetworkSpec(), InitSpec("normal", every["sigma"]), schedule, batch_size=self.batch_size)
        return with_setting(trial, every)


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
    proposal = SpaceSearch(config.space.space(), search.sampler, search.count, search.round_size)
    result = yield Stage(SEARCH, config.trial(search, rows), proposal, search.replicates, prune=search.prune)
    searched = ranked(result)
    if not searched:
        return Conclusion(searched)
    finalists = Listed(tuple(each.setting for each in searched[: config.confirm.finalists]))
    result = yield Stage(CONFIRM, config.trial(config.confirm, rows), finalists, config.confirm.replicates)
    conclusion = Conclusion(searched, ranked(result))
    if conclusion.roles:  # the choice is fixed here; what follows measures it
        settings = Listed(tuple(conclusion.roles.values()))  # two: a setting of the search is never the default
        trial = config.trial(config.final, rows, opens_test=True)
        yield Stage(FINAL, trial, settings, config.final.replicates, keeps_networks=True)
    return conclusion


def ranked(result: StageResult) -> tuple[Ranked, ...]:
    """Return the settings of a stage that completed with every seed, the best mean first, of equals the earlier."""
    found = [(values, mean) for values, mean in means(result.records, PARAMETERS) if mean is not None]
    best = sorted(found, key=lambda pair: -pair[1])
    return tuple(Ranked(dict(zip(PARAMETERS, values, strict=True)), mean) for values, mean in best)


def setting_of(trial: TrialSpec) -> Setting:
    """Return the setting of a trial."""
    return {name: parameter(trial, name) for name in PARAMETERS}


ENTRY = asked(RandomSearch, stages, "sweeps.answers.random_search_results:QUESTION")


def budgets(_config: RandomSearch) -> list[str]:
    """Return what may grow without a new run: of the last search stage only, as all that follows depends on it.

    More seeds for the finalists are more packs; more settings of the search would be other finalists.
    """
    return ["confirm.replicates"]
