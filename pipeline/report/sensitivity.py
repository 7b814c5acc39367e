"""The figures of the init-sensitivity study: losses, accuracies, and the spread of numbers in untrained networks."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import NDArray

from pipeline.records import WINDOW, Chance, Spread, Status, TrialRecord
from pipeline.report import decades, dots, scales, style
from pipeline.report.curves import line_legend, mark_cycle_ends
from pipeline.report.tables import in_order
from pipeline.spec import InitSpec

FEWEST = 2
"""Windows of mini-batches that make a curve."""

MEAN: Mapping[str, Any] = {"color": style.TRAINING, "linewidth": 1.7}
Series: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Steps and losses of a trial."""

HIGHEST = 1.25
"""Where the axis of losses ends at the latest, in units of chance level: large weights start far above."""


def loss_panels(
    records: Sequence[TrialRecord],
    chance_loss: float,
    *,
    title: str = "Training loss for each scale of the initial weights",
) -> Figure:
    """Draw the losses that training saw against steps: scales of the weights down, batch norm across, on one y axis.

    Every trial is a thin line and the mean of those that completed a thick one; the others are dotted as far as they
    went, to a cross. A point is the mean of WINDOW mini-batches, drawn at their middle; where training was too short
    for FEWEST of these, the loss after an epoch on the training rows that curves are measured on. Of more than
    scales.MOST as many are drawn, spread evenly.

    Args:
        records: that differ in the scale of the weights, in batch norm and in their seeds only.
        chance_loss: the training loss (nats) of the best constant guess, drawn as a line.
        title: the headline.
    """
    records = in_order(records)
    inits, norms = scales.in_order(record.spec.init for record in records), dots.norms_of(records)
    shown = scales.spread_evenly(inits)
    drawn = [record for record in records if record.spec.init in shown]
    series = {id(record): _series(record, windowed=_windowed(drawn)) for record in drawn}
    low, high, cut = _loss_limits(drawn, series, chance_loss)
    notes = [style.describe(records), f"means of {WINDOW} mini-batches" if _windowed(drawn) else "after every epoch"]
    notes += [f"{len(shown)} of {len(inits)} scales shown"] if len(shown) < len(inits) else []
    notes += [f"losses above {high:.2g} nats lie outside"] if cut else []
    with style.house_style():
        figure = style.new_figure(8, 1.1 + len(shown) * (1.35 if len(shown) < 6 else 0.8), title, " · ".join(notes))
        if not records:
            style.nothing_to_show(figure.add_subplot(), "no trials")
            return figure
        grid = figure.subplots(len(shown), len(norms), sharex=True, sharey=True, squeeze=False)
        for row, init in zip(grid, shown, strict=True):
            for axes, norm in zip(row, norms, strict=True):
                group = [r for r in drawn if r.spec.init == init and r.spec.network.batch_norm == norm]
                _loss_panel(axes, group, [series[id(record)] for record in group], chance_loss, high)
            row[0].set_ylabel(style.scale_label(init), rotation="horizontal", ha="right", va="center", labelpad=8)
        for axes, norm in zip(grid[0], norms, strict=True):
            axes.set_title(style.heading(style.LOOKS[norm].label, len(norms)))
        for axes in grid[-1]:
            axes.set_xlabel(f"step ({records[0].spec.steps_per_epoch:,} per epoch)")
        grid[0, 0].set_ylim(low, high)
        figure.supylabel("cross-entropy loss (nats)", size=10)
        mean = Line2D([], [], label="mean over seeds", **MEAN)
        handles = [mean, *line_legend(drawn), style.chance_handle(f"chance level, {chance_loss:.3f} nats")]
        figure.legend(handles=handles, loc="outside lower center", ncols=4 if len(handles) == 4 else 3)
    return figure


def _windowed(records: Sequence[TrialRecord]) -> bool:
    """Whether training was long enough to be drawn by windows of mini-batches."""
    return max((len(record.batch_losses) for record in records), default=0) >= FEWEST


def _series(record: TrialRecord, *, windowed: bool) -> Series:
    """Return the steps and the losses of a trial, by windows of mini-batches or by epochs."""
    if windowed:
        return WINDOW * (np.arange(len(record.batch_losses), dtype=np.float64) + 0.5), np.array(record.batch_losses)
    return np.array(record.curves.step, dtype=np.float64), np.array(record.curves.train_loss)


