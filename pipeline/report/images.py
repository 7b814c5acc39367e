"""Figures of networks on images: first-layer weights, the confusion matrix, and the mistakes made with most confidence.

Images to draw are (height, width, channels) with values in 0..1; one channel is grey, three are red, green and blue.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from pipeline.report import style

MOST_UNITS = 100
MOST_MISTAKES = 24
LONGEST_NAME = 14
MOST_COUNTED = 15  # classes up to which the counts are still legible


def first_layer(
    weights: ArrayLike, shape: Sequence[int], *, subtitle: str = "", title: str = "First-layer weights"
) -> Figure | None:
    """Draw what each unit of the first layer looks for, as images (the CS231n grid); None where inputs are no images.

    Each unit is scaled to 0..1 by its smallest and largest weight over all channels. Units come in the order of their
    norms, the largest first, as scaling makes one that weight decay has emptied look like the others.

    Args:
        weights: (D, H), one column per unit.
        shape: (channels, height, width) of an input row, as `Split.shape` states it; () where rows are no images.
        subtitle: which network this is.
        title: the headline.
    """
    if len(shape) != 3:
        return None
    W = np.asarray(weights, dtype=float)
    units = W.shape[1]
    strongest = np.argsort(-np.linalg.norm(W, axis=0), kind="stable")[:MOST_UNITS]
    images = _unit_scale(W[:, strongest]).T.reshape(-1, *shape).transpose(0, 2, 3, 1)
    columns = math.ceil(math.sqrt(2 * len(images)))
    rows = math.ceil(len(images) / columns)
    which = f"all {units} units" if units == len(images) else f"the {len(images)} strongest of {units} units"
    note = f"{which}, largest norm first, each scaled to its own range"
    with style.house_style():
        figure = style.new_figure(8, 0.15 + 7.8 * rows / columns, title, _both(subtitle, note))
        axes = figure.add_subplot()
        _show(axes, _mosaic(images, columns))
        axes.set_axis_off()
    return figure


def confusion_matrix(
    true: ArrayLike,
    predicted: ArrayLike,
    classes: Sequence[str],
    *,
    subtitle: str = "",
    title: str = "Which classes are taken for which?",
) -> Figure:
    """Draw the confusion matrix: per cent of each true class, and below it the number of examples.

    Args:
        true: (B,) class indices.
        predicted: (B,) class indices.
        classes: (C,) names.
        subtitle: which network this is.
        title: the headline.
    """
    truth, guess, C = np.asarray(true), np.asarray(predicted), len(classes)
    counts = np.bincount(truth * C + guess, minlength=C * C).reshape(C, C)
    totals = counts.sum(axis=1, keepdims=True)
    shares = 100 * counts / np.maximum(totals, 1)
    accuracy = f"{100 * np.trace(counts) / max(1, counts.sum()):.2f} % of {counts.sum():,} correct"
    size = min(0.52 * max(C, 4), 10)
    with style.house_style():
        figure = style.new_figure(max(size + 2.0, 5.0), size + 1.3, title, _both(subtitle, accuracy))
        axes = figure.add_subplot()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        for (row, column), share in np.ndenumerate(shares):
            if totals[row, 0]:
                _cell(axes, column, row, share, int(counts[row, column]) if C <= MOST_COUNTED else None)
        names = [_short(name) for name in classes]
        axes.set_xticks(range(C), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(C), names)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class (each row is 100 %)")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    return figure


def misclassified(
    images: Callable[[NDArray[np.intp]], ArrayLike],
    true: ArrayLike,
    predicted: ArrayLike,
    confidence: ArrayLike,
    classes: Sequence[str],
    *,
    subtitle: str = "",
    title: str = "The most confident mistakes",
) -> Figure:
    """Draw the wrong predictions of highest probability, each under "true -> predicted, p".

    Args:
        images: indices (n,) -> those images (n, height, width, channels), values in 0..1; only the mistakes shown
            are asked for.
        true: (B,) class indices.
        predicted: (B,) class indices.
        confidence: (B,) probability of the predicted class.
        classes: (C,) names.
        subtitle: which network this is.
        title: the headline.
    """
    truth, guess, p = np.asarray(true), np.asarray(predicted), np.asarray(confidence, dtype=float)
    wrong = np.flatnonzero(truth != guess)
    worst = wrong[np.argsort(-p[wrong], kind="stable")][:MOST_MISTAKES]
    count = f"{len(worst)} of {len(wrong):,} mistakes in {len(truth):,} images"
    columns = 6
    rows = max(1, math.ceil(len(worst) / columns))
    with style.house_style():
        figure = style.new_figure(8, 0.1 + 1.7 * rows, title, _both(subtitle, count))
        if not len(worst):
            style.nothing_to_show(figure.add_subplot(), f"all {len(truth):,} images are classified correctly")
            return figure
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, index, pixels in zip(grid.flat, worst, np.asarray(images(worst)), strict=False):
            _show(axes, pixels)
            names = f"{_short(classes[truth[index]])} →\n{_short(classes[guess[index]])}, {p[index]:.2f}"
            axes.set_title(names, fontsize=8.5, loc="center", pad=3)
    return figure


def _unit_scale(W: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale each column to 0..1; a constant one becomes 0.5."""
    low, high = W.min(axis=0), W.max(axis=0)
    flat = high == low
    scaled: NDArray[np.float64] = np.where(flat, 0.5, (W - low) / np.where(flat, 1.0, high - low))
    return scaled


def _mosaic(images: NDArray[np.float64], columns: int) -> NDArray[np.float64]:
    """Tile images (n, height, width, channels) row by row with white gaps."""
    n, height, width, channels = images.shape
    gap = max(1, width // 16)
    rows = math.ceil(n / columns)
    sheet = np.ones((rows * (height + gap) - gap, columns * (width + gap) - gap, channels))
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def _show(axes: Axes, image: NDArray[np.float64]) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")


def _cell(axes: Axes, x: int, y: int, share: float, count: int | None) -> None:
    color = "white" if share > 65 else style.BLACK
    if count is None:
        axes.text(x, y, f"{share:.0f}", ha="center", va="center", color=color, fontsize=6)
        return
    axes.text(x, y - 0.06, f"{share:.1f}", ha="center", va="bottom", color=color, fontsize=8.5)
    axes.text(x, y + 0.08, f"{count:,}", ha="center", va="top", color=color, fontsize=7.5, alpha=0.85)


def _both(subtitle: str, note: str) -> str:
    return f"{subtitle} · {note}" if subtitle else note


def _short(name: str) -> str:
    """Shorten a name in the middle: what tells classes apart is often at the end."""
    half = LONGEST_NAME // 2
    return name if len(name) <= LONGEST_NAME else f"{name[:half]}…{name[-half + 1 :]}"
