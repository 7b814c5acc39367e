"""Loss and error of every epoch: as training saw them, on the way, and on the validation rows when the epoch was over.

These are the four arrays that CMU 11-785, homework 1 part 1, asks for.
"""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.report import cells, marks, style
from pipeline.report.comparison import Study

PANELS = {"loss": "cross-entropy loss (nats)", "error": "error (%)"}
SOLID: Any = "-"
DASHED: Any = (0, (5, 1.5))
HEIGHTS = (3.0, 3.9, 4.8, 5.7)
"""Inches, by the number of rows."""

CAPTION = (
    "Loss and error epoch by epoch: solid lines are means over the mini-batches of an epoch, as training saw them, "
    "dashed ones those on the validation rows at its end. Thick lines are means over seeds, thin lines seeds; settings "
    "of which a trial did not complete, or only some seeds escaped chance level, have no mean."
)


def statistics(study: Study) -> Figure:
    """Draw running training values and validation values: one row of panels, or a row for each group of cells."""
    drawn = cells.parts(study)
    looking = cells.colours(study, drawn)
    ranges = {what: marks.CurveAxis.of(study, (f"running_{what}", f"val_{what}"), first=1) for what in PANELS}
    notes = [note for found in ranges.values() for note in found.note]
    height = HEIGHTS[len(drawn) - 1] + 0.16 * len(looking) / len(drawn)
    figure = style.new_figure(8, height, "Training statistics by epoch", cells.subtitle(study, drawn, *notes))
    grid = figure.subplots(len(drawn), len(PANELS), sharex=True, sharey="col", squeeze=False)
    for column, (what, found) in zip(grid.T, ranges.items(), strict=True):
        found.give(column, study)
        column[0].set_title(PANELS[what])
        column[-1].set_xlabel("epoch")
        for axes, part in zip(column, drawn, strict=True):
            for name in part.names:
                for rows, dashes in (("running", SOLID), ("val", DASHED)):
                    line = {**looking[name], "linestyle": dashes}
                    marks.draw_curve(axes, study, name, f"{rows}_{what}", line, first=1)
            marks.say_if_empty(axes, study, part, first=1)
    marks.head_rows(grid, drawn)
    kinds = [
        Line2D([], [], color=style.GREY, linestyle=dashes, label=label)
        for dashes, label in ((SOLID, "training, mean of the epoch"), (DASHED, "validation, end of the epoch"))
    ]
    named = cells.handles(study, drawn, looking, marker="", linestyle=SOLID)
    marks.legend(figure, [*named, *kinds, *marks.entries(study, lines=True)])
    return figure
