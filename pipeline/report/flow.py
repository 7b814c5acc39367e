"""Gradient flow: how large numbers are in the untrained networks of a comparison, layer by layer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.report import cells, decades, marks, style
from pipeline.report.comparison import Study

PANELS = {
    "activations": "activations (standard deviation)",
    "gradients": "gradients of the loss (root mean square)",
}
"""By field of `Spread`: the heading of its column."""

HEIGHTS = (3.2, 4.2, 5.2, 6.0)
"""Inches, by the number of rows."""

CAPTION = (
    "Untrained networks, layer by layer: standard deviation of what every layer puts out, and root mean square of the "
    "gradients of the loss by every weight matrix. Thick lines are means over pairs of seeds, thin lines pairs."
)


def spreads(study: Study) -> Figure:
    """Draw the spread of activations and gradients: one row of panels, or a row for each group of cells."""
    title = "Spread of activations and gradients before training"
    drawn = [part for part in cells.parts(study) if any(name in study.spreads for name in part.names)]
    if not drawn:
        figure = style.new_figure(8, 1, title, cells.subtitle(study))
        style.nothing_to_show(figure.add_subplot(), "the spread in untrained networks was not measured")
        return figure
    looking = cells.lines(study, drawn)
    height = HEIGHTS[len(drawn) - 1] + 0.16 * len(looking) / len(drawn)
    figure = style.new_figure(8, height, title, cells.subtitle(study, drawn))
    grid = figure.subplots(len(drawn), 2, sharex="col", sharey="col", squeeze=False)
    for column, kind in zip(grid.T, PANELS, strict=True):
        numbers = {name: [getattr(one, kind) for one in study.spreads.get(name, ())] for name in looking}
        zero = decades.tight_axis(column[0], [x for found in numbers.values() for one in found for x in one])
        for axes, part in zip(column, drawn, strict=True):
            for name in part.names:
                _lines(axes, numbers[name], looking[name], zero)
        column[0].set_title(PANELS[kind])
        _layers(column[-1], kind, max(len(one) for found in numbers.values() for one in found))
    marks.head_rows(grid, drawn)
    seed = Line2D([], [], color=style.GREY, linewidth=marks.SEED_WIDTH, label="one pair of seeds")
    marks.legend(figure, [*cells.handles(study, drawn, looking, markersize=4), seed])
    return figure


def _lines(axes: Axes, numbers: Sequence[Sequence[float]], line: Mapping[str, Any], zero: float) -> None:
    """Draw the lines of one cell; what is exactly 0 lies at `zero`."""
    if not numbers:
        return
    found = np.array(numbers, dtype=np.float64)
    layers = range(1, found.shape[1] + 1)
    for one in found:
        pen = {"color": line["color"], "linestyle": line["linestyle"]}
        axes.plot(layers, np.where(one == 0, zero, one), linewidth=marks.SEED_WIDTH, alpha=0.45, **pen)
    mean = found.mean(axis=0)
    axes.plot(layers, np.where(mean == 0, zero, mean), linewidth=marks.MEAN_WIDTH, markersize=4, **line)


def _layers(axes: Axes, kind: str, depth: int) -> None:
    """Name the layers, the last of which puts out class scores, or their weights."""
    last = "scores" if kind == "activations" else f"W{depth}"
    inner = [str(layer) if kind == "activations" else f"W{layer}" for layer in range(1, depth)]
    axes.set_xticks(range(1, depth + 1), [*inner, last])
    axes.set_xlabel("layer" if kind == "activations" else "weights")
