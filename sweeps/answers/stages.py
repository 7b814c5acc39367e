"""Tables that searches share: what their stages trained, and what their final networks reach."""

from collections.abc import Iterable, Sequence

from pipeline.report.document import Table
from pipeline.run.stage import Stage

TRAINED = ("seeds", "cycles", "epochs in all", "training", "validation", "test rows")
"""The heads of the columns of `trained`."""

REACHED = ("test accuracy (%)", "sd (points)", "n")
"""The heads of the columns of `sweeps.answers.tested.cells`."""


def trained(stage: Stage) -> tuple[str, ...]:
    """Return with how many pairs of seeds, for how long, and on how many rows a stage trained, as cells of a table."""
    data, schedule = stage.fixed.data, stage.fixed.schedule
    sizes = (f"{rows:,}" if rows else "–" for rows in (data.n_train, data.n_val, data.n_test))
    return (*map(str, (stage.replicates, schedule.cycles, schedule.epochs)), *sizes)


def final_networks(header: Sequence[str], lines: Iterable[tuple[str, ...]], labels: int = 1) -> Table:
    """Return what the final networks reach on the test rows; `header` names the columns before that."""
    caption = "Test accuracy of the final networks, mean and 95 % t interval over the n pairs of seeds that completed."
    return Table(caption, (*header, *REACHED), tuple(lines), labels=labels)
