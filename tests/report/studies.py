"""Hand-made studies of comparisons: cells of a design, whose seeds learn, stay at chance level, or diverge."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from grids import CHANCE, HE, learning, trial
from matplotlib.figure import Figure

from pipeline.records import Curves, Spread, Status, TrialRecord
from pipeline.report.comparison import Study
from pipeline.report.comparison_figures import FIGURES
from pipeline.spec import SHIFTS, CellName, Design, Factor, Level, ScheduleSpec, levels, with_setting

Change = Callable[[CellName, TrialRecord], TrialRecord]
"""What becomes of the trial of a cell; its replicate is the seed."""

OPTIMIZERS = Factor("optimizer", levels("optimizer", ("sgd", "adam", "rmsprop")))
NORMS = Factor(
    "batch norm", levels("batch_norm", ("none", "before"), {"none": "no batch norm", "before": "batch norm"})
)
KEPT = Factor("dropout", levels("keep", (1.0, 0.75, 0.5), template="keep {:g}"))
SIGMAS = Factor(
    "weight scale σ",
    tuple(Level(f"σ = {s:.3g}", {"init": "normal", "sigma": float(s)}) for s in np.logspace(-4, 0, 20)),
    asked=False,
)
WIDTHS = Factor("units", levels("hidden", ((25,), (50,), (100,)), {(25,): "25 units", (50,): "50", (100,): "100"}))
ACTIVATIONS = Factor("activation", levels("activation", ("relu", "tanh", "sigmoid")))
MANY = Factor("lambda", levels("lambda", tuple(float(x) for x in range(1, 21)), template="λ = {:g}"))
ONE = Factor("batch size", levels("batch_size", (100,), template="batches of {}"))


def _as_it_is(name: CellName, record: TrialRecord) -> TrialRecord:
    return record


def study(
    *factors: Factor, seeds: int = 3, change: Change = _as_it_is, measured: bool = False, epochs: int = 4
) -> Study:
    """Return a study in which the accuracy is .5 plus .01 per cell and .001 per seed, and every loss falls to 1.35."""
    design = Design(factors)
    schedule = ScheduleSpec(step_size=epochs // 2, cycles=1)
    records = []
    for replicate in range(seeds):
        for place, (name, setting) in enumerate(design.cells()):
            accuracy = min(0.5 + 0.01 * place + 0.001 * replicate, 0.95)
            curves = learns(accuracy, epochs, place)
            record = trial(len(records), HE, "before", replicate, accuracy=accuracy, curves=curves, schedule=schedule)
            record = dataclasses.replace(record, spec=with_setting(record.spec, setting))
            records.append(change(name, record))
    found = [spread(record, place) for place, record in enumerate(records)] if measured else []
    return Study.of(records, design, ("test_accuracy",), CHANCE, found)


def learns(accuracy: float, epochs: int, place: int) -> Curves:
    """Return curves that end lower with every cell, and the running loss .1 above that of validation."""
    curves = learning(accuracy, epochs=epochs)
    lower = {
        kind: tuple(value - 0.01 * place for value in getattr(curves, kind)) for kind in ("train_loss", "val_loss")
    }
    running = (None, *(value + 0.1 for value in lower["val_loss"][1:]))
    return dataclasses.replace(curves, running_loss=running, **lower)


def spread(record: TrialRecord, place: int) -> Spread:
    """Return what three layers put out: less from layer to layer, in every trial a little more."""
    numbers = tuple((1 + 0.1 * place) * 0.1**layer for layer in range(3))
    return Spread(HE, "before", record.replicate, numbers, numbers[::-1], record.spec.key)


def stuck(record: TrialRecord) -> TrialRecord:
    """Return the trial at chance level."""
    curves = learning(0.1, epochs=record.spec.schedule.epochs)
    curves = dataclasses.replace(curves, train_loss=curves.val_loss)
    return dataclasses.replace(record, test_accuracy=0.1, curves=curves, shifted_accuracy=dict.fromkeys(SHIFTS, 0.1))


def diverged(record: TrialRecord, epochs: int = 1) -> TrialRecord:
    """Return the trial as it is when it diverges after some epochs; with -1 before it is evaluated at all."""
    cut = {field.name: getattr(record.curves, field.name)[: epochs + 1] for field in dataclasses.fields(record.curves)}
    return dataclasses.replace(
        record, status=Status.DIVERGED, curves=Curves(**cut), test_accuracy=None, reason="loss", shifted_accuracy={}
    )


def shifted(record: TrialRecord, kinds: Sequence[str] = SHIFTS) -> TrialRecord:
    """Return the trial with accuracies on shifted test sets: .1 less."""
    found = dict.fromkeys(kinds, (record.test_accuracy or 0.0) - 0.1)
    return dataclasses.replace(record, shifted_accuracy=found)


def last_seed_stuck(name: CellName, record: TrialRecord) -> TrialRecord:
    """In the first level of the first factor the last of three seeds stays at chance level: the cell is mixed."""
    mixed = record.replicate == 2 and name[0] in ("sgd", "relu", "keep 1")
    return stuck(shifted(record)) if mixed else shifted(record)


def last_seed_diverges(name: CellName, record: TrialRecord) -> TrialRecord:
    """One seed of every second level diverges after an epoch, all of rmsprop at once."""
    if name[0] == "rmsprop":
        return diverged(record, -1)
    return diverged(record) if record.replicate == 2 and name[0] in ("adam", "keep 0.5") else shifted(record)


def nothing_completes(name: CellName, record: TrialRecord) -> TrialRecord:
    return diverged(record, -1)


def explodes(name: CellName, record: TrialRecord) -> TrialRecord:
    """All complete, but the losses of one level are enormous, and those of another exactly 0."""
    factor = {"sgd": 1e30, "adam": 0.0}.get(name[0], 1.0)
    scaled = {
        kind: tuple(None if value is None else factor * value for value in getattr(record.curves, kind))
        for kind in ("train_loss", "val_loss", "running_loss")
    }
    return dataclasses.replace(record, curves=dataclasses.replace(record.curves, **scaled))


STUDIES: dict[str, Study] = {
    "one cell, one seed": study(ONE, seeds=1),
    "one factor": study(OPTIMIZERS, measured=True),
    "two factors": study(KEPT, NORMS, measured=True),
    "three factors": study(ACTIVATIONS, OPTIMIZERS, NORMS),
    "forty cells": study(SIGMAS, NORMS, seeds=2, measured=True),
    "twenty levels": study(MANY, seeds=2),
    "networks of several widths": study(WIDTHS),
    "shifted": study(OPTIMIZERS, NORMS, change=lambda _, record: shifted(record)),
    "mixed": study(OPTIMIZERS, NORMS, change=last_seed_stuck),
    "diverged": study(OPTIMIZERS, NORMS, change=last_seed_diverges, measured=True),
    "nothing completed": study(KEPT, NORMS, change=nothing_completes),
    "nothing completed, but begun": study(OPTIMIZERS, change=lambda _, record: diverged(record, 0)),
    "enormous losses": study(OPTIMIZERS, change=explodes),
    "two epochs": study(OPTIMIZERS, epochs=2),
    "no trials": Study.of([], Design((OPTIMIZERS,)), ("test_accuracy",), CHANCE),
}
"""Studies of every kind that figures must be able to draw, by what is special about them."""


@cache
def figure_of(name: str, kind: str) -> Figure:
    """Return a figure of one of the studies; nobody may change it."""
    return FIGURES[name].draw(STUDIES[kind])
