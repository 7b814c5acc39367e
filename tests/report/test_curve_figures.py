"""What the learning curves and the schedule promise."""

import dataclasses

import numpy as np
import pytest
from drawn import legend, lines, said, texts
from grids import DEEP, learning, trial
from specimens import NORMS, networks

from pipeline.records import Status
from pipeline.report.curves import best_median_worst, learning_curves, learning_rate


def roles(records) -> dict[str, float]:
    """Return role -> lambda, as the headings say."""
    headings = (heading.split(": λ = ") for heading in best_median_worst(records))
    return {role: float(lambda_) for role, lambda_ in headings}


def test_best_median_and_worst_are_ranked_by_validation_and_a_diverged_lambda_comes_last(search, record):
    assert roles(search[:6]) == {"best": 0.01, "median": 0.001, "worst": 0.1}
    fine = [record("a", n, lambda_, 0.5 + n / 10) for n, lambda_ in enumerate((0.1, 0.2, 0.3, 0.4))]
    assert roles(fine) == {"best": 0.4, "median": 0.3, "worst": 0.1}
    assert roles(fine[:1]) == {"best, median, worst": 0.1}
    lucky = record("a", 4, 0.5, 0.99), record("a", 5, 0.5, 0.1, replicate=1, status=Status.DIVERGED)
    assert roles([*fine, *lucky])["worst"] == 0.5
    assert best_median_worst(lucky[1:]) == {"every λ": list(lucky[1:])}
    assert best_median_worst([]) == {}


def test_learning_curves_draw_each_seed_their_mean_and_the_ends_of_cycles(search, final):
    figure = learning_curves(best_median_worst(search[:6]))
    assert [axes.get_title(loc="left") for axes in figure.axes[:3]] == [
        *("best: λ = 0.01\n2 seeds", "median: λ = 0.001\n2 seeds", "worst: λ = 0.1\n2 seeds, of which 1 completed"),
    ]
    best = figure.axes[3].lines  # accuracy of the best
    by_width = {width: [line for line in best if line.get_linewidth() == width] for width in (0.7, 1.7)}
    assert len(by_width[0.7]) == 2 * 2
    assert [list(line.get_ydata()) for line in by_width[1.7]] == pytest.approx(
        np.array([[20, 40.5, 71], [10, 30.5, 61]])
    )
    (end,) = [line for line in best if line.get_linestyle() == "--"]
    assert list(end.get_xdata()) == [2, 2]
    assert "did not complete" in legend(figure)


def test_one_lambda_fills_one_column_under_all_its_labels(record):
    trials = [record("coarse", 0, 0.01, 0.5)]
    figure = learning_curves(best_median_worst(trials))
    assert len(figure.axes) == 2
    assert figure.axes[0].get_title(loc="left") == "best, median, worst: λ = 0.01\n1 seed"


def test_learning_curves_of_a_stage_that_diverged_say_so(record):
    trials = [record("coarse", n, 0.01, 0.5, status=Status.DIVERGED) for n in range(3)]
    assert "every λ\n3 trials, of which none completed" in texts(learning_curves(best_median_worst(trials)))


def test_an_exploding_curve_does_not_squeeze_the_others(search, record):
    lost = record("coarse", 9, 0.01, -1e9, replicate=2, status=Status.DIVERGED)
    figure = learning_curves({"best": [search[1], search[4], lost]})
    assert figure.axes[0].get_ylim()[1] < 5


def test_columns_and_metrics_are_whatever_is_asked_for_on_common_scales():
    columns = {norm: [r for r in networks() if r.spec.network.batch_norm == norm] for norm in NORMS}
    figure = learning_curves(columns, metrics=("loss", "cost", "accuracy"), title="Deep")
    grid = np.array(figure.axes).reshape(3, 2)
    assert [axes.get_title(loc="left").splitlines()[0] for axes in grid[0]] == list(NORMS)
    assert [axes.get_ylabel() for axes in grid[:, 0]] == [
        *("cross-entropy\nloss (nats)", "cost (nats)\nloss + λ Σ‖W‖²", "accuracy (%)"),
    ]
    assert all(left.get_ylim() == right.get_ylim() for left, right in grid)
    assert "Deep" in texts(figure)


def test_the_cost_row_draws_the_cost():
    record = trial(0, curves=learning(0.5, penalty=0.75))
    (loss, cost) = learning_curves({"": [record]}, metrics=("loss", "cost")).axes
    np.testing.assert_allclose(lines(cost, 1.7)[1], np.array(lines(loss, 1.7)[1]) + 0.75)


def test_a_network_that_stays_at_chance_level_for_long_is_drawn_inside_its_panel():
    stuck = trial(0, hidden=DEEP, curves=learning(0.4, leaves=12))
    (loss, _) = learning_curves({"": [stuck]}).axes
    low, high = loss.get_ylim()
    assert low < np.log(10) < high


def test_a_column_says_why_it_is_empty():
    never = trial(0, status=Status.DIVERGED)  # in its first epoch
    figure = learning_curves({"lost": [never], "none": [], "fine": [trial(1, curves=learning(0.5))]})
    assert [said(axes) for axes in figure.axes] == 2 * [["no epoch was finished"], ["no trials"], []]


def test_an_untrained_network_of_large_loss_does_not_squeeze_the_others():
    curves = learning(0.5)
    wild = dataclasses.replace(curves, val_loss=(900.0, *curves.val_loss[1:]), val_cost=(900.0, *curves.val_cost[1:]))
    figure = learning_curves({"": [trial(0, curves=wild)]}, metrics=("loss", "cost"))
    assert all(axes.get_ylim()[1] < 10 for axes in figure.axes)


def test_the_schedule_shows_epochs_and_steps_and_where_cycles_end(search, final):
    figure = learning_rate([0, 5, 10], [0, 0.1, 0], steps_per_epoch=5, cycle_ends=(10,))
    (axes,) = figure.axes
    assert list(axes.lines[0].get_xdata()) == [0, 1, 2]
    assert list(axes.lines[1].get_xdata()) == [2, 2]
    assert [above.get_xlabel() for above in axes.child_axes] == ["step (5 per epoch)"]
    assert legend(figure) == ["learning rate", "end of a cycle"]
