"""Slices and parallel coordinates of the random search: Optuna's plots, redrawn in the house style."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import optuna.visualization.matplotlib as drawn
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from pipeline.records import Status
from pipeline.report import style
from pipeline.run.proposals import quiet
from pipeline.run.samplers import LogRange
from pipeline.run.space import Choices
from pipeline.spec import parameter
from sweeps.answers.random_search_conclusion import NAMES
from sweeps.answers.random_search_figures import ACCURACY, crosses, subtitle
from sweeps.answers.random_search_study import Found, study

COLORS = "viridis"
PER_ROW = 3


def slices(answer: Found) -> Figure:
    """Draw validation accuracy against every searched parameter, one panel each (optuna's plot_slice)."""
    with _pyplot():
        panels = drawn.plot_slice(study(answer), target=_in_percent, target_name=ACCURACY)
        every: list[Axes] = [panels] if isinstance(panels, Axes) else list(panels)
        figure = _whole(every[0])
        _bare(figure, keep=every)
        rows = -(-len(every) // PER_ROW)
        style.headed(figure, 8, 0.5 + 2.2 * rows, "The settings, parameter by parameter", subtitle(answer))
        grid = figure.add_gridspec(rows, min(PER_ROW, len(every)))
        for place, axes in enumerate(every):
            axes.set_subplotspec(grid[divmod(place, grid.ncols)])
            _restyle_slice(axes, answer, first=place % grid.ncols == 0)
        scatter = next(each for each in every[0].collections if isinstance(each, PathCollection))
        bar = figure.colorbar(scatter, ax=every, location="bottom", aspect=60, shrink=0.6, pad=0.02)
        bar.set_label("order of proposal, from the first to the last", size=9)
        bar.set_ticks([])
        bar.outline.set_visible(False)
    return figure


def parallel_coordinates(answer: Found) -> Figure:
    """Draw every setting as a line from its accuracy through its parameters (optuna's plot_parallel_coordinate)."""
    with _pyplot():
        axes = drawn.plot_parallel_coordinate(study(answer), target=_in_percent, target_name=ACCURACY)
        figure = _whole(axes)
        others = [each for each in figure.axes if each is not axes and each.get_label() != "<colorbar>"]
        _bare(figure, keep=[axes, *others])
        style.headed(figure, 8, 3.6, "The settings as lines through their parameters", subtitle(answer))
        whole = figure.add_gridspec(1, 1)
        for each in (axes, *others):
            each.set_subplotspec(whole[0, 0])
        names = sorted(answer.configuration.space.dimensions)
        lines = next(each for each in axes.collections if isinstance(each, LineCollection))
        for column, (name, side) in enumerate(zip(names, others, strict=True), start=1):
            dimension = answer.configuration.space.dimensions[name]
            if isinstance(dimension, Choices):
                _as_listed(side, lines, column, [*dimension.values])
            _restyle_side(side)
        _best_on_top(lines)
        _restyle_side(axes)
        axes.set_xticks(range(len(names) + 1), ["validation\naccuracy (%)", *map(_label, names)], rotation=0)
        axes.grid(visible=False)
        bar = figure.colorbar(lines, ax=[axes, *others], location="bottom", aspect=60, shrink=0.6, pad=0.03)
        bar.set_label(ACCURACY, size=9)
        bar.outline.set_visible(False)
    return figure


def _restyle_slice(axes: Axes, answer: Found, *, first: bool) -> None:
    name = axes.get_xlabel()
    dimension = answer.configuration.space.dimensions[name]
    _plain(axes)
    for scatter in axes.collections:
        if isinstance(scatter, PathCollection):
            scatter.set(cmap=COLORS, sizes=[22], edgecolor="white", linewidth=0.4)
    if isinstance(dimension, Choices):
        labels = [label.get_text().strip("'") for label in axes.get_xticklabels()]
        slanted = len("".join(labels)) > 12
        axes.set_xticks(range(len(labels)), labels, rotation=25 if slanted else 0, ha="right" if slanted else "center")
        axes.set_xlim(-0.5, len(labels) - 0.5)
    elif isinstance(dimension, LogRange):
        style.log_axis(axes, dimension.low / 1.15, dimension.high * 1.15, "")
    else:
        room = 0.04 * (dimension.high - dimension.low)
        axes.set_xlim(dimension.low - room, dimension.high + room)
    axes.set_xlabel(_label(name).replace("\n", " "), size=10)
    axes.set_ylabel(ACCURACY if first else "", size=10)
    axes.tick_params(labelleft=first)
    lost = _lost(answer, name)
    if lost and not isinstance(dimension, Choices):
        crosses(axes, lost)


def _lost(answer: Found, name: str) -> list[Any]:
    """Return the values of a parameter with which trials of the search did not complete."""
    records = answer.results[0].records
    return [parameter(record.spec, name) for record in records if record.status is not Status.COMPLETE]


def _as_listed(side: Axes, lines: LineCollection, column: int, names: Sequence[str]) -> None:
    """Put the choices of a parameter in the order in which they are listed, the first at the foot."""
    labels = [label.get_text() for label in side.get_yticklabels()]
    here = [name for name in names if name in labels]
    if len(here) < 2:
        return
    low, high = side.get_ylim()
    bottom, top = lines.axes.get_ylim()  # type: ignore[union-attr]
    segments = [np.array(segment) for segment in lines.get_segments()]
    for segment in segments:
        place = round(low + (segment[column, 1] - bottom) / (top - bottom) * (high - low))
        share = here.index(labels[place]) / (len(here) - 1)
        segment[column, 1] = bottom + share * (top - bottom)
    lines.set_segments(segments)
    side.set_yticks(np.linspace(low, high, len(here)), here)


def _best_on_top(lines: LineCollection) -> None:
    """Draw the lines from the worst to the best, the best darkest."""
    scores = np.asarray(lines.get_array(), dtype=float)
    order = np.argsort(scores, kind="stable")
    segments = lines.get_segments()
    lines.set_segments([segments[place] for place in order])
    lines.set_array(scores[order])
    lines.set(cmap=f"{COLORS}_r", linewidth=1.3, alpha=0.85)


def _restyle_side(axes: Axes) -> None:
    """Make one upright of the parallel coordinates legible over the lines."""
    _plain(axes)
    axes.grid(visible=False)
    for side in ("top", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["right"].set_visible(True)
    axes.yaxis.set_minor_formatter(NullFormatter())
    for label in axes.get_yticklabels():
        label.set_bbox({"facecolor": "white", "alpha": 0.75, "pad": 0.6, "edgecolor": "none"})


def _plain(axes: Axes) -> None:
    """Undo the style sheet that Optuna draws with."""
    axes.set_facecolor("white")
    axes.grid(color=style.PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set(visible=side in ("left", "bottom"), color=style.GREY, linewidth=0.8)
    axes.tick_params(which="both", color=style.GREY, labelcolor=style.BLACK, labelsize=9)
    axes.xaxis.label.set_color(style.BLACK)
    axes.yaxis.label.set_color(style.BLACK)


def _whole(axes: Axes) -> Figure:
    """Return the figure that Optuna has drawn a panel of."""
    return cast(Figure, axes.figure)


def _bare(figure: Figure, keep: Sequence[Axes]) -> None:
    """Leave of a figure nothing but the panels to keep: its headings and colour bars are made anew."""
    for mappable in [each for axes in keep for each in axes.collections]:
        if mappable.colorbar is not None:
            mappable.colorbar.remove()
    for axes in keep:
        axes.set_title("")
        axes.set_title("", loc="left")
    figure.suptitle("").remove()
    figure.set_facecolor("white")


@contextmanager
def _pyplot() -> Iterator[None]:
    """Let Optuna draw: it does so by pyplot, whose figures and backend are as before when the block ends."""
    backend = mpl.get_backend(auto_select=False)
    before = plt.get_fignums()
    with style.house_style(), quiet():
        plt.switch_backend("agg")
        try:
            yield
        finally:
            for number in set(plt.get_fignums()) - set(before):
                plt.close(number)
            if backend is not None:
                plt.switch_backend(backend)


def _in_percent(trial: Any) -> float:
    return 100 * float(trial.value)


def _label(name: str) -> str:
    """Return what an axis calls a parameter."""
    symbols = {
        "lambda": "λ",
        "eta_max": "largest\nlearning rate",
        "sigma": "weight\nscale σ",
        "keep": "dropout's\nkeep",
    }
    return symbols.get(name, NAMES[name])
