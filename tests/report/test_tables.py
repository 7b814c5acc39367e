"""The tables: columns that users may rely on, numbers that can be checked by hand, bytes that do not change."""

import csv
import io
import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ConfigError, HostError
from pipeline.records import Status, TrialRecord
from pipeline.report import tables
from pipeline.spec import AugmentSpec

PROMISED = [
    *("stage", "number", "key", "status", "replicate", "pack", "dataset", "hidden", "batch_norm", "init", "sigma"),
    *("lambda", "eta_min", "eta_max", "step_size", "cycles", "batch_size", "optimizer", "init_seed", "order_seed"),
    *("train_loss", "train_accuracy", "val_loss", "val_accuracy", "test_accuracy"),
]
PROMISED_CURVES = [
    *("stage", "number", "step", "epoch", "cycle", "eta"),
    *("train_loss", "train_cost", "train_accuracy", "val_loss", "val_cost", "val_accuracy"),
    *("running_loss", "running_accuracy"),
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


def test_components_are_whole_numbers_and_empty_where_rows_are_the_features(record, tmp_path):
    trial = record("a", 0, 0.1, 0.5)
    spec = replace(trial.spec, data=trial.spec.data.on_components(30))
    table = tables.trials_table([trial, replace(trial, number=1, spec=spec)])
    assert list(table) == [*PROMISED, "components", "reason"]
    tables.write_csv(tmp_path / "trials.csv", table)
    lines = (tmp_path / "trials.csv").read_text().splitlines()
    assert [line.split(",")[-2] for line in lines] == ["components", "", "30"]


def test_shifted_test_sets_have_columns_where_any_trial_asks_for_them_in_the_order_of_the_table(record, tmp_path):
    """The second trial asks for other shifts, the third diverged."""
    asked = (("noise", "blur"), ("noise",), ("noise", "blur"))
    statuses = (Status.COMPLETE, Status.COMPLETE, Status.DIVERGED)
    trials = []
    for number, (shifts, status) in enumerate(zip(asked, statuses, strict=True)):
        trial = record("a", number, 0.1, 0.5, test=0.5, status=status)
        evaluation = replace(trial.spec.evaluation, shifts=shifts)
        spec = replace(trial.spec, data=replace(trial.spec.data, shape=(1, 8, 8)), evaluation=evaluation)
        trials.append(replace(trial, spec=spec, shifted_accuracy=dict.fromkeys(shifts, 0.25 + 0.125 * number)))
    frame = tables.trials_table(trials)
    assert list(frame) == [*PROMISED, "test_accuracy_blur", "test_accuracy_noise", "reason"]
    rows = cells(frame, tmp_path)
    assert [row["test_accuracy_blur"] for row in rows] == ["0.25", "", ""]
    assert [row["test_accuracy_noise"] for row in rows] == ["0.25", "0.375", ""]


def test_augmentation_that_varies_is_told_in_words(record, tmp_path):
    trials = [record("a", number, 0.1, 0.5) for number in range(2)]
    data = replace(trials[1].spec.data, shape=(1, 8, 8))
    augment = AugmentSpec(mirror=True, shift=2, zoom=0.1)
    trials[1] = replace(trials[1], spec=replace(trials[1].spec, data=data, augment=augment))
    rows = cells(tables.trials_table(trials), tmp_path)
    assert [row["augment"] for row in rows] == ["none", "mirror, shift 2, zoom 0.1"]


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


@pytest.mark.parametrize("status", [Status.DIVERGED, Status.FAILED])
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
        **{"running_loss": 1.5, "running_accuracy": 0.5},
    }


def test_a_diverged_trial_keeps_the_epochs_that_it_has(search):
    frame = tables.curves_table(search)
    lost = frame[(frame["stage"] == "coarse") & (frame["number"] == 5)]
    assert list(lost["epoch"]) == [0, 1]


def test_batch_losses_have_a_row_for_every_window_named_by_its_last_step(record, tmp_path):
    losses = {("b", 0): (2.25, 1.5, 0.125), ("b", 1): (), ("a", 0): (2.0,)}
    trials = [replace(record(*place, 0.1, 0.5), batch_losses=found) for place, found in losses.items()]
    lost = replace(record("a", 1, 0.1, 0.5, status=Status.DIVERGED), batch_losses=(2.5,))
    tables.write_csv(tmp_path / "batch_losses.csv", tables.batch_losses_table([*trials[:1], lost, *trials[1:]]))
    assert (tmp_path / "batch_losses.csv").read_text().splitlines() == [
        *("stage,number,step,batch_loss", "b,0,50,2.25", "b,0,100,1.5", "b,0,150,0.125"),
        *("a,0,50,2.0", "a,1,50,2.5"),
    ]


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
        **{"stage": "a", "lambda": "0.1", "n": "0", "n_diverged": "2", "n_failed": "0", "n_pruned": "0"}
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
    assert list(frame)[:6] == ["stage", "lambda", "n", "n_diverged", "n_failed", "n_pruned"]
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


