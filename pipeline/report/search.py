"""Figures over lambda: the search from coarse to fine, and the final test accuracies."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline import inference
from pipeline.records import Status, TrialRecord
from pipeline.report import style
from pipeline.report.tables import by_setting, by_stage, metric, values_of

Range: TypeAlias = tuple[float, float]

COLORS = (style.BLUE, style.VERMILION, style.GREEN, style.PURPLE, style.ORANGE)
MARKERS = ("o", "s", "^", "D", "v")
DROPPED: Mapping[str, Any] = {"markersize": 4, "markerfacecolor": "none", "markeredgewidth": 0.9}
"""How a replicate is drawn whose lambda was dropped at the end of a cycle: hollow."""

LONG = 40
"""Characters of an entry of the legend of which no three stand side by side."""

MARK_LINES: tuple[Literal["-", "--"], ...] = ("-", "--")


@dataclass(frozen=True)
class _Stage:
    """What one stage says about each of its L lambdas; accuracies in per cent, nan where there is none."""

    lambdas: list[float]
    seeds: list[list[float]]  # of each lambda, every replicate that completed
    means: list[float]  # nan where a replicate did not complete: an average of survivors would flatter
    halves: list[float]  # half the 95 % interval of the mean; nan where unknown
    diverged: list[float]  # the lambdas with a diverged or failed trial
    pruned: list[list[float]]  # of each lambda, what every replicate came to that was dropped at the end of a cycle


def lambda_search(
    records: Iterable[TrialRecord],
    *,
    chosen: float | None = None,
    one_se: float | None = None,
    interval: Range | None = None,
    title: str = "Which λ generalises best?",
) -> Figure:
    """Draw validation accuracy against log lambda, all search stages in one picture, the refined range enlarged.

    Args:
        records: of the search stages (lambda > 0). Every replicate is a dot; means and bands are per stage and lambda.
            A band is mean -+ t(.975, df) s / sqrt(R) with the s and df of the two-way layout lambda + replicate
            (`inference.two_way`); where df = 0 it is the lambda's own t interval, and with one replicate there is none.
        chosen: the lambda to mark as chosen.
        one_se: the one-standard-error lambda to mark.
        interval: the padded interval that the coarse stage handed on, shaded and enlarged.
        title: the headline.
    """
    records = list(records)
    stages = {name: _stage(group) for name, group in by_stage(records).items()}
    marks = style.merged_labels({"chosen": chosen, "one standard error": one_se})
    with style.house_style():
        figure = style.new_figure(8, 3.9, title, style.describe(records))
        if not stages:
            style.nothing_to_show(figure.add_subplot(), "no trials of a search stage")
            return figure
        every = [lambda_ for stage in stages.values() for lambda_ in stage.lambdas]
        ranges = {"the whole search": _padded((min(every), max(every)), 0.04)}
        if interval is not None and interval[0] < interval[1]:
            ranges["the refined range, enlarged"] = _padded(interval, 0.06)
        panels = figure.subplots(1, len(ranges), squeeze=False, width_ratios=(1.25, 1)[: len(ranges)])[0]
        for axes, (name, limits) in zip(panels, ranges.items(), strict=True):
            _search_panel(axes, stages, marks, interval if axes is panels[0] else None, limits)
            axes.set_title(name if len(ranges) > 1 else "")
            axes.set_ylabel("validation accuracy (%)")
        handles = _search_legend(stages, marks, interval)
        long = max(len(str(handle.get_label())) for handle in handles) > LONG
        figure.legend(handles=handles, loc="outside lower center", ncols=2 if long else 3)
    return figure


def _stage(records: Sequence[TrialRecord]) -> _Stage:
    groups = {lambda_: group for (lambda_,), group in by_setting(records).items()}
    replicates = sorted({record.replicate for record in records})
    scores = np.full((len(groups), len(replicates)), np.nan)
    for row, group in enumerate(groups.values()):
        for record in group:
            value = metric(record, "val_accuracy")
            scores[row, replicates.index(record.replicate)] = np.nan if value is None else 100 * value
    layout = inference.two_way(scores)
    seeds = [[100 * value for value in values_of(group, "val_accuracy")] for group in groups.values()]
    if layout.s is None:
        halves = [_own_half(values) for values in seeds]
    else:
        pooled = inference.t_quantile(0.975, layout.df) * layout.s / math.sqrt(layout.replicates)
        halves = [pooled] * len(seeds)
    lost = (Status.DIVERGED, Status.FAILED)
    diverged = [x for x, group in groups.items() if any(record.status in lost for record in group)]
    return _Stage(list(groups), seeds, layout.means.tolist(), halves, diverged, [*map(_dropped, groups.values())])


def _dropped(group: Iterable[TrialRecord]) -> list[float]:
    """Return what the trials came to that were dropped at the end of a cycle."""
    values = (record.last("val_accuracy") for record in group if record.status is Status.PRUNED)
    return [100 * value for value in values if value is not None]


def _own_half(values: Sequence[float]) -> float:
    estimate = inference.mean_interval(values)
    return math.nan if estimate.high is None else estimate.high - estimate.mean


def _search_panel(
    axes: Axes, stages: Mapping[str, _Stage], marks: Mapping[float, str], interval: Range | None, limits: Range
) -> None:
    """Draw all stages into one panel whose x axis runs over `limits`."""
    if interval is not None:
        axes.axvspan(*interval, color=style.YELLOW, alpha=0.22, linewidth=0)
    for lambda_, line in zip(marks, MARK_LINES, strict=False):
        axes.axvline(lambda_, color=style.BLACK, linestyle=line, linewidth=1.2, zorder=1)
    for stage, (color, marker) in zip(stages.values(), _stage_marks(len(stages)), strict=True):
        x, means, halves = np.array(stage.lambdas), np.array(stage.means), np.array(stage.halves)
        axes.fill_between(x, means - halves, means + halves, color=color, alpha=0.18, linewidth=0)
        if np.isfinite(means).sum() == 1:  # a band of no width
            axes.errorbar(x, means, halves, fmt="none", ecolor=color, elinewidth=1.8, capsize=6, alpha=0.6)
        axes.plot(x, means, color=color, marker=marker, markersize=5, linewidth=1.2)
        for lambda_, values in zip(stage.lambdas, stage.seeds, strict=True):
            axes.plot([lambda_] * len(values), values, "o", color=color, alpha=0.5, markersize=3, markeredgewidth=0)
        for lambda_, values in zip(stage.lambdas, stage.pruned, strict=True):
            axes.plot([lambda_] * len(values), values, "v", color=color, alpha=0.7, **DROPPED)
        crosses = [lambda_ for lambda_ in stage.diverged if limits[0] <= lambda_ <= limits[1]]
        bottom = axes.get_xaxis_transform()
        axes.plot(crosses, [0.03] * len(crosses), "x", color=color, markersize=7, markeredgewidth=2, transform=bottom)
    style.log_lambda_axis(axes, *limits)
    _accuracy_limits(axes, stages.values(), limits)


def _accuracy_limits(axes: Axes, stages: Iterable[_Stage], limits: Range) -> None:
    """Fit y to the dots inside the x limits and to as much of the bands as leaves the dots legible and is possible."""
    dots, ends = [], []
    for stage in stages:
        every = zip(stage.lambdas, stage.seeds, stage.pruned, stage.means, stage.halves, strict=True)
        for lambda_, seeds, pruned, mean, half in every:
            if limits[0] <= lambda_ <= limits[1]:
                dots += seeds + pruned
                ends += [end for end in (mean - half, mean + half) if math.isfinite(end)]
    if not dots:
        axes.set_ylim(0, 100)
        axes.text(0.5, 0.5, "no trial completed", ha="center", color=style.GREY, transform=axes.transAxes)
        return
    low, high = min(dots), max(dots)
    span = max(high - low, 1.0)
    low, high = (low, high) if high - low >= 1.0 else ((low + high - 1) / 2, (low + high + 1) / 2)
    low, high = max(min([low, *ends]), low - span / 2), min(max([high, *ends]), high + span / 2)
    axes.set_ylim(low - 0.12 * (high - low), min(high + 0.06 * (high - low), 100.5))


def _search_legend(stages: Mapping[str, _Stage], marks: Mapping[float, str], interval: Range | None) -> list[Line2D]:
    handles = [
        Line2D([], [], color=color, marker=marker, linewidth=1.2, label=f"{name}: {_seeds(stage)}")
        for (name, stage), (color, marker) in zip(stages.items(), _stage_marks(len(stages)), strict=True)
    ]
    if any(math.isfinite(half) for stage in stages.values() for half in stage.halves):
        handles.append(Line2D([], [], color=style.GREY, alpha=0.3, linewidth=8, label="95 % band (pooled sd)"))
    handles.append(Line2D([], [], color=style.GREY, marker="o", linestyle="", markersize=3, label="one replicate"))
    if any(values for stage in stages.values() for values in stage.pruned):
        text = "dropped after a cycle"
        handles.append(Line2D([], [], color=style.GREY, marker="v", linestyle="", label=text, **DROPPED))
    for (lambda_, label), line in zip(marks.items(), MARK_LINES, strict=False):
        text = f"{label}: λ = {style.number(lambda_)}"
        handles.append(Line2D([], [], color=style.BLACK, linestyle=line, linewidth=1.2, label=text))
    if interval is not None:
        handles.append(Line2D([], [], color=style.YELLOW, alpha=0.4, linewidth=8, label="interval to refine"))
    if any(stage.diverged for stage in stages.values()):
        text = "diverged or failed"
        handles.append(Line2D([], [], color=style.GREY, marker="x", linestyle="", markeredgewidth=2, label=text))
    return handles


def _stage_marks(count: int) -> list[tuple[str, str]]:
    return list(itertools.islice(itertools.cycle(zip(COLORS, MARKERS, strict=True)), count))


def _seeds(stage: _Stage) -> str:
    count = max(len(values) for values in stage.seeds)
    return f"mean over {count} replicate{'' if count == 1 else 's'}" if count else "no trial completed"


def _padded(interval: Range, part: float) -> Range:
    """Return the ends moved outwards by `part` of their distance in decades; a single value gets half a decade."""
    low, high = interval
    factor = (high / low) ** part if high > low else math.sqrt(10)
    return low / factor, high * factor
