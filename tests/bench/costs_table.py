"""What the samples of the cost curves come to: medians and ranges over rounds, and whether packing ever loses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from costs import KEY, PACKED, SINGLE, Panel, Point
from spread import Spread

from pipeline.report.document import Block, Bullets, Section, Table, Text

HEADER = (
    "hidden",
    "batch",
    "pack",
    "workers",
    "trial-epochs/s (range)",
    "% of SGEMM (range)",
    "core-s/trial-epoch",
    "n",
)


@dataclass(frozen=True)
class Cost:
    """What one point came to.

    Attributes:
        rate: trial-epochs per second, all workers together, by the wall clock of the slowest; an epoch is all rows.
        share: per cent of what SGEMM of that moment does on one core, by CPU time.
        seconds: of a core per trial-epoch, by CPU time, of every round.
    """

    rate: Spread
    share: Spread
    seconds: Mapping[int, float]


def costs(samples: pd.DataFrame) -> dict[tuple[object, ...], Cost]:
    """Return what every point came to, by its key."""
    each = samples.assign(
        share=100 * samples["flops"] * samples["width"] / (samples["sgemm"] * 1e9 * samples["cpu"]),
        seconds=samples["cpu"] / samples["width"] * samples["epoch_rows"] / samples["rows"],
    )
    found = {}
    for key, group in each.groupby(list(KEY), sort=False):
        rounds = group.groupby("round")
        trained = rounds["width"].sum() * rounds["rows"].first() / rounds["epoch_rows"].first()
        found[key] = Cost(
            Spread.of(trained / rounds["wall"].max()),
            Spread.of(rounds["share"].mean()),
            rounds["seconds"].mean().to_dict(),
        )
    return found


@dataclass(frozen=True)
class Gain:
    """How many times as fast a network trains in a pack by the rule as alone: ratios within rounds, by CPU time."""

    packed: Point
    ratio: Spread

    @property
    def loses(self) -> bool:
        """Whether packing is slower beyond noise: in every round."""
        return self.ratio.high < 1


def gains(found: Mapping[tuple[object, ...], Cost], asked: Mapping[str, Panel]) -> list[Gain]:
    """Return what packing gains at every point where the rule packs more than one network."""
    pairs = {
        curves[PACKED][x]: curves[SINGLE][x]
        for curves in (panel.curves for panel in asked.values())
        if SINGLE in curves
        for x in curves[PACKED]
    }
    return [
        Gain(
            packed, Spread.of([alone / found[packed.key].seconds[n] for n, alone in found[single.key].seconds.items()])
        )
        for packed, single in pairs.items()
        if packed.width > 1
    ]


def verdict(found: Sequence[Gain]) -> str:
    """Return in a sentence whether packing by the rule is ever slower than single networks."""
    losses = [gain for gain in found if gain.loses]
    if not losses:
        low, high = (pick(gain.ratio.median for gain in found) for pick in (min, max))
        return (
            f"Packing by the rule is nowhere slower than single networks beyond noise: at {len(found)} points a "
            f"network trains {low:.2f} to {high:.2f} times as fast as alone (medians of ratios within rounds, by CPU "
            "time)."
        )
    lost = "; ".join(f"{_named(gain.packed)}: {gain.ratio.text()} times as fast" for gain in losses)
    return (
        f"Packing by the rule is slower than single networks, in every round, at {len(losses)} of {len(found)} points: "
        f"{lost}."
    )


def _named(point: Point) -> str:
    width, hidden, batch, _ = point.key
    return f"hidden {hidden}, batch {batch}, {width} networks per pack"


def section(samples: pd.DataFrame, asked: Mapping[str, Panel], conditions: str) -> Section:
    """Return the table of all points under what was asked, and the sentence about packing."""
    found = costs(samples)
    blocks: list[Block] = [Text(conditions), Bullets((verdict(gains(found, asked)),))]
    for panel in asked.values():
        points = dict.fromkeys(point for curve in panel.curves.values() for point in curve.values())
        blocks.append(Table(f"{panel.title}.", HEADER, tuple(_cells(point, found[point.key]) for point in points)))
    return Section("Throughput", tuple(blocks))


def _cells(point: Point, cost: Cost) -> tuple[str, ...]:
    width, hidden, batch, workers = point.key
    seconds = Spread.of(list(cost.seconds.values())).median
    return (
        *(str(hidden), str(batch), str(width), str(workers)),
        *(cost.rate.text(), cost.share.text(0), f"{seconds:.4f}", str(len(cost.seconds))),
    )
