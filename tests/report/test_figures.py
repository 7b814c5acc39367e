"""One body of tests over every figure function, then what each of them promises on its own."""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from pipeline.errors import HostError
from pipeline.records import Status
from pipeline.report import images, style
from pipeline.report.curves import best_median_worst, learning_curves, learning_rate
from pipeline.report.final import final_accuracy
from pipeline.report.images import confusion_matrix, first_layer, misclassified
from pipeline.report.search import lambda_search
from pipeline.spec import with_setting

NAMES = ["cat", "dog", "a class with quite a long name"]
TRUE, GUESS = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 0, 2, 0])
P = np.array([0.9, 0.6, 0.8, 0.95, 0.7, 0.5])
PIXELS = np.linspace(0, 1, 6 * 4 * 4 * 3).reshape(6, 4, 4, 3)


def search_figure(search, final) -> Figure:
    return lambda_search(search, chosen=0.005, one_se=0.02, interval=(0.004, 0.03))


def curves_figure(search, final) -> Figure:
    return learning_curves(search[:6], best_median_worst(search[:6]))


def rate_figure(search, final) -> Figure:
    return learning_rate([0, 5, 10], [0, 0.1, 0], steps_per_epoch=5, cycle_ends=(10,), subtitle="triangular")


def final_figure(search, final) -> Figure:
    return final_accuracy(final, {"chosen": 0.005, "default": 0.02})


def layer_figure(search, final) -> Figure | None:
    return first_layer(np.random.default_rng(0).normal(size=(3 * 4 * 4, 7)), (3, 4, 4), subtitle="cats")


def confusion_figure(search, final) -> Figure:
    return confusion_matrix(TRUE, GUESS, NAMES, subtitle="cats")


def mistakes_figure(search, final) -> Figure:
    return misclassified(PIXELS.__getitem__, TRUE, GUESS, P, NAMES, subtitle="cats")


CHARTS = [search_figure, curves_figure, rate_figure, final_figure]
FIGURES = [*CHARTS, layer_figure, confusion_figure, mistakes_figure]
each_figure = pytest.mark.parametrize("make", FIGURES, ids=lambda make: make.__name__)


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(mpl.text.Text))


def legend(figure: Figure) -> list[str]:
    (box,) = figure.legends
    return [text.get_text() for text in box.get_texts()]


def dots(axes, marker: str = "o") -> list[float]:
    """Return y (or x of a row of dots) of every marker drawn without a line."""
    lines = [line for line in axes.lines if line.get_marker() == marker and line.get_linestyle() == "None"]
    return [float(y) for line in lines for y in line.get_ydata()]


@pytest.fixture(scope="module", params=FIGURES, ids=lambda make: make.__name__)
def saved(request, search, final, tmp_path_factory) -> Path:
    """A folder with a figure drawn twice: once as it is, once under a user's rcParams."""
    folder = tmp_path_factory.mktemp("figures")
    style.save(request.param(search, final), folder, "plain")
    with mpl.rc_context(
        {"font.size": 30, "axes.grid": False, "savefig.dpi": 20, "svg.hashsalt": "mine", "text.color": "red"}
    ):
        before = dict(mpl.rcParams)
        style.save(request.param(search, final), folder, "theirs")
        assert dict(mpl.rcParams) == before
    return folder


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_figure_drawn_again_has_the_same_bytes_whatever_the_users_rcparams(saved, kind):
    assert (saved / f"plain.{kind}").read_bytes() == (saved / f"theirs.{kind}").read_bytes()


def test_files_name_neither_the_day_nor_the_software(saved):
    assert b"Software" not in (saved / "plain.png").read_bytes()
    text = (saved / "plain.svg").read_text()
    assert text.rstrip().endswith("</svg>")
    assert "<dc:date>" not in text
    assert mpl.__version__ not in text


@each_figure
def test_every_figure_has_a_title_and_says_what_was_measured(make: Callable[..., Figure], search, final):
    title, subtitle = make(search, final).texts[:2]
    assert title.get_text()
    assert any(word in subtitle.get_text() for word in ("digits", "cats", "triangular"))


