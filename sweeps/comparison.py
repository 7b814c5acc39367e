"""A comparison as a sweep: factors with named levels, trained the same way, told by the rules of all comparisons."""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, is_dataclass, replace
from typing import ClassVar, Self

from pipeline.errors import ConfigError, require
from pipeline.run.replay import any_rows
from pipeline.run.stage import Listed, Stage, StageResult, Sweep
from pipeline.spec import Design, Factor, InitSpec, Setting, TrialSpec, parameter, positive_integer, with_setting
from sweeps.grid import Grid, Values, defaults
from sweeps.question import Rows

SMOKE_ROWS = 5000
"""Training rows at the scale that only proves that everything runs."""


@dataclass(frozen=True)
class Comparison(Grid, abstract=True):
    """A grid whose cells have names. A subclass gives its factors, and says what is drawn and measured.

    Where learning rates are given, each setting is first trained with all of them, on closed test rows, and compared
    at the one with which it does best on the validation rows: no setting loses for a rate that suits another one.
    """

    title: ClassVar[str]
    """of the section of the report"""
    figures: ClassVar[tuple[str, ...]] = ("accuracy", "curves")
    """what is drawn: names of pipeline.report.comparison_figures.FIGURES"""
    metrics: ClassVar[tuple[str, ...]] = ("test_accuracy",)
    """what is compared: names that pipeline.report.tables.metric knows, the first one above all"""
    pages: ClassVar[tuple[str, ...]] = ()
    """what a run draws of its images: names of sweeps.answers.comparison_pages.PAGES"""
    datasets: ClassVar[tuple[str, ...]] = ()
    """data sets of its own: see Question"""
    spreads: ClassVar[bool] = False
    """whether the spread of numbers through the untrained networks is measured"""

    hidden: tuple[int, ...] = (50, 50)
    batch_norm: str = "before"
    """none, before or after, where it does not vary"""
    init: InitSpec = field(default_factory=InitSpec)
    etas: Values = field(default_factory=Values)
    """largest learning rates to choose from, for every setting apart (without: --eta-max for all)"""
    tuning_replicates: int = 1
    """pairs of seeds per setting and learning rate in that choice"""

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_integer("tuning replicates", self.tuning_replicates)
        etas = self.etas.taken("eta max")
        require(len(set(etas)) == len(etas), "etas", "must be different", etas)
        low = [eta for eta in etas if eta < self.eta_min]
        require(not low, "etas", f"must be at least eta min, {self.eta_min:g}", tuple(low))
        self._check_overridden()

    def _check_overridden(self) -> None:
        """Refuse a field that would be ignored, as every setting replaces the one parameter that it is for."""
        for name, usual in defaults(type(self)).items():
            if getattr(self, name) != usual:
                other = copy(self)
                object.__setattr__(other, name, usual)
                self._check_heeded(other)

    def _check_heeded(self, other: Self) -> None:
        """Refuse what differs from `other`, of one field, where a factor sets it and does not depend on that field."""
        setters = {name: f"the factor {factor.name} sets it" for factor in self.factors() for name in factor.parameters}
        if self.etas.taken("eta max"):
            setters["eta_max"] = "etas are given"
        try:
            trial, usual, alike = self.trial(any_rows), other.trial(any_rows), self.settings() == other.settings()
        except ConfigError:  # with the default the other fields do not fit, so that this one is heeded
            return
        for name, setter in setters.items():
            given = parameter(trial, name)
            heeded = given == parameter(usual, name) or not alike
            got = str(given) if is_dataclass(given) else given
            require(heeded, name.replace("_", " "), f"must be left out where {setter}", got)

    @classmethod
    def at_scale(cls, scale: str) -> Self:
        """Return the defaults at a scale, those of smoke with few training rows."""
        config = super().at_scale(scale)
        if scale != "smoke":
            return config
        return replace(config, train_rows=min(config.train_rows or SMOKE_ROWS, SMOKE_ROWS))

    @abstractmethod
    def factors(self) -> Sequence[Factor]:
        """Return what varies.

        Raises:
            ConfigError: a factor has no level, or the same one twice.
        """

    @property
    def design(self) -> Design:
        """All combinations of the levels."""
        return Design(tuple(self.factors()))

    def axes(self) -> Sequence[Sequence[Setting]]:
        """Return the levels of the factors."""
        return [[level.setting for level in factor.levels] for factor in self.factors()]

    def trial(self, rows: Rows, *, opens_test: bool = True) -> TrialSpec:
        """Return the trial that the settings change."""
        return with_setting(
            super().trial(rows, opens_test=opens_test),
            {
                "hidden": self.hidden,
                "batch_norm": self.batch_norm,
                "init": self.init.scheme,
                "sigma": self.init.sigma,
            },
        )


NORMS: Mapping[str, str] = {
    "none": "no batch norm",
    "before": "batch norm",
    "after": "batch norm after the activation",
}
"""What the levels of a factor batch norm are called."""


@dataclass(frozen=True)
class Compared:
    """What a comparison concludes: the tested stage, and before it the choice of learning rates, where there was one.

    chosen holds (setting, eta max) in the order of the settings.
    """

    tested: StageResult
    tuning: StageResult | None
    chosen: tuple[tuple[Setting, float], ...]


def stages(config: Comparison, rows: Rows) -> Sweep[Compared]:
    """Yield the choice of learning rates, where there is one to make, then the comparison."""
    settings, etas = config.settings(), config.etas.taken("eta max")
    tuning, chosen = None, tuple((setting, config.eta_max) for setting in settings)
    if etas:
        tried = tuple({**setting, "eta_max": eta} for setting in settings for eta in etas)
        closed = config.trial(rows, opens_test=False)
        tuning = yield Stage(f"{config.stage_name}-tuning", closed, Listed(tried), config.tuning_replicates)
        chosen = tuple((setting, best_eta(tuning, setting)) for setting in settings)
    tuned = tuple({**setting, "eta_max": eta} if etas else setting for setting, eta in chosen)
    tested = yield Stage(config.stage_name, config.trial(rows), Listed(tuned), config.replicates)
    return Compared(tested, tuning, chosen)


def best_eta(tuning: StageResult, setting: Setting) -> float:
    """Return the learning rate with the highest mean validation accuracy; of equals the smaller, if all fail the least.

    A rate with which a seed did not complete comes behind those with which all did.
    """
    found = scores(tuning, setting)
    return min(found, key=lambda eta: (-_or_lost(found[eta]), eta))


def scores(tuning: StageResult, setting: Setting) -> Mapping[float, float | None]:
    """Return the mean validation accuracy of a setting by learning rate; None where a seed did not complete."""
    found: dict[float, list[float | None]] = {}
    for record in tuning.records:
        if all(parameter(record.spec, name) == value for name, value in setting.items()):
            found.setdefault(record.spec.schedule.eta_max, []).append(record.final("val_accuracy"))
    return {eta: _mean(values) for eta, values in found.items()}


def _mean(accuracies: Sequence[float | None]) -> float | None:
    complete = [value for value in accuracies if value is not None]
    return sum(complete) / len(complete) if len(complete) == len(accuracies) else None


def _or_lost(score: float | None) -> float:
    return -1.0 if score is None else score


def budgets(_config: Comparison) -> Collection[str]:
    """Return what may grow without a new run: packs hold one replicate, so that more of these change no other."""
    return ["replicates"]
