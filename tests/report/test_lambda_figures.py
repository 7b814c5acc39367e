"""What the figures of the search for lambda promise, on numbers worked by hand."""

import numpy as np
import pytest
from drawn import dots, legend, texts
from specimens import final_figure, search_figure

from pipeline.records import Status
from pipeline.report import style
from pipeline.report.final import final_accuracy
from pipeline.report.search import lambda_search


def test_the_search_draws_every_replicate_that_completed_and_marks_the_choices(search, final):
    figure = search_figure(search, final)
    whole, enlarged = figure.axes
    assert sorted(dots(whole)) == pytest.approx(
        sorted([50, 54, 60, 62, 30, *(60 + 2 * r + p for r in range(3) for p in range(2))])
    )
    assert legend(figure) == [
        *(
            "coarse: mean over 2 replicates",
            "refine: mean over 3 replicates",
            "95 % band (pooled sd)",
            "one replicate",
        ),
        *("chosen: λ = 0.005", "one standard error: λ = 0.02", "interval to refine", "diverged or failed"),
    ]
    assert whole.get_xscale() == enlarged.get_xscale() == "log"
    assert whole.get_xlim()[0] < 0.001
    assert whole.get_xlim()[1] > 0.1
    assert 0.003 < enlarged.get_xlim()[0] < 0.004
    assert dots(whole, "x") == [0.03]
    assert dots(enlarged, "x") == []


def test_stages_differ_in_colour_and_in_marker(search, final):
    lines = [line for line in search_figure(search, final).axes[0].lines if len(line.get_xdata()) > 1]
    means = [line for line in lines if line.get_linestyle() == "-" and line.get_marker() != "None"]
    assert len({line.get_color() for line in means}) == len({line.get_marker() for line in means}) == 2


def test_a_lambda_with_a_diverged_replicate_has_no_mean_as_survivors_would_flatter_it(search, final):
    coarse = next(line for line in search_figure(search, final).axes[0].lines if len(line.get_xdata()) == 3)
    assert list(coarse.get_xdata()) == [0.001, 0.01, 0.1]
    assert list(coarse.get_ydata())[:2] == pytest.approx([52, 61])
    assert np.isnan(coarse.get_ydata()[2])


def test_the_band_pools_the_noise_over_lambdas_with_the_residuals_worked_by_hand(record):
    """Accuracies 50, 54 and 60, 62: residuals -+ .5, so s^2 = 4 * .25 / df = 1; t(.975, 1) / sqrt(2) = 8.98465."""
    trials = [
        record("coarse", 2 * place + r, lambda_, accuracy, replicate=r)
        for place, (lambda_, pair) in enumerate({0.001: (0.50, 0.54), 0.01: (0.60, 0.62)}.items())
        for r, accuracy in enumerate(pair)
    ]
    axes = lambda_search(trials).axes[0]
    (band,) = axes.collections
    ends = band.get_paths()[0].vertices
    assert ends[:, 1].min() == pytest.approx(52 - 8.98465, rel=1e-5)
    assert ends[:, 1].max() == pytest.approx(61 + 8.98465, rel=1e-5)


def test_one_replicate_has_no_band(record):
    figure = lambda_search([record("coarse", 0, 0.01, 0.5), record("coarse", 1, 0.1, 0.4)], chosen=0.01, one_se=0.01)
    assert legend(figure) == ["coarse: mean over 1 replicate", "one replicate", "chosen, one standard error: λ = 0.01"]


def test_one_lambda_is_drawn_without_enlarging_a_range_of_no_width(record, tmp_path):
    trials = [record("coarse", r, 0.01, 0.5 + r / 100, replicate=r) for r in range(3)]
    figure = lambda_search(trials, chosen=0.01, interval=(0.01, 0.01))
    assert len(figure.axes) == 1
    assert "95 % band (pooled sd)" in legend(figure)
    style.save(figure, tmp_path, "one")


def test_a_search_that_diverged_everywhere_says_so(record, tmp_path):
    trials = [record("coarse", n, 10.0**-n, 0.5, status=Status.DIVERGED) for n in range(3)]
    figure = lambda_search(trials)
    assert "no trial completed" in texts(figure)
    assert len(dots(figure.axes[0], "x")) == 3
    style.save(figure, tmp_path, "lost")


def test_final_accuracies_draw_every_seed_print_the_interval_and_count_what_diverged(final, search):
    """t(.975, 2) = 4.30265: .02 / sqrt(3) gives 4.968; t(.975, 1) = 12.7062 times .005 gives 6.353."""
    figure = final_figure(search, final)
    (axes,) = figure.axes
    assert len(dots(axes)) == 5
    assert [label.get_text() for label in axes.get_yticklabels()] == ["chosen\nλ = 0.005", "default\nλ = 0.02"]
    assert [text.get_text() for text in axes.texts] == [
        *("52.00 %\n47.03 to 56.97, n = 3", "50.50 %\n44.15 to 56.85, n = 2, 1 diverged"),
    ]


def test_what_the_interval_leaves_out_is_stated_with_the_error_worked_by_hand(final, search):
    """sqrt(.514 * .486 / 300) = .02886; times 1.96 is 5.7 points."""
    assert "the choice of these 300 test rows adds about ± 5.7 points" in texts(final_figure(search, final))


def test_equal_roles_share_a_row_and_one_seed_has_no_interval(record):
    figure = final_accuracy([record("final", 0, 0.005, 0.5, test=0.5)], {"chosen": 0.005, "default": 0.005})
    assert "chosen, default\nλ = 0.005" in texts(figure)
    assert "n = 1, no interval" in texts(figure)


def test_final_accuracies_say_why_there_are_none(record, search):
    assert "the test set was kept closed" in texts(final_accuracy(search, {}))
    lost = [record("final", 0, 0.1, 0.5, test=0.5, status=Status.DIVERGED)]
    assert "none of the 1 trials completed" in texts(final_accuracy(lost, {}))
