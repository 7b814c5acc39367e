"""The tables: frozen records in, pandas frames with columns that users may rely on out; and how a frame becomes a CSV.

CSVs are exports of the study, rewritten whole and never read back. An empty cell means "there is no such number":
the trial diverged, the test set was closed, or one value has no standard deviation.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import files, inference
from pipeline.records import Curves, Status, Timing, TrialRecord
from pipeline.spec import PARAMETERS, TrialSpec, parameter

CURVE_METRICS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
IDENTITY_COLUMNS = ("stage", "number", "key", "status", "replicate", "pack")
PARAMETER_COLUMNS = (
    *("dataset", "hidden", "batch_norm", "init", "sigma", "lambda", "eta_min", "eta_max", "step_size", "cycles"),
    *("batch_size", "optimizer", "init_seed", "order_seed"),
)
TRIAL_COLUMNS = (*IDENTITY_COLUMNS, *PARAMETER_COLUMNS, *CURVE_METRICS, "test_accuracy")
CURVE_COLUMNS = ("stage", "number", *(field.name for field in fields(Curves)))
SUMMARY_METRICS = ("val_accuracy", "val_loss", "train_accuracy", "train_loss", "test_accuracy")
SUMMARY_COLUMNS = (
    *("n", "n_diverged", "n_failed"),
    *(f"{metric}_{part}" for metric in SUMMARY_METRICS for part in ("mean", "sd", "low", "high")),
)
TIMING_COLUMNS = ("stage", "number", "pack", "seconds", "cpu_seconds", "trials", "worker")


def in_order(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Return the records by stage (in the order of first appearance), then by number."""
    records = list(records)
    stages = list(dict.fromkeys(record.stage for record in records))
    return sorted(records, key=lambda record: (stages.index(record.stage), record.number))


def trials_table(records: Iterable[TrialRecord]) -> pd.DataFrame:
    """Return one row per trial: TRIAL_COLUMNS, then whatever else varies between the trials, then `reason`.

    Metrics are those after the last epoch, empty unless the trial is COMPLETE; test accuracy is empty where the stage
    keeps the test set closed. Nothing depends on the machine, the hour or the order in which trials finished.
    """
    records = in_order(records)
    others = [name for name in PARAMETERS if name not in PARAMETER_COLUMNS and _varies(records, name)]
    rows = [
        (
            *(record.stage, record.number, record.spec.key, record.status.value, record.replicate, record.pack),
            *(public(record.spec, name) for name in PARAMETER_COLUMNS),
            *(metric(record, name) for name in (*CURVE_METRICS, "test_accuracy")),
            *(public(record.spec, name) for name in others),
            _reason(record),
        )
        for record in records
    ]
    frame = pd.DataFrame(rows, columns=[*TRIAL_COLUMNS, *others, "reason"])
    return frame.astype(dict.fromkeys(("sigma", *CURVE_METRICS, "test_accuracy"), float))


def _reason(record: TrialRecord) -> str:
    """Return why a trial diverged or failed in one line; of an exception its type, as its text may name paths."""
    line = " ".join(record.reason.split())
    return line.partition(":")[0] if record.status is Status.FAILED else line


def curves_table(records: Iterable[TrialRecord]) -> pd.DataFrame:
    """Return one row per trial and epoch (CURVE_COLUMNS); diverged trials keep the epochs that they have."""
    rows = [
        (record.stage, record.number, *values)
        for record in in_order(records)
        for values in zip(*(getattr(record.curves, field.name) for field in fields(Curves)), strict=True)
    ]
    return pd.DataFrame(rows, columns=list(CURVE_COLUMNS))


def summary_table(records: Iterable[TrialRecord], by: Sequence[str] = ("lambda",)) -> pd.DataFrame:
    """Return one row per stage and setting: stage, the parameters in `by`, then SUMMARY_COLUMNS.

    n counts the COMPLETE trials, the only ones that are averaged; _low and _high bound the 95 % t interval of the mean
    over replicates and are empty, as is _sd, for a single one. Settings come in ascending order within their stage.

    Raises:
        ConfigError: `by` names no parameter.
    """
    rows = [
        (stage, *(public(group[0].spec, name) for name in by), *_summary(group))
        for stage, stage_records in by_stage(records).items()
        for group in by_setting(stage_records, by).values()
    ]
    frame = pd.DataFrame(rows, columns=["stage", *by, *SUMMARY_COLUMNS])
    return frame.astype(dict.fromkeys(SUMMARY_COLUMNS[3:], float))


