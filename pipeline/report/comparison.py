"""What a comparison comes to: the cells of its design, and what each level changes, metric by metric."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import product

import pandas as pd

from pipeline.inference import SHARE, SHARE_DIFFERENCE, Estimate, mean_interval
from pipeline.records import Chance, Spread, TrialRecord
from pipeline.report.escape import Cell, Effect, cell_of, unless_mixed
from pipeline.report.tables import in_order, metric, values_of
from pipeline.spec import SHIFTS, CellName, Design

PHRASES: Mapping[str, str] = {
    "test_accuracy": "test accuracy",
    "val_accuracy": "validation accuracy",
    "train_accuracy": "training accuracy",
    "best_val_accuracy": "best validation accuracy",
    "best_train_accuracy": "best training accuracy",
    "gap": "gap between training and validation accuracy",
    "test_accuracy_brightness": "test accuracy on brightened images",
    "test_accuracy_contrast": "test accuracy at half the contrast",
    "test_accuracy_blur": "test accuracy on blurred images",
    "test_accuracy_noise": "test accuracy on noisy images",
}
"""What sentences call the metrics that comparisons know; all are shares, or differences of shares."""

POINTS = frozenset({"gap"})
"""Those of them that are differences: said in points, not in per cent."""

CLEAN = "test_accuracy"
SHIFTED = tuple(f"{CLEAN}_{shift}" for shift in SHIFTS)

CONTRAST_COLUMNS = ("factor", "where", "compared", "metric", "n", "mean", "sd", "low", "high")
MEASURE_COLUMNS = ("setting", "metric", "n", "mean", "sd", "low", "high")


class Verdict(Enum):
    """What pairs of seeds show of an effect; each as tables of the report have it."""

    RAISED = "raised"
    LOWERED = "lowered"
    NOISE = "within noise"
    HEAPS = "two heaps"  # a mixed cell takes part: neither a mean nor an interval tells what happened
    ALIKE = "all alike"  # every pair differs by the same: no spread from which an interval could be made
    SINGLE = "one pair"
    NONE = "no pair"


@dataclass(frozen=True)
class Contrast:
    """What a level changes against another one of its factor, at one combination of the levels of the others.

    Attributes:
        factor: its name.
        level: what it is called.
        baseline: the level that it is compared with.
        where: the other factors' levels, of those that have several.
        metric: what is compared.
        effect: the differences, level minus baseline, seed by seed.
    """

    factor: str
    level: str
    baseline: str
    where: CellName
    metric: str
    effect: Effect

    @property
    def verdict(self) -> Verdict:
        """What the pairs of seeds show."""
        found = self.effect.estimate
        if found.n < 2:
            return Verdict.SINGLE if found.n else Verdict.NONE
        if self.effect.mixed:
            return Verdict.HEAPS
        if found.constant:
            return Verdict.ALIKE
        if found.low is not None and found.low > 0:
            return Verdict.RAISED
        if found.high is not None and found.high < 0:
            return Verdict.LOWERED
        return Verdict.NOISE

    @property
    def beyond_noise(self) -> bool:
        """Whether there is a 95 % interval, and it leaves out zero."""
        return self.verdict in (Verdict.RAISED, Verdict.LOWERED)


@dataclass(frozen=True)
class Study:
    """What tables, figures and sentences of a comparison are made from.

    Attributes:
        design: what varies.
        metrics: what is compared: the first one, and of the others those that were measured.
        groups: the trials of every cell that has any, in the order of the design.
        cells: what its seeds did.
        contrasts: what the levels of the factors that are asked for change, metric by metric.
        chance: what the best constant guess comes to.
        spreads: of the untrained networks by cell, where they were measured.
    """

    design: Design
    metrics: tuple[str, ...]
    groups: Mapping[CellName, Sequence[TrialRecord]]
    cells: Mapping[CellName, Cell]
    contrasts: tuple[Contrast, ...]
    chance: Chance
    spreads: Mapping[CellName, Sequence[Spread]]

    @classmethod
    def of(
        cls,
        records: Sequence[TrialRecord],
        design: Design,
        metrics: Sequence[str],
        chance: Chance,
        spreads: Sequence[Spread] = (),
    ) -> "Study":
        """Return the study of the records of one stage; further metrics that none of them has are left out."""
        metrics = [what for place, what in enumerate(metrics) if place == 0 or values_of(records, what)]
        found: dict[CellName, list[TrialRecord]] = {name: [] for name, _ in design.cells()}
        for record in in_order(records):
            found[design.labels(record.spec)].append(record)
        groups = {name: group for name, group in found.items() if group}
        cells = {name: cell_of(group, chance) for name, group in groups.items()}
        by_key = {record.spec.key: name for name, group in groups.items() for record in group}
        measured: dict[CellName, list[Spread]] = {}
        for spread in spreads:
            measured.setdefault(by_key[spread.trial], []).append(spread)
        contrasts = tuple(_contrasts(design, metrics, groups, cells))
        return cls(design, tuple(metrics), groups, cells, contrasts, chance, measured)

    def estimate(self, name: CellName, what: str) -> Estimate:
        """Return the mean of a metric over the seeds of a cell; without an interval where the cell is mixed."""
        bounds = SHARE_DIFFERENCE if what in POINTS else SHARE
        return unless_mixed(self.cells[name].mixed, mean_interval(values_of(self.groups[name], what), bounds=bounds))

    def called(self, name: CellName) -> str:
        """Return what a cell is called: the levels of the factors that have several, or of all if none has."""
        several = [len(factor.levels) > 1 for factor in self.design.factors]
        return ", ".join(label for label, varies in zip(name, several, strict=True) if varies or not any(several))

    @property
    def records(self) -> list[TrialRecord]:
        """All trials, cell by cell."""
        return [record for group in self.groups.values() for record in group]


def _contrasts(
    design: Design,
    metrics: Sequence[str],
    groups: Mapping[CellName, Sequence[TrialRecord]],
    cells: Mapping[CellName, Cell],
) -> Iterator[Contrast]:
    """Yield them by metric, then by factor, then by the others' levels, in the order of the design."""
    for what, (place, factor) in product(metrics, enumerate(design.factors)):
        if not factor.asked:
            continue
        for name in groups:
            varying = (index for index, one in enumerate(design.factors) if index != place and len(one.levels) > 1)
            where = tuple(name[index] for index in varying)
            level = factor.level(name[place])
            for baseline in factor.baselines(level):
                other = (*name[:place], baseline, *name[place + 1 :])
                if other in groups:
                    mixed = cells[name].mixed or cells[other].mixed
                    effect = Effect(_differences(groups[name], groups[other], what), mixed)
                    yield Contrast(factor.name, level.label, baseline, where, what, effect)


