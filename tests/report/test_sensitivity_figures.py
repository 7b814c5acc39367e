"""What the figures of losses and of accuracies promise, over scales of the weights and over depths."""

import itertools

import numpy as np
import pytest
from drawn import dots, legend, lines, said, texts
from grids import CHANCE, CHANCE_LOSS, DEEP, HE, learning, sigma, trial
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from specimens import EVERY_NORM, SIXTEEN, grid, networks

from pipeline.records import WINDOW, Status
from pipeline.report import scales
from pipeline.report.depth import accuracy_by_depth, network_label
from pipeline.report.sensitivity import accuracy_against_sigma, loss_panels
from pipeline.spec import InitSpec

SIGMA = sigma(1e-3)


def panels(figure: Figure, columns: int = 2) -> np.ndarray:
    return np.array(figure.axes).reshape(-1, columns)


def means(axes: Axes) -> list[float]:
    """Return the heights of the short horizontal lines."""
    return [heights[0] for heights in lines(axes, 1.5)]


def cell(accuracies, norm: str = "none", init: InitSpec = SIGMA, **others):
    return [trial(number, init, norm, number, accuracy=a, **others) for number, a in enumerate(accuracies)]


def test_scales_go_down_he_first_and_batch_norms_across():
    figure = loss_panels(grid((sigma(0.1), HE, sigma(1e-3))), CHANCE_LOSS)
    rows = panels(figure)
    assert [row[0].get_ylabel() for row in rows] == ["He", "σ = 0.1", "σ = 0.001"]
    assert [axes.get_title(loc="left") for axes in rows[0]] == [
        "without batch norm",
        "batch norm before the activation",
    ]
    assert len({axes.get_ylim() for axes in figure.axes}) == 1


def test_a_loss_panel_draws_every_seed_and_their_mean_at_the_middle_of_each_window():
    group = [trial(r, replicate=r, batch_losses=losses) for r, losses in enumerate([(2.0, 1.0), (1.5, 0.9)])]
    (axes,) = loss_panels(group, CHANCE_LOSS).axes
    assert lines(axes, 0.7) == [[2.0, 1.0], [1.5, 0.9]]
    (mean,) = [line for line in axes.lines if line.get_linewidth() == 1.7]
    assert list(mean.get_xdata()) == [WINDOW / 2, 3 * WINDOW / 2]
    assert list(mean.get_ydata()) == pytest.approx([1.75, 0.95])
    assert lines(axes, 0.8) == [[CHANCE_LOSS] * 2]


def test_cycle_ends_are_marked_at_their_steps():
    (axes,) = loss_panels([trial(0, batch_losses=[2.0])], CHANCE_LOSS).axes
    assert [line.get_xdata()[0] for line in axes.lines if line.get_linewidth() == 1] == [4500, 9000]
    assert axes.get_xlabel() == "step (450 per epoch)"


def test_the_axis_of_losses_holds_what_was_learned_and_owns_up_to_what_it_cuts_off():
    calm = loss_panels([trial(0, batch_losses=[2.0, 1.0])], CHANCE_LOSS)
    low, high = calm.axes[0].get_ylim()
    assert low < 1.0
    assert CHANCE_LOSS < high < 3
    assert "outside" not in texts(calm)
    wild = loss_panels([trial(0, batch_losses=[900.0, 1.0])], CHANCE_LOSS)
    assert wild.axes[0].get_ylim()[1] < 3.2
    assert "losses above 3 nats lie outside" in " ".join(texts(wild).split())


@pytest.mark.parametrize("loss", [0.0, 2.5])
def test_losses_of_a_single_class_whose_chance_level_is_0_are_all_in_sight(loss):
    figure = loss_panels([trial(0, batch_losses=[loss, 0.0])], chance_loss=0.0)
    low, high = figure.axes[0].get_ylim()
    assert low == 0
    assert loss < high < 1.1 * loss + 0.1
    assert "outside" not in texts(figure)


def test_a_trial_that_did_not_complete_is_dotted_to_a_cross_that_stays_in_sight():
    group = [
        trial(0, batch_losses=[2.0, 1.5, 1.0]),
        trial(1, replicate=1, batch_losses=[2.0, 7e4], status=Status.DIVERGED),
        trial(2, replicate=2, batch_losses=[2.0, float("nan")], status=Status.DIVERGED),
    ]
    figure = loss_panels(group, CHANCE_LOSS)
    (axes,) = figure.axes
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    assert [list(line.get_xdata()) for line in crosses] == [[1.5 * WINDOW]] * 2
    assert all(line.get_ydata()[0] == axes.get_ylim()[1] for line in crosses)
    assert lines(axes, 1.7) == [[2.0, 1.5, 1.0]]  # the mean of the survivor
    assert said(axes) == ["2 of 3 did not complete"]
    assert "outside" not in texts(figure)  # the axis is that of the trial that completed
    assert "did not complete" in legend(figure)


