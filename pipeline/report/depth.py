"""The figure of the depth study: what networks of more and more layers reach, with and without batch norm."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.records import Chance, TrialRecord
from pipeline.report import dots, style
from pipeline.report.tables import by_setting, in_order, values_of

LETTERS = 72
"""How many fit in a row below the axis."""


def accuracy_by_depth(
    records: Sequence[TrialRecord], chance: Chance, *, title: str = "Test accuracy by depth"
) -> Figure:
    """Draw the test accuracy of every trial, network by network in the order of the records.

    Args:
        records: of networks with and without batch norm, that otherwise differ in their seeds only.
        chance: what the best constant guess comes to.
        title: the headline.
    """
    records = in_order(records)
    networks = list(dict.fromkeys(record.spec.network.hidden for record in records))
    with style.house_style():
        figure = style.new_figure(8, 4 if records else 1, title, style.describe(records))
        if not records:
            style.nothing_to_show(figure.add_subplot(), "no trials")
            return figure
        groups = by_setting(records, ("hidden", "batch_norm"))
        cells = [(networks.index(hidden), group) for (hidden, _), group in groups.items()]
        panels = _panels(figure, records, chance)
        for axes in panels:
            dots.draw_cells(axes, cells, dots.norms_of(records), chance)
            axes.grid(visible=False, axis="x")
        axes.set_xticks(range(len(networks)), [network_label(hidden, LETTERS // len(networks)) for hidden in networks])
        axes.set_xlim(-0.5, len(networks) - 0.5)
        axes.set_xlabel("layers, and units in the hidden ones")
        panels[0].set_ylabel("test accuracy (%)")
        figure.legend(handles=dots.legend(records, chance), loc="outside lower center", ncols=2)
    return figure


def _panels(figure: Figure, records: Sequence[TrialRecord], chance: Chance) -> list[Axes]:
    """Return the panel of the accuracies; where all lie far above chance level that has a panel of its own below.

    Half a point would not be seen on an axis that reaches down to chance level; the axis is broken, and marked so.
    """
    values = values_of(records, "test_accuracy") or [chance.accuracy]
    if dots.lost(records) or dots.near(values, chance):
        axes = figure.add_subplot()
        dots.fit(axes, records, chance.accuracy)
        return [axes]
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(7, 1))
    dots.fit(upper, records)
    level = 100 * chance.accuracy
    lower.set_ylim(level - 1, level + 1)
    lower.set_yticks([level], [f"{level:.4g}"])
    upper.spines["bottom"].set_visible(False)
    upper.tick_params(axis="x", bottom=False)
    for axes, end in ((upper, 0), (lower, 1)):
        (mark,) = axes.plot(0, end, marker=[(-2, -1), (2, 1)], color=style.GREY, transform=axes.transAxes)
        mark.set(markersize=10, clip_on=False)
    return [upper, lower]


def network_label(hidden: Sequence[int], letters: int) -> str:
    """Return depth and sizes of a network in two lines: "9 layers" over "50-30-…-10" if all are more than `letters`."""
    depth = len(hidden) + 1
    sizes = style.hidden_label(hidden)
    if len(sizes) > letters and len(hidden) > 3:
        sizes = f"{hidden[0]}-{hidden[1]}-…-{hidden[-1]}"
    return f"{depth} layer{'' if depth == 1 else 's'}\n{sizes}"
