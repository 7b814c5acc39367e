"""The cost curves as one figure: for every question throughput and its share of the limit; then what is overhead."""

from collections.abc import Mapping, Sequence

from costs import PACKED, SINGLE, Panel
from costs_table import Cost
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from overheads import GOALS, Held, Reached
from spread import Spread

from pipeline.report import style

LOOKS = {PACKED: (style.BLUE, "o"), SINGLE: (style.ORANGE, "s"), "any width": (style.GREEN, "D")}
"""Colour and shape of a curve."""

WIDE = 16
"""An axis is logarithmic where its largest number is more than so many times its smallest."""


def figure(
    found: Mapping[tuple[object, ...], Cost],
    asked: Mapping[str, Panel],
    reached: Sequence[Reached],
    held: Sequence[Held],
    subtitle: str,
) -> Figure:
    """Return the figure; call it inside `house_style`."""
    drawn = style.new_figure(8, 2.15 * (len(asked) + 1), "What training costs", subtitle)
    grid = drawn.subplots(len(asked) + 1, 2, squeeze=False)
    for panel, (rates, shares) in zip(asked.values(), grid, strict=False):
        _curves(rates, panel, {key: cost.rate for key, cost in found.items()}, "trial-epochs/s")
        _curves(shares, panel, {key: cost.share for key, cost in found.items()}, "% of SGEMM limit")
        rates.set_title(panel.title)
    _goals(grid[-1][0], reached)
    _memory(grid[-1][1], held)
    handles, labels = grid[1][0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=2)
    return drawn


def _curves(axes: Axes, panel: Panel, values: Mapping[tuple[object, ...], Spread], label: str) -> None:
    """Draw medians with whiskers over the rounds."""
    ticks = list(dict.fromkeys(x for curve in panel.curves.values() for x in curve))
    for name, curve in panel.curves.items():
        color, marker = LOOKS[name]
        spreads = [values[point.key] for point in curve.values()]
        medians = [spread.median for spread in spreads]
        ranges = [[one.median - one.low for one in spreads], [one.high - one.median for one in spreads]]
        axes.errorbar(
            list(curve), medians, yerr=ranges, color=color, marker=marker, markersize=4, capsize=2, label=name, lw=1.4
        )
    if max(ticks) > WIDE * min(ticks):
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    medians = [values[point.key].median for curve in panel.curves.values() for point in curve.values()]
    if max(medians) > WIDE * min(medians):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(panel.label)
    axes.set_ylabel(label)


def _goals(axes: Axes, reached: Sequence[Reached]) -> None:
    """Draw what every overhead takes of its goal."""
    for place, one in enumerate(reached):
        shares = [100 * value / one.goal for value in (one.values.low, one.values.median, one.values.high)]
        axes.barh(place, shares[1], color=style.SKY, height=0.6)
        axes.plot([shares[0], shares[2]], [place, place], color=style.BLACK, linewidth=1)
        text = f"{one.values.median:.3g} {one.unit}"
        axes.annotate(text, (shares[2], place), (4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.axvline(100, color=style.BLACK, linestyle=style.CHANCE, linewidth=0.8)
    axes.set_yticks(range(len(reached)), [one.name for one in reached], fontsize=8)
    axes.set_ylim(len(reached) - 0.4, -0.6)
    axes.set_xlim(0, 1.35 * max(100, *(100 * one.values.high / one.goal for one in reached)))
    axes.set_xlabel("% of the goal (less is better)")
    axes.grid(visible=False, axis="y")
    axes.set_title("Orchestration")


def _memory(axes: Axes, held: Sequence[Held]) -> None:
    """Draw the largest private memory of a worker, and of the driver, by the number of workers."""
    counts = [one.workers for one in held]
    axes.plot(counts, [one.driver / 1e6 for one in held], color=style.PURPLE, marker="^", label="driver")
    with_workers = [one for one in held if one.each]
    axes.plot(
        [one.workers for one in with_workers],
        [max(one.each) / 1e6 for one in with_workers],
        color=style.BLUE,
        marker="o",
        label="largest worker",
    )
    axes.axhline(GOALS["memory"], color=style.BLACK, linestyle=style.CHANCE, linewidth=0.8, label="goal of a worker")
    axes.xaxis.set_major_locator(FixedLocator(counts))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("worker processes")
    axes.set_ylabel("private memory (MB)")
    axes.set_title("Memory beyond the shared rows")
    axes.legend(fontsize=8)
