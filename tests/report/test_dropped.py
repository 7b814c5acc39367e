"""Settings that were dropped at the end of a cycle, and what their legs cost, in tables and figures."""

import dataclasses

import numpy as np
import pytest
from drawn import dots, legend
from test_tables import cells

from pipeline.records import Status, Timing
from pipeline.report import tables
from pipeline.report.search import lambda_search


def test_a_dropped_trial_has_its_last_values_and_why_and_no_average_knows_it(record, tmp_path):
    why = "rank 2 of 2 after cycle 1: mean validation accuracy 0.5000"
    trials = [
        record("search", 0, 0.1, 0.5, status=Status.PRUNED, reason=why),
        record("search", 1, 0.1, 0.7, replicate=1, status=Status.PRUNED, reason=why),
        record("search", 2, 0.2, 0.6),
    ]
    row, *_ = cells(tables.trials_table(trials), tmp_path)
    assert (row["status"], row["val_accuracy"], row["test_accuracy"], row["reason"]) == ("PRUNED", "0.5", "", why)
    dropped, complete = cells(tables.summary_table(trials), tmp_path)
    assert [dropped[name] for name in ("n", "n_pruned", "val_accuracy_mean")] == ["0", "2", ""]
    assert [complete[name] for name in ("n", "n_pruned", "val_accuracy_mean")] == ["1", "0", "0.6"]


def test_timings_repeat_the_pack_and_leave_unknown_ones_empty(record, tmp_path):
    trials = [record("a", 0, 0.1, 0.5), record("a", 1, 0.2, 0.5)]
    rows = cells(tables.timings_table(trials, {("a", 1): [Timing(1.5, 1.25, 8, 4321)]}), tmp_path)
    assert list(rows[0]) == ["stage", "number", "pack", "seconds", "cpu_seconds", "trials", "worker", "leg"]
    assert list(rows[0].values()) == ["a", "0", "0", "", "", "", "", ""]
    assert list(rows[1].values()) == ["a", "1", "0", "1.5", "1.25", "8", "4321", "1"]


def test_what_the_packs_of_several_legs_cost_stands_in_rows_of_their_own(record, tmp_path):
    legs = [Timing(4.0, 3.5, 8, 11), Timing(2.5, 2.0, 4, 12)]
    rows = cells(tables.timings_table([record("a", 1, 0.2, 0.5)], {("a", 1): legs}), tmp_path)
    assert [(row["seconds"], row["trials"], row["worker"], row["leg"]) for row in rows] == [
        ("4.0", "8", "11", "1"),
        ("2.5", "4", "12", "2"),
    ]


def test_the_search_draws_dropped_lambdas_hollow_at_what_they_had_come_to_and_without_a_mean(record):
    trials = [record("coarse", n, x, y) for n, (x, y) in enumerate(((0.001, 0.4), (0.01, 0.6), (0.1, 0.5)))]
    trials[0] = dataclasses.replace(trials[0], status=Status.PRUNED)
    figure = lambda_search(trials)
    axes = figure.axes[0]
    hollow = [line for line in axes.lines if line.get_marker() == "v" and line.get_linestyle() == "None"]
    assert [(list(line.get_xdata()), list(line.get_ydata())) for line in hollow if len(line.get_xdata())] == [
        ([0.001], pytest.approx([40]))
    ]
    assert all(line.get_markerfacecolor() == "none" for line in hollow)
    assert sorted(dots(axes)) == pytest.approx([50, 60])
    means = next(line for line in axes.lines if len(line.get_xdata()) == 3)
    assert np.isnan(means.get_ydata()).tolist() == [True, False, False]
    assert "dropped after a cycle" in legend(figure)
    assert axes.get_ylim()[0] < 40