def test_loss_panels_without_trials_or_epochs_say_so():
    figure = loss_panels([trial(0), trial(1, SIGMA, "before", batch_losses=[2.0, 1.9])], CHANCE_LOSS)
    assert [said(axes) for axes in figure.axes] == [
        *(["no trial finished an epoch"], ["no trials"], ["no trials"], []),
    ]


def test_training_too_short_for_windows_is_drawn_by_epochs():
    """Two windows are a curve; one is not, and the losses after every epoch are drawn in its place."""
    curves = learning(0.5)
    short = [trial(0, SIGMA, "none", curves=curves, batch_losses=[2.0])]
    (axes,) = loss_panels(short, CHANCE_LOSS).axes
    (mean,) = [line for line in axes.lines if line.get_linewidth() == 1.7]
    assert list(mean.get_xdata()) == list(curves.step)
    assert list(mean.get_ydata()) == list(curves.train_loss)
    assert "after every epoch" in " ".join(texts(loss_panels(short, CHANCE_LOSS)).split())


def test_the_names_of_many_scales_do_not_run_into_each_other():
    figure = loss_panels(grid(SIXTEEN, replicates=1), CHANCE_LOSS)
    figure.draw_without_rendering()
    names = [axes.yaxis.label.get_window_extent() for axes in panels(figure)[:, 0]]
    assert len(names) == 8
    assert all(above.y0 > below.y1 for above, below in itertools.pairwise(names))


def test_of_many_scales_eight_are_shown_from_end_to_end():
    figure = loss_panels(grid((HE, *SIXTEEN), replicates=1), CHANCE_LOSS)
    rows = panels(figure)
    assert len(rows) == 8
    assert rows[0, 0].get_ylabel() == "He"
    assert rows[-1, 0].get_ylabel() == "σ = 1"
    assert "8 of 17 scales shown" in " ".join(texts(figure).split())
    assert "scales shown" not in texts(loss_panels(grid(SIXTEEN[:8], replicates=1), CHANCE_LOSS))


@pytest.mark.parametrize("count", range(1, 30))
def test_scales_to_show_are_different_in_order_and_as_many_as_fit(count):
    inits = [sigma(float(place + 1)) for place in range(count)]
    shown = scales.spread_evenly(inits)
    assert shown == sorted(set(shown), key=lambda init: init.sigma)
    assert len(shown) == min(count, scales.MOST)
    assert {inits[0], inits[-1]} <= set(shown)


def test_every_seed_is_a_dot_that_hides_no_other():
    records = [*cell([0.5] * 5), *cell([0.5] * 5, "before"), *cell([0.5] * 5, "after")]
    (axes,) = accuracy_against_sigma(records, CHANCE).axes
    places = [x for line in axes.lines if line.get_marker() in {"o", "s", "^"} for x in line.get_xdata()]
    assert len(set(places)) == 15
    assert dots(axes) == dots(axes, "s") == dots(axes, "^") == [50] * 5


def test_batch_norms_differ_in_colour_and_in_marker_and_share_the_place_of_their_sigma():
    (axes,) = accuracy_against_sigma([*cell([0.5]), *cell([0.5], "before")], CHANCE).axes
    none, before = (next(line for line in axes.lines if line.get_marker() == marker) for marker in ("o", "s"))
    assert none.get_color() != before.get_color()
    assert none.get_xdata()[0] < 1e-3 < before.get_xdata()[0]
    assert none.get_xdata()[0] * before.get_xdata()[0] == pytest.approx(1e-6)


def test_dots_of_sixteen_sigmas_keep_to_their_own():
    axes = accuracy_against_sigma(grid(SIXTEEN, EVERY_NORM), CHANCE).axes[0]
    places = [list(line.get_xdata()) for line in axes.lines if line.get_marker() in {"o", "s", "^"}]
    own = np.repeat([init.sigma for init in SIXTEEN], len(EVERY_NORM))  # cells in the order of the records
    assert (np.abs(np.log10(places) - np.log10(own)[:, None]) < 0.5 / 3).all()  # three sigmas per decade


