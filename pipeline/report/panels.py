"""The three panels of CS231n: best validation and training accuracy, and final training loss, against one factor."""

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from pipeline.inference import Estimate, mean_interval
from pipeline.report import cells, decades, dots, marks, style
from pipeline.report.cells import Part
from pipeline.report.comparison import Study
from pipeline.report.style import Look
from pipeline.report.tables import values_of
from pipeline.report.training_validation import places
from pipeline.spec import CellName, Factor

PANELS = {
    "best_val_accuracy": "best validation accuracy (%)",
    "best_train_accuracy": "best training accuracy (%)",
    "train_loss": "final training loss (nats)",
}
"""By metric: the heading of its panel."""

FEW = 5
"""Numbers that are labelled one by one on their axis."""

CAPTION = (
    "Best validation accuracy and best training accuracy of all epochs, and the training loss after the last one. Pale "
    "dots are seeds, lines join means with their 95 % t intervals, cut off where the axis ends; a line has a gap at "
    "settings of which a trial did not complete, or only some seeds escaped chance level."
)


@dataclass(frozen=True)
class Line:
    """Cells that differ in the factor along x only: where each lies, from left to right."""

    look: Look
    cells: tuple[tuple[float, CellName], ...]


def panels(study: Study) -> Figure:
    """Draw the three metrics against the factor `along` x, a line for every combination of the others."""
    factor, drawn = study.design.factors[along(study)], lines(study)
    title = f"Accuracy and loss against {factor.name}"
    figure = style.new_figure(8, 3.0 + 0.05 * len(drawn), title, cells.subtitle(study))
    for axes, (what, heading) in zip(figure.subplots(1, len(PANELS)), PANELS.items(), strict=True):
        axes.set_title(heading)
        _x_axis(axes, factor)
        zero = _y_axis(axes, study, what)
        for index, line in enumerate(drawn):
            _draw(axes, study, what, line, zero)
            edge = 0.03 + 0.05 * index
            _crosses(axes, study, line, 1 - edge if what == "train_loss" else edge)
        marks.say_if_lost(axes, study, Part("", tuple(study.groups)))
    named = [Line2D([], [], color=line.look.color, marker=line.look.marker, label=line.look.label) for line in drawn]
    mean = Line2D([], [], color=style.GREY, marker="|", markersize=9, linestyle="", label="95 % interval of the mean")
    marks.legend(figure, [*(one for one in named if one.get_label()), mean, *marks.entries(study, lines=False)])
    return figure


def along(study: Study) -> int:
    """Return the place of the factor on x: the first whose levels are numbers, else the first that has several."""
    several = [place for place, factor in enumerate(study.design.factors) if len(factor.levels) > 1] or [0]
    return next((place for place in several if study.design.factors[place].numbers), several[0])


def lines(study: Study) -> list[Line]:
    """Return the lines of the panels: one for every combination of the levels of the factors that are not along x."""
    place = along(study)
    factor = study.design.factors[place]
    where = {level.label: x for level, x in zip(factor.levels, positions(factor), strict=True)}
    rest = [one for index, one in enumerate(study.design.factors) if index != place]
    found: dict[str, list[tuple[float, CellName]]] = {}
    for name in study.groups:
        found.setdefault(cells.others(study, name, place), []).append((where[name[place]], name))
    seen = cells.looks(cells.together(rest))
    return [Line(look, tuple(sorted(found[label]))) for label, look in seen.items() if label in found]


def positions(factor: Factor) -> tuple[float, ...]:
    """Return where the levels of a factor lie: at their numbers, or at equal distances."""
    return factor.numbers or tuple(map(float, range(len(factor.levels))))


def _logarithmic(factor: Factor) -> bool:
    numbers = factor.numbers
    return bool(numbers) and min(numbers) > 0 and max(numbers) >= 10 * min(numbers)


def _x_axis(axes: Axes, factor: Factor) -> None:
    """Make the axis of the levels: logarithmic where they reach over a decade."""
    x = positions(factor)
    if _logarithmic(factor):
        margin = (max(x) / min(x)) ** 0.05
        style.log_axis(axes, min(x) / margin, max(x) * margin, f"{factor.name} (log scale)")
    else:
        margin = 0.08 * (max(x) - min(x)) or 0.5
        axes.set_xlim(min(x) - margin, max(x) + margin)
        axes.set_xlabel(factor.name)
    if not factor.numbers:
        axes.set_xticks(x, **places([level.label for level in factor.levels]))
    elif len(x) <= FEW:
        axes.xaxis.set_major_locator(FixedLocator(x))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _y_axis(axes: Axes, study: Study, what: str) -> float:
    """Make the axis of a metric, losses on a log scale where they reach over a decade; return where on it zeros lie."""
    values = [_unit(what) * value for value in values_of(study.records, what)]
    found = [estimate(study, name, what) for name in study.groups]
    ends = [_unit(what) * end for one in found if one is not None for end in (one.low, one.high) if end is not None]
    if what == "train_loss" and values and max(values) > 10 * min(values):
        return decades.tight_axis(axes, values)
    least = 5.0 if what != "train_loss" else 0.2 * max(values, default=1.0)
    axes.set_ylim(*marks.limits(values, ends, least=least, lost=what != "train_loss" and dots.lost(study.records)))
    if not values:
        axes.set_yticks([])
    return 0.0


def _unit(what: str) -> int:
    return 1 if what == "train_loss" else 100


def estimate(study: Study, name: CellName, what: str) -> Estimate | None:
    """Return the mean of a metric over the seeds of a cell and its interval, where a mean tells; losses are >= 0."""
    if what != "train_loss":
        return cells.estimate(study, name, what)
    values = values_of(study.groups[name], what)
    return mean_interval(values, bounds=(0, math.inf)) if values and cells.has_mean(study, name) else None


def _draw(axes: Axes, study: Study, what: str, line: Line, zero: float) -> None:
    """Draw the seeds of a line's cells, and their means, with gaps where there is none; what is 0 lies at `zero`."""
    unit, color = _unit(what), line.look.color
    found = [estimate(study, name, what) for _, name in line.cells]
    for (x, name), one in zip(line.cells, found, strict=True):
        values = [unit * value or zero for value in values_of(study.groups[name], what)]
        axes.plot([x] * len(values), values, "o", color=color, markersize=4, **marks.SEED)
        if one is not None and one.low is not None and one.high is not None:
            ends = [unit * one.low or zero, unit * one.high or zero]
            axes.plot([x, x], ends, color=color, linewidth=0.9, alpha=0.7)
    means = [np.nan if one is None else unit * one.mean or zero for one in found]
    axes.plot([x for x, _ in line.cells], means, color=color, marker=line.look.marker, markersize=4)


def _crosses(axes: Axes, study: Study, line: Line, height: float) -> None:
    """Mark what did not complete, at this part of the height of the panel: every line has its own."""
    for x, name in line.cells:
        if dots.lost(study.groups[name]):
            marks.cross(axes, x, height, line.look.color, transform=axes.get_xaxis_transform())