@each_figure
def test_nothing_is_cut_off_at_the_edge(make: Callable[..., Figure], search, final):
    figure = make(search, final)
    with style.house_style():
        figure.savefig(io.BytesIO(), format="png")
        width, height = figure.bbox.width, figure.bbox.height
        box = figure.get_tightbbox()
    assert box.x0 >= -0.01
    assert box.y0 >= -0.01
    assert box.x1 * figure.dpi <= width + 1
    assert box.y1 * figure.dpi <= height + 1


@pytest.mark.parametrize("make", CHARTS, ids=lambda make: make.__name__)
def test_charts_label_their_axes_and_have_a_legend_outside_of_them(make: Callable[..., Figure], search, final):
    figure = make(search, final)
    shared = [axes for axes in figure.axes if axes.get_subplotspec() is not None]
    assert all(axes.get_xlabel() for axes in shared if axes.get_subplotspec().is_last_row())
    assert all(axes.get_ylabel() for axes in shared if axes.get_subplotspec().is_first_col()) or make is final_figure
    assert legend(figure)
    assert not any(axes.get_legend() for axes in figure.axes)


def test_no_pyplot_state_is_touched(search, final):
    from matplotlib import _pylab_helpers  # noqa: PLC0415

    for make in FIGURES:
        make(search, final)
    assert not _pylab_helpers.Gcf.figs


def test_saving_into_a_missing_folder_is_an_error_of_the_host(search, final, tmp_path):
    with pytest.raises(HostError, match="must be writable"):
        style.save(rate_figure(search, final), tmp_path / "missing", "rate")


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


def test_figures_without_trials_say_so():
    assert "no trials of a search stage" in texts(lambda_search([]))
    assert "no trials of the final stage" in texts(final_accuracy([], {}))
    assert "no trials of this stage" in texts(learning_curves([], {}))


def test_best_median_and_worst_are_ranked_by_validation_and_a_diverged_lambda_comes_last(search, record):
    assert best_median_worst(search[:6]) == {"best": 0.01, "median": 0.001, "worst": 0.1}
    fine = [record("a", n, lambda_, 0.5 + n / 10) for n, lambda_ in enumerate((0.1, 0.2, 0.3, 0.4))]
    assert best_median_worst(fine) == {"best": 0.4, "median": 0.3, "worst": 0.1}
    assert best_median_worst(fine[:1]) == {"best": 0.1, "median": 0.1, "worst": 0.1}
    lucky = record("a", 4, 0.5, 0.99), record("a", 5, 0.5, 0.1, replicate=1, status=Status.DIVERGED)
    assert best_median_worst([*fine, *lucky])["worst"] == 0.5
    assert best_median_worst(lucky[1:]) == {}


def test_learning_curves_draw_each_seed_their_mean_and_the_ends_of_cycles(search, final):
    figure = curves_figure(search, final)
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
    figure = learning_curves(trials, best_median_worst(trials))
    assert len(figure.axes) == 2
    assert figure.axes[0].get_title(loc="left") == "best, median, worst: λ = 0.01\n1 seed"


def test_learning_curves_of_a_stage_that_diverged_say_so(record):
    trials = [record("coarse", n, 0.01, 0.5, status=Status.DIVERGED) for n in range(3)]
    assert "none of the 3 trials completed" in texts(learning_curves(trials, best_median_worst(trials)))


def test_an_exploding_curve_does_not_squeeze_the_others(search, record):
    lost = record("coarse", 9, 0.01, -1e9, replicate=2, status=Status.DIVERGED)
    figure = learning_curves([*search[:6], lost], {"best": 0.01})
    assert figure.axes[0].get_ylim()[1] < 5


def test_the_schedule_shows_epochs_and_steps_and_where_cycles_end(search, final):
    figure = rate_figure(search, final)
    (axes,) = figure.axes
    assert list(axes.lines[0].get_xdata()) == [0, 1, 2]
    assert list(axes.lines[1].get_xdata()) == [2, 2]
    assert [above.get_xlabel() for above in axes.child_axes] == ["step (5 per epoch)"]
    assert legend(figure) == ["learning rate", "end of a cycle"]


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


def test_plain_features_have_no_first_layer_images():
    assert first_layer(np.ones((64, 5)), ()) is None


