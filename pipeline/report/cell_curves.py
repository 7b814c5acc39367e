"""Learning curves of a comparison: validation loss, validation accuracy and training loss, a line for every cell."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.report import cells, marks, style
from pipeline.report.cells import Looks, Part
from pipeline.report.comparison import Study
from pipeline.spec import CellName

PANELS: Mapping[str, str] = {
    "val_loss": "validation loss (nats)",
    "val_accuracy": "validation accuracy (%)",
    "train_loss": "training loss (nats)",
}
"""By field of `Curves`: the heading of its column."""

HEIGHTS = (2.7, 3.7, 4.7, 5.7)
"""Inches, by the number of rows."""

CAPTION = (
    "Validation loss, validation accuracy and training loss after every epoch; epoch 0 is the untrained network. Thick "
    "lines are means over seeds, thin lines seeds; settings of which a trial did not complete, or only some seeds "
    "escaped chance level, have no mean."
)


def learning(study: Study) -> Figure:
    """Draw learning curves: one row of panels, or a row for each group of cells where there are many."""
    drawn = cells.parts(study)
    looking = cells.lines(study, drawn)
    ranges = [marks.CurveAxis.of(study, (what,)) for what in PANELS]
    notes = [note for found in ranges for note in found.note]
    height = HEIGHTS[len(drawn) - 1] + 0.16 * len(looking) / len(drawn)
    figure = style.new_figure(8, height, "Learning curves", cells.subtitle(study, drawn, *dict.fromkeys(notes)))
    grid = figure.subplots(len(drawn), len(PANELS), sharex=True, sharey="col", squeeze=False)
    for column, what, found in zip(grid.T, PANELS, ranges, strict=True):
        found.give(column, study)
        column[0].set_title(PANELS[what])
        column[-1].set_xlabel("epoch")
        for axes, part in zip(column, drawn, strict=True):
            for name in part.names:
                marks.draw_curve(axes, study, name, what, looking[name])
            _mark_cycles(axes, study, part, looking)
            marks.say_if_empty(axes, study, part)
    marks.head_rows(grid, drawn)
    entries = [*cells.handles(study, drawn, looking, marker=""), *marks.entries(study, lines=True)]
    if any(_cycle_ends(study, name) for name in looking):
        entries.append(Line2D([], [], color=style.GREY, linewidth=1, linestyle="--", label="end of a cycle"))
    marks.legend(figure, entries)
    return figure


def _mark_cycles(axes: Axes, study: Study, part: Part, looking: Looks) -> None:
    """Mark where cycles end; in the colours of the cells where these differ in it."""
    found = {ends: name for name in reversed(part.names) if (ends := _cycle_ends(study, name))}
    alike = len({_cycle_ends(study, name) for name in part.names}) == 1
    for ends, name in found.items():
        color = style.GREY if alike else looking[name]["color"]
        for end in ends:
            axes.axvline(end, color=color, linestyle="--", linewidth=1, zorder=1)


def _cycle_ends(study: Study, name: CellName) -> tuple[int, ...]:
    """Return the epochs at which the cycles of a cell end, if its learning rate has any."""
    schedule = study.groups[name][0].spec.schedule
    if schedule.kind != "triangular":
        return ()
    return tuple(schedule.cycle_epochs * (cycle + 1) for cycle in range(schedule.cycles))
