"""The house style of the figures: colours, sizes, axes; how a figure is made, and saved, always with the same bytes.

Figures use matplotlib's object-oriented interface only. Every one is made and saved inside `house_style`, which starts
from matplotlib's own defaults: a user's rcParams neither change a figure nor are changed by it.
"""

import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from pipeline import files
from pipeline.records import TrialRecord

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
"""Okabe and Ito's palette, told apart by all common kinds of colour blindness (jfly.uni-koeln.de/color)."""

GREY, PALE = "#6B6B6B", "#D9D9D9"
TRAINING, VALIDATION = BLUE, VERMILION
DPI = 150

HOUSE = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "figure.dpi": DPI,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same glyphs everywhere
    "font.size": 10,
    "grid.color": PALE,
    "grid.linewidth": 0.6,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "savefig.dpi": DPI,
    "svg.fonttype": "path",
    "svg.hashsalt": "house",
    "xtick.color": GREY,
    "xtick.labelcolor": BLACK,
    "xtick.labelsize": 9,
    "ytick.color": GREY,
    "ytick.labelcolor": BLACK,
    "ytick.labelsize": 9,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the house style inside the block; afterwards the rcParams are what they were."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(HOUSE)  # type: ignore[arg-type]
        yield


def new_figure(width: float, height: float, title: str, subtitle: str) -> Figure:
    """Return an empty figure under a bold title and grey lines that say what was measured.

    It is `width` inches wide; `height` is that of the space for the axes: the heading comes on top.
    """
    lines = textwrap.wrap(subtitle, int(13 * width))
    heading = 0.37 + 0.16 * len(lines)
    total = height + heading
    figure = Figure(figsize=(width, total), layout=ConstrainedLayoutEngine(rect=(0, 0, 1, height / total)))
    FigureCanvasAgg(figure)
    figure.text(0.1 / width, 1 - 0.1 / total, title, va="top", weight="bold", size=12)
    figure.text(0.1 / width, 1 - 0.32 / total, "\n".join(lines), va="top", color=GREY, size=9)
    return figure


def save(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write `figure` to `folder` as ``name.png`` and ``name.svg``, atomically; the same figure gives the same bytes.

    Raises:
        HostError: the folder cannot be written.
    """
    png, svg = folder / f"{name}.png", folder / f"{name}.svg"
    with house_style():
        with files.atomic(png) as file:
            figure.savefig(file, format="png", metadata={"Software": None})
        with files.atomic(svg) as file:
            figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return png, svg


def describe(records: Iterable[TrialRecord]) -> str:
    """Return what the records were measured on: data set, rows, network; parts in which they differ are listed."""
    specs = [record.spec for record in records]
    rows = [f"{n:,}" for n in dict.fromkeys(spec.data.n_train for spec in specs)]
    hidden = dict.fromkeys("-".join(map(str, spec.network.hidden)) or "no hidden layer" for spec in specs)
    norms = dict.fromkeys(spec.network.batch_norm for spec in specs)
    parts = [
        " / ".join(dict.fromkeys(spec.data.name for spec in specs)),
        f"{' / '.join(rows)} training rows",
        f"network {' / '.join(hidden)}",
        " / ".join("no batch norm" if norm == "none" else f"batch norm {norm} the activation" for norm in norms),
    ]
    return " · ".join(parts) if specs else "no trials"


def log_lambda_axis(axes: Axes, low: float, high: float) -> None:
    """Make x a logarithmic lambda axis from `low` to `high`, labelled at decades, or at 1, 2, 5 where these are few."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xlabel("λ (log scale)")
    if high / low < 50:
        coarse, fine = _round_numbers(low, high, (1, 2, 5)), _round_numbers(low, high, (1, 1.5, 2, 3, 4, 5, 7))
        axes.xaxis.set_major_locator(FixedLocator(coarse if len(coarse) > 2 else fine))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _round_numbers(low: float, high: float, leading: Sequence[float]) -> list[float]:
    """Return the numbers from `low` to `high` that are a leading number times a power of ten."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    numbers = (float(f"{first * 10.0**decade:.3g}") for decade in decades for first in leading)
    return [number for number in numbers if low <= number <= high]


def nothing_to_show(axes: Axes, text: str) -> None:
    """Say in an empty panel why it is empty."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", color=GREY, transform=axes.transAxes)


def number(value: float) -> str:
    """Return a lambda as figures print it: four significant digits."""
    return f"{value:.4g}"


def merged_labels(values: Mapping[str, float | None]) -> dict[float, str]:
    """Return value -> label, labels of equal values joined, None left out: {"a": 1, "b": 1} -> {1: "a, b"}."""
    merged: dict[float, str] = {}
    for label, value in values.items():
        if value is not None:
            merged[value] = f"{merged[value]}, {label}" if value in merged else label
    return merged
