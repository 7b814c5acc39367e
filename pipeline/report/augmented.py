"""Pages of examples: what augmentation makes of training images, and what shifted test sets look like."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.data.augment import PixelScale, augment
from pipeline.data.rows import Floats
from pipeline.data.shifts import SHIFTS, shift
from pipeline.data.split import Split
from pipeline.report import style
from pipeline.spec import AugmentSpec

SEED = 1998
"""Of the draws that are shown."""

UNITS: Mapping[str, tuple[int, str]] = {
    "shift": (1, " pixels"),
    "rotation": (1, "°"),
    **dict.fromkeys(("zoom", "brightness", "contrast"), (100, " %")),
}
"""By change: what its strength is multiplied by to be printed, and in which unit it then is."""

LEFT, GAP = 0.85, 0.15
"""Inches for the names of the lines, and between groups of images."""

Images = NDArray[np.float64]


def augmented_images(
    split: Split,
    rows: Sequence[int],
    spec: AugmentSpec,
    *,
    draws: int = 3,
    subtitle: str = "",
    title: str = "Training images, as augmentation shows them",
) -> Figure:
    """Draw training images as they are, and changed at random: a row for each kind of change, one for all together.

    Args:
        split: whose training rows are images.
        rows: indices of the images to show, side by side.
        spec: how far images are changed.
        draws: how often each is changed.
        subtitle: whose images these are.
        title: the headline.

    Raises:
        ConfigError: the rows are not images.
    """
    x = np.asarray(split.x_train[list(rows)])
    lines = [(label, _draws(split, x, kind, draws)) for label, kind in _kinds(spec)]
    columns = ("as it is", *(f"draw {number}" for number in range(1, draws + 1)))
    note = "each is changed anew whenever training sees it"
    return _sheet(lines, columns, len(rows), title, f"{subtitle} · {note}" if subtitle else note)


def shifted_images(
    split: Split, rows: Sequence[int], *, subtitle: str = "", title: str = "The shifts of the test set"
) -> Figure:
    """Draw training images as they are, and as each shift of the test set would change them: one image per row.

    Args:
        split: whose training rows are images.
        rows: indices of the images to show.
        subtitle: whose images these are.
        title: the headline.

    Raises:
        ConfigError: the rows are not images.
    """
    images = split.images(np.asarray(split.x_train[list(rows)]))
    versions = [images, *(shift(images, name, np.random.default_rng(SEED)) for name in SHIFTS)]
    names = (split.classes[split.y_train[row]] for row in rows)
    lines = [(name, [each[place] for each in versions]) for place, name in enumerate(names)]
    note = "shown on training images"
    return _sheet(lines, ("as it is", *SHIFTS), 1, title, f"{subtitle} · {note}" if subtitle else note)


def _kinds(spec: AugmentSpec) -> list[tuple[str, AugmentSpec]]:
    """Return each change that `spec` makes by itself, and all together unless it is one; each with what to call it."""
    changes = {name: value for name, value in asdict(spec).items() if value}
    kinds = [(_label(name, value), AugmentSpec(**{name: value})) for name, value in changes.items()]
    return kinds if len(kinds) == 1 else [*kinds, ("all together" if kinds else "no change", spec)]


def _label(name: str, value: float) -> str:
    """Return what a change is called, and how far it goes."""
    return name if value is True else f"{name}\n±{value * UNITS[name][0]:g}{UNITS[name][1]}"


def _draws(split: Split, x: Floats, spec: AugmentSpec, draws: int) -> list[Images]:
    """Return the images of rows `x` (B, D), each as it is and then `draws` times changed."""
    rng, scale = np.random.default_rng(SEED), PixelScale.of(split)
    versions = [split.images(x), *(split.images(augment(x, spec, scale, rng)) for _ in range(draws))]
    return [version[image] for image in range(len(x)) for version in versions]


def _sheet(
    lines: Sequence[tuple[str, Sequence[Images]]], columns: Sequence[str], groups: int, title: str, subtitle: str
) -> Figure:
    """Draw lines of images under their columns' headings, in groups of as many columns."""
    side = (8 - LEFT - GAP * groups) / (groups * len(columns))  # inches of an image, with the space after it
    with style.house_style():
        figure = style.new_figure(8, 0.25 + side * len(lines), title, subtitle)
        figure.set_layout_engine("none")
        height = figure.get_figheight()
        for line, (label, images) in enumerate(lines):
            bottom = 0.05 + side * (len(lines) - 1 - line)
            figure.text(0.1 / 8, (bottom + 0.47 * side) / height, _wrapped(label), va="center", fontsize=9)
            for place, pixels in enumerate(images):
                group, column = divmod(place, len(columns))
                left = LEFT + side * place + GAP * group
                axes = figure.add_axes((left / 8, bottom / height, 0.94 * side / 8, 0.94 * side / height))
                axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
                axes.set_axis_off()
                if line == 0:
                    axes.set_title(columns[column], fontsize=8, loc="center", pad=3)
    return figure


def _wrapped(label: str) -> str:
    """Return the name of a line in lines that fit beside it."""
    return "\n".join(textwrap.fill(line, 11) for line in label.splitlines())
