"""The tables: columns that users may rely on, numbers that can be checked by hand, bytes that do not change."""

import csv
import io
import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ConfigError, HostError
from pipeline.records import Status, Timing, TrialRecord
from pipeline.report import tables

PROMISED = [
    *("stage", "number", "key", "status", "replicate", "pack", "dataset", "hidden", "batch_norm", "init", "sigma"),
    *("lambda", "eta_min", "eta_max", "step_size", "cycles", "batch_size", "optimizer", "init_seed", "order_seed"),
    *("train_loss", "train_accuracy", "val_loss", "val_accuracy", "test_accuracy"),
]
PROMISED_CURVES = [
    *("stage", "number", "step", "epoch", "cycle", "eta"),
    *("train_loss", "train_cost", "train_accuracy", "val_loss", "val_cost", "val_accuracy"),
]


def cells(frame: pd.DataFrame, folder: Path) -> list[dict[str, str]]:
    """Return the rows of the written CSV as text."""
    tables.write_csv(folder / "table.csv", frame)
    return list(csv.DictReader(io.StringIO((folder / "table.csv").read_text())))


def test_trials_have_exactly_the_promised_columns_and_the_reason_last(search):
    assert list(tables.trials_table(search)) == [*PROMISED, "reason"]


def test_a_parameter_without_a_promised_column_appears_only_when_it_varies(record):
    same = [record("a", 0, 0.1, 0.5), record("a", 1, 0.2, 0.5)]
    other = [record("a", 0, 0.1, 0.5), record("a", 1, 0.2, 0.5, activation="tanh")]
    assert list(tables.trials_table(same)) == [*PROMISED, "reason"]
    assert list(tables.trials_table(other)) == [*PROMISED, "activation", "reason"]
    assert list(tables.trials_table(other)["activation"]) == ["relu", "tanh"]


def test_a_complete_trial_shows_its_last_epoch(record, tmp_path):
    trial = record("final", 7, 0.0025, 0.5, replicate=3, test=0.52)
    (row,) = cells(tables.trials_table([trial]), tmp_path)
    assert row == {
        **{"stage": "final", "number": "7", "key": trial.spec.key, "status": "COMPLETE", "replicate": "3", "pack": "3"},
        **{
            "dataset": "digits",
            "hidden": "50-50",
            "batch_norm": "before",
            "init": "he",
            "sigma": "",
            "lambda": "0.0025",
        },
        **{"eta_min": "1e-05", "eta_max": "0.1", "step_size": "1", "cycles": "1", "batch_size": "100"},
        **{"optimizer": "sgd", "init_seed": "13", "order_seed": "23", "train_loss": "1.4", "train_accuracy": "0.6"},
        **{"val_loss": "1.5", "val_accuracy": "0.5", "test_accuracy": "0.52", "reason": ""},
    }


@pytest.mark.parametrize("status", [Status.DIVERGED, Status.FAILED, Status.PRUNED])
def test_a_trial_that_did_not_complete_has_no_metrics_but_a_reason_on_one_line(record, tmp_path, status):
    trial = record("final", 0, 0.1, 0.5, status=status, test=0.5, reason="loss, at step 7,\nis not finite")
    (row,) = cells(tables.trials_table([trial]), tmp_path)
    assert [row[name] for name in PROMISED[-5:]] == [""] * 5
    assert (row["status"], row["reason"]) == (status.value, "loss, at step 7, is not finite")
    assert (tmp_path / "table.csv").read_text().count("\n") == 2


def test_a_closed_test_set_leaves_test_accuracy_empty(record, tmp_path):
    (row,) = cells(tables.trials_table([record("coarse", 0, 0.1, 0.5)]), tmp_path)
    assert row["test_accuracy"] == ""


def test_rows_stand_by_stage_of_first_appearance_then_by_number(record, tmp_path):
    trials = [record(stage, number, 0.1, 0.5) for stage, number in (("b", 2), ("a", 1), ("b", 0), ("a", 0))]
    frame = tables.trials_table(trials)
    assert list(zip(frame["stage"], frame["number"], strict=True)) == [("b", 0), ("b", 2), ("a", 0), ("a", 1)]


def test_the_order_in_which_trials_of_a_stage_finished_changes_no_byte(search, tmp_path):
    shuffled = [*search[5::-1], *search[:5:-1]]
    for name, make in (("trials", tables.trials_table), ("curves", tables.curves_table), ("s", tables.summary_table)):
        tables.write_csv(tmp_path / f"{name}.csv", make(search))
        tables.write_csv(tmp_path / f"{name}-shuffled.csv", make(shuffled))
        assert (tmp_path / f"{name}.csv").read_bytes() == (tmp_path / f"{name}-shuffled.csv").read_bytes()


def test_curves_have_the_promised_columns_and_a_row_for_every_epoch(search):
    frame = tables.curves_table(search)
    assert list(frame) == PROMISED_CURVES
    assert len(frame) == 11 * 3 + 2  # the diverged trial keeps epochs 0 and 1
    first = frame.iloc[2].to_dict()
    assert first == {
        **{"stage": "coarse", "number": 0, "step": 20, "epoch": 2, "cycle": 1, "eta": 1e-5},
        **{"train_loss": 1.4, "train_cost": 1.5, "train_accuracy": 0.6},
        **{"val_loss": 1.5, "val_cost": 1.6, "val_accuracy": 0.5},
    }


def test_a_diverged_trial_keeps_the_epochs_that_it_has(search):
    frame = tables.curves_table(search)
    lost = frame[(frame["stage"] == "coarse") & (frame["number"] == 5)]
    assert list(lost["epoch"]) == [0, 1]


