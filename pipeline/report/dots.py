"""Test accuracies of cells, the seeds of one setting: every seed is a dot, and a mean is drawn only where it tells.

Without a mean are cells of which some seeds escaped chance level and others did not, as no network lies between the two
heaps, and cells of which a trial did not complete, as an average of survivors would flatter.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from pipeline.records import Chance, Status, TrialRecord
from pipeline.report import style
from pipeline.report.escape import has_escaped
from pipeline.report.tables import values_of

SHIFT, FAN = 0.26, 0.14
"""From batch norm to batch norm inside a place, and from the first seed to the last; 1 is from place to place."""

FAR, LEAST = 1.5, 0.05
"""How far above chance level the accuracies let go of it: in units of their own span, and as a share at least."""


def norms_of(records: Iterable[TrialRecord]) -> list[str]:
    """Return the values of batch_norm that occur, in the order in which figures show them."""
    occurring = {record.spec.network.batch_norm for record in records}
    return [norm for norm in style.LOOKS if norm in occurring]


def draw_cells(
    axes: Axes,
    cells: Iterable[tuple[float, Sequence[TrialRecord]]],
    norms: Sequence[str],
    chance: Chance,
    *,
    room: float = 1.0,
    x: Callable[[float], float] = float,
) -> None:
    """Draw every cell at its place, those of different batch norm side by side, and the line of chance level.

    Args:
        axes: where to; y is the accuracy in per cent.
        cells: (place, trials that differ in their seeds only).
        norms: the values of batch_norm in the whole figure.
        chance: what the best constant guess comes to.
        room: from place to place.
        x: the position on the axis of a place, or of what lies between two.
    """
    style.chance_line(axes, 100 * chance.accuracy)
    for place, group in cells:
        norm = group[0].spec.network.batch_norm
        middle = place + room * SHIFT * (norms.index(norm) - (len(norms) - 1) / 2)
        values = values_of(group, "test_accuracy")
        fan = middle + room * FAN * (np.linspace(-0.5, 0.5, len(values)) if len(values) > 1 else np.zeros(len(values)))
        look = style.LOOKS[norm]
        (seeds,) = axes.plot([x(seed) for seed in fan], 100 * np.array(values), look.marker, color=look.color)
        seeds.set(alpha=0.65, markersize=5, markeredgewidth=0)
        if _has_mean(group, chance):
            ends = [x(middle + room * FAN * side) for side in (-0.75, 0.75)]
            axes.plot(ends, [100 * float(np.mean(values))] * 2, color=style.BLACK, linewidth=1.5)
        if lost(group):
            (cross,) = axes.plot([x(middle)], [0.04], "x", color=look.color, transform=axes.get_xaxis_transform())
            cross.set(markersize=7, markeredgewidth=2)


def fit(axes: Axes, records: Sequence[TrialRecord], *others: float) -> None:
    """Give the accuracies their axis: all dots and `others`, with room for crosses; say so where there are no dots."""
    values = [100 * value for value in (*values_of(records, "test_accuracy"), *others)]
    low, high = min(values, default=0), max(values, default=100)
    span = max(high - low, 1.0)
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.set_ylim(low - (0.15 if lost(records) else 0.07) * span, min(high + 0.07 * span, 101))
    if not values_of(records, "test_accuracy"):
        axes.set_ylim(0, 100)
        style.say(axes, "no trial completed" if lost(records) else "the test set was kept closed")


def legend(records: Sequence[TrialRecord], chance: Chance) -> list[Line2D]:
    """Return what the marks of the whole figure mean."""
    looks = [style.LOOKS[norm] for norm in norms_of(records)]
    handles = [
        Line2D([], [], color=look.color, marker=look.marker, alpha=0.65, linestyle="", label=f"{look.label}, one seed")
        for look in looks
    ]
    mean = "mean, unless only some seeds escaped chance"
    handles.append(Line2D([], [], color=style.BLACK, linewidth=1.5, label=mean))
    if lost(records):
        text = "a trial did not complete"
        handles.append(Line2D([], [], color=style.GREY, marker="x", linestyle="", markeredgewidth=2, label=text))
    return [*handles, style.chance_handle(f"chance level, {100 * chance.accuracy:.2f} %")]


def _has_mean(group: Sequence[TrialRecord], chance: Chance) -> bool:
    """Whether all trials completed, and all of them escaped chance level, or none."""
    values = values_of(group, "test_accuracy")
    return len(values) == len(group) and len({has_escaped(record, chance) for record in group}) == 1


def lost(records: Iterable[TrialRecord]) -> bool:
    """Whether a trial did not complete."""
    return any(record.status is not Status.COMPLETE for record in records)


def near(accuracies: Sequence[float], chance: Chance) -> bool:
    """Whether chance level is near enough to the `accuracies` (shares) to share their axis."""
    return min(accuracies) - chance.accuracy <= max(FAR * (max(accuracies) - min(accuracies)), LEAST)
