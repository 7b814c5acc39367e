"""What figures of comparisons are drawn with: dots, curves and crosses, axes that fit them, and what they mean."""

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from pipeline.inference import Estimate
from pipeline.records import Status, TrialRecord
from pipeline.report import cells, curves, dots, style
from pipeline.report.cells import Part
from pipeline.report.comparison import Study
from pipeline.spec import CellName

SEED: Mapping[str, Any] = {"alpha": 0.4, "markeredgewidth": 0, "linestyle": ""}
"""The dot of one seed."""

MEAN_WIDTH, SEED_WIDTH = 1.7, 0.6
"""Of curves."""

BESIDE: Mapping[str, Any] = {"linewidth": SEED_WIDTH, "alpha": 0.45}
ALONE: Mapping[str, Any] = {"linewidth": 1.0, "alpha": 0.8}
"""The curve of a seed beside a mean, and where there is none."""

LOUDEST = 2.0
"""Where axes of losses end at the latest, in units of chance level, or of what the median cell ended with."""


def values_along(record: TrialRecord, what: str) -> NDArray[np.float64]:
    """Return a curve, in per cent where it is a share; what an epoch lacks is nan. `error` stands for 1 - accuracy."""
    if what.endswith("error"):
        return 100 - values_along(record, what.replace("error", "accuracy"))
    values = np.array(getattr(record.curves, what), dtype=np.float64)
    return 100 * values if what.endswith("accuracy") else values


def draw_curve(axes: Axes, study: Study, name: CellName, what: str, line: Mapping[str, Any], *, first: int = 0) -> None:
    """Draw a curve of every seed of a cell, and their mean where it tells.

    What did not complete ends in a cross, at the edge of the panel if it lies outside; the axis has its limits before.

    Args:
        axes: where to; x is the epoch.
        study: the comparison.
        name: the cell.
        what: field of `Curves`, or as `values_along` has it.
        line: colour and dashes.
        first: epoch that curves start with.
    """
    pen = {"color": line["color"], "linestyle": line["linestyle"]}
    mean = cells.has_mean(study, name)
    drawn = []
    for record in study.groups[name]:
        epochs, values = np.array(record.curves.epoch[first:]), values_along(record, what)[first:]
        pen["marker"] = "." if len(epochs) == 1 else ""
        axes.plot(epochs, values, **(BESIDE if mean else ALONE), **pen)
        if record.status is not Status.COMPLETE:
            _end(axes, int(epochs[-1]) if len(epochs) else first, values, line["color"], loss="accuracy" not in what)
        drawn.append(values)
    if mean:
        axes.plot(epochs, np.mean(drawn, axis=0), linewidth=MEAN_WIDTH, **pen)


def _end(axes: Axes, epoch: int, values: NDArray[np.float64], color: str, *, loss: bool) -> None:
    """Mark where a curve breaks off; what is no number lies at the edge that is worst, the upper one with a `loss`."""
    low, high = axes.get_ylim()
    worst = high if loss else low
    last = float(values[-1]) if len(values) else worst
    cross(axes, epoch, min(max(last, low), high) if math.isfinite(last) else worst, color)


@dataclass(frozen=True)
class CurveAxis:
    """The axis of some curves: its ends, the first epoch, and whether curves that completed leave it."""

    low: float
    high: float
    first: int
    cut: bool = False

    @classmethod
    def of(cls, study: Study, whats: Sequence[str], *, first: int = 0) -> "CurveAxis":
        """Return the axis that fits the curves `whats`, all losses or none, of what completed; of all if nothing did.

        Losses far above chance level lie outside, unless most cells end there.
        """
        records = [record for record in study.records if record.status is Status.COMPLETE] or study.records
        found = [values_along(record, what)[first:] for record in records for what in whats]
        loss = whats[0].endswith("loss")
        if not loss:  # the untrained network is at chance level, and would squeeze the others
            found = [curve[1 - first :] if len(curve) > 1 else curve for curve in found]
        ends = [float(curve[-1]) for curve in found if len(curve) and math.isfinite(curve[-1])]
        top = LOUDEST * max(study.chance.loss, float(np.median(ends)) if ends else 0.0) if loss else 100.0
        if not ends:
            return cls(0.0, top, first)
        low, high = curves.limits(found, loss=loss and first == 0)
        least = max((0.05 if loss else 1.0) - (high - low), 0.0)
        return cls(low - least / 2, min(high, top) + least / 2, first, loss and high > top)

    @property
    def note(self) -> tuple[str, ...]:
        """What to say of curves that leave the axis."""
        return (f"losses above {self.high:.2g} nats lie outside",) if self.cut else ()

    def give(self, panels: Iterable[Axes], study: Study) -> None:
        """Give the axis to `panels`, and room for all epochs."""
        last = max(record.spec.schedule.epochs for record in study.records)
        room = 0.02 * (last - self.first) if last > self.first else 0.5
        for axes in panels:
            axes.set_ylim(self.low, self.high)
            axes.set_xlim(self.first - (room if self.first else 0), last + room)
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axes.ticklabel_format(axis="y", useOffset=False)


