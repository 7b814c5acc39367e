"""How early settings can be ranked: rank correlation between accuracies after every epoch and the final ones.

It is why settings are dropped at the ends of cycles only: there the learning rate is low, as it is at the very end.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from pipeline.inference import Floats
from pipeline.records import Status, TrialRecord
from pipeline.report import style
from pipeline.report.curves import mark_cycle_ends
from pipeline.report.tables import by_setting, by_stage

FEWEST = 5
"""Settings from which a rank correlation says anything."""

COLUMNS = ("stage", "epoch", "cycle", "ends_cycle", "settings", "replicate", "spearman", "best_rank")

PLACES = 12
"""Of an accuracy: they are counts / n, and equal means stay so in whatever order they are added."""

MEAN = "mean"
"""What stands in the column `replicate` of rows about means over the replicates."""


def rank_correlation(records: Iterable[TrialRecord], by: Sequence[str] = ("lambda",)) -> pd.DataFrame:
    """Return a row per stage, epoch and replicate (COLUMNS), first one of their means.

    spearman is the rank correlation over the settings between the validation accuracies after this epoch and those
    after the last one. best_rank is where the setting that is best in the end (of equals the first) stands after this
    epoch, 1 for the best: of equals the worst place. Settings with a lost replicate are left out; stages with fewer
    than FEWEST others, with one cycle, or with dropped settings have no rows.
    """
    rows = [row for name, group in by_stage(records).items() for row in _rows(name, group, by)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def rank_correlations(
    table: pd.DataFrame, *, subtitle: str, title: str = "How early can settings be ranked?"
) -> Figure:
    """Draw `rank_correlation`, a panel per stage, with the ends of cycles.

    Args:
        table: what it returned; may be empty.
        subtitle: what was trained.
        title: the headline.
    """
    with style.house_style():
        figure = style.new_figure(8, 3.4, title, subtitle)
        if not len(table):
            style.nothing_to_show(figure.add_subplot(), "no stage of several cycles with enough settings")
            return figure
        stages = {str(name): part for name, part in table.groupby("stage", sort=False)}
        panels = figure.subplots(1, len(stages), sharey=True, squeeze=False)[0]
        for axes, (name, part) in zip(panels, stages.items(), strict=True):
            _panel(axes, part)
            axes.set_title(f"{name}: {part['settings'].iloc[0]} settings")
            axes.set_xlabel("epoch")
        panels[0].set_ylabel("rank correlation (Spearman)\nwith the final accuracies")
        panels[0].set_ylim(min(0.0, float(table["spearman"].min())) - 0.05, 1.05)
        figure.legend(handles=_legend(), loc="outside lower center", ncols=3)
    return figure


def _rows(stage: str, records: Sequence[TrialRecord], by: Sequence[str]) -> list[tuple[object, ...]]:
    schedule = records[0].spec.schedule
    scores = _scores(records, by)
    if schedule.cycles < 2 or len(scores) < FEWEST or any(record.status is Status.PRUNED for record in records):
        return []
    every = {MEAN: scores.mean(axis=1)} | {str(index): scores[:, index] for index in range(scores.shape[1])}
    ranked = {name: values.round(PLACES) for name, values in every.items()}
    rows: list[tuple[object, ...]] = []
    for epoch in range(1, scores.shape[2]):
        cycle, rest = divmod(epoch - 1, schedule.cycle_epochs)
        ends = int(rest == schedule.cycle_epochs - 1)
        for name, values in ranked.items():
            now, final = values[:, epoch], values[:, -1]
            place = int((now >= now[final.argmax()]).sum())
            rows.append((stage, epoch, cycle + 1, ends, len(scores), name, spearman(now, final), place))
    return rows


def _scores(records: Sequence[TrialRecord], by: Sequence[str]) -> Floats:
    """Return validation accuracies (settings, replicates, epochs + 1) of the settings that completed as a whole."""
    groups = by_setting(records, by, ascending=False).values()
    whole = [group for group in groups if all(record.status is Status.COMPLETE for record in group)]
    ordered = [sorted(group, key=lambda record: record.replicate) for group in whole]
    return np.array([[record.curves.val_accuracy for record in group] for group in ordered], dtype=np.float64)


def spearman(a: Floats, b: Floats) -> float:
    """Return Spearman's rank correlation, equal values sharing their mean rank; nan where all of one are equal."""
    from scipy.stats import rankdata  # noqa: PLC0415  (loads slowly)

    x, y = (rankdata(values) - (len(values) + 1) / 2 for values in (a, b))
    norm = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / norm if norm else float("nan")


def _panel(axes: Axes, part: pd.DataFrame) -> None:
    """Draw one stage: the replicates thin, their means thick, dots at the ends of cycles."""
    for name, one in part.groupby("replicate", sort=False):
        if name != MEAN:
            axes.plot(one["epoch"], one["spearman"], color=style.BLUE, linewidth=0.8, alpha=0.55)
    means = part[part["replicate"] == MEAN]
    axes.plot(means["epoch"], means["spearman"], color=style.BLACK, linewidth=2)
    ends = means[means["ends_cycle"] == 1]
    axes.plot(ends["epoch"], ends["spearman"], "o", color=style.VERMILION, markersize=6, zorder=3)
    mark_cycle_ends(axes, ends["epoch"])
    axes.axhline(0, color=style.GREY, linewidth=0.8)
    axes.set_xlim(0, means["epoch"].max() * 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _legend() -> list[Line2D]:
    return [
        Line2D([], [], color=style.BLACK, linewidth=2, label="means over the replicates"),
        Line2D([], [], color=style.BLUE, linewidth=0.8, alpha=0.55, label="one replicate"),
        Line2D([], [], color=style.VERMILION, marker="o", linestyle="", label="means at the end of a cycle"),
    ]
