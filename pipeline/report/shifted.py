"""Accuracy on the test set as it is and on its shifted copies, where there are any."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.report import cells, dots, marks, style
from pipeline.report.cells import Looks, Part
from pipeline.report.comparison import CLEAN, PHRASES, SHIFTED, Study
from pipeline.report.tables import values_of

ROOM = 0.8
"""Of a place, for all its cells; 1 is from place to place."""

HEIGHTS = (3.2, 4.4, 5.4, 6.2)
"""Inches, by the number of rows."""

CAPTION = (
    "Test accuracy on the test rows as they are, and shifted in the ways that were measured. Pale marks are seeds, "
    "large ones means with their 95 % t intervals, cut off where the axis ends; settings of which a trial did not "
    "complete, or only some seeds escaped chance level, have no mean."
)


def shifts(study: Study) -> Figure:
    """Draw the accuracies on clean and shifted test rows: places for these, and in each a mark for every cell."""
    drawn = cells.parts(study)
    looking = cells.colours(study, drawn)
    sets = [what for what in (CLEAN, *SHIFTED) if what == CLEAN or values_of(study.records, what)]
    notes = [] if len(sets) > 1 else ["accuracy on shifted test rows was not measured"]
    height = HEIGHTS[len(drawn) - 1] + 0.16 * len(looking) / len(drawn)
    title = "Test accuracy on clean and shifted test rows"
    figure = style.new_figure(8, height, title, cells.subtitle(study, drawn, *notes))
    grid = figure.subplots(len(drawn), 1, sharex=True, sharey=True, squeeze=False)
    for axes, part in zip(grid[:, 0], drawn, strict=True):
        _panel(axes, study, part, looking, sets)
    grid[0, 0].set_title("test accuracy (%)")
    marks.head_rows(grid, drawn)
    axes = grid[-1, 0]
    values = [100 * value for what in sets for value in values_of(study.records, what)]
    found = [cells.estimate(study, name, what) for name in looking for what in sets]
    ends = [100 * end for one in found if one is not None for end in (one.low, one.high) if end is not None]
    axes.set_ylim(*marks.limits(values, ends, lost=dots.lost(study.records)))
    axes.set_xlim(-0.5, len(sets) - 0.5)
    axes.set_xticks(range(len(sets)), [_called(what) for what in sets])
    axes.set_xlabel("test rows")
    mean = Line2D([], [], color=style.GREY, marker="o", linewidth=1.2, label="mean and 95 % interval")
    named = cells.handles(study, drawn, looking, linestyle="")
    marks.legend(figure, [*named, mean, *marks.entries(study, lines=False)])
    return figure


def _panel(axes: Axes, study: Study, part: Part, looking: Looks, sets: list[str]) -> None:
    """Draw the cells of a panel at every place, side by side."""
    step = ROOM / max(len(part.names), 4)
    for index, name in enumerate(part.names):
        aside = step * (index - (len(part.names) - 1) / 2)
        color, marker = looking[name]["color"], looking[name]["marker"]
        for place, what in enumerate(sets):
            values = 100 * np.array(values_of(study.groups[name], what))
            axes.plot([place + aside - step / 5] * len(values), values, "o", color=color, markersize=4, **marks.SEED)
            marks.mean(axes, place + aside + step / 5, cells.estimate(study, name, what), color, marker)
            if dots.lost(study.groups[name]):
                marks.cross(axes, place + aside, 0.03, color, transform=axes.get_xaxis_transform())
    for border in range(1, len(sets)):
        axes.axvline(border - 0.5, color=style.PALE, linewidth=0.8)
    axes.grid(visible=False, axis="x")
    marks.say_if_lost(axes, study, part)


def _called(what: str) -> str:
    """Return what a place is called: "clean", "on blurred images"."""
    return PHRASES[what].removeprefix("test accuracy").strip().removeprefix("on ") or "clean"
