"""Which networks left chance level, and when: cells of seeds, how they compare, and the tables that show it.

A cell is one setting with all its seeds. Where some of them escaped chance level and others did not, it is mixed: the
accuracies lie in two heaps, a t interval would describe neither, and so none is given (DESIGN, "Statistics").
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pandas as pd

from pipeline.inference import SHARE, SHARE_DIFFERENCE, Estimate, above_chance, mean_interval, share_interval
from pipeline.records import WINDOW, Chance, Status, TrialRecord
from pipeline.report import style
from pipeline.report.tables import SUMMARY_COLUMNS, by_setting, effects_table, metric, summary_table
from pipeline.spec import InitSpec

BELOW = 0.99
"""Training has begun to learn when its loss falls below this part of chance level's."""

BY = ("init", "sigma", "batch_norm")
ESCAPE_COLUMNS = ("escaped", "escaped_share", "escaped_low", "escaped_high", "first_step_median", "never")


@dataclass(frozen=True)
class Seed:
    """What one completed trial came to.

    Attributes:
        replicate: which pair of seeds.
        accuracy: on the test rows, as a share.
        escaped: whether it left chance level, see `has_escaped`.
        first_step: the last step of the first window of records.WINDOW steps whose mean mini-batch loss was below
            BELOW x chance level; None where there is none.
    """

    replicate: int
    accuracy: float
    escaped: bool
    first_step: int | None


@dataclass(frozen=True)
class Cell:
    """One setting with its seeds.

    Attributes:
        init: how the weights start.
        batch_norm: none, before or after.
        seeds: those that completed, by replicate.
        diverged, failed: how many did not.
        steps_per_epoch: mini-batches of an epoch.
        windowed: whether training was long enough for a window.
    """

    init: InitSpec
    batch_norm: str
    seeds: tuple[Seed, ...]
    diverged: int
    failed: int
    steps_per_epoch: int
    windowed: bool

    @property
    def initialisation(self) -> str:
        """How the weights start, in words."""
        return initialisation(self.init)

    @property
    def n(self) -> int:
        """The seeds that completed."""
        return len(self.seeds)

    @property
    def escaped(self) -> int:
        """How many of them left chance level."""
        return sum(seed.escaped for seed in self.seeds)

    @property
    def mixed(self) -> bool:
        """Whether some left chance level and others did not."""
        return 0 < self.escaped < self.n

    @property
    def share(self) -> tuple[float, float] | None:
        """The 95 % interval of the share that leaves chance level; None where nothing completed."""
        return share_interval(self.escaped, self.n) if self.n else None

    @property
    def accuracy(self) -> Estimate:
        """The mean test accuracy; without an interval where the cell is mixed."""
        return unless_mixed(self.mixed, mean_interval([seed.accuracy for seed in self.seeds], bounds=SHARE))

    @property
    def first_step(self) -> float | None:
        """The median first step below chance level's loss, over the seeds that came there; None if none did."""
        steps = [seed.first_step for seed in self.seeds if seed.first_step is not None]
        return statistics.median(steps) if steps else None

    @property
    def never(self) -> int | None:
        """How many never came there; None where training was too short to tell."""
        return sum(seed.first_step is None for seed in self.seeds) if self.windowed else None


@dataclass(frozen=True)
class Effect:
    """How two cells compare in test accuracy, seed by seed.

    Attributes:
        differences: one minus the other, as shares, of the pairs of seeds that completed in both, by replicate.
        mixed: whether one of the cells is mixed, so that the differences lie in heaps as well.
    """

    differences: tuple[float, ...]
    mixed: bool

    @property
    def estimate(self) -> Estimate:
        """The mean difference; without an interval where the differences lie in heaps."""
        return unless_mixed(self.mixed, mean_interval(self.differences, bounds=SHARE_DIFFERENCE))


Effects: TypeAlias = Mapping[tuple[Any, ...], Effect]
"""The values of a setting's parameters, last that of the parameter in question -> what it changes."""


def compare(on: Cell, off: Cell) -> Effect:
    """Return what `on` reaches more than `off`, over the pairs of seeds that completed in both."""
    without = {seed.replicate: seed.accuracy for seed in off.seeds}
    pairs = [(seed.accuracy, without[seed.replicate]) for seed in on.seeds if seed.replicate in without]
    return Effect(tuple(a - b for a, b in pairs), on.mixed or off.mixed)


def cells(records: Iterable[TrialRecord], chance: Chance, by: Sequence[str] = BY) -> dict[tuple[Any, ...], Cell]:
    """Return the settings of a grid over the parameters `by` in plan order, each with what its seeds did."""
    groups = by_setting(records, by, ascending=False)
    return {setting: cell_of(group, chance) for setting, group in groups.items()}


