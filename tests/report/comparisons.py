"""Hand-made comparisons: what became of the cells of a design, seed by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from grids import CHANCE, DATA

from pipeline.records import Chance, Curves, Status, TrialRecord
from pipeline.report.comparison import Study
from pipeline.spec import CellName, Design, Factor, Level, TrialSpec, levels, with_setting

Outcome = float | tuple[float, float] | Status
"""A test accuracy, also with its gap between training and validation accuracy; or how a trial ended without one."""

NORM = Factor("batch norm", levels("batch_norm", ("none", "before"), {"none": "no norm", "before": "norm"}))
PLACES = Factor("place", levels("batch_size", (5, 10, 20), template="batches of {}"), asked=False)
BOTH = Design((PLACES, NORM))
ONE = Design((NORM,))
CHAIN = Design(
    (
        Factor(
            "norm",
            (
                Level("no norm", {"batch_norm": "none", "statistics": "ema"}),
                Level("norm", {"batch_norm": "before", "statistics": "ema"}),
                Level("precise", {"batch_norm": "before", "statistics": "precise"}, against=("norm",)),
            ),
        ),
    )
)
LOST, FAILED = Status.DIVERGED, Status.FAILED


def many(count: int) -> Design:
    """Return a design of batch norm in `count` places."""
    return Design((replace(PLACES, levels=levels("batch_size", range(1, count + 1), template="place {}")), NORM))


def records(design: Design, found: Mapping[CellName, Sequence[Outcome]]) -> list[TrialRecord]:
    """Return the trials of a design in plan order; a cell may have run with fewer seeds than others."""
    made: list[TrialRecord] = []
    cells = {name: setting for name, setting in design.cells() if name in found}
    for replicate in range(max(map(len, found.values()))):
        for name, setting in cells.items():
            if replicate < len(found[name]):
                spec = with_setting(TrialSpec(DATA), setting | {"init_seed": replicate, "order_seed": 100 + replicate})
                made.append(_record(len(made), replicate, spec, found[name][replicate]))
    return made


def study(
    design: Design,
    found: Mapping[CellName, Sequence[Outcome]],
    metrics: Sequence[str] = ("test_accuracy",),
    chance: Chance = CHANCE,
) -> Study:
    """Return the study of these trials."""
    return Study.of(records(design, found), design, metrics, chance)


def _record(number: int, replicate: int, spec: TrialSpec, outcome: Outcome) -> TrialRecord:
    if isinstance(outcome, Status):
        return TrialRecord("compared", number, number, replicate, spec, outcome)
    test, gap = outcome if isinstance(outcome, tuple) else (outcome, 0.0)
    curves = Curves(train_accuracy=(0.1, test + gap), val_accuracy=(0.1, test))
    shifted = {"blur": test / 2}
    return TrialRecord(
        "compared", number, number, replicate, spec, Status.COMPLETE, curves, test, shifted_accuracy=shifted
    )