def test_settings_come_in_plan_order_where_they_are_not_to_be_sorted(record):
    """Sorted as tuples, 50-30 would come before 50-50."""
    hidden = [(50, 50), (50, 30), (50,), (50, 50)]
    trials = [with_network(record("grid", number, 0.1, 0.5), hidden=sizes) for number, sizes in enumerate(hidden)]
    for arrived in (trials, trials[::-1]):
        assert list(tables.summary_table(arrived, ("hidden",))["hidden"]) == ["50", "50-30", "50-50"]
        declared = tables.summary_table(arrived, ("hidden",), ascending=False)
        assert list(zip(declared["hidden"], declared["n"], strict=True)) == [("50-50", 2), ("50-30", 1), ("50", 1)]
        groups = tables.by_setting(arrived, ("hidden",), ascending=False)
        assert [[one.number for one in group] for group in groups.values()] == [[0, 3], [1], [2]]


def with_network(trial, **changes):
    """Return the record with fields of its network replaced."""
    return replace(trial, spec=replace(trial.spec, network=replace(trial.spec.network, **changes)))


def grid(record, accuracies):
    """Return the records of {(hidden, batch norm): test accuracies by replicate}; None is a trial that diverged."""
    trials = []
    for replicate in range(3):
        for (hidden, norm), tests in accuracies.items():
            lost = tests[replicate] is None
            how = {"status": Status.DIVERGED if lost else Status.COMPLETE, "test": 0.9 if lost else tests[replicate]}
            made = record("grid", len(trials), 0.1, 0.5, replicate=replicate, **how)
            trials.append(with_network(made, hidden=hidden, batch_norm=norm))
    return trials


DEEP, SHALLOW, LINEAR = (50, 30), (50,), ()


def test_an_effect_is_the_paired_difference_worked_by_hand(record):
    """.02, .04, .06: mean .04, sd .02, t(.975, 2) = 4.302653, half .02 * 4.302653 / sqrt(3) = .0496828."""
    trials = grid(record, {(DEEP, "before"): (0.42, 0.54, 0.36), (DEEP, "none"): (0.40, 0.50, 0.30)})
    frame = tables.effects_table(trials, ("hidden",), "batch_norm")
    assert list(frame) == ["hidden", "compared", "n", "mean", "sd", "low", "high"]
    (row,) = frame.to_dict("records")
    assert (row["hidden"], row["compared"], row["n"]) == ("50-30", "before - none", 3)
    numbers = [row[name] for name in ("mean", "sd", "low", "high")]
    assert numbers == pytest.approx([0.04, 0.02, 0.04 - 0.0496828, 0.04 + 0.0496828], abs=1e-6)


def test_effects_pair_by_replicate_and_not_by_place(record):
    """The accuracies of the seeds lie far apart; all differences are .01, in whatever order the trials arrive."""
    trials = grid(record, {(DEEP, "none"): (0.1, 0.9, 0.5), (DEEP, "after"): (0.11, 0.91, 0.51)})
    elsewhere = [replace(trial, number=99 - trial.number) if trial.number % 2 else trial for trial in trials]
    for arrived in (trials, trials[3:] + trials[:3], elsewhere):
        (row,) = tables.effects_table(arrived, ("hidden",), "batch_norm").to_dict("records")
        assert (row["n"], row["mean"]) == (3, pytest.approx(0.01))
        assert row["sd"] == pytest.approx(0, abs=1e-15)


def test_pairs_of_which_one_trial_did_not_complete_are_left_out(record, tmp_path):
    none, before = (0.40, None, 0.30), (0.42, 0.54, None)
    trials = grid(record, {(DEEP, "none"): none, (DEEP, "before"): before, (DEEP, "after"): (None, 0.5, None)})
    rows = cells(tables.effects_table(trials, ("hidden",), "batch_norm"), tmp_path)
    assert [(row["compared"], row["n"]) for row in rows] == [("before - none", "1"), ("after - none", "0")]
    assert float(rows[0]["mean"]) == pytest.approx(0.02)
    assert [rows[0][name] for name in ("sd", "low", "high")] == [""] * 3
    assert [rows[1][name] for name in ("mean", "sd", "low", "high")] == [""] * 4


def test_a_replicate_that_only_one_side_has_run_is_no_pair(record):
    trials = grid(record, {(DEEP, "none"): (0.1, 0.2, 0.3), (DEEP, "before"): (0.2, 0.4, 0.6)})
    (row,) = tables.effects_table(trials[:-1], ("hidden",), "batch_norm").to_dict("records")
    assert (row["n"], row["mean"]) == (2, pytest.approx(0.15))


