"""The figures of the random search that are its own: its progress, what matters, and what the winner reaches."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pipeline.report import final, style
from pipeline.run.stage import means
from sweeps.answers.random_search_conclusion import NAMES, described, trials_of
from sweeps.answers.random_search_study import Found, Importance, completed, importances, looked_at
from sweeps.answers.rank_tests import BOUND, in_words

ACCURACY = "validation accuracy (%)"

COLORS = {False: style.BLUE, True: style.GREY}
LABELS = {False: f"beyond noise (adjusted p < {BOUND})", True: "within noise"}
"""Of bars, by whether the parameter is within noise."""

FIGURE_SPACE = "\u2007"
"""As wide as a digit."""


def search_progress(answer: Found) -> Figure:
    """Draw the accuracy of every setting in the order of proposal, and the best so far."""
    observations = means(answer.results[0].records, tuple(answer.configuration.space.dimensions))
    scores = [np.nan if mean is None else 100 * mean for _, mean in observations]
    places = np.arange(1, len(scores) + 1)
    beneath = f"{subtitle(answer)} · sampler {answer.configuration.search.sampler}"
    with style.house_style():
        figure = style.new_figure(8, 2.9, "The best setting so far", beneath)
        axes = figure.add_subplot()
        finite = np.where(np.isnan(scores), -np.inf, scores)
        best = np.maximum.accumulate(finite)
        best[np.isinf(best)] = np.nan
        axes.plot(places, scores, "o", color=style.BLUE, alpha=0.55, markersize=5, markeredgewidth=0, label="a setting")
        axes.step(places, best, where="post", color=style.BLACK, label="the best so far")
        lost = places[np.isnan(scores)]
        if len(lost):
            crosses(axes, lost)
        if len(lost) == len(scores):
            style.say(axes, "no trial completed")
            axes.set_ylim(0, 100)
        axes.set_xlim(0, len(scores) + 1)
        axes.set_xlabel("settings, in the order of proposal")
        axes.set_ylabel(ACCURACY)
        figure.legend(loc="outside lower center", ncols=3)
    return figure


def parameter_importance(answer: Found) -> Figure:
    """Draw the share of the variance that every parameter explains, grey where it is within noise."""
    found = importances(answer)
    title, beneath = "How much of the variance each parameter explains", f"{subtitle(answer)} · fANOVA, rank tests"
    with style.house_style():
        figure = style.new_figure(8, 1.2 + 0.38 * max(len(found), 2), title, beneath)
        axes = figure.add_subplot()
        if not found:
            style.nothing_to_show(axes, "too few settings completed, or parameters varied, for a forest")
            return figure
        _bars(axes, found)
        axes.set_xlabel(f"% of the variance of validation accuracy {looked_at(answer)}, explained on its own")
        told = dict.fromkeys(sorted(each.is_noise for each in found))
        handles = [Rectangle((0, 0), 1, 1, color=COLORS[noise], label=LABELS[noise]) for noise in told]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def final_accuracy(answer: Found) -> Figure:
    """Draw the test accuracies of the winner and of the default network."""
    labelled = [
        (f"{role}\n{_wrapped(described(setting))}", trials_of(answer, role))
        for role, setting in answer.conclusion.roles.items()
    ]
    return final.accuracies(labelled, "Test accuracy of the winner and of the default network")


def _wrapped(setting: str) -> str:
    """Return a setting in lines of two parts."""
    parts = setting.split(", ")
    return "\n".join(", ".join(parts[start : start + 2]) for start in range(0, len(parts), 2))


def _bars(axes: Axes, found: Sequence[Importance]) -> None:
    for place, each in enumerate(found):
        axes.barh(place, 100 * each.share, height=0.55, color=COLORS[each.is_noise])
        share = f"{100 * each.share:2.0f}".replace(" ", FIGURE_SPACE)
        text = f"{share} %  {in_words(each.p)}"
        axes.text(1.01, place, text, va="center", transform=axes.get_yaxis_transform())
    axes.set_yticks(range(len(found)), [NAMES[each.parameter] for each in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.grid(visible=False, axis="y")


def crosses(axes: Axes, places: Sequence[Any] | np.ndarray[Any, Any]) -> None:
    """Draw what did not complete at the foot of a panel."""
    axes.plot(
        places,
        [0.03] * len(places),
        "x",
        color=style.VERMILION,
        markersize=6,
        markeredgewidth=1.6,
        transform=axes.get_xaxis_transform(),
        label="did not complete",
    )


def subtitle(answer: Found) -> str:
    """Return what a figure of the search rests on: data, rows, how many settings, and how many of them were lost."""
    result = answer.results[0]
    data = result.stage.fixed.data
    settings, without = answer.configuration.search.count, answer.configuration.search.count - len(completed(answer))
    lost = f" · {without} that did not complete" if without else ""
    return f"{data.name} · {data.n_train:,} training rows · {settings} settings of stage {result.stage.name}{lost}"