def timings_table(records: Iterable[TrialRecord], timings: Mapping[tuple[str, int], Timing]) -> pd.DataFrame:
    """Return what each trial's pack cost (TIMING_COLUMNS); seconds are the pack's, shared by its `trials`.

    `timings` is keyed by (stage, number); a trial that it does not know has empty cells.
    """
    rows = []
    for record in in_order(records):
        timing = timings.get((record.stage, record.number))
        cost = (timing.seconds, timing.cpu_seconds, timing.trials, timing.worker) if timing else (None,) * 4
        rows.append((record.stage, record.number, record.pack, *cost))
    frame = pd.DataFrame(rows, columns=list(TIMING_COLUMNS))
    return frame.astype({"seconds": float, "cpu_seconds": float, "trials": "Int64", "worker": "Int64"})


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    r"""Write `frame` to `path` atomically: the same frame always gives the same bytes.

    Floats are written with the fewest digits that float() reads back exactly; missing values are empty; lines end
    in ``\n``.

    Raises:
        HostError: the folder cannot be written.
    """
    files.write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def by_stage(records: Iterable[TrialRecord]) -> dict[str, list[TrialRecord]]:
    """Return the records of each stage, stages in the order of first appearance, records by number."""
    stages: dict[str, list[TrialRecord]] = defaultdict(list)
    for record in in_order(records):
        stages[record.stage].append(record)
    return dict(stages)


def by_setting(
    records: Iterable[TrialRecord], by: Sequence[str] = ("lambda",)
) -> dict[tuple[Any, ...], list[TrialRecord]]:
    """Return the records of each setting, settings in ascending order (what is not given comes first)."""
    groups: dict[tuple[Any, ...], list[TrialRecord]] = defaultdict(list)
    for record in records:
        groups[tuple(parameter(record.spec, name) for name in by)].append(record)
    return {setting: groups[setting] for setting in sorted(groups, key=_none_first)}


def metric(record: TrialRecord, name: str) -> float | None:
    """Return the final value of a curve, or the test accuracy; None unless the trial is COMPLETE and has it."""
    if name == "test_accuracy":
        return record.test_accuracy if record.status is Status.COMPLETE else None
    return record.final(name)


def values_of(records: Iterable[TrialRecord], name: str) -> list[float]:
    """Return the values of `metric` that exist: those of COMPLETE trials."""
    return [value for record in records if (value := metric(record, name)) is not None]


def public(trial: TrialSpec, name: str) -> Any:
    """Return a parameter as tables show it: hidden sizes as "50-50" (no hidden layer: empty), the rest as it is."""
    value = parameter(trial, name)
    return "-".join(map(str, value)) if isinstance(value, tuple) else value


def _summary(group: Sequence[TrialRecord]) -> list[float | None]:
    counts = [sum(record.status is status for record in group) for status in _COUNTED]
    cells: list[float | None] = [*counts]
    for name in SUMMARY_METRICS:
        values = values_of(group, name)
        if values and all(map(math.isfinite, values)):
            bounds = inference.SHARE if name.endswith("accuracy") else (0.0, math.inf)
            estimate = inference.mean_interval(values, bounds=bounds)
            cells += [estimate.mean, estimate.sd, estimate.low, estimate.high]
        else:
            cells += [None] * 4
    return cells


_COUNTED = (Status.COMPLETE, Status.DIVERGED, Status.FAILED)


def _varies(records: Iterable[TrialRecord], name: str) -> bool:
    return len({parameter(record.spec, name) for record in records}) > 1


def _none_first(setting: tuple[Any, ...]) -> tuple[tuple[bool, Any], ...]:
    return tuple((value is not None, value) for value in setting)
