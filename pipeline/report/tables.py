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
from pipeline.records import WINDOW, Curves, Status, Timing, TrialRecord
from pipeline.spec import PARAMETERS, SHIFTS, TrialSpec, parameter

CURVE_METRICS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
IDENTITY_COLUMNS = ("stage", "number", "key", "status", "replicate", "pack")
PARAMETER_COLUMNS = (
    *("dataset", "hidden", "batch_norm", "init", "sigma", "lambda", "eta_min", "eta_max", "step_size", "cycles"),
    *("batch_size", "optimizer", "init_seed", "order_seed"),
)
TRIAL_COLUMNS = (*IDENTITY_COLUMNS, *PARAMETER_COLUMNS, *CURVE_METRICS, "test_accuracy")
CURVE_COLUMNS = ("stage", "number", *(field.name for field in fields(Curves)))
BATCH_LOSS_COLUMNS = ("stage", "number", "step", "batch_loss")
SUMMARY_METRICS = ("val_accuracy", "val_loss", "train_accuracy", "train_loss", "test_accuracy")
SUMMARY_COLUMNS = (
    *("n", "n_diverged", "n_failed", "n_pruned"),
    *(f"{metric}_{part}" for metric in SUMMARY_METRICS for part in ("mean", "sd", "low", "high")),
)
EFFECT_COLUMNS = ("compared", "n", "mean", "sd", "low", "high")
TIMING_COLUMNS = ("stage", "number", "pack", "seconds", "cpu_seconds", "trials", "worker", "leg")


