"""Test accuracy of a comparison: a row for every cell, a dot for every seed."""

import textwrap
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from pipeline.report import cells, dots, marks, style
from pipeline.report.cells import Part
from pipeline.report.comparison import CLEAN, Study
from pipeline.report.style import Look
from pipeline.report.tables import values_of

FAN = 0.3
"""From the first seed to the last; 1 is from row to row."""

TALLEST = 7.7
"""Inches of all rows and what is below them: with the heading they fit on a page."""

SMALLEST, CROWDED = 5.5, 6
"""Points of the names of rows; groups of rows above which they move closer together."""

CAPTION = (
    "Test accuracy of every seed (dots), a row for each setting. Upright marks are means with their 95 % t intervals, "
    "cut off where the axis ends; settings of which a trial did not complete, or only some seeds escaped chance level, "
    "have none."
)


def accuracy(study: Study) -> Figure:
    """Draw the test accuracy of every seed: rows of the levels that are asked for, in panels by the other factors."""
    found = cells.groups(study)
    seen = cells.looks(study.design.factors[cells.asked(study)].levels)
    rows = len(study.groups)
    height = min(0.95 + 0.3 * rows + 0.06 * len(found), TALLEST)
    size = min(max(0.7 * 72 * (height - 0.95 - 0.06 * len(found)) / rows, SMALLEST), 9)
    figure = style.new_figure(8, height, "Test accuracy", cells.subtitle(study))
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine) and len(found) > CROWDED:
        engine.set(h_pad=0.02)
    heights = [len(part.names) for part in found]
    panels = figure.subplots(len(found), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axes, part in zip(panels, found, strict=True):
        _rows(axes, study, part, seen, size)
    for axes in panels[:-1]:
        axes.spines["bottom"].set_color(style.PALE)
        axes.tick_params(axis="x", length=0)
    figure.align_ylabels(panels)
    _axis(panels[-1], study)
    panels[-1].set_xlabel("test accuracy (%)")
    if not values_of(study.records, CLEAN):
        text = "no trial completed" if dots.lost(study.records) else "the test set was kept closed"
        style.say(panels[len(panels) // 2], text)
    marks.legend(figure, _legend(study))
    return figure


def _rows(axes: Axes, study: Study, part: Part, seen: Mapping[str, Look], size: float) -> None:
    """Draw the rows of a panel, the first one on top."""
    place = cells.asked(study)
    for row, name in enumerate(part.names):
        look, values = seen[name[place]], 100 * np.array(values_of(study.groups[name], CLEAN))
        fan = row + FAN * (np.linspace(-0.5, 0.5, len(values)) if len(values) > 1 else np.zeros(len(values)))
        axes.plot(values, fan, look.marker, color=look.color, markersize=5, **{**marks.SEED, "alpha": 0.65})
        found = cells.estimate(study, name, CLEAN)
        if found is not None:
            if found.low is not None and found.high is not None:
                axes.plot([100 * found.low, 100 * found.high], [row, row], color=style.BLACK, linewidth=1)
            axes.plot([100 * found.mean] * 2, [row - 0.28, row + 0.28], color=style.BLACK, linewidth=2)
        if dots.lost(study.groups[name]):
            marks.cross(axes, 0.012, row, look.color, transform=axes.get_yaxis_transform())
    if _near(study):
        axes.axvline(100 * study.chance.accuracy, color=style.BLACK, linestyle=style.CHANCE, linewidth=0.8, zorder=1)
    axes.set_yticks(range(len(part.names)), [name[place] for name in part.names], size=size)
    axes.set_ylim(len(part.names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_ylabel(
        textwrap.fill(part.heading, 24), rotation="horizontal", ha="right", va="center", size=size, weight="bold"
    )


def _axis(axes: Axes, study: Study) -> None:
    """Give the accuracies their axis, shared by all panels."""
    values = [100 * value for value in values_of(study.records, CLEAN)]
    near = [100 * study.chance.accuracy] if _near(study) else []
    found = [cells.estimate(study, name, CLEAN) for name in study.groups]
    ends = [100 * end for one in found if one is not None for end in (one.low, one.high) if end is not None]
    axes.set_xlim(*marks.limits([*values, *(near if values else [])], ends, lost=dots.lost(study.records)))


def _near(study: Study) -> bool:
    """Whether chance level is near enough to be drawn."""
    values = values_of(study.records, CLEAN)
    return not values or dots.near(values, study.chance)


def _legend(study: Study) -> list[Line2D]:
    """Return what the marks mean; the rows are named beside them."""
    mean = Line2D([], [], color=style.BLACK, linewidth=1, marker="|", markersize=9, label="mean and 95 % interval")
    mean.set_markeredgewidth(2)
    chance = style.chance_handle(f"chance level, {100 * study.chance.accuracy:.2f} %")
    return [*marks.entries(study, lines=False), mean, *([chance] if _near(study) else [])]
