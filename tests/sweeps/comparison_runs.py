"""Comparisons that nothing trains: their generators led through stages whose results are made up."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pipeline.records import Chance, Curves, Diagnosis, Row, Status, TrialRecord
from pipeline.run.stage import Stage, StageResult
from pipeline.spec import SHIFTS, DataSpec, Setting, parameter
from sweeps.comparison import Compared, Comparison, stages
from sweeps.question import Answer

Accuracy = Callable[[Setting, float, int], float | None]
"""Of a setting, a learning rate and a replicate: a validation accuracy, None for a trial that diverged."""


def cifar10(_val_fraction: float, opens_test: bool, train_rows: int | None = None) -> DataSpec:
    """Return rows of the size of CIFAR-10."""
    return DataSpec("cifar10", "d" * 16, 3072, 10, train_rows or 45_000, 5_000, 10_000 * opens_test, (3, 32, 32))


def result(stage: Stage, accuracy: Accuracy, test: float | None = None) -> StageResult:
    """Return what a stage came to; all of its trials have the same `test` accuracy."""
    settings = stage.proposal.settings(stage.name, 0, 0, ())
    records = []
    for number, spec in enumerate(stage.trials(settings, root=0)):
        setting = {name: parameter(spec, name) for name in settings[0] if name != "eta_max"}
        value = accuracy(setting, spec.schedule.eta_max, number // len(settings))
        status, curves = Status.COMPLETE, Curves(train_accuracy=(0.1, value or 0.0), val_accuracy=(0.1, value or 0.0))
        if value is None:
            status = Status.DIVERGED
        records.append(TrialRecord(stage.name, number, number, number // len(settings), spec, status, curves, test))
    return StageResult(stage, tuple(records))


def led(config: Comparison, accuracy: Accuracy, test: float | None = 0.5) -> tuple[list[Stage], Compared]:
    """Return the stages that a comparison asks for, given what they come to, and its conclusion."""
    sweep, seen = stages(config, cifar10), list[Stage]()
    try:
        stage = next(sweep)
        while True:
            seen.append(stage)
            stage = sweep.send(result(stage, accuracy, test if stage.fixed.data.n_test else None))
    except StopIteration as end:
        return seen, end.value


def asked(stage: Stage) -> list[Setting]:
    return list(stage.proposal.settings(stage.name, 0, 0, ()))


def answer(config: Comparison, accuracy: Accuracy, shifted: float | None = None) -> Answer[Any, Any]:
    """Return the answer of a comparison whose trials have these accuracies on validation and test rows.

    On every shifted test set they have the accuracy `shifted`; None where there is no such set.
    """
    _, conclusion = led(config, accuracy)
    on_shifted = {} if shifted is None else dict.fromkeys(SHIFTS, shifted)
    tested = replace(
        conclusion.tested,
        records=tuple(
            replace(one, test_accuracy=one.final("val_accuracy"), shifted_accuracy=on_shifted)
            for one in conclusion.tested.records
        ),
    )
    rows = [Row(record) for record in tested.records]
    return Answer(config, replace(conclusion, tested=tested), [tested], rows, [], {}, Diagnosis(Chance(0.1, 2.3)))
