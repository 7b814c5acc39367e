"""Reading a sweep from its store: its generator is led through what is there. Nothing is computed or written."""

from collections.abc import Callable
from dataclasses import replace

from pipeline.records import Row
from pipeline.run.plan import Plan, StagePlan
from pipeline.run.stage import Conclusion, Stage, StageResult, Sweep
from pipeline.spec import DataSpec, validation_fraction

Stored = Callable[[str], dict[tuple[str, str], Row]]
"""The rows that are stored of a stage, by name, by what was run."""


class UnfinishedError(Exception):
    """A stage lacks trials: its name, how many of them are there, how many it wants."""

    def __init__(self, stage: str, present: int, wanted: int) -> None:
        super().__init__(f"stage {stage} has {present} of its {wanted} trials")
        self.stage, self.present, self.wanted = stage, present, wanted


def any_rows(
    val_fraction: float, opens_test: bool, train_rows: int | None = None, *, shape: tuple[int, ...] = (1, 2**31, 2**31)
) -> DataSpec:
    """Return a DataSpec to lead a generator with where there is no data set: `replay` puts in the stored one.

    Of that the generator itself may want to know the `shape`: () where rows are no images. Without it they are images
    with sides that no shift exceeds, so that nothing about images is refused before the data are known.

    Raises:
        ConfigError: `val_fraction` is none of any rows.
    """
    validation_fraction(val_fraction)
    inputs, n_train = 2**62, train_rows or 2**62  # as many as anybody may ask for
    return DataSpec("unknown", "", inputs, 1, n_train, n_val=1, n_test=int(opens_test), shape=shape)


def replay(sweep: Sweep[Conclusion], plan: Plan, stored: Stored) -> tuple[Conclusion, list[StageResult], list[Row]]:
    """Return what a complete sweep concludes, the results of its stages, and their rows in plan order.

    The data of a stage is what its rows say, so `sweep` may have been made with `any_rows`. Networks may be missing.

    Raises:
        UnfinishedError: trials are missing.
        ConfigError: a stage refuses the configuration.
    """
    results: list[StageResult] = []
    rows: list[Row] = []
    try:
        stage = next(sweep)
        while True:
            staged = _complete(stage, plan, dict(stored(stage.name)))
            results.append(staged.result())
            rows += staged.placed()
            stage = sweep.send(results[-1])
    except StopIteration as end:
        return end.value, results, rows


def _complete(stage: Stage, plan: Plan, rows: dict[tuple[str, str], Row]) -> StagePlan:
    """Return the plan of a stage of which every trial is in `rows`."""
    if not rows:
        raise UnfinishedError(stage.name, 0, stage.count)
    data = next(iter(rows.values())).record.spec.data
    staged = StagePlan(plan, replace(stage, fixed=replace(stage.fixed, data=data), keeps_networks=False), rows)
    for tasks in staged.rounds():
        if any(staged.missing(task) for task in tasks):
            raise UnfinishedError(stage.name, staged.present(), stage.count)
    return staged
