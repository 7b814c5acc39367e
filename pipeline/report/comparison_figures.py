"""The figures of comparisons by name: what each draws of a study, and what its caption says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from matplotlib.figure import Figure

from pipeline.report import style
from pipeline.report.comparison import Study
from pipeline.report.tables import values_of


@dataclass(frozen=True)
class Drawn:
    """A kind of figure: what draws it, and its caption in the report."""

    draw: Callable[[Study], Figure]
    caption: str


def accuracy(study: Study) -> Figure:
    """Draw the test accuracy of every seed, a line per cell."""
    with style.house_style():
        names = list(study.groups)
        figure = style.new_figure(8, 0.8 + 0.3 * len(names), "Test accuracy", style.describe(study.records))
        axes = figure.add_subplot()
        for place, name in enumerate(names):
            values = [100 * value for value in values_of(study.groups[name], "test_accuracy")]
            axes.plot(values, [place] * len(values), "o", color=style.BLUE, alpha=0.65)
        axes.set_yticks(range(len(names)), [study.called(name) for name in names])
        axes.invert_yaxis()
        axes.set_xlabel("test accuracy (%)")
    return figure


FIGURES: Mapping[str, Drawn] = {
    name: Drawn(accuracy, "Test accuracy of every seed.")
    for name in ("accuracy", "curves", "panels", "training-validation", "shifts", "flow", "running")
}
