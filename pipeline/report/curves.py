"""Figures over time: learning curves with their cycles, and the learning-rate schedule."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import ArrayLike, NDArray

from pipeline.records import Status, TrialRecord
from pipeline.report import style
from pipeline.report.tables import by_setting, values_of

METRICS = {
    "loss": ("cross-entropy\nloss (nats)", 1),
    "cost": ("cost (nats)\nloss + λ Σ‖W‖²", 1),
    "accuracy": ("accuracy (%)", 100),
}
"""By metric of `Curves`: the label of its axis, and the unit of that in the metric's own."""

TALLEST = 4.4
"""Inches of all panels of a column: two such figures fit on a page of the report."""

SETS = (("train", style.TRAINING, "training"), ("val", style.VALIDATION, "validation"))


def best_median_worst(records: Iterable[TrialRecord]) -> dict[str, list[TrialRecord]]:
    """Return the trials of the lambdas with the best, median and worst mean validation accuracy in a stage, by heading.

    A lambda of which a trial did not complete is ranked behind the others, by the trials that did; not at all where
    none did, as where it was dropped at the end of a cycle. Of an even number the median is the better of the middle
    two. A lambda that has two of these roles comes once, as "best, median: λ = 0.01"; where no trial completed all of
    them come together.
    """
    records = list(records)
    groups = {lambda_: group for (lambda_,), group in by_setting(records).items()}
    ranked = [
        (sum(record.status is Status.COMPLETE for record in group) == len(group), float(np.mean(values)), lambda_)
        for lambda_, group in groups.items()
        if (values := values_of(group, "val_accuracy"))
    ]
    lambdas = [lambda_ for *_, lambda_ in sorted(ranked, reverse=True)]
    if not lambdas:
        return {"every λ": records} if records else {}
    roles = {"best": lambdas[0], "median": lambdas[(len(lambdas) - 1) // 2], "worst": lambdas[-1]}
    return {
        f"{label}: λ = {style.number(lambda_)}": groups[lambda_]
        for lambda_, label in style.merged_labels(roles).items()
    }


def learning_curves(
    columns: Mapping[str, Sequence[TrialRecord]],
    *,
    metrics: Sequence[str] = ("loss", "accuracy"),
    title: str = "Learning curves",
) -> Figure:
    """Draw metrics against epochs, one column for each group of trials, on common scales.

    Every trial is a thin line and the mean of those that completed a thick one; the others are dotted as far as they
    went, to a cross. Cycle ends are vertical lines. Epoch 0 is the untrained network; training values are those of the
    fixed subset of rows that `Curves` speaks of.

    Args:
        columns: heading -> trials that differ in their seeds only.
        metrics: what to draw from top to bottom, keys of METRICS.
        title: the headline.
    """
    drawn = [record for group in columns.values() for record in group]
    with style.house_style():
        figure = style.new_figure(8, 0.75 + min(2 * len(metrics), TALLEST), title, style.describe(drawn))
        if not drawn:
            style.nothing_to_show(figure.add_subplot(), "no trials of this stage")
            return figure
        grid = figure.subplots(len(metrics), len(columns), sharex="col", sharey="row", squeeze=False)
        for column, (heading, group) in zip(grid.T, columns.items(), strict=True):
            for axes, metric in zip(column, metrics, strict=True):
                _curve_panel(axes, group, metric)
            column[0].set_title(f"{style.heading(heading, len(columns))}\n{_count(group)}")
            column[-1].set_xlabel("epoch")
        for axes, metric in zip(grid[:, 0], metrics, strict=True):
            axes.set_ylabel(METRICS[metric][0])
            axes.set_ylim(*_curve_limits(drawn, metric))
        figure.legend(handles=_curve_legend(drawn), loc="outside lower center", ncols=5)
    return figure


def learning_rate(
    step: ArrayLike,
    eta: ArrayLike,
    *,
    steps_per_epoch: int,
    cycle_ends: Sequence[int] = (),
    subtitle: str = "",
    title: str = "Learning-rate schedule",
) -> Figure:
    """Draw the learning rate against epochs (below) and steps (above).

    Args:
        step: (n,) step numbers, from 0.
        eta: (n,) the learning rate of each step.
        steps_per_epoch: mini-batches per epoch.
        cycle_ends: the steps at which cycles end, marked by vertical lines.
        subtitle: what the schedule belongs to.
        title: the headline.
    """
    with style.house_style():
        figure = style.new_figure(8, 2.9, title, subtitle)
        axes = figure.add_subplot()
        epochs = np.asarray(step, dtype=float) / steps_per_epoch
        axes.plot(epochs, eta, color=style.BLUE, label="learning rate")
        mark_cycle_ends(axes, [end / steps_per_epoch for end in cycle_ends])
        axes.set_xlim(0, max([float(epochs.max()), *(end / steps_per_epoch for end in cycle_ends)]))
        axes.set_ylim(bottom=0)
        axes.set_xlabel("epoch")
        axes.set_ylabel("learning rate η")
        axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        above = axes.secondary_xaxis("top", functions=(_scale(steps_per_epoch), _scale(1 / steps_per_epoch)))
        above.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        above.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        above.set_xlabel(f"step ({steps_per_epoch:,} per epoch)")
        figure.legend(loc="outside lower center", ncols=2)
    return figure


def _scale(factor: float) -> Callable[[ArrayLike], ArrayLike]:
    return lambda values: np.asarray(values) * factor


def _curve_panel(axes: Axes, group: Sequence[TrialRecord], metric: str) -> None:
    """Draw one metric of trials that differ in their seeds, training and validation."""
    for name, color, _ in SETS:
        complete = []
        for record in group:
            values = _values(record, name, metric)
            whole = record.status is Status.COMPLETE
            if whole:
                axes.plot(record.curves.epoch, values, color=color, linewidth=0.7, alpha=0.6)
                complete.append(values)
                epochs = record.curves.epoch
            else:
                axes.plot(record.curves.epoch, values, ":x", color=color, linewidth=1.4, markevery=[-1])
        if complete:
            axes.plot(epochs, np.mean(complete, axis=0), color=color, linewidth=1.7)
    if not any(record.curves.epoch for record in group):
        text = "no epoch was finished" if group else "no trials"
        style.say(axes, text)
    if group:
        schedule = group[0].spec.schedule
        mark_cycle_ends(axes, [schedule.cycle_epochs * (cycle + 1) for cycle in range(schedule.cycles)])
        axes.set_xlim(0, schedule.epochs * 1.01)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def mark_cycle_ends(axes: Axes, ends: Iterable[float]) -> None:
    """Draw a vertical line where each cycle ends; the first one is the legend's."""
    for index, end in enumerate(ends):
        label = "_" if index else "end of a cycle"
        axes.axvline(end, color=style.GREY, linestyle="--", linewidth=1, label=label, clip_on=False)


def _curve_limits(records: Sequence[TrialRecord], metric: str) -> tuple[float, float]:
    """Fit the curves that completed; any, if none did."""
    complete = [record for record in records if record.status is Status.COMPLETE] or records
    curves = [_values(record, name, metric) for record in complete for name, *_ in SETS]
    return limits(curves, loss=metric != "accuracy")


def limits(curves: Iterable[NDArray[np.float64]], *, loss: bool) -> tuple[float, float]:
    """Return the ends of an axis that fits `curves`, untrained network first; it may not squeeze the others' losses."""
    finite = [curve[np.isfinite(curve)] for curve in curves]
    every = np.concatenate([*finite, []])
    trained = np.concatenate([*(curve[1:] for curve in finite), []])
    if not len(every):
        return 0.0, 100.0
    low, high = float(every.min()), float(every.max())
    if len(trained) and loss:
        high = min(high, 1.1 * float(trained.max()))
    span = max(high - low, 1e-3)
    return max(low - 0.05 * span, 0.0), high + 0.05 * span


def _values(record: TrialRecord, name: str, metric: str) -> NDArray[np.float64]:
    """Return a curve of the training or validation rows (`name`) in the unit of its axis."""
    return METRICS[metric][1] * np.array(getattr(record.curves, f"{name}_{metric}"), dtype=np.float64)


def _count(group: Sequence[TrialRecord]) -> str:
    complete = sum(record.status is Status.COMPLETE for record in group)
    seeds = "seed" if len({record.replicate for record in group}) == len(group) else "trial"
    text = f"{len(group)} {seeds}{'' if len(group) == 1 else 's'}"
    return text if complete == len(group) else f"{text}, of which {complete or 'none'} completed"


def _curve_legend(records: Sequence[TrialRecord]) -> list[Line2D]:
    means = [Line2D([], [], color=color, linewidth=1.7, label=f"{label}, mean") for _, color, label in SETS]
    return [*means, *line_legend(records)]


def line_legend(records: Iterable[TrialRecord]) -> list[Line2D]:
    """Return the legend of what curves of several seeds have in common beside their means."""
    handles = [Line2D([], [], color=style.GREY, linewidth=0.7, label="one seed")]
    if any(record.status is not Status.COMPLETE for record in records):
        dotted = Line2D([], [], color=style.GREY, linewidth=1.4, linestyle=":", marker="x", label="did not complete")
        handles.append(dotted)
    handles.append(Line2D([], [], color=style.GREY, linewidth=1, linestyle="--", label="end of a cycle"))
    return handles
