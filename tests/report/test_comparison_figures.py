"""One body of tests over every figure of a comparison and every kind of study, then what each promises on its own."""

import io

import matplotlib as mpl
import pytest
from drawn import legend, lines, said, texts
from matplotlib.figure import Figure
from studies import (
    STUDIES,
    figure_of,
)

from pipeline.report import marks, style
from pipeline.report.comparison_figures import FIGURES
from sweeps import SWEEPS
from sweeps.comparison import Comparison

CUT = ("accuracy", "curves", "panels", "training-validation", "shifts", "running")
"""The figures that draw trials, and not untrained networks."""

RENDERED = ("one cell, one seed", "forty cells", "diverged")
each_figure = pytest.mark.parametrize("name", FIGURES)
each_study = pytest.mark.parametrize("kind", STUDIES)


def curves_of(figure: Figure, width: float = marks.MEAN_WIDTH) -> list[list[list[float]]]:
    """Return y of the lines of that width, panel by panel."""
    return [lines(axes, width) for axes in figure.axes]


def crosses(figure: Figure) -> int:
    return sum(line.get_marker() == "x" for axes in figure.axes for line in axes.lines)


@each_figure
@each_study
def test_every_figure_of_every_study_fits_a_page_under_a_title_that_says_what_was_measured(name, kind):
    figure = figure_of(name, kind)
    title, subtitle = figure.texts[:2]
    assert title.get_text()
    assert any(word in subtitle.get_text() for word in ("cifar10", "no trials"))
    width, height = figure.get_size_inches()
    assert width == 8
    assert height <= 8.5


@each_figure
@each_study
def test_every_panel_shows_something_or_says_why_not_and_the_legend_is_outside(name, kind):
    figure = figure_of(name, kind)
    assert all(axes.lines or said(axes) for axes in figure.axes)
    assert not any(axes.get_legend() for axes in figure.axes)
    empty = not figure.legends
    assert empty == (kind == "no trials" or (name == "flow" and not STUDIES[kind].spreads))
    if empty:
        assert any("no trials" in text or "was not measured" in text for axes in figure.axes for text in said(axes))


@each_figure
@pytest.mark.parametrize("kind", RENDERED)
def test_nothing_is_cut_off_at_the_edge(name, kind):
    figure = FIGURES[name].draw(STUDIES[kind])
    with style.house_style():
        figure.savefig(io.BytesIO(), format="png")
        box, size = figure.get_tightbbox(), figure.bbox
    assert min(box.x0, box.y0) >= -0.01
    assert box.x1 * figure.dpi <= size.width + 1
    assert box.y1 * figure.dpi <= size.height + 1


@each_figure
def test_a_figure_drawn_again_has_the_same_bytes_whatever_the_users_rcparams(name, tmp_path):
    kind = "diverged"
    style.save(FIGURES[name].draw(STUDIES[kind]), tmp_path, "plain")
    with mpl.rc_context({"font.size": 30, "axes.grid": False, "lines.linewidth": 9, "text.color": "red"}):
        style.save(FIGURES[name].draw(STUDIES[kind]), tmp_path, "theirs")
    for format_ in ("png", "svg"):
        assert (tmp_path / f"plain.{format_}").read_bytes() == (tmp_path / f"theirs.{format_}").read_bytes()


@each_figure
def test_captions_are_sentences_of_their_own(name):
    caption = FIGURES[name].caption
    assert caption.endswith(".")
    assert [one.caption for one in FIGURES.values()].count(caption) == 1


def test_every_figure_that_a_comparison_names_exists():
    kinds = [entry.configuration for entry in SWEEPS.values()]
    named = {name for kind in kinds if issubclass(kind, Comparison) for name in kind.figures}
    assert {"accuracy", "curves"} < named <= set(FIGURES)


@pytest.mark.parametrize("name", CUT)
def test_what_did_not_complete_is_marked_and_the_legend_says_so(name):
    assert crosses(figure_of(name, "diverged")) > crosses(figure_of(name, "mixed")) == 0
    assert "a trial did not complete" in legend(figure_of(name, "diverged"))
    assert "a trial did not complete" not in legend(figure_of(name, "mixed"))


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("kind", ["nothing completed", "nothing completed, but begun"])
def test_a_comparison_of_which_nothing_completed_is_marked_and_mostly_said(name, kind):
    figure = figure_of(name, kind)
    assert crosses(figure)
    if kind == "nothing completed":
        assert "no trial completed" in texts(figure) or "no epoch was finished" in texts(figure)
    assert not any(curve for panel in curves_of(figure) for curve in panel if name in ("curves", "running"))
