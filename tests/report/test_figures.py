"""One body of tests over every figure function, then what each of them promises on its own."""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import pytest
from drawn import legend, texts
from grids import CHANCE
from matplotlib.figure import Figure
from specimens import CHARTS, FIGURES, depth_figure, final_figure, rate_figure

from pipeline.errors import HostError
from pipeline.report import style
from pipeline.report.curves import learning_curves
from pipeline.report.depth import accuracy_by_depth
from pipeline.report.final import final_accuracy
from pipeline.report.search import lambda_search
from pipeline.report.sensitivity import accuracy_against_sigma, loss_panels, spread_at_initialisation
from pipeline.spec import with_setting

each_figure = pytest.mark.parametrize("make", FIGURES, ids=lambda make: make.__name__)


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
    assert any(word in subtitle.get_text() for word in ("digits", "cifar10", "cats", "triangular"))


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


@each_figure
def test_every_figure_fits_a_page(make: Callable[..., Figure], search, final):
    width, height = make(search, final).get_size_inches()
    assert width <= 8
    assert height <= 8.5


@pytest.mark.parametrize("make", CHARTS, ids=lambda make: make.__name__)
def test_charts_label_their_axes_and_have_a_legend_outside_of_them(make: Callable[..., Figure], search, final):
    figure = make(search, final)
    shared = [axes for axes in figure.axes if axes.get_subplotspec() is not None]
    assert all(axes.get_xlabel() for axes in shared if axes.get_subplotspec().is_last_row())
    unlabelled = [axes for axes in shared if axes.get_subplotspec().is_first_col() and not axes.get_ylabel()]
    assert len(unlabelled) == {final_figure: 1, depth_figure: 1}.get(make, 0)  # rows of roles; the axis' lower part
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


@pytest.mark.parametrize("formats", [("svg",), ("png",), ("svg", "png")])
def test_only_the_formats_asked_for_are_written_with_the_same_bytes_as_ever(search, final, tmp_path, formats):
    figure = depth_figure(search, final)
    assert style.save(figure, tmp_path, "rate", formats) == tuple(tmp_path / f"rate.{kind}" for kind in formats)
    assert {path.name for path in tmp_path.iterdir()} == {f"rate.{kind}" for kind in formats}
    style.save(figure, tmp_path, "both")
    for kind in formats:
        assert (tmp_path / f"rate.{kind}").read_bytes() == (tmp_path / f"both.{kind}").read_bytes()


def test_figures_without_trials_say_so():
    assert "no trials of a search stage" in texts(lambda_search([]))
    assert "no trials of the final stage" in texts(final_accuracy([], {}))
    assert "no trials of this stage" in texts(learning_curves({}))
    for figure in (loss_panels([], 2.3), accuracy_against_sigma([], CHANCE), accuracy_by_depth([], CHANCE)):
        assert texts(figure).count("no trials") == 2  # in the subtitle and in the panel
    assert "no networks were measured" in texts(spread_at_initialisation([]))


def test_describe_names_the_data_and_the_network_and_lists_what_differs(record):
    trial = record("a", 0, 0.1, 0.5)
    assert style.describe([trial]) == "digits · 1,000 training rows · network 50-50 · batch norm before the activation"
    wide = dataclasses.replace(trial, spec=with_setting(trial.spec, {"hidden": (100,), "batch_norm": "none"}))
    assert style.describe([trial, wide]).endswith(
        "network 50-50 / 100 · without batch norm / batch norm before the activation"
    )


def test_describe_says_that_rows_are_principal_components_and_approximate(record):
    trial = record("a", 0, 0.1, 0.5)
    spec = dataclasses.replace(trial.spec, data=trial.spec.data.on_components(30))
    screened = dataclasses.replace(trial, spec=spec)
    start, end = "digits · 1,000 training rows · ", " · network 50-50 · batch norm before the activation"
    assert style.describe([screened]) == f"{start}30 principal components (approximate){end}"
    assert style.describe([screened, trial]) == f"{start}30 principal components (approximate) / all features{end}"


def test_describe_names_a_layer_norm_and_what_is_no_relu(record):
    trial = record("a", 0, 0.1, 0.5)

    def with_(**setting):
        return dataclasses.replace(trial, spec=with_setting(trial.spec, setting))

    layer_norm = with_(batch_norm="none", layer_norm="after")
    assert style.describe([layer_norm]).endswith("network 50-50 · layer norm after the activation")
    both = style.describe([layer_norm, trial])
    assert both.endswith("batch norm before the activation / layer norm after the activation")
    leaky, tanh = with_(activation="leaky_relu"), with_(activation="tanh")
    assert style.describe([leaky]).endswith("batch norm before the activation · leaky relu")
    assert style.describe([trial, tanh]).endswith("batch norm before the activation · relu / tanh")
    assert style.describe([trial, tanh, leaky]).endswith("batch norm before the activation · 3 activations")


def test_more_networks_than_two_are_counted_as_a_list_of_them_would_be_too_long(record):
    trial = record("a", 0, 0.1, 0.5)
    trials = [
        dataclasses.replace(trial, spec=with_setting(trial.spec, {"hidden": hidden}))
        for hidden in ((50,), (50, 50), (50, 30))
    ]
    assert "· 3 networks ·" in style.describe(trials)


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