def test_first_layer_units_are_tiled_by_norm_and_scaled_over_all_channels():
    W = np.zeros((12, 2))
    W[:, 0] = np.linspace(-1, 1, 12)  # (3, 2, 2): red, then green, then blue
    W[:, 1] = 10 * np.linspace(1, -1, 12)
    figure = first_layer(W, (3, 2, 2))
    (sheet,) = (np.asarray(image.get_array()) for image in figure.axes[0].get_images())
    assert sheet.shape == (2, 5, 3)
    scaled = np.linspace(0, 1, 12).reshape(3, 2, 2).transpose(1, 2, 0)
    np.testing.assert_allclose(sheet[:, :2], 1 - scaled)  # the larger norm comes first
    np.testing.assert_allclose(sheet[:, 2], 1)
    np.testing.assert_allclose(sheet[:, 3:], scaled)


def test_grey_and_dead_and_very_many_units_are_drawn(tmp_path):
    figure = first_layer(np.zeros((64, 512)), (1, 8, 8))
    assert f"the {images.MOST_UNITS} strongest of 512 units" in texts(figure)
    style.save(figure, tmp_path, "layer")


def test_the_confusion_matrix_shows_shares_of_each_true_class_and_counts():
    """True cats: one right, one taken for a dog; no bird occurs, so its row stays blank."""
    figure = confusion_matrix([0, 0, 1], [0, 1, 1], ["cat", "dog", "bird"])
    cells = [text.get_text() for text in figure.axes[0].texts]
    assert cells == ["50.0", "1", "50.0", "1", "0.0", "0", "0.0", "0", "100.0", "1", "0.0", "0"]
    np.testing.assert_array_equal(figure.axes[0].get_images()[0].get_array(), [[50, 50, 0], [0, 100, 0], [0, 0, 0]])
    assert "66.67 % of 3 correct" in texts(figure)


@pytest.mark.parametrize("classes", [2, 20])
def test_two_and_twenty_classes_with_long_names_fit(classes, tmp_path):
    names = [f"a class with a very long name, number {index}" for index in range(classes)]
    figure = confusion_matrix(np.arange(classes), np.arange(classes), names)
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert len(set(labels)) == classes  # the shortened names still differ
    assert max(map(len, labels)) <= images.LONGEST_NAME
    style.save(figure, tmp_path, "confusion")


def test_mistakes_come_by_falling_confidence_with_their_own_images(search, final):
    figure = mistakes_figure(search, final)
    shown = [axes for axes in figure.axes if axes.get_images()]
    assert [axes.get_title() for axes in shown] == [
        "dog →\ncat, 0.95",
        "cat →\ndog, 0.60",
        "a class…g name →\ncat, 0.50",
    ]
    for axes, index in zip(shown, (3, 1, 5), strict=True):
        np.testing.assert_array_equal(axes.get_images()[0].get_array(), PIXELS[index])


def test_no_mistakes_are_said_to_be_none():
    assert "all 6 images are classified correctly" in texts(misclassified(PIXELS.__getitem__, TRUE, TRUE, P, NAMES))


def test_describe_names_the_data_and_the_network_and_lists_what_differs(record):
    trial = record("a", 0, 0.1, 0.5)
    assert style.describe([trial]) == "digits · 1,000 training rows · network 50-50 · batch norm before the activation"
    wide = dataclasses.replace(trial, spec=with_setting(trial.spec, {"hidden": (100,), "batch_norm": "none"}))
    assert style.describe([trial, wide]).endswith(
        "network 50-50 / 100 · batch norm before the activation / no batch norm"
    )


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.0024, 0.0088, ["0.003", "0.004", "0.005", "0.007"]),  # less than a decade: neither crowded nor empty
        (0.0013, 0.017, ["0.002", "0.005", "0.01"]),
        (0.9e-4, 0.03, ["0.0001", "0.001", "0.01"]),  # decades
    ],
)
def test_a_short_lambda_axis_is_labelled_at_round_numbers(low, high, labels):
    axes = Figure().add_subplot()
    style.log_lambda_axis(axes, low, high)
    ticks = [f"{tick:g}" for tick in axes.xaxis.get_major_locator()() if low <= tick <= high]
    assert ticks == labels
