"""Where to put batch norm, and by which statistics to normalise when testing? DD2424, bonus exercise 4.1."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from pipeline.errors import one_of, require
from pipeline.spec import BATCH_NORM, SHIFTS, STATISTICS, AugmentSpec, EvaluationSpec, Factor, Level, TrialSpec
from sweeps.cli import compared
from sweeps.comparison import Comparison
from sweeps.question import Rows

NAMES = {"ema": "moving averages", "precise": "PreciseBN", "adaptive": "AdaptiveBN"}


@dataclass(frozen=True)
class BatchNorm(Comparison):
    """Where should batch norm stand, and which statistics should it use in testing, also on shifted images?"""

    stage_name: ClassVar[str] = "batch-norm"
    title: ClassVar[str] = "Batch norm before or after the activation, and its statistics"
    figures: ClassVar[tuple[str, ...]] = ("accuracy", "shifts")
    pages: ClassVar[tuple[str, ...]] = ("shifted",)
    metrics: ClassVar[tuple[str, ...]] = ("test_accuracy", *(f"test_accuracy_{shift}" for shift in SHIFTS))

    places: tuple[str, ...] = ("none", "before", "after")
    statistics: tuple[str, ...] = ("ema", "precise", "adaptive")
    precise_rows: int = 10_000
    """training rows that PreciseBN takes its statistics over"""
    precise_per_epoch: int = 4
    """how often it does in an epoch; once more after the last one (0: then alone)"""
    test_augment: AugmentSpec = field(default_factory=lambda: AugmentSpec(mirror=True, shift=1))
    """how AdaptiveBN changes the rows that it takes its statistics over"""

    def factors(self) -> Sequence[Factor]:
        """Return the places, each with its statistics; without batch norm there are none."""
        require(len(self.statistics) > 0, "statistics", "must be at least one", self.statistics)
        for name in self.places:
            one_of("batch norm", name, BATCH_NORM)
        for name in self.statistics:
            one_of("statistics", name, STATISTICS)
        return [Factor("batch norm", tuple(level for place in self.places for level in self._levels(place)))]

    @property
    def _usual(self) -> str:
        """The statistics in which places are compared: the moving averages, or without these the first ones."""
        return "ema" if "ema" in self.statistics else self.statistics[0]

    def _levels(self, place: str) -> Iterator[Level]:
        """Yield the statistics at a place: the usual ones against the places before, the others against these."""
        before = tuple(_called(earlier, self._usual) for earlier in self.places[: self.places.index(place)])
        for kind in ("ema",) if place == "none" else self.statistics:
            usual = place == "none" or kind == self._usual
            against = before if usual else (_called(place, self._usual),)
            yield Level(_called(place, kind), {"batch_norm": place, "statistics": kind}, against)

    def trial(self, rows: Rows, *, opens_test: bool = True) -> TrialSpec:
        """Return the trial that the settings change; shifted and augmented test sets are those of images alone."""
        trial = super().trial(rows, opens_test=opens_test)
        images = bool(trial.data.shape)
        evaluation = EvaluationSpec(
            rows=self.precise_rows,
            per_epoch=self.precise_per_epoch,
            augment=self.test_augment if images else AugmentSpec(),
            shifts=SHIFTS if images and opens_test else (),
        )
        return replace(trial, evaluation=evaluation)


def _called(place: str, kind: str) -> str:
    return "no batch norm" if place == "none" else f"batch norm {place} ({NAMES[kind]})"


ENTRY = compared(BatchNorm)