def limits(
    values: Sequence[float], ends: Sequence[float], *, least: float = 5.0, lost: bool = False
) -> tuple[float, float]:
    """Return the ends of an axis: all `values`, and of the ends of intervals what lies near them; no more than 101.

    From two seeds an interval often reaches across the whole axis; it is cut off where it would squeeze the seeds. With
    `lost` there is room for the crosses of what did not complete at the low end. The axis has margins as if it spanned
    `least` at least.
    """
    if not values:
        return 0.0, 100.0
    low, high = min(values), max(values)
    beyond = 0.3 * max(high - low, least)
    low = min([low, *(max(end, low - beyond) for end in ends)])
    high = max([high, *(min(end, high + beyond) for end in ends)])
    margin = 0.06 * max(high - low, least)
    return low - (2.5 if lost else 1) * margin, min(high + margin, 101.0)


def mean(axes: Axes, x: float, found: Estimate | None, color: str, marker: str) -> None:
    """Draw the mean of a share with its interval, upright; nothing where there is none."""
    if found is None:
        return
    if found.low is not None and found.high is not None:
        axes.plot([x, x], [100 * found.low, 100 * found.high], color=color, linewidth=1.2)
    axes.plot([x], [100 * found.mean], marker, color=color, markersize=6, zorder=3)


def say_if_empty(axes: Axes, study: Study, part: Part, *, first: int = 0) -> None:
    """Say so in a panel none of whose trials has come to the epoch `first`."""
    records = [record for name in part.names for record in study.groups[name]]
    if not any(len(record.curves.epoch) > first for record in records):
        style.say(axes, "no epoch was finished")


def say_if_lost(axes: Axes, study: Study, part: Part) -> None:
    """Say so in a panel none of whose trials completed."""
    if not any(record.status is Status.COMPLETE for name in part.names for record in study.groups[name]):
        style.say(axes, "no trial completed")


def cross(axes: Axes, x: float, y: float, color: str, **where: Any) -> None:
    """Mark what did not complete; it may lie on the edge of the panel."""
    (mark,) = axes.plot([x], [y], "x", color=color, zorder=4, **where)
    mark.set(markersize=6, markeredgewidth=1.6, clip_on=False)


def entries(study: Study, *, lines: bool) -> list[Line2D]:
    """Return what marks mean whatever their colour: a seed, as a line or a dot, and what did not complete."""
    pen: Mapping[str, Any] = {"linewidth": SEED_WIDTH} if lines else {"marker": "o", "markersize": 4, **SEED}
    found = [Line2D([], [], color=style.GREY, label="one seed", **pen)]
    if dots.lost(study.records):
        label = "a trial did not complete"
        found.append(Line2D([], [], color=style.GREY, marker="x", linestyle="", markeredgewidth=1.6, label=label))
    return found


def head_rows(grid: NDArray[Any], parts: Sequence[Part]) -> None:
    """Name the rows of panels by what their cells have in common, in lines that are no longer than a row is high."""
    for row, part in zip(grid, parts, strict=True):
        row[0].set_ylabel(textwrap.fill(part.heading, 48 // max(len(parts), 2)), weight="bold")


def legend(figure: Figure, handles: Sequence[Line2D]) -> None:
    """Write the legend below the panels, from left to right, in as few rows as there is room for, equally full."""
    sizes = [0.6 + 0.068 * len(str(handle.get_label())) for handle in handles]
    room = figure.get_figwidth() - 0.2

    def width(columns: int) -> float:
        return sum(max(sizes[column::columns]) for column in range(columns))

    full = (math.ceil(len(handles) / rows) for rows in range(1, len(handles) + 1))
    columns = next((count for count in full if width(count) <= room), 1)
    down = [handle for column in range(columns) for handle in handles[column::columns]]  # Matplotlib fills columns
    figure.legend(handles=down, loc="outside lower center", ncols=columns)
