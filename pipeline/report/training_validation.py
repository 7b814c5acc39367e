"""Training against validation accuracy: over the epochs, and at the end, where the gap between them shows."""

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.report import cells, dots, marks, style
from pipeline.report.cells import Looks, Part
from pipeline.report.comparison import Study
from pipeline.report.tables import values_of

PANELS = {"train_accuracy": "training accuracy (%)", "val_accuracy": "validation accuracy (%)"}
HEIGHTS = (2.7, 4.4, 5.6, 6.4)
"""Inches, by the number of rows."""

ASIDE = 0.16
"""From the middle of a place to training, on its left, and to validation; 1 is from place to place."""

CAPTION = (
    "Training and validation accuracy after every epoch, and side by side after the last one, where a line between "
    "the means is the gap. Thick lines are means over seeds, thin lines and pale marks seeds; settings of which a "
    "trial did not complete, or only some seeds escaped chance level, have no mean."
)


def gaps(study: Study) -> Figure:
    """Draw both accuracies over the epochs and at the end: lines for the levels that are asked for, rows for others."""
    drawn = cells.grouped(study)
    looking = cells.lines(study, drawn)
    height = HEIGHTS[len(drawn) - 1] + 0.16 * len(looking) / len(drawn)
    figure = style.new_figure(8, height, "Training and validation accuracy", cells.subtitle(study, drawn))
    grid = figure.subplots(len(drawn), 3, sharex="col", sharey="col", squeeze=False)
    found = marks.CurveAxis.of(study, tuple(PANELS))
    found.give(grid[:, :2].flat, study)
    for row, part in zip(grid, drawn, strict=True):
        for axes, what in zip(row, PANELS, strict=False):
            for name in part.names:
                marks.draw_curve(axes, study, name, what, looking[name])
            marks.say_if_empty(axes, study, part)
        _ends(row[2], study, part, looking)
    final = [100 * value for name in looking for what in PANELS for value in values_of(study.groups[name], what)]
    grid[0, 2].set_ylim(*marks.limits(final, [], lost=dots.lost(study.records)))
    for axes, title in zip(grid[0], (*PANELS.values(), "after the last epoch (%)"), strict=True):
        axes.set_title(title)
    for axes in grid[-1, :2]:
        axes.set_xlabel("epoch")
    grid[-1, 2].set_xlabel(study.design.factors[cells.asked(study)].name)
    marks.head_rows(grid, drawn)
    kinds = [
        Line2D([], [], color=style.GREY, marker="o", linestyle="", markerfacecolor=face, label=f"{label}, mean")
        for label, face in (("training", "white"), ("validation", style.GREY))
    ]
    marks.legend(figure, [*cells.handles(study, drawn, looking, marker=""), *marks.entries(study, lines=True), *kinds])
    return figure


def _ends(axes: Axes, study: Study, part: Part, looking: Looks) -> None:
    """Draw the final accuracies of every cell: training on the left of its place, validation on the right."""
    place = cells.asked(study)
    labels = list(dict.fromkeys(name[place] for name in looking))
    for name in part.names:
        middle, color, group = labels.index(name[place]), looking[name]["color"], study.groups[name]
        ends = []
        for side, what in zip((-ASIDE, ASIDE), PANELS, strict=True):
            values = 100 * np.array(values_of(group, what))
            axes.plot([middle + side] * len(values), values, "o", color=color, markersize=4, **marks.SEED)
            ends.append((middle + side, float(np.mean(values)) if len(values) else np.nan))
        if cells.has_mean(study, name):
            axes.plot(*zip(*ends, strict=True), color=color, linewidth=1.2)
            for (x, y), face in zip(ends, ("white", color), strict=True):
                axes.plot([x], [y], "o", color=color, markerfacecolor=face, zorder=3)
        if dots.lost(group):
            marks.cross(axes, middle, 0.03, color, transform=axes.get_xaxis_transform())
    marks.say_if_lost(axes, study, part)
    axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.grid(visible=False, axis="x")
    axes.set_xticks(range(len(labels)), **places(labels))


def places(labels: list[str]) -> dict[str, Any]:
    """Return the labels of places along one of three panels: in lines, or slanting where there are many."""
    letters = 30 // len(labels)
    if max(map(len, " ".join(labels).split())) <= letters:
        return {"labels": [textwrap.fill(label, letters) for label in labels]}
    return {"labels": labels, "rotation": 35, "ha": "right", "rotation_mode": "anchor"}