def test_effects_have_a_row_for_every_setting_and_compared_value_in_plan_order(record):
    """The linear classifier has run with batch norm alone: there is nothing to compare it with."""
    tried = [(LINEAR, "after"), *((DEEP, norm) for norm in ("none", "before", "after"))]
    tried += [(SHALLOW, norm) for norm in ("before", "none")]
    frame = tables.effects_table(grid(record, dict.fromkeys(tried, (0.1, 0.2, 0.3))), ("hidden",), "batch_norm")
    assert list(zip(frame["hidden"], frame["compared"], strict=True)) == [
        ("50-30", "before - none"),
        ("50-30", "after - none"),
        ("50", "before - none"),
    ]


def test_any_parameter_can_be_compared_by_any_metric(record):
    trials = [record("a", 0, 0.2, 0.5), record("a", 1, 0.1, 0.6), record("a", 2, 0.2, 0.8, optimizer="momentum")]
    (by_lambda,) = tables.effects_table(trials, ("optimizer",), "lambda", 0.1, "val_accuracy").to_dict("records")
    assert (by_lambda["optimizer"], by_lambda["compared"]) == ("sgd", "0.2 - 0.1")
    assert by_lambda["mean"] == pytest.approx(-0.1)
    (by_name,) = tables.effects_table(trials, ("lambda",), "optimizer", "sgd", "val_loss").to_dict("records")
    assert (by_name["lambda"], by_name["compared"]) == (0.2, "momentum - sgd")
    assert by_name["mean"] == pytest.approx(-0.3)


def test_an_effect_of_trials_that_differ_in_more_than_is_named_is_refused(record):
    trials = grid(record, {(DEEP, "none"): (0.1,) * 3, (SHALLOW, "none"): (0.2,) * 3, (DEEP, "before"): (0.3,) * 3})
    with pytest.raises(ValueError, match="one trial of a setting, got 6 trials in 3"):
        tables.effects_table(trials, ("lambda",), "batch_norm")


def test_effects_of_what_is_no_parameter_are_refused_with_the_nearest(record):
    with pytest.raises(ConfigError, match="did you mean 'batch_norm'"):
        tables.effects_table([record("a", 0, 0.1, 0.5)], ("hidden",), "batch_nrm")


def test_a_setting_that_is_no_parameter_is_refused_with_the_nearest(search):
    with pytest.raises(ConfigError, match="did you mean 'lambda'"):
        tables.summary_table(search, by=("lamda",))


def test_no_records_make_empty_tables_with_all_columns():
    assert list(tables.trials_table([])) == [*PROMISED, "reason"]
    assert list(tables.curves_table([])) == PROMISED_CURVES
    assert list(tables.batch_losses_table([])) == ["stage", "number", "step", "batch_loss"]
    assert list(tables.effects_table([], ("hidden",), "batch_norm"))[:2] == ["hidden", "compared"]
    assert len(tables.summary_table([])) == len(tables.timings_table([], {})) == 0


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


def measured(record, train, val, **how):
    """Return a trial with these accuracies after epochs 0, 1 and 2."""
    trial = record("a", 0, 0.1, 0.5, test=0.5, **how)
    return replace(trial, curves=replace(trial.curves, train_accuracy=train, val_accuracy=val))


def test_the_gap_is_the_last_training_minus_the_last_validation_accuracy(record):
    trial = measured(record, (0.9, 0.5, 0.75), (0.1, 0.4, 0.25))
    assert tables.metric(trial, "gap") == 0.5
    assert tables.metric(measured(record, (0.1, 0.5), (0.1, 0.625)), "gap") == -0.125


def test_the_best_of_a_curve_is_that_of_its_epochs_of_which_the_untrained_network_is_none(record):
    trial = measured(record, (0.9, 0.5, 0.25), (0.1, 0.25, 0.4))
    assert tables.metric(trial, "best_train_accuracy") == 0.5
    assert tables.metric(trial, "best_val_accuracy") == 0.4
    assert tables.metric(measured(record, (0.9,), (0.9,)), "best_val_accuracy") is None


def test_a_shifted_test_set_has_an_accuracy_of_its_own_where_it_was_measured(record):
    trial = replace(record("a", 0, 0.1, 0.5, test=0.5), shifted_accuracy={"blur": 0.25})
    assert tables.metric(trial, "test_accuracy_blur") == 0.25
    assert tables.metric(trial, "test_accuracy_noise") is None
    assert tables.metric(trial, "test_accuracy") == 0.5


@pytest.mark.parametrize("name", ["gap", "best_val_accuracy", "test_accuracy", "test_accuracy_blur", "val_accuracy"])
def test_what_did_not_complete_has_no_metric_whatever_it_was_measured_at(record, name):
    trial = replace(record("a", 0, 0.1, 0.5, status=Status.DIVERGED, test=0.5), shifted_accuracy={"blur": 0.25})
    assert tables.metric(trial, name) is None
    assert tables.metric(replace(trial, status=Status.COMPLETE), name) is not None