def _loss_panel(
    axes: Axes, group: Sequence[TrialRecord], series: Sequence[Series], chance_loss: float, high: float
) -> None:
    """Draw the losses of one cell; the crosses of what ends above the axis stay at its end, `high`."""
    style.chance_line(axes, chance_loss)
    complete = []
    for record, (steps, losses) in zip(group, series, strict=True):
        if record.status is Status.COMPLETE:
            axes.plot(steps, losses, color=style.TRAINING, linewidth=0.7, alpha=0.6)
            complete.append((steps, losses))
        elif len(losses):
            axes.plot(steps, losses, ":", color=style.TRAINING, linewidth=1.4)
            end = min(losses[-1], high) if math.isfinite(losses[-1]) else high
            axes.plot(steps[-1:], [end], "x", color=style.TRAINING, clip_on=False)
    if complete:
        axes.plot(complete[0][0], np.mean([losses for _, losses in complete], axis=0), **MEAN)
    if not any(len(losses) for _, losses in series):
        style.say(axes, "no trial finished an epoch" if group else "no trials")
    elif len(complete) < len(group):
        text = f"{len(group) - len(complete)} of {len(group)} did not complete"
        axes.text(0.02, 0.06, text, size=8, color=style.GREY, transform=axes.transAxes)
    for schedule, per_epoch in {(record.spec.schedule, record.spec.steps_per_epoch) for record in group}:
        cycle = schedule.cycle_epochs * per_epoch
        mark_cycle_ends(axes, [cycle * (number + 1) for number in range(schedule.cycles)])
        axes.set_xlim(0, cycle * schedule.cycles * 1.01)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_major_locator(MaxNLocator(4))


def _loss_limits(
    records: Sequence[TrialRecord], series: Mapping[int, Series], chance_loss: float
) -> tuple[float, float, bool]:
    """Return the ends of the axis of losses, and whether some lie above; what did not complete must find its place."""
    complete = [record for record in records if record.status is Status.COMPLETE] or records
    losses = np.array([loss for record in complete for loss in series[id(record)][1] if math.isfinite(loss)])
    low, high = losses.min(initial=0.95 * chance_loss), losses.max(initial=1.05 * chance_loss)
    top = min(float(high), HIGHEST * chance_loss or math.inf)  # 0 where all rows are of one class
    margin = 0.06 * (top - float(low) or 1)
    return max(float(low) - margin, 0.0), top + margin, top < high


def accuracy_against_sigma(
    records: Sequence[TrialRecord],
    chance: Chance,
    *,
    title: str = "Test accuracy against the scale of the initial weights",
) -> Figure:
    """Draw the test accuracy of every trial against sigma, with and without batch norm; schemes such as He to the left.

    Args:
        records: that differ in the scale of the weights, in batch norm and in their seeds only.
        chance: what the best constant guess comes to.
        title: the headline.
    """
    records = in_order(records)
    with style.house_style():
        figure = style.new_figure(8, 4 if records else 1, title, style.describe(records))
        if not records:
            style.nothing_to_show(figure.add_subplot(), "no trials")
            return figure
        named = [record for record in records if record.spec.init.sigma is None]
        normal = [record for record in records if record.spec.init.sigma is not None]
        parts = [part for part in (named, normal) if part]
        widths = [0.18 * len(scales.in_order(record.spec.init for record in named)), 1]
        panels = figure.subplots(1, len(parts), sharey=True, squeeze=False, width_ratios=widths[-len(parts) :])[0]
        for axes, part in zip(panels, parts, strict=True):
            draw = _sigma_panel if part is normal else _scheme_panel
            draw(axes, part, dots.norms_of(records), chance)
        dots.fit(panels[-1], records, chance.accuracy)
        panels[0].set_ylabel("test accuracy (%)")
        figure.legend(handles=dots.legend(records, chance), loc="outside lower center", ncols=2)
    return figure


