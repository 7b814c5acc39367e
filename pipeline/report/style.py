"""The house style of the figures: colours, sizes, axes; how a figure is made, and saved, always with the same bytes.

Figures use matplotlib's object-oriented interface only. Every one is made and saved inside `house_style`, which starts
from matplotlib's own defaults: a user's rcParams neither change a figure nor are changed by it.
"""

import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from pipeline import files
from pipeline.records import TrialRecord
from pipeline.spec import InitSpec, NetworkSpec

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
"""Okabe and Ito's palette, told apart by all common kinds of colour blindness (jfly.uni-koeln.de/color)."""

GREY, PALE = "#6B6B6B", "#D9D9D9"
TRAINING, VALIDATION = BLUE, VERMILION
CHANCE = (0, (6, 2, 1, 2))
"""The dashes of the line of chance level."""

DPI = 150


@dataclass(frozen=True)
class Look:
    """How figures name and mark one way to normalise: in colour and in shape, for readers who see only one of them."""

    label: str
    color: str
    marker: str


LOOKS: Mapping[str, Look] = {
    "none": Look("without batch norm", ORANGE, "o"),
    "before": Look("batch norm before the activation", BLUE, "s"),
    "after": Look("batch norm after the activation", GREEN, "^"),
}
"""By value of the parameter batch_norm, in the order in which figures show them."""

LAYER_NORMS = {place: f"layer norm {place} the activation" for place in ("before", "after")}
NORMS = (*(look.label for look in LOOKS.values()), *LAYER_NORMS.values())
"""What figures call the norms of networks, in the order in which they list them."""

METADATA: Mapping[str, dict[str, Any]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
"""By format of a figure's file: what it must not say, as bytes would differ."""

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
    return headed(Figure(), width, height, title, subtitle)


def headed(figure: Figure, width: float, height: float, title: str, subtitle: str) -> Figure:
    """Give a figure the size, the layout and the heading of `new_figure`, whoever made it."""
    lines = textwrap.wrap(subtitle, int(13 * width))
    heading = 0.37 + 0.16 * len(lines)
    total = height + heading
    FigureCanvasAgg(figure)
    figure.set_size_inches(width, total)
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=(0, 0, 1, height / total)))
    figure.text(0.1 / width, 1 - 0.1 / total, title, va="top", weight="bold", size=12)
    figure.text(0.1 / width, 1 - 0.32 / total, "\n".join(lines), va="top", color=GREY, size=9)
    return figure


def save(figure: Figure, folder: Path, name: str, formats: Sequence[str] = tuple(METADATA)) -> tuple[Path, ...]:
    """Write `figure` to `folder` as ``name.png`` and ``name.svg``, atomically; the same figure gives the same bytes.

    Args:
        figure: made inside `house_style`.
        folder: where to.
        name: of the files, without the format.
        formats: which of METADATA to write; the paths come back in this order.

    Raises:
        HostError: the folder cannot be written.
    """
    paths = tuple(folder / f"{name}.{kind}" for kind in formats)
    with house_style():
        figure.draw_without_rendering()
        figure.set_layout_engine(None)  # every drawing moves the panels a little further; "none" draws twice
        for path, kind in zip(paths, formats, strict=True):
            with files.atomic(path) as file:
                figure.savefig(file, format=kind, metadata=METADATA[kind])
    return paths


def describe(records: Iterable[TrialRecord]) -> str:
    """Return what the records were measured on: data set, rows, network, its norm, and its activation unless ReLU.

    Rows along principal axes are said to be approximate, and how many there are.
    Of more than two networks, or activations, only the number is given, as figures name them where they differ.
    """
    specs = [record.spec for record in records]
    rows = [f"{n:,}" for n in dict.fromkeys(spec.data.n_train for spec in specs)]
    hidden = list(dict.fromkeys(hidden_label(spec.network.hidden) for spec in specs))
    norms = {_norm(spec.network) for spec in specs}
    activations = list(dict.fromkeys(spec.network.activation.replace("_", " ") for spec in specs))
    components = dict.fromkeys(spec.data.components for spec in specs)
    seen = " / ".join("all features" if r is None else f"{r:,} principal components (approximate)" for r in components)
    parts = [
        " / ".join(dict.fromkeys(spec.data.name for spec in specs)),
        f"{' / '.join(rows)} training rows",
        *([seen] if any(components) else []),
        f"network {' / '.join(hidden)}" if len(hidden) < 3 else f"{len(hidden)} networks",
        " / ".join(norm for norm in NORMS if norm in norms),
    ]
    if activations != ["relu"]:
        parts.append(" / ".join(activations) if len(activations) < 3 else f"{len(activations)} activations")
    return " · ".join(parts) if specs else "no trials"


def _norm(network: NetworkSpec) -> str:
    return LOOKS[network.batch_norm].label if network.layer_norm == "none" else LAYER_NORMS[network.layer_norm]


def hidden_label(hidden: Sequence[int]) -> str:
    """Return the sizes of the hidden layers as figures print them: "50-30"."""
    return "-".join(map(str, hidden)) or "no hidden layer"


def scale_label(init: InitSpec) -> str:
    """Return the scale of the initial weights as figures print it: "He", or "σ = 0.1"."""
    return init.scheme.capitalize() if init.sigma is None else f"σ = {number(init.sigma)}"


def log_lambda_axis(axes: Axes, low: float, high: float) -> None:
    """Make x a logarithmic lambda axis from `low` to `high`, as `log_axis` does."""
    log_axis(axes, low, high, "λ (log scale)")


def log_axis(axes: Axes, low: float, high: float, label: str) -> None:
    """Make x logarithmic, from `low` to `high`, labelled at decades, or at 1, 2, 5 where these are few."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xlabel(label)
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


def chance_line(axes: Axes, height: float) -> None:
    """Draw the faint line of chance level, below everything else."""
    axes.axhline(height, color=BLACK, linestyle=CHANCE, linewidth=0.8, zorder=1)


def chance_handle(label: str) -> Line2D:
    """Return the entry of that line in a legend."""
    return Line2D([], [], color=BLACK, linestyle=CHANCE, linewidth=0.8, label=label)


def nothing_to_show(axes: Axes, text: str) -> None:
    """Say in an empty panel why it is empty."""
    axes.set_axis_off()
    say(axes, text)


def say(axes: Axes, text: str) -> None:
    """Write `text` into the middle of a panel, over its lines."""
    box = {"color": "white", "pad": 2}
    axes.text(0.5, 0.5, text, ha="center", va="center", color=GREY, transform=axes.transAxes, bbox=box, zorder=4)


def heading(text: str, columns: int) -> str:
    """Return the heading of one of `columns` panels side by side, in lines that fit it in a figure 8 inches wide."""
    return textwrap.fill(text, 84 // columns)


def number(value: float) -> str:
    """Return a lambda or a sigma as figures print it: four significant digits."""
    return f"{value:.4g}"


def merged_labels(values: Mapping[str, float | None]) -> dict[float, str]:
    """Return value -> label, labels of equal values joined, None left out: {"a": 1, "b": 1} -> {1: "a, b"}."""
    merged: dict[float, str] = {}
    for label, value in values.items():
        if value is not None:
            merged[value] = f"{merged[value]}, {label}" if value in merged else label
    return merged
