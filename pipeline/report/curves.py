"""Figures over time: learning curves with their cycles, and the learning-rate schedule."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import ArrayLike

from pipeline.records import Status, TrialRecord
from pipeline.report import style
from pipeline.report.tables import by_setting, values_of

ROWS = (("loss", "cross-entropy loss (nats)", 1), ("accuracy", "accuracy (%)", 100))
SETS = (("train", style.TRAINING, "training"), ("val", style.VALIDATION, "validation"))


def best_median_worst(records: Iterable[TrialRecord]) -> dict[str, float]:
    """Return the lambdas of a stage with the best, median and worst mean validation accuracy; {} if none completed.

    A lambda of which a trial did not complete is ranked behind the others, by the trials that did. Of an even number
    the median is the better of the middle two.
    """
    ranked = [
        (sum(record.status is Status.COMPLETE for record in group) == len(group), float(np.mean(values)), lambda_)
        for (lambda_,), group in by_setting(records).items()
        if (values := values_of(group, "val_accuracy"))
    ]
    lambdas = [lambda_ for *_, lambda_ in sorted(ranked, reverse=True)]
    if not lambdas:
        return {}
    return {"best": lambdas[0], "median": lambdas[(len(lambdas) - 1) // 2], "worst": lambdas[-1]}


def learning_curves(
    records: Iterable[TrialRecord], shown: Mapping[str, float | None], *, title: str = "Learning curves"
) -> Figure:
    """Draw loss and accuracy against epochs, one column for each lambda of `shown`, on common scales.

    Every replicate is a thin line and the mean of those that completed a thick one; the others are dotted as far as
    they went, to a cross. Cycle ends are vertical lines. Epoch 0 is the untrained network; training values are those
    of the fixed subset of rows that `Curves` speaks of.

    Args:
        records: of one stage.
        shown: label -> lambda, as from `best_median_worst`; equal lambdas share a column.
        title: the headline.
    """
    records = list(records)
    groups = {lambda_: group for (lambda_,), group in by_setting(records).items()}
    columns = {lambda_: label for lambda_, label in style.merged_labels(shown).items() if lambda_ in groups}
    with style.house_style():
        figure = style.new_figure(8, 4.7, title, style.describe(records))
        if not columns:
            text = f"none of the {len(records)} trials completed" if records else "no trials of this stage"
            style.nothing_to_show(figure.add_subplot(), text)
            return figure
        grid = figure.subplots(2, len(columns), sharex="col", sharey="row", squeeze=False)
        for column, (lambda_, label) in zip(grid.T, columns.items(), strict=True):
            for axes, (metric, _, scale) in zip(column, ROWS, strict=True):
                _curve_panel(axes, groups[lambda_], metric, scale)
            column[0].set_title(f"{label}: λ = {style.number(lambda_)}\n{_count(groups[lambda_])}")
            column[-1].set_xlabel("epoch")
        drawn = [record for lambda_ in columns for record in groups[lambda_]]
        for axes, (metric, label, scale) in zip(grid[:, 0], ROWS, strict=True):
            axes.set_ylabel(label)
            axes.set_ylim(*_curve_limits(drawn, metric, scale))
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
        _mark_cycle_ends(axes, [end / steps_per_epoch for end in cycle_ends])
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


def _curve_panel(axes: Axes, group: Sequence[TrialRecord], metric: str, scale: float) -> None:
    """Draw one metric of the replicates of one lambda, training and validation."""
    for name, color, _ in SETS:
        complete = []
        for record in group:
            values = scale * np.array(getattr(record.curves, f"{name}_{metric}"))
            whole = record.status is Status.COMPLETE
            if whole:
                axes.plot(record.curves.epoch, values, color=color, linewidth=0.7, alpha=0.6)
                complete.append(values)
                epochs = record.curves.epoch
            else:
                axes.plot(record.curves.epoch, values, ":x", color=color, linewidth=1.4, markevery=[-1])
        if complete:
            axes.plot(epochs, np.mean(complete, axis=0), color=color, linewidth=1.7)
    schedule = group[0].spec.schedule
    _mark_cycle_ends(axes, [2 * schedule.step_size * (cycle + 1) for cycle in range(schedule.cycles)])
    axes.set_xlim(0, schedule.epochs * 1.01)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def _mark_cycle_ends(axes: Axes, ends: Iterable[float]) -> None:
    for index, end in enumerate(ends):
        label = "_" if index else "end of a cycle"
        axes.axvline(end, color=style.GREY, linestyle="--", linewidth=1, label=label, clip_on=False)


def _curve_limits(records: Sequence[TrialRecord], metric: str, scale: float) -> tuple[float, float]:
    """Fit the curves that completed (any, if none did); the untrained network may not squeeze the others."""
    complete = [record for record in records if record.status is Status.COMPLETE] or records
    curves = [scale * np.array(getattr(record.curves, f"{name}_{metric}")) for record in complete for name, *_ in SETS]
    finite = [curve[np.isfinite(curve)] for curve in curves]
    trained = np.concatenate([curve[1:] for curve in finite] or [np.zeros(0)])
    every = np.concatenate([*finite, np.zeros(0)])
    if not len(every):
        return 0.0, 100.0
    low, high = float(every.min()), float(every.max())
    if len(trained) and metric == "loss":
        high = min(high, 2 * float(trained.max()))
    span = max(high - low, 1e-3)
    return max(low - 0.05 * span, 0.0), high + 0.05 * span


def _count(group: Sequence[TrialRecord]) -> str:
    complete = sum(record.status is Status.COMPLETE for record in group)
    text = f"{len(group)} seed{'' if len(group) == 1 else 's'}"
    return text if complete == len(group) else f"{text}, of which {complete} completed"


def _curve_legend(records: Sequence[TrialRecord]) -> list[Line2D]:
    handles = [Line2D([], [], color=color, linewidth=1.7, label=f"{label}, mean") for _, color, label in SETS]
    handles.append(Line2D([], [], color=style.GREY, linewidth=0.7, label="one seed"))
    if any(record.status is not Status.COMPLETE for record in records):
        dotted = Line2D([], [], color=style.GREY, linewidth=1.4, linestyle=":", marker="x", label="did not complete")
        handles.append(dotted)
    handles.append(Line2D([], [], color=style.GREY, linewidth=1, linestyle="--", label="end of a cycle"))
    return handles
