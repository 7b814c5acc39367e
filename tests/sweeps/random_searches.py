"""Small random searches as generators, driven by results made by hand."""

import math
from collections.abc import Callable

import rig

from pipeline.data import data_spec
from pipeline.records import Curves, Row, Status, TrialRecord
from pipeline.run.stage import Stage, StageResult
from pipeline.spec import DataSpec, Setting
from sweeps.answers.random_search_study import Found
from sweeps.question import Answer
from sweeps.random_search import ConfirmStage, FinalStage, RandomSearch, SearchStage, setting_of, stages
from sweeps.random_search_space import Searched

Accuracy = Callable[[Setting, int], float | None]


SMALL = RandomSearch(
    space=Searched(hidden=("5", "5-5", "8-4")),
    batch_size=20,
    search=SearchStage(count=24, step_size=1, round_size=8),
    confirm=ConfirmStage(finalists=3, replicates=2, step_size=1),
    final=FinalStage(replicates=3, step_size=1),
)


def rows(val_fraction: float, opens_test: bool, _train_rows: int | None = None) -> DataSpec:
    return data_spec(rig.dataset(), val_fraction, opens_test)


def result_of(stage: Stage, accuracy: Accuracy) -> StageResult:
    """Return a stage's result by hand; an accuracy of None is a trial that diverged."""
    records: list[TrialRecord] = []
    for round_ in range(stage.proposal.rounds):
        settings = stage.proposal.settings(stage.name, 0, round_, tuple(records))
        for place, spec in enumerate(stage.trials(settings, 0)):
            replicate = place // len(settings)
            value = accuracy(setting_of(spec), replicate)
            status = Status.DIVERGED if value is None else Status.COMPLETE
            test = value if stage.fixed.data.n_test and value is not None else None
            curves = Curves(epoch=(0, 1), val_accuracy=(0.1, value or 0.1))
            records.append(TrialRecord(stage.name, len(records), 0, replicate, spec, status, curves, test))
    return StageResult(stage, tuple(records))


def drive(accuracies: dict[str, Accuracy], config: RandomSearch = SMALL) -> Found:
    """Return the answer of a search whose stages score what `accuracies` says, by name; "" for all others."""
    sweep, results = stages(config, rows), []
    try:
        stage = next(sweep)
        while True:
            results.append(result_of(stage, accuracies.get(stage.name, accuracies[""])))
            stage = sweep.send(results[-1])
    except StopIteration as end:
        every = [Row(record) for result in results for record in result.records]
        return Answer(config, end.value, results, every, [], {"seed": 0})


def peak(setting: Setting, replicate: int) -> float:
    """Score best at lambda .001 and without dropout; the other parameters do nothing."""
    return 0.9 - 0.1 * abs(math.log10(setting["lambda"]) + 3) - 0.2 * (1 - setting["keep"]) + 0.001 * replicate


def diverged(_setting: Setting, _replicate: int) -> None:
    return None
