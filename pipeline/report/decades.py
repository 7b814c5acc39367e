"""A logarithmic axis for numbers of any size, zeros among them: whole decades, and a place of its own for what is 0."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator


def log_axis(axes: Axes, values: Sequence[float]) -> float:
    """Make y logarithmic over whole decades that hold the positive `values`; return where on it the zeros lie.

    Where there are zeros, that is half a decade or more below the others, and labelled. The axis keeps away from the
    ends of what floats can hold.
    """
    positive = np.array([value for value in values if 0 < value < math.inf] or [1.0])
    exponents = np.log10(positive.clip(1e-250, 1e250))
    low = math.floor(exponents.min())
    high = max(math.ceil(exponents.max()), low + 1)
    step = math.ceil((high - low) / 5)
    powers = list(range(low, high + 1, step))
    ticks, labels = [10.0**decade for decade in powers], [f"$10^{{{decade}}}$" for decade in powers]
    zero = float(10.0 ** (low - max(0.5, 0.1 * (high - low))))
    axes.set_yscale("log")
    if 0 in values:
        ticks, labels = [zero, *ticks], ["0", *labels]
    margin = 10.0 ** (0.04 * (high - low))
    axes.set_ylim(ticks[0] / margin, 10.0**high * margin)
    axes.set_yticks(ticks, labels)
    axes.yaxis.set_minor_locator(NullLocator())
    return zero


def tight_axis(axes: Axes, values: Sequence[float]) -> float:
    """Make y logarithmic from the least to the largest of the `values`; return where on it the zeros lie.

    It is labelled at decades, or at 1, 2, 5 where these are few; zeros take whole decades, as in `log_axis`.
    """
    zero = log_axis(axes, values)
    positive = [min(max(value, 1e-250), 1e250) for value in values if 0 < value < math.inf]
    if positive and 0 not in values:
        low, high = min(positive), max(positive)
        margin = max(high / low, 1.5) ** 0.06
        axes.set_ylim(low / margin, high * margin)
        if high < 100 * low:
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return zero
