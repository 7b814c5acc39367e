"""What the figure of untrained networks promises: every number in its place, zeros among them."""

import numpy as np
import pytest
from drawn import legend, lines, texts
from grids import HE, sigma, spread
from matplotlib.colors import to_rgb
from specimens import SIXTEEN, spreads

from pipeline.report import scales
from pipeline.report.sensitivity import spread_at_initialisation


def luminance(color) -> float:
    return float(np.dot(to_rgb(color), (0.2126, 0.7152, 0.0722)))


def test_activations_are_above_gradients_and_batch_norms_across():
    figure = spread_at_initialisation(spreads(), subtitle="three layers")
    above, below = np.array(figure.axes).reshape(2, 2)
    assert [axes.get_title(loc="left") for axes in above] == ["without batch norm", "batch norm before the activation"]
    assert [label.get_text() for label in above[0].get_xticklabels()] == ["1", "2", "scores"]
    assert [label.get_text() for label in below[0].get_xticklabels()] == ["W1", "W2", "W3"]
    assert {axes.get_yscale() for axes in figure.axes} == {"log"}
    assert above[0].get_ylim() == above[1].get_ylim() != below[0].get_ylim()
    assert "three layers" in texts(figure)


def test_every_replicate_is_a_faint_line_and_their_mean_a_bold_one():
    networks = [spread(HE, "none", r, a, [1.0, 1.0]) for r, a in enumerate([(1.0, 0.1), (3.0, 0.3)])]
    axes = spread_at_initialisation(networks).axes[0]
    assert lines(axes, 0.6) == [[1.0, 0.1], [3.0, 0.3]]
    assert lines(axes, 2) == [pytest.approx([2.0, 0.2])]


def test_zeros_have_a_line_of_their_own_below_all_others():
    networks = [spread(HE, "none", 0, [1.0, 1.0], [0.0, 1e-3]), spread(HE, "none", 1, [1.0, 1.0], [0.0, 1e-5])]
    above, below = spread_at_initialisation(networks).axes
    (zero, _) = lines(below, 2)[0]
    assert below.get_ylim()[0] < zero < 1e-5
    assert next(label.get_text() for label in below.get_yticklabels()) == "0"
    assert below.get_yticks()[0] == zero
    assert "0" not in [label.get_text() for label in above.get_yticklabels()]
    assert np.isfinite(np.log(lines(below, 0.6))).all()


@pytest.mark.parametrize("values", [(0.0, 0.0), (1e-200, 1e-30), (0.5, 0.6), (0.0, 1e200)])
def test_dead_and_tiny_and_exploding_networks_are_drawn(values, tmp_path):
    figure = spread_at_initialisation([spread(sigma(1e-3), "none", 0, values, values)])
    figure.savefig(tmp_path / "spread.png")
    for axes in figure.axes:
        low, high = axes.get_ylim()
        assert 0 < low < high
        assert all(low <= value <= high for value in values if 0 < value < np.inf)
        assert len([tick for tick in axes.get_yticks() if low <= tick <= high]) >= 2


def test_a_scale_that_overflows_with_one_batch_norm_only_has_no_line_there():
    networks = [spread(sigma(1e-3), norm, 0, [1.0, 0.1], [1.0, 0.1]) for norm in ("none", "before")]
    figure = spread_at_initialisation([*networks, spread(sigma(1e12), "none", 0, [1e12, 1e24], [1.0, 1.0])])
    assert [len(lines(axes, 2)) for axes in figure.axes] == [2, 1, 2, 1]


def test_what_floats_can_hardly_hold_does_not_stop_the_figure(tmp_path):
    ends = [0.0, 5e-324, 1.7e308]
    figure = spread_at_initialisation([spread(sigma(1e-3), "none", 0, ends, ends)])
    figure.savefig(tmp_path / "spread.png")
    assert all(0 < axes.get_ylim()[0] < axes.get_ylim()[1] < np.inf for axes in figure.axes)


def test_larger_sigmas_are_lighter_and_he_is_unlike_all_of_them():
    inits = [HE, *SIXTEEN]
    drawn = [scales.line(init, inits) for init in inits]
    lightness = [luminance(line["color"]) for line in drawn[1:]]
    assert lightness == sorted(lightness)
    assert len(set(lightness)) == len(SIXTEEN)
    assert {line["linestyle"] for line in drawn[1:]} == {"-"}
    assert drawn[0]["linestyle"] == "--"
    assert scales.line(HE, [HE])["color"] == drawn[0]["color"]


def test_up_to_eight_sigmas_are_named_and_more_have_a_colour_bar():
    few = spread_at_initialisation(spreads((HE, *SIXTEEN[:8])))
    assert legend(few)[:2] == ["He", "σ = 1e-05"]
    assert len(legend(few)) == 1 + 8 + 2
    assert len(few.axes) == 4
    many = spread_at_initialisation(spreads((HE, *SIXTEEN[:9])))
    assert legend(many) == ["He", "mean", "one replicate"]
    assert many.axes[4].get_ylabel() == "σ (log scale)"
