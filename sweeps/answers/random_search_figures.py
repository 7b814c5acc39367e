"""The figures of the random search. Slices, parallel coordinates and importances are Optuna's, in the house style."""

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
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullFormatter

from pipeline.records import Status, TrialRecord
from pipeline.report import final, style
from pipeline.run.proposals import quiet
from pipeline.run.samplers import LogRange
from pipeline.run.space import Choices
from pipeline.run.stage import means
from pipeline.spec import parameter
from sweeps.answers.random_search_conclusion import NAMES, described, trials_of
from sweeps.answers.random_search_study import SHUFFLES, Found, Importance, completed, importances, study

ACCURACY = "validation accuracy (%)"
COLORS = "viridis"
PER_ROW = 3


def search_progress(answer: Found) -> Figure:
    """Draw the accuracy of every setting in the order of proposal, and the best so far."""
    observations = means(answer.results[0].records, tuple(answer.configuration.searched))
    scores = [np.nan if mean is None else 100 * mean for _, mean in observations]
    places = np.arange(1, len(scores) + 1)
    subtitle = f"{_subtitle(answer)} · sampler {answer.configuration.search.sampler}"
    with style.house_style():
        figure = style.new_figure(8, 2.9, "The best setting so far", subtitle)
        axes = figure.add_subplot()
        finite = np.where(np.isnan(scores), -np.inf, scores)
        best = np.maximum.accumulate(finite)
        best[np.isinf(best)] = np.nan
        axes.plot(places, scores, "o", color=style.BLUE, alpha=0.55, markersize=5, markeredgewidth=0, label="a setting")
        axes.step(places, best, where="post", color=style.BLACK, label="the best so far")
        lost = places[np.isnan(scores)]
        if len(lost):
            _crosses(axes, lost)
        axes.set_xlim(0, len(scores) + 1)
        axes.set_xlabel("settings, in the order of proposal")
        axes.set_ylabel(ACCURACY)
        figure.legend(loc="outside lower center", ncols=3)
    return figure


def slices(answer: Found) -> Figure:
    """Draw validation accuracy against every searched parameter, one panel each (optuna's plot_slice)."""
    with _pyplot():
        panels = drawn.plot_slice(study(answer), target=_in_percent, target_name=ACCURACY)
        every: list[Axes] = [panels] if isinstance(panels, Axes) else list(panels)
        figure = _whole(every[0])
        _bare(figure, keep=every)
        rows = -(-len(every) // PER_ROW)
        style.headed(figure, 8, 0.5 + 2.2 * rows, "The settings, parameter by parameter", _subtitle(answer))
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
        style.headed(figure, 8, 3.6, "The settings as lines through their parameters", _subtitle(answer))
        whole = figure.add_gridspec(1, 1)
        for each in (axes, *others):
            each.set_subplotspec(whole[0, 0])
        names = sorted(answer.configuration.searched)
        lines = next(each for each in axes.collections if isinstance(each, LineCollection))
        for column, (name, side) in enumerate(zip(names, others, strict=True), start=1):
            dimension = answer.configuration.searched[name]
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


def parameter_importance(answer: Found) -> Figure:
    """Draw the share of the variance that every parameter explains, beside what it does of shuffled accuracies."""
    found = importances(answer)
    title, subtitle = "How much of the variance each parameter explains", _subtitle(answer)
    with style.house_style():
        figure = style.new_figure(8, 1.2 + 0.38 * max(len(found), 2), title, f"{subtitle} · fANOVA")
        axes = figure.add_subplot()
        if not found:
            style.nothing_to_show(axes, "too few settings completed, or parameters varied, for a forest")
            return figure
        _bars(axes, found)
        handles = [
            Rectangle((0, 0), 1, 1, color=style.BLUE, label="share of the variance, on its own"),
            Line2D([], [], color=style.BLACK, marker="|", linestyle="", markersize=12, markeredgewidth=2),
        ]
        handles[1].set_label(f"the most in {SHUFFLES} shuffles of the accuracies")
        figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def final_accuracy(answer: Found) -> Figure:
    """Draw the test accuracies of the winner and of the default network."""
    rows = {described(setting): "" for setting in answer.conclusion.roles.values()}
    groups: dict[str, Sequence[TrialRecord]] = {}
    for role, setting in answer.conclusion.roles.items():
        name = described(setting)
        rows[name] = f"{rows[name]}, {role}" if rows[name] else role
        groups[name] = trials_of(answer, role)
    labelled = [(f"{rows[name]}\n{_wrapped(name)}", group) for name, group in groups.items()]
    return final.accuracies(labelled, "Test accuracy of the winner and of the default network")


def _wrapped(setting: str) -> str:
    """Return a setting in lines of two parts."""
    parts = setting.split(", ")
    return "\n".join(", ".join(parts[start : start + 2]) for start in range(0, len(parts), 2))


def _bars(axes: Axes, found: Sequence[Importance]) -> None:
    for place, each in enumerate(found):
        color = style.GREY if each.is_noise else style.BLUE
        axes.barh(place, 100 * each.share, height=0.55, color=color)
        axes.plot([100 * each.chance], [place], "|", color=style.BLACK, markersize=16, markeredgewidth=2)
        axes.text(1.01, place, f"{100 * each.share:.0f} %", va="center", transform=axes.get_yaxis_transform())
    axes.set_yticks(range(len(found)), [NAMES[each.parameter] for each in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("% of the variance of validation accuracy over the space (grey: no more than chance gives)")


def _restyle_slice(axes: Axes, answer: Found, *, first: bool) -> None:
    name = axes.get_xlabel()
    dimension = answer.configuration.searched[name]
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
        _crosses(axes, lost)


def _lost(answer: Found, name: str) -> list[Any]:
    """Return the values of a parameter with which trials of the search did not complete."""
    records = answer.results[0].records
    return [parameter(record.spec, name) for record in records if record.status is not Status.COMPLETE]


def _crosses(axes: Axes, places: Sequence[Any] | np.ndarray[Any, Any]) -> None:
    """Draw what did not complete at the foot of a panel."""
    axes.plot(
        places,
        [0.03] * len(places),
        "x",
        color=style.VERMILION,
        markersize=6,
        markeredgewidth=1.6,
        transform=axes.get_xaxis_transform(),
        label="diverged or failed",
    )


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


def _subtitle(answer: Found) -> str:
    result = answer.results[0]
    data = result.stage.fixed.data
    settings, without = answer.configuration.search.count, answer.configuration.search.count - len(completed(answer))
    lost = f" · {without} that did not complete" if without else ""
    return f"{data.name} · {data.n_train:,} training rows · {settings} settings of stage {result.stage.name}{lost}"