def _differences(on: Sequence[TrialRecord], off: Sequence[TrialRecord], what: str) -> tuple[float, ...]:
    """Return those of a metric over the pairs of seeds that completed in both cells, by replicate."""
    without = {record.replicate: metric(record, what) for record in off}
    pairs = [(metric(record, what), without.get(record.replicate)) for record in on]
    return tuple(a - b for a, b in pairs if a is not None and b is not None)


def effects(study: Study) -> pd.DataFrame:
    """Return one row per contrast: CONTRAST_COLUMNS; a mixed cell leaves it without an interval."""
    rows = [
        (one.factor, ", ".join(one.where), f"{one.level} - {one.baseline}", one.metric, *_numbers(one.effect.estimate))
        for one in study.contrasts
    ]
    return _frame(rows, CONTRAST_COLUMNS)


def measures(study: Study) -> pd.DataFrame:
    """Return one row per cell and metric: MEASURE_COLUMNS."""
    rows = [
        (study.called(name), what, *_numbers(study.estimate(name, what)))
        for what, name in product(study.metrics, study.groups)
    ]
    return _frame(rows, MEASURE_COLUMNS)


def _numbers(found: Estimate) -> tuple[float | None, ...]:
    return found.n, found.mean, found.sd, found.low, found.high


def _frame(rows: Sequence[tuple[object, ...]], columns: Sequence[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(columns))
    return frame.astype({"n": int} | dict.fromkeys(("mean", "sd", "low", "high"), float))