def test_a_cell_of_which_only_some_seeds_escaped_has_no_mean_as_it_would_lie():
    bimodal, learned, stuck = [0.1, 0.21, 0.48, 0.5], [0.5, 0.54], [0.1, 0.1]
    (axes,) = accuracy_against_sigma(cell(bimodal), CHANCE).axes
    assert dots(axes) == pytest.approx([10, 21, 48, 50])
    assert means(axes) == []
    (axes,) = accuracy_against_sigma(cell(learned), CHANCE).axes
    assert means(axes) == pytest.approx([52])
    (axes,) = accuracy_against_sigma(cell(stuck), CHANCE).axes
    assert means(axes) == pytest.approx([10])


def test_an_average_of_survivors_is_not_drawn_and_the_lost_one_is_a_cross():
    records = [*cell([0.5, 0.52]), trial(9, SIGMA, replicate=9, status=Status.DIVERGED)]
    figure = accuracy_against_sigma(records, CHANCE)
    (axes,) = figure.axes
    assert means(axes) == []
    assert len(dots(axes, "x")) == 1
    assert "a trial did not complete" in legend(figure)


def test_he_stands_to_the_left_of_the_sigmas_on_the_same_scale():
    left, right = accuracy_against_sigma([*cell([0.9], init=HE), *cell([0.1])], CHANCE).axes
    assert [label.get_text() for label in left.get_xticklabels()] == ["He"]
    assert right.get_xscale() == "log"
    assert left.get_ylim() == right.get_ylim()
    assert dots(left) == [90]
    assert dots(right) == [10]
    assert all(lines(axes, 0.8) == [[10, 10]] for axes in (left, right))  # chance level


def test_one_kind_of_scale_needs_one_panel():
    (axes,) = accuracy_against_sigma(cell([0.5], init=HE), CHANCE).axes
    assert axes.get_xscale() == "linear"
    assert axes.get_ylim()[0] < 10  # chance level is in sight
    (axes,) = accuracy_against_sigma(cell([0.5]), CHANCE).axes
    assert axes.get_xscale() == "log"


@pytest.mark.parametrize("draw", [accuracy_against_sigma, accuracy_by_depth])
def test_accuracies_say_why_there_are_none(draw):
    lost = [trial(0, SIGMA, status=Status.DIVERGED)]
    assert "no trial completed" in texts(draw(lost, CHANCE))
    assert "the test set was kept closed" in texts(draw([trial(0, SIGMA, accuracy=None)], CHANCE))


def test_networks_come_in_the_order_of_the_records_with_their_seeds_and_means():
    figure = accuracy_by_depth(networks(), CHANCE)
    upper, lower = figure.axes
    labels = [label.get_text() for label in lower.get_xticklabels()]
    assert labels == ["2 layers\n50", "9 layers\n50-30-20-20-10-10-10-10"]
    assert sorted(dots(upper) + dots(upper, "s")) == pytest.approx(list(range(50, 58)))
    drawn = [line for line in upper.lines if line.get_linewidth() == 1.5]
    assert sorted((round(line.get_xdata()[0]), round(line.get_ydata()[0])) for line in drawn) == [
        *((0, 52), (0, 53), (1, 54), (1, 55)),
    ]


def test_the_axis_is_broken_only_where_all_accuracies_are_far_above_chance_level():
    far = accuracy_by_depth(cell([0.5, 0.52]), CHANCE)
    assert len(far.axes) == 2
    (low, high), (bottom, top) = (axes.get_ylim() for axes in far.axes)
    assert 40 < low < 50
    assert high > 52
    assert bottom < 10 < top < low
    for near in ([0.1, 0.52], [0.3, 0.52], [0.1, 0.1], [0.12]):
        (axes,) = accuracy_by_depth(cell(near), CHANCE).axes
        assert axes.get_ylim()[0] < 10
    (axes,) = accuracy_by_depth([*cell([0.5, 0.52]), trial(9, SIGMA, status=Status.FAILED)], CHANCE).axes
    assert len(dots(axes, "x")) == 1


@pytest.mark.parametrize(
    ("hidden", "letters", "label"),
    [
        ((), 10, "1 layer\nno hidden layer"),
        ((50,), 10, "2 layers\n50"),
        ((50, 30, 20, 20, 10), 14, "6 layers\n50-30-20-20-10"),
        ((50, 30, 20, 20, 10), 13, "6 layers\n50-30-…-10"),
        (DEEP, 18, "9 layers\n50-30-…-10"),
    ],
)
def test_long_networks_are_shortened_in_the_middle(hidden, letters, label):
    assert network_label(hidden, letters) == label