def _scheme_panel(axes: Axes, records: Sequence[TrialRecord], norms: Sequence[str], chance: Chance) -> None:
    schemes = scales.in_order(record.spec.init for record in records)
    cells = [(float(schemes.index(init)), group) for init, group in _cells(records)]
    dots.draw_cells(axes, cells, norms, chance)
    axes.set_xticks(range(len(schemes)), [style.scale_label(init) for init in schemes])
    axes.set_xlim(-0.5, len(schemes) - 0.5)
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("scheme")


def _sigma_panel(axes: Axes, records: Sequence[TrialRecord], norms: Sequence[str], chance: Chance) -> None:
    cells = [(math.log10(init.sigma), group) for init, group in _cells(records) if init.sigma is not None]
    decades = sorted({place for place, _ in cells})
    room = min([1.0, *np.diff(decades)])
    dots.draw_cells(axes, cells, norms, chance, room=room, x=lambda place: 10**place)
    style.log_axis(axes, 10 ** (decades[0] - room / 2), 10 ** (decades[-1] + room / 2), "σ (log scale)")


def _cells(records: Sequence[TrialRecord]) -> list[tuple[InitSpec, list[TrialRecord]]]:
    """Return the trials of each scale and batch norm."""
    cells: dict[tuple[InitSpec, str], list[TrialRecord]] = {}
    for record in records:
        cells.setdefault((record.spec.init, record.spec.network.batch_norm), []).append(record)
    return [(init, group) for (init, _), group in cells.items()]


def spread_at_initialisation(
    spreads: Sequence[Spread],
    *,
    subtitle: str = "",
    title: str = "Spread of activations and gradients at initialisation",
) -> Figure:
    """Draw how large the numbers of untrained networks are, layer by layer: batch norm across, a line for each scale.

    Activations are above, gradients below, both on log scales that the columns share. Every replicate is a faint line
    and their mean a bold one; what is exactly 0 lies on a line of its own at the bottom.

    Args:
        spreads: of networks of one depth.
        subtitle: what was measured, as from `style.describe`.
        title: the headline.
    """
    norms = [norm for norm in style.LOOKS if any(spread.batch_norm == norm for spread in spreads)]
    inits = scales.in_order(spread.init for spread in spreads)
    with style.house_style():
        figure = style.new_figure(8, 5.6 if spreads else 1, title, subtitle)
        if not spreads:
            style.nothing_to_show(figure.add_subplot(), "no networks were measured")
            return figure
        grid = figure.subplots(2, len(norms), sharey="row", squeeze=False)
        for row, part in zip(grid, ("activations", "gradients"), strict=True):
            zero = decades.log_axis(row[0], [value for spread in spreads for value in getattr(spread, part)])
            for axes, norm in zip(row, norms, strict=True):
                for init in inits:
                    group = [s for s in spreads if (s.init, s.batch_norm) == (init, norm)]
                    _spread_lines(axes, [getattr(spread, part) for spread in group], scales.line(init, inits), zero)
        depth = len(spreads[0].gradients)
        for axes, norm in zip(grid[0], norms, strict=True):
            axes.set_title(style.heading(style.LOOKS[norm].label, len(norms)))
            axes.set_xticks(range(depth), [*map(str, range(1, depth)), "scores"])
            axes.set_xlabel("layer")
        for axes in grid[1]:
            axes.set_xticks(range(depth), [f"W{layer}" for layer in range(1, depth + 1)])
            axes.set_xlabel("weights")
        grid[0, 0].set_ylabel("activations\n(standard deviation)")
        grid[1, 0].set_ylabel("gradients of the loss\n(root mean square)")
        handles = scales.legend(figure, grid, inits)
        handles += [
            Line2D([], [], color=style.GREY, linewidth=2, label="mean"),
            Line2D([], [], color=style.GREY, linewidth=0.6, alpha=0.6, label="one replicate"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=6 if len(handles) <= 6 else 4)
    return figure


def _spread_lines(axes: Axes, replicates: Sequence[Sequence[float]], line: Mapping[str, Any], zero: float) -> None:
    """Draw one scale of one panel: a line for each replicate, and their mean."""
    if not replicates:
        return
    values = np.array(replicates, dtype=float)
    for replicate in values:
        axes.plot(np.where(replicate == 0, zero, replicate), linewidth=0.6, alpha=0.6, color=line["color"])
    mean = values.mean(axis=0)
    axes.plot(np.where(mean == 0, zero, mean), linewidth=2, markersize=4, **line)
