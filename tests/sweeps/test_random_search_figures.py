"""The figures of the random search: the same bytes whoever draws, and Optuna's plots in the house style."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from random_searches import SMALL, drive, peak

from pipeline.report import style
from sweeps.answers import random_search_figures as figures
from sweeps.answers import random_search_redrawn as redrawn
from sweeps.answers.random_search_study import Found
from sweeps.random_search import SEARCH

pytestmark = pytest.mark.usefixtures("small_forests")


@pytest.fixture(scope="module")
def answer() -> Found:
    return drive({"": peak})


@pytest.mark.parametrize(
    "draw",
    [
        figures.search_progress,
        redrawn.slices,
        redrawn.parallel_coordinates,
        figures.parameter_importance,
        figures.final_accuracy,
    ],
)
def test_figures_have_the_same_bytes_whoever_draws_and_leave_pyplot_as_it_was(
    draw: Callable[[Found], Any], tmp_path: Path
) -> None:
    import matplotlib as mpl  # noqa: PLC0415
    import matplotlib.pyplot as plt  # noqa: PLC0415

    found = drive({"": peak, SEARCH: lambda s, r: None if s["keep"] < 0.6 else peak(s, r)})
    before = dict(mpl.rcParams), plt.get_fignums()
    first = [path.read_bytes() for path in style.save(draw(found), tmp_path, "first")]
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red"}):
        again = [path.read_bytes() for path in style.save(draw(found), tmp_path, "again")]
    assert first == again
    assert (dict(mpl.rcParams), plt.get_fignums()) == before


def test_parallel_lines_go_through_the_networks_as_they_are_listed(answer: Found) -> None:
    figure = redrawn.parallel_coordinates(answer)
    [side] = [axes for axes in figure.axes if [*SMALL.space.hidden] == [t.get_text() for t in axes.get_yticklabels()]]
    main_, names = figure.axes[0], sorted(SMALL.space.dimensions)
    [lines] = main_.collections
    bottom, top = main_.get_ylim()
    heights = [
        ([*SMALL.space.hidden].index("-".join(map(str, each.setting["hidden"])))) / 2
        for each in answer.conclusion.searched
    ]
    drawn = [(line[names.index("hidden") + 1, 1] - bottom) / (top - bottom) for line in lines.get_segments()]
    assert drawn == pytest.approx(heights[::-1])  # the best is drawn last
    assert side.get_yticks() == pytest.approx([0, 1, 2])
