"""Which networks left chance level, and when: cells of seeds, and the tables that show what became of each.

A cell is one setting with all its seeds. Where some of them escaped chance level and others did not, it is mixed: the
accuracies lie in two heaps, a t interval would describe neither, and so none is given (DESIGN, "Statistics").
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pandas as pd

from pipeline.inference import SHARE, Estimate, above_chance, mean_interval, share_interval
from pipeline.records import WINDOW, Chance, Status, TrialRecord
from pipeline.report import style
from pipeline.report.tables import SUMMARY_COLUMNS, by_setting, effects_table, metric, summary_table
from pipeline.spec import InitSpec

BELOW = 0.99
"""Training has begun to learn when its loss falls below this part of chance level's."""

BY = ("init", "sigma", "batch_norm")
Effects: TypeAlias = Mapping[tuple[str, str], Estimate]
"""(initialisation in words, batch norm) -> the difference that it makes to the test accuracy, as a share."""

ESCAPE_COLUMNS = ("escaped", "escaped_share", "escaped_low", "escaped_high", "first_step_median", "never")


@dataclass(frozen=True)
class Seed:
    """What one completed trial came to.

    Attributes:
        replicate: which pair of seeds.
        accuracy: on the test rows, as a share.
        escaped: whether that is more than chance level can explain.
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
        estimate = mean_interval([seed.accuracy for seed in self.seeds], bounds=SHARE)
        return Estimate(estimate.n, estimate.mean, estimate.sd) if self.mixed else estimate

    @property
    def first_step(self) -> float | None:
        """The median first step below chance level's loss, over the seeds that came there; None if none did."""
        steps = [seed.first_step for seed in self.seeds if seed.first_step is not None]
        return statistics.median(steps) if steps else None

    @property
    def never(self) -> int | None:
        """How many never came there; None where training was too short to tell."""
        return sum(seed.first_step is None for seed in self.seeds) if self.windowed else None


def cells(records: Iterable[TrialRecord], chance: Chance, by: Sequence[str] = BY) -> list[Cell]:
    """Return the settings of a grid over the parameters `by` in plan order, each with what its seeds did."""
    return [_cell(group, chance) for group in by_setting(records, by, ascending=False).values()]


def mixed_settings(records: Iterable[TrialRecord], chance: Chance, by: Sequence[str] = BY) -> set[tuple[Any, ...]]:
    """Return the settings of a grid over the parameters `by` whose cells are mixed."""
    return {setting for setting, group in by_setting(records, by).items() if _cell(group, chance).mixed}


def first_step_below(batch_losses: Sequence[float], loss: float) -> int | None:
    """Return the last step of the first window (of TrialRecord.batch_losses) with a mean below `loss` (nats)."""
    return next((WINDOW * place for place, mean in enumerate(batch_losses, start=1) if mean < loss), None)


def escape_table(records: Sequence[TrialRecord], chance: Chance, by: Sequence[str] = BY) -> pd.DataFrame:
    """Return one row per setting in plan order: stage, the parameters `by`, ESCAPE_COLUMNS, SUMMARY_COLUMNS.

    escaped counts the completed seeds that left chance level, with its share and that share's 95 % interval (Wilson);
    first_step_median and never are those of Cell. Mixed cells have no t intervals.
    """
    found = cells(records, chance, by)
    frame = summary_table(records, by, ascending=False)
    mixed = [cell.mixed for cell in found]
    ends = [name for name in SUMMARY_COLUMNS if name.endswith(("_low", "_high"))]
    frame.loc[mixed, ends] = math.nan
    escapes = pd.DataFrame([_escapes(cell) for cell in found], columns=list(ESCAPE_COLUMNS))
    escapes = escapes.astype(dict.fromkeys(ESCAPE_COLUMNS, float) | {"escaped": int, "never": "Int64"})
    own = 1 + len(by)
    return pd.concat([frame.iloc[:, :own], escapes, frame.iloc[:, own:]], axis="columns")


def norm_effects(records: Sequence[TrialRecord], chance: Chance) -> pd.DataFrame:
    """Return what batch norm does to the test accuracy, on minus off, by init and sigma: see `effects_table`.

    Where one of the two cells is mixed, the differences lie in heaps as well and get no interval.
    """
    frame = effects_table(records, ("init", "sigma"), "batch_norm")
    mixed = {(InitSpec(init, sigma), norm) for init, sigma, norm in mixed_settings(records, chance)}
    unclear = [any((init, norm) in mixed for norm in norms) for init, *norms in _compared(frame)]
    frame.loc[unclear, ["low", "high"]] = math.nan
    return frame


def estimates(effects: pd.DataFrame) -> Effects:
    """Return the rows of `norm_effects`, by what they are about."""
    numbers = effects[["n", "mean", "sd", "low", "high"]].itertuples(index=False)
    return {
        (initialisation(init), norm): Estimate(int(n), mean, *(None if math.isnan(x) else x for x in rest))
        for (init, norm, _), (n, mean, *rest) in zip(_compared(effects), numbers, strict=True)
    }


def initialisation(init: InitSpec) -> str:
    """Return in words how weights start: "σ = 0.1", "He initialisation"."""
    return style.scale_label(init) + (" initialisation" if init.sigma is None else "")


def _compared(effects: pd.DataFrame) -> list[tuple[InitSpec, str, str]]:
    """Return for every row how the weights start, the batch norm, and that with which it is compared."""
    columns = zip(effects["init"], effects["sigma"], effects["compared"], strict=True)
    return [
        (InitSpec(init, None if pd.isna(sigma) else sigma), *compared.split(" - ")) for init, sigma, compared in columns
    ]


def _cell(group: Sequence[TrialRecord], chance: Chance) -> Cell:
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


def _seed(record: TrialRecord, accuracy: float, chance: Chance) -> Seed:
    escaped = above_chance(accuracy, chance.accuracy, record.spec.data.n_test)
    return Seed(record.replicate, accuracy, escaped, first_step_below(record.batch_losses, BELOW * chance.loss))


def _escapes(cell: Cell) -> tuple[float | None, ...]:
    """Return the cells of ESCAPE_COLUMNS."""
    low, high = cell.share or (None, None)
    return cell.escaped, cell.escaped / cell.n if cell.n else None, low, high, cell.first_step, cell.never
