"""The scales of initial weights as figures order, choose, colour and name them: He and its like first, then sigmas."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from pipeline.report import style
from pipeline.spec import InitSpec

MOST = 8
"""Scales that have a row of panels, or an entry in a legend, of their own."""

SCHEMES = {"he": "D", "xavier": "s"}
"""The markers of schemes that have no sigma; their lines are black and dashed."""

COLORS = ListedColormap(colormaps["viridis"](np.linspace(0, 0.88, 256)))
"""From dark and small to light and large; without the yellow end, which is hard to see on white."""

T = TypeVar("T")


def in_order(inits: Iterable[InitSpec]) -> list[InitSpec]:
    """Return the different scales: first those without a sigma, then the others as they come."""
    return sorted(dict.fromkeys(inits), key=lambda init: init.sigma is not None)


def spread_evenly(values: Sequence[T], most: int = MOST) -> list[T]:
    """Return `most` of the values, first and last among them, at even distances; all of them where they are fewer."""
    return [values[place] for place in np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int)]


def line(init: InitSpec, inits: Sequence[InitSpec]) -> dict[str, Any]:
    """Return colour, marker and dashes of the line of one of the scales of a figure."""
    if init.sigma is None:
        return {"color": style.BLACK, "marker": SCHEMES[init.scheme], "linestyle": "--", "zorder": 3}
    return {"color": COLORS(_norm(inits)(init.sigma)), "marker": "o", "linestyle": "-"}


def legend(figure: Figure, grid: NDArray[Any], inits: Sequence[InitSpec]) -> list[Line2D]:
    """Return the legend of the scales; of more than MOST sigmas a colour bar beside the panels `grid` tells instead."""
    sigmas = [init for init in inits if init.sigma is not None]
    if len(sigmas) > MOST:
        bar = figure.colorbar(ScalarMappable(_norm(inits), COLORS), ax=grid, label="σ (log scale)", aspect=40)
        bar.minorticks_off()
    named = [init for init in inits if init.sigma is None or len(sigmas) <= MOST]
    return [Line2D([], [], markersize=4, label=style.scale_label(init), **line(init, inits)) for init in named]


def _norm(inits: Sequence[InitSpec]) -> LogNorm:
    sigmas = [init.sigma for init in inits if init.sigma is not None]
    return LogNorm(min(sigmas), max(sigmas))