def in_order(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Return the records by stage (in the order of first appearance), then by number."""
    records = list(records)
    stages = list(dict.fromkeys(record.stage for record in records))
    return sorted(records, key=lambda record: (stages.index(record.stage), record.number))


def trials_table(records: Iterable[TrialRecord]) -> pd.DataFrame:
    """Return one row per trial: TRIAL_COLUMNS, whatever else varies between the trials, shifted test sets, `reason`.

    Metrics are those after the last epoch, of a PRUNED trial after the last one it had; they are empty where it
    DIVERGED or FAILED. Test accuracy is empty where the stage keeps the test set closed. There is a column such as
    test_accuracy_blur for every shift of the test set that any trial asks for. Nothing depends on the machine, the hour
    or the order in which trials finished.
    """
    records = in_order(records)
    others = [name for name in PARAMETERS if name not in PARAMETER_COLUMNS and _varies(records, name)]
    asked = {shift for record in records for shift in record.spec.evaluation.shifts}
    shifted = [f"test_accuracy_{shift}" for shift in SHIFTS if shift in asked]
    rows = [
        (
            *(record.stage, record.number, record.spec.key, record.status.value, record.replicate, record.pack),
            *(public(record.spec, name) for name in PARAMETER_COLUMNS),
            *(record.last(name) for name in CURVE_METRICS),
            metric(record, "test_accuracy"),
            *(public(record.spec, name) for name in others),
            *(metric(record, name) for name in shifted),
            _reason(record),
        )
        for record in records
    ]
    frame = pd.DataFrame(rows, columns=[*TRIAL_COLUMNS, *others, *shifted, "reason"])
    kinds: dict[str, Any] = dict.fromkeys(("sigma", *CURVE_METRICS, "test_accuracy", *shifted), float)
    return frame.astype(kinds | ({"components": "Int64"} if "components" in others else {}))


def _reason(record: TrialRecord) -> str:
    """Return why a trial did not complete in one line; of an exception its type, as its text may name paths."""
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


def batch_losses_table(records: Iterable[TrialRecord]) -> pd.DataFrame:
    """Return one row per trial and window of mini-batches (BATCH_LOSS_COLUMNS).

    batch_loss is the mean cross-entropy (nats) over the WINDOW steps that end with `step`; diverged trials keep the
    windows that they have.
    """
    rows = [
        (record.stage, record.number, window * WINDOW, loss)
        for record in in_order(records)
        for window, loss in enumerate(record.batch_losses, start=1)
    ]
    return pd.DataFrame(rows, columns=list(BATCH_LOSS_COLUMNS))


def summary_table(
    records: Iterable[TrialRecord], by: Sequence[str] = ("lambda",), *, ascending: bool = True
) -> pd.DataFrame:
    """Return one row per stage and setting: stage, the parameters in `by`, then SUMMARY_COLUMNS.

    n counts the COMPLETE trials, the only ones that are averaged, n_pruned those that were dropped before; _low and
    _high bound the 95 % t interval of the mean over replicates and are empty, as is _sd, for a single one. Settings
    come in the order of `by_setting` within their stage.

    Raises:
        ConfigError: `by` names no parameter.
    """
    rows = [
        (stage, *(public(group[0].spec, name) for name in by), *_summary(group))
        for stage, stage_records in by_stage(records).items()
        for group in by_setting(stage_records, by, ascending=ascending).values()
    ]
    frame = pd.DataFrame(rows, columns=["stage", *by, *SUMMARY_COLUMNS])
    return frame.astype(dict.fromkeys(SUMMARY_COLUMNS[len(_COUNTED) :], float))


def effects_table(
    records: Iterable[TrialRecord],
    by: Sequence[str],
    of: str,
    baseline: Any = "none",
    metric: str = "test_accuracy",
) -> pd.DataFrame:
    """Return what the parameter `of` does to `metric`: the parameters in `by`, then EFFECT_COLUMNS.

    One row per setting of `by`, in plan order, and value of `of` other than `baseline`: the mean over replicates of the
    difference, that value minus the baseline, and its 95 % t interval, as in ``compared`` "before - none". A replicate
    counts, in n, where both of its trials are COMPLETE. Settings without a trial of the baseline have no row.

    Raises:
        ConfigError: `by` or `of` is no parameter.
        ValueError: `by` and `of` leave a replicate with several trials of one setting.
    """
    rows = []
    for setting in by_setting(records, by, ascending=False).values():
        values = by_setting(setting, (of,), ascending=False)
        reference = values.pop((baseline,), [])
        without = _by_replicate(reference, metric)
        for group in values.values() if reference else ():
            given = _by_replicate(group, metric)
            pairs = [replicate for replicate in given if replicate in without]
            bounds = inference.SHARE_DIFFERENCE if metric.endswith("accuracy") else inference.UNBOUNDED
            effect = inference.paired_difference([given[r] for r in pairs], [without[r] for r in pairs], bounds)
            compared = f"{public(group[0].spec, of)} - {public(reference[0].spec, of)}"
            numbers = (effect.n, effect.mean, effect.sd, effect.low, effect.high)
            rows.append((*(public(group[0].spec, name) for name in by), compared, *numbers))
    frame = pd.DataFrame(rows, columns=[*by, *EFFECT_COLUMNS])
    return frame.astype(dict.fromkeys(EFFECT_COLUMNS[2:], float))


def timings_table(records: Iterable[TrialRecord], timings: Mapping[tuple[str, int], Sequence[Timing]]) -> pd.DataFrame:
    """Return what each trial's packs cost (TIMING_COLUMNS), a row per leg.

    Seconds are the pack's, shared by its `trials`; `pack` is that of the last leg. `timings` is keyed by (stage,
    number); a trial that it does not know has empty cells.
    """
    rows: list[tuple[Any, ...]] = []
    for record in in_order(records):
        place = (record.stage, record.number, record.pack)
        legs = timings.get((record.stage, record.number), ())
        rows += [
            (*place, timing.seconds, timing.cpu_seconds, timing.trials, timing.worker, leg)
            for leg, timing in enumerate(legs, start=1)
        ]
        rows += [] if legs else [(*place, *(None,) * 5)]
    frame = pd.DataFrame(rows, columns=list(TIMING_COLUMNS))
    return frame.astype({"leg": "Int64", "seconds": float, "cpu_seconds": float, "trials": "Int64", "worker": "Int64"})


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
    records: Iterable[TrialRecord], by: Sequence[str] = ("lambda",), *, ascending: bool = True
) -> dict[tuple[Any, ...], list[TrialRecord]]:
    """Return the records of each setting in plan order.

    Settings come in ascending order (what is not given comes first), or else in that of their first trials, which is
    how a grid has listed them.
    """
    groups: dict[tuple[Any, ...], list[TrialRecord]] = defaultdict(list)
    for record in in_order(records):
        groups[tuple(parameter(record.spec, name) for name in by)].append(record)
    return {setting: groups[setting] for setting in (sorted(groups, key=_none_first) if ascending else groups)}


def metric(record: TrialRecord, name: str) -> float | None:
    """Return what a trial came to; None unless it is COMPLETE and has it.

    That is the final value of a curve (``val_accuracy``), the highest of an accuracy over the epochs
    (``best_val_accuracy``), the ``gap`` between the final training and validation accuracies, the ``test_accuracy``, or
    that on a shifted test set (``test_accuracy_blur``).
    """
    if record.status is not Status.COMPLETE:
        return None
    if name == "test_accuracy":
        return record.test_accuracy
    if name.startswith("test_accuracy_"):
        return record.shifted_accuracy.get(name.removeprefix("test_accuracy_"))
    if name == "gap":
        train, val = record.final("train_accuracy"), record.final("val_accuracy")
        return None if train is None or val is None else train - val
    if name.startswith("best_"):
        values: tuple[float, ...] = getattr(record.curves, name.removeprefix("best_"))
        return max(values[1:], default=None)  # the untrained network is none of the epochs
    return record.final(name)


def values_of(records: Iterable[TrialRecord], name: str) -> list[float]:
    """Return the values of `metric` that exist: those of COMPLETE trials."""
    return [value for record in records if (value := metric(record, name)) is not None]


def public(trial: TrialSpec, name: str) -> Any:
    """Return a parameter as tables show it: hidden sizes as "50-50" (no hidden layer: empty), the rest as it is."""
    return shown(parameter(trial, name))


def shown(value: Any) -> Any:
    """Return the value of a parameter as tables show it."""
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


def _by_replicate(group: Sequence[TrialRecord], name: str) -> dict[tuple[str, int], float | None]:
    """Return the `metric` of the trials of one setting by what pairs them with those of another."""
    values = {(record.stage, record.replicate): metric(record, name) for record in group}
    if len(values) < len(group):
        raise ValueError(f"a replicate must have one trial of a setting, got {len(group)} trials in {len(values)}")
    return values


_COUNTED = (Status.COMPLETE, Status.DIVERGED, Status.FAILED, Status.PRUNED)


def _varies(records: Iterable[TrialRecord], name: str) -> bool:
    return len({parameter(record.spec, name) for record in records}) > 1


def _none_first(setting: tuple[Any, ...]) -> tuple[tuple[bool, Any], ...]:
    return tuple((value is not None, value) for value in setting)
