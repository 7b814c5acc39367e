"""The figure of the final test accuracies: every seed, and what the seeds together allow one to say."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline import inference
from pipeline.records import Status, TrialRecord
from pipeline.report import style
from pipeline.report.tables import by_setting, values_of


def final_accuracy(
    records: Iterable[TrialRecord],
    roles: Mapping[str, float | None],
    *,
    title: str = "Test accuracy of the final networks",
) -> Figure:
    """Draw the test accuracy of every final trial, and mean and 95 % t interval over the seeds of each lambda.

    Args:
        records: of the final stage.
        roles: label -> lambda, such as {"chosen": .004, "default": .005}; equal lambdas share a row.
        title: the headline.
    """
    groups = {lambda_: group for (lambda_,), group in by_setting(records).items()}
    labels = style.merged_labels(roles)
    lambdas = [lambda_ for lambda_ in labels if lambda_ in groups] + [x for x in groups if x not in labels]
    names = [f"{labels[x]}\nλ = {style.number(x)}" if x in labels else f"λ = {style.number(x)}" for x in lambdas]
    return accuracies([(name, groups[x]) for name, x in zip(names, lambdas, strict=True)], title)


def accuracies(rows: Sequence[tuple[str, Sequence[TrialRecord]]], title: str) -> Figure:
    """Draw the test accuracy of every trial, and mean and 95 % t interval over the seeds of each row of trials.

    Args:
        rows: (label, trials that differ in their seeds only), from top to bottom.
        title: the headline.
    """
    records = [record for _, group in rows for record in group]
    with style.house_style():
        if not values_of(records, "test_accuracy"):
            figure = style.new_figure(8, 2, title, style.describe(records))
            style.nothing_to_show(figure.add_subplot(), _why_empty(records))
            return figure
        figure = style.new_figure(8, 1.4 + 0.62 * len(rows), title, style.describe(records))
        axes = figure.add_subplot()
        for place, (_, group) in enumerate(rows):
            _final_row(axes, place, group)
        axes.set_yticks(range(len(rows)), [label for label, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(f"test accuracy (%)\n{_sampling_note(records)}")
        handles = [
            Line2D([], [], color=style.BLUE, marker="o", alpha=0.55, linestyle="", label="one seed"),
            Line2D([], [], color=style.BLACK, marker="D", label="mean and 95 % t interval over seeds"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _final_row(axes: Axes, row: int, group: Sequence[TrialRecord]) -> None:
    """Draw the seeds of one row, their mean and interval below them, and the numbers at the right margin."""
    shares = values_of(group, "test_accuracy")
    values = [100 * share for share in shares]
    axes.plot(values, [row - 0.14] * len(values), "o", color=style.BLUE, alpha=0.55, markersize=6, markeredgewidth=0)
    text = "no trial completed"
    if values:
        estimate = inference.mean_interval(shares, bounds=inference.SHARE)
        text = f"{100 * estimate.mean:.2f} %"
        if estimate.low is not None and estimate.high is not None:
            low, high = 100 * estimate.low, 100 * estimate.high
            axes.plot([low, high], [row + 0.14] * 2, color=style.BLACK)
            text += f"\n{low:.2f} to {high:.2f}, n = {len(values)}"
        else:
            text += "\nn = 1, no interval"
        axes.plot([100 * estimate.mean], [row + 0.14], "D", color=style.BLACK, markersize=6)
    diverged = sum(record.status is Status.DIVERGED for record in group)
    text += f", {diverged} diverged" if diverged else ""
    axes.text(1.02, row, text, va="center", transform=axes.get_yaxis_transform())


def _why_empty(records: Sequence[TrialRecord]) -> str:
    if not records:
        return "no trials of the final stage"
    complete = any(record.status is Status.COMPLETE for record in records)
    return "the test set was kept closed" if complete else f"none of the {len(records)} trials completed"


def _sampling_note(records: Sequence[TrialRecord]) -> str:
    """Say what the interval leaves out: the standard error of an accuracy over n test rows, as a 95 % half-width."""
    p, n = float(np.mean(values_of(records, "test_accuracy"))), records[0].spec.data.n_test
    extra = 100 * inference.binomial_half_width(p, n)
    return f"Over training seeds; the choice of these {n:,} test rows adds about ± {extra:.1f} points."
