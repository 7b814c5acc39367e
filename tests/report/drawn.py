"""What a figure shows, read back from what was drawn."""

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(mpl.text.Text))


def legend(figure: Figure) -> list[str]:
    (box,) = figure.legends
    return [text.get_text() for text in box.get_texts()]


def dots(axes: Axes, marker: str = "o") -> list[float]:
    """Return y (or x of a row of dots) of every marker drawn without a line."""
    lines = [line for line in axes.lines if line.get_marker() == marker and line.get_linestyle() == "None"]
    return [float(y) for line in lines for y in line.get_ydata()]


def lines(axes: Axes, width: float) -> list[list[float]]:
    """Return y of every line of that width."""
    return [[float(y) for y in line.get_ydata()] for line in axes.lines if line.get_linewidth() == width]


def said(axes: Axes) -> list[str]:
    """Return what is written into a panel."""
    return [text.get_text() for text in axes.texts]
