"""The race as a figure: a row per contestant, a dot per environment at the median, whiskers over the rounds."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure
from peers import OURS
from race import FOUND
from race_table import Standing, standings

from pipeline.report import style

MARKS = ((style.BLUE, "o"), (style.ORANGE, "s"))
"""Colour and shape of an environment: of the one without pins, then of the one as found."""

LIFTS = (0.19, -0.19)
"""How far above its row an environment's mark lies where there are two, so that they do not hide each other."""


def figure(samples: pd.DataFrame, subtitle: str) -> Figure:
    """Return the figure; call it inside `house_style`."""
    labels = sorted(dict.fromkeys(samples["environment"]), key=lambda label: label == FOUND)
    stood = {label: standings(samples[samples["environment"] == label], label) for label in labels}
    best = {standing.name: standing.rate for found in reversed(stood.values()) for standing in found}
    called = {standing.name: standing.label for found in stood.values() for standing in found}
    counts = Counter(standing.name for found in stood.values() for standing in found)
    order = sorted(best, key=best.__getitem__)
    drawn = style.new_figure(8, 0.8 + 0.42 * len(order), "Trial-epochs per second", subtitle)
    axes = drawn.add_subplot()
    for label, (color, marker), lift in zip(labels, MARKS, LIFTS, strict=False):
        marks = [
            (order.index(standing.name) + lift * (counts[standing.name] > 1), standing) for standing in stood[label]
        ]
        _marks(axes, marks, label, color, marker)
    limit = samples["limit"].median()
    axes.axvline(limit, color=style.BLACK, linestyle=style.CHANCE, linewidth=0.8, zorder=1, label="limit of SGEMM")
    axes.set_yticks(range(len(order)), [called[name] for name in order])
    for tick, name in zip(axes.get_yticklabels(), order, strict=True):
        tick.set_fontweight("bold" if name == OURS else "normal")
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.set_xlim(0, 1.05 * max(limit, *(standing.high for found in stood.values() for standing in found)))
    axes.set_xlabel("by wall clock, all cores busy (median and range)")
    axes.grid(axis="y", visible=False)
    drawn.legend(loc="outside lower right", ncols=3)
    return drawn


def _marks(axes: object, found: Sequence[tuple[float, Standing]], label: str, color: str, marker: str) -> None:
    rates = [standing.rate for _, standing in found]
    ranges = [
        [standing.rate - standing.low for _, standing in found],
        [standing.high - standing.rate for _, standing in found],
    ]
    heights = [height for height, _ in found]
    axes.errorbar(rates, heights, xerr=ranges, fmt=marker, color=color, capsize=3, markersize=6, label=label)
    for height, standing in found:
        axes.annotate(
            f"{standing.rate:.1f}", (standing.high, height), (6, 0), textcoords="offset points", va="center", size=9
        )