def paired_effects(
    records: Iterable[TrialRecord], chance: Chance, by: Sequence[str], of: str, baseline: Any = "none"
) -> Effects:
    """Return what the parameter `of` does: for the settings of `by`, each of its values against the `baseline`.

    In the order of the rows of `effects_table`, which averages the same differences.
    """
    effects: dict[tuple[Any, ...], Effect] = {}
    for setting, group in by_setting(records, by, ascending=False).items():
        values = cells(group, chance, (of,))
        if off := values.pop((baseline,), None):
            effects |= {(*setting, *value): compare(on, off) for value, on in values.items()}
    return effects


def masked_effects(
    records: Sequence[TrialRecord], chance: Chance, by: Sequence[str], of: str, baseline: Any = "none"
) -> pd.DataFrame:
    """Return the `effects_table` of the test accuracy, without intervals where one of the two cells is mixed."""
    frame = effects_table(records, by, of, baseline)
    effects = paired_effects(records, chance, by, of, baseline)
    frame.loc[[effect.mixed for effect in effects.values()], ["low", "high"]] = math.nan
    return frame


def first_step_below(batch_losses: Sequence[float], loss: float) -> int | None:
    """Return the last step of the first window (of TrialRecord.batch_losses) with a mean below `loss` (nats)."""
    return next((WINDOW * place for place, mean in enumerate(batch_losses, start=1) if mean < loss), None)


def escape_table(records: Sequence[TrialRecord], chance: Chance, by: Sequence[str] = BY) -> pd.DataFrame:
    """Return one row per setting in plan order: stage, the parameters `by`, ESCAPE_COLUMNS, SUMMARY_COLUMNS.

    escaped counts the completed seeds that left chance level, with its share and that share's 95 % interval (Wilson);
    first_step_median and never are those of Cell. Mixed cells have no t intervals.
    """
    found = cells(records, chance, by).values()
    frame = summary_table(records, by, ascending=False)
    mixed = [cell.mixed for cell in found]
    ends = [name for name in SUMMARY_COLUMNS if name.endswith(("_low", "_high"))]
    frame.loc[mixed, ends] = math.nan
    escapes = pd.DataFrame([_escapes(cell) for cell in found], columns=list(ESCAPE_COLUMNS))
    escapes = escapes.astype(dict.fromkeys(ESCAPE_COLUMNS, float) | {"escaped": int, "never": "Int64"})
    own = 1 + len(by)
    return pd.concat([frame.iloc[:, :own], escapes, frame.iloc[:, own:]], axis="columns")


def norm_effects(records: Sequence[TrialRecord], chance: Chance) -> pd.DataFrame:
    """Return what batch norm does to the test accuracy, on minus off, by init and sigma: see `masked_effects`."""
    return masked_effects(records, chance, ("init", "sigma"), "batch_norm")


def initialisation(init: InitSpec) -> str:
    """Return in words how weights start: "σ = 0.1", "He initialisation"."""
    return style.scale_label(init) + (" initialisation" if init.sigma is None else "")


def cell_of(group: Sequence[TrialRecord], chance: Chance) -> Cell:
    """Return what the seeds of one setting did."""
    tested = [(record, metric(record, "test_accuracy")) for record in group]
    seeds = [_seed(record, accuracy, chance) for record, accuracy in tested if accuracy is not None]
    ended = [record.status for record in group]
    spec = group[0].spec
    return Cell(
        spec.init,
        spec.network.batch_norm,
        tuple(sorted(seeds, key=lambda seed: seed.replicate)),
        ended.count(Status.DIVERGED),
        ended.count(Status.FAILED),
        spec.steps_per_epoch,
        any(record.batch_losses for record in group),
    )


def has_escaped(record: TrialRecord, chance: Chance) -> bool:
    """Whether a completed trial left chance level: it has learned its training rows, or it is right too often.

    That is, its training loss ended below BELOW x chance level's, or guessing would reach its test accuracy with a
    probability of at most ESCAPE_PROBABILITY. With few test rows the latter alone would miss what has learned much.
    """
    loss, accuracy = metric(record, "train_loss"), metric(record, "test_accuracy")
    learned = loss is not None and loss < BELOW * chance.loss
    return learned or (accuracy is not None and above_chance(accuracy, chance.accuracy, record.spec.data.n_test))


def _seed(record: TrialRecord, accuracy: float, chance: Chance) -> Seed:
    first = first_step_below(record.batch_losses, BELOW * chance.loss)
    return Seed(record.replicate, accuracy, has_escaped(record, chance), first)


def _escapes(cell: Cell) -> tuple[float | None, ...]:
    """Return the cells of ESCAPE_COLUMNS."""
    low, high = cell.share or (None, None)
    return cell.escaped, cell.escaped / cell.n if cell.n else None, low, high, cell.first_step, cell.never


def unless_mixed(mixed: bool, estimate: Estimate) -> Estimate:
    """Return the estimate, without its interval if it is of values that lie in two heaps."""
    return Estimate(estimate.n, estimate.mean, estimate.sd) if mixed else estimate
