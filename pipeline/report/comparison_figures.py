"""The figures of comparisons by name: what each draws of a study, and what its caption says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from matplotlib.figure import Figure

from pipeline.report import cell_curves, cell_rows, flow, panels, running, shifted, style, training_validation
from pipeline.report.comparison import Study


@dataclass(frozen=True)
class Drawn:
    """A kind of figure: what makes it inside the house style, and its caption in the report."""

    make: Callable[[Study], Figure]
    caption: str

    def draw(self, study: Study) -> Figure:
        """Return the figure of a study; one without trials says so."""
        with style.house_style():
            if study.groups:
                return self.make(study)
            figure = style.new_figure(8, 1, "Nothing to compare", style.describe([]))
            style.nothing_to_show(figure.add_subplot(), "no trials")
            return figure


FIGURES: Mapping[str, Drawn] = {
    "accuracy": Drawn(cell_rows.accuracy, cell_rows.CAPTION),
    "curves": Drawn(cell_curves.learning, cell_curves.CAPTION),
    "panels": Drawn(panels.panels, panels.CAPTION),
    "training-validation": Drawn(training_validation.gaps, training_validation.CAPTION),
    "shifts": Drawn(shifted.shifts, shifted.CAPTION),
    "flow": Drawn(flow.spreads, flow.CAPTION),
    "running": Drawn(running.statistics, running.CAPTION),
}