def test_the_summary_counts_what_diverged_and_averages_the_rest(search):
    frame = tables.summary_table(search).set_index(["stage", "lambda"])
    row = frame.loc[("coarse", 0.1)]
    assert (row["n"], row["n_diverged"], row["n_failed"]) == (1, 1, 0)
    assert row["val_accuracy_mean"] == 0.3  # the other value, .9, diverged
    assert math.isnan(row["val_accuracy_sd"])
    assert math.isnan(row["val_accuracy_low"])


def test_failed_trials_are_counted_and_never_averaged(record):
    trials = [record("a", 0, 0.1, 0.4), record("a", 1, 0.1, 0.8, replicate=1, status=Status.FAILED)]
    row = tables.summary_table(trials).iloc[0]
    assert (row["n"], row["n_diverged"], row["n_failed"], row["val_accuracy_mean"]) == (1, 0, 1, 0.4)


def test_a_setting_of_which_every_trial_diverged_has_counts_and_nothing_else(record, tmp_path):
    trials = [record("a", r, 0.1, 0.5, replicate=r, status=Status.DIVERGED) for r in range(2)]
    (row,) = cells(tables.summary_table(trials), tmp_path)
    assert {name: text for name, text in row.items() if text} == {
        **{"stage": "a", "lambda": "0.1", "n": "0", "n_diverged": "2", "n_failed": "0"}
    }


def test_the_interval_of_two_and_of_three_values_is_that_worked_by_hand(search, final):
    """t(.975, 1) = 12.7062, t(.975, 2) = 4.30265 (any table); .50 and .54 have the deviation .04 / sqrt(2)."""
    two = tables.summary_table(search).set_index(["stage", "lambda"]).loc[("coarse", 0.001)]
    assert two["val_accuracy_mean"] == pytest.approx(0.52)
    assert two["val_accuracy_sd"] == pytest.approx(0.0282843, rel=1e-5)
    assert two["val_accuracy_low"] == pytest.approx(0.52 - 12.7062 * 0.02, rel=1e-5)
    assert two["val_loss_high"] == pytest.approx(1.48 + 12.7062 * 0.02, rel=1e-5)
    three = tables.summary_table(final).set_index("lambda").loc[0.005]
    assert three["test_accuracy_sd"] == pytest.approx(0.02)
    assert three["test_accuracy_high"] == pytest.approx(0.52 + 4.30265 * 0.02 / math.sqrt(3), rel=1e-6)


def test_the_summary_has_one_row_per_setting_ascending_within_its_stage(record):
    trials = [record("b", 0, 0.2, 0.5), record("b", 1, 0.1, 0.5), record("a", 0, 0.3, 0.5), record("b", 2, 0.2, 0.6)]
    frame = tables.summary_table(trials)
    assert list(frame)[:5] == ["stage", "lambda", "n", "n_diverged", "n_failed"]
    assert list(zip(frame["stage"], frame["lambda"], frame["n"], strict=True)) == [
        ("b", 0.1, 1),
        ("b", 0.2, 2),
        ("a", 0.3, 1),
    ]


def test_the_summary_groups_by_any_parameters_even_ones_that_are_not_given(record):
    trials = [record("a", 0, 0.2, 0.5, optimizer="momentum"), record("a", 1, 0.1, 0.5), record("a", 2, 0.2, 0.7)]
    frame = tables.summary_table(trials, by=("optimizer", "sigma", "hidden"))
    assert list(frame["optimizer"]) == ["momentum", "sgd"]
    assert list(frame["hidden"]) == ["50-50", "50-50"]
    assert list(frame["n"]) == [1, 2]


def test_a_setting_that_is_no_parameter_is_refused_with_the_nearest(search):
    with pytest.raises(ConfigError, match="did you mean 'lambda'"):
        tables.summary_table(search, by=("lamda",))


def test_no_records_make_empty_tables_with_all_columns():
    assert list(tables.trials_table([])) == [*PROMISED, "reason"]
    assert list(tables.curves_table([])) == PROMISED_CURVES
    assert len(tables.summary_table([])) == len(tables.timings_table([], {})) == 0


def test_timings_repeat_the_pack_and_leave_unknown_ones_empty(record, tmp_path):
    trials = [record("a", 0, 0.1, 0.5), record("a", 1, 0.2, 0.5)]
    rows = cells(tables.timings_table(trials, {("a", 1): Timing(1.5, 1.25, 8, 4321)}), tmp_path)
    assert list(rows[0]) == ["stage", "number", "pack", "seconds", "cpu_seconds", "trials", "worker"]
    assert list(rows[0].values()) == ["a", "0", "0", "", "", "", ""]
    assert list(rows[1].values()) == ["a", "1", "0", "1.5", "1.25", "8", "4321"]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_floats_read_back_exactly(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("floats") / "x.csv"
    tables.write_csv(path, pd.DataFrame({"x": values}))
    assert [float(text).hex() for text in path.read_text().split("\n")[1:-1]] == [value.hex() for value in values]


def test_lines_end_in_a_newline_alone_and_nothing_else_is_left_in_the_folder(search, tmp_path):
    tables.write_csv(tmp_path / "trials.csv", tables.trials_table(search))
    raw = (tmp_path / "trials.csv").read_bytes()
    assert raw.endswith(b"\n")
    assert b"\r" not in raw
    assert [path.name for path in tmp_path.iterdir()] == ["trials.csv"]


def test_a_folder_that_is_missing_is_an_error_of_the_host(search, tmp_path):
    with pytest.raises(HostError, match="must be writable"):
        tables.write_csv(tmp_path / "missing" / "trials.csv", tables.trials_table(search))


def test_final_values_exist_only_where_they_were_measured(final: list[TrialRecord]):
    assert tables.values_of(final, "test_accuracy") == [0.50, 0.52, 0.54, 0.50, 0.51]
