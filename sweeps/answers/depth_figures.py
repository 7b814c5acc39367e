"""The figures of the depth sweep: accuracy by depth, and the learning curves of every network."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from pipeline.records import TrialRecord
from pipeline.report import style
from pipeline.report.curves import learning_curves
from pipeline.report.depth_findings import Names, layers
from pipeline.report.dots import norms_of
from pipeline.report.tables import by_setting, public

METRICS = ("loss", "cost", "accuracy")


def figure_name(hidden: str, names: Names) -> str:
    """Return what the curves of a network are called: by its depth, and by its sizes where others are as deep."""
    name = f"curves-{layers(hidden)}-layers"
    return f"{name}-{hidden}" if names.shared(hidden) else name


def of_network(records: Sequence[TrialRecord], hidden: str) -> list[TrialRecord]:
    """Return the trials of one network."""
    return [record for record in records if public(record.spec, "hidden") == hidden]


def curves(records: Sequence[TrialRecord]) -> Figure:
    """Draw loss, cost and accuracy of one network, a column for every batch norm."""
    groups = by_setting(records, ("batch_norm",))
    columns = {style.LOOKS[norm].label: groups[norm,] for norm in norms_of(records)}
    sizes = public(records[0].spec, "hidden")
    return learning_curves(columns, metrics=METRICS, title=f"Learning curves, {layers(sizes)} layers: {sizes}")
