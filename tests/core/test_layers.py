"""Batch and layer normalisation and the masks of the activations, by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.core.affine import laid_wide
from pipeline.core.layers import (
    ACTIVATIONS,
    START,
    Moments,
    batch_norm,
    batch_norm_backward,
    batch_sum,
    layer_norm,
    layer_norm_backward,
    moving_average,
    normalise,
)


def per_unit(*values):
    """Return (1, H): one trial."""
    return np.array([values], dtype=float)


def test_batch_statistics_divide_by_n():
    s = laid_wide(np.array([[[1.0], [2.0], [6.0]]]))
    _, cache = batch_norm(s, per_unit(1), per_unit(0), epsilon=0.0)
    assert_allclose(cache.moments.mean, [[3.0]])
    assert_allclose(cache.moments.variance, [[14 / 3]])  # (4 + 1 + 9) / 3


def test_a_batch_is_normalised_scaled_and_shifted():
    s = laid_wide(np.array([[[1.0, 0.0], [5.0, 0.0]]]))
    out, _ = batch_norm(s, per_unit(10, 10), per_unit(100, 7), epsilon=12.0)
    assert_allclose(out, [[[95.0, 7.0], [105.0, 7.0]]])  # (s - 3) / sqrt(4 + 12); a constant unit gives its beta


def test_test_time_uses_the_statistics_that_it_is_given():
    s = laid_wide(np.array([[[1.0], [5.0]]]))
    out = normalise(s, per_unit(10), per_unit(100), 1.0, Moments(per_unit(2), per_unit(24)))
    assert_allclose(out, [[[98.0], [106.0]]])  # (s - 2) / sqrt(24 + 1)


def test_the_backward_pass_of_batch_norm_worked_by_hand():
    s = laid_wide(np.array([[[1.0], [2.0], [3.0]]]))
    _, cache = batch_norm(s, per_unit(2), per_unit(0), epsilon=1 / 3)  # variance 2/3, standard deviation 1
    g, by_gamma, by_beta = batch_norm_backward(laid_wide(np.array([[[1.0], [0.0], [0.0]]])), cache, per_unit(2))
    assert_allclose(by_gamma, [[-1.0]])
    assert_allclose(by_beta, [[1.0]])
    # 2 * (g - 1/3 - s_hat * (-1/3)) with s_hat = -1, 0, 1
    assert_allclose(g, [[[2 / 3], [-2 / 3], [0.0]]], atol=1e-15)


def test_the_moving_average_starts_with_the_first_batch_and_then_keeps_alpha_of_the_old():
    first, second = Moments(per_unit(1), per_unit(10)), Moments(per_unit(2), per_unit(20))
    started = moving_average(None, first, 0.9)
    assert (started.mean, started.variance) == (1.0, 10.0)
    moved = moving_average(started, second, 0.9)
    assert_allclose([moved.mean, moved.variance], [[[1.1]], [[11.0]]])


@pytest.mark.parametrize(("start", "mean", "variance"), [("zeros", 0.1, 1.0), ("standard", 0.1, 1.9)])
def test_where_averages_start_elsewhere_the_first_batch_counts_as_any_other(start, mean, variance):
    first = Moments(per_unit(1), per_unit(10))
    moved = moving_average(START[start](first), first, 0.9)
    # .9 * 0 + .1 * 1; .9 * 0 + .1 * 10 and .9 * 1 + .1 * 10
    assert_allclose([moved.mean, moved.variance], [[[mean]], [[variance]]])
    assert START["first_batch"](first) is None


def test_layer_norm_normalises_every_example_by_its_own_units():
    s = laid_wide(np.array([[[1.0, 5.0], [0.0, 0.0]]]))
    out, cache = layer_norm(s, per_unit(10, 20), per_unit(100, 7), epsilon=12.0)
    assert_allclose(out, [[[95.0, 17.0], [100.0, 7.0]]])  # (s - 3) / sqrt(4 + 12); equal units give their betas
    assert_allclose(cache.inverse_std, [[0.25, 12**-0.5]])


def test_the_backward_pass_of_layer_norm_worked_by_hand():
    s = laid_wide(np.array([[[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]]]))
    _, cache = layer_norm(s, per_unit(2, 1, 1), per_unit(0, 0, 0), epsilon=1 / 3)  # deviations 1 and 3^-1/2
    g, by_gamma, by_beta = layer_norm_backward(
        laid_wide(np.array([[[1.0, 0, 0], [0, 3.0, 0]]])), cache, per_unit(2, 1, 1)
    )
    assert_allclose(by_gamma, [[-1.0, 0.0, 0.0]])
    assert_allclose(by_beta, [[1.0, 3.0, 0.0]])
    # first example: gamma g = (2, 0, 0), s_hat = (-1, 0, 1): 2 - 2/3 - (-1)(-2/3), -2/3, -2/3 + 2/3
    # second: s_hat = 0: sqrt(3) * ((0, 3, 0) - 1)
    root = 3**0.5
    assert_allclose(g, [[[2 / 3, -2 / 3, 0.0], [-root, 2 * root, -root]]], atol=1e-15)


@pytest.mark.parametrize(
    ("name", "at", "value", "slope"),
    [
        ("relu", 0.0, 0.0, 0.0),
        ("relu", -2.0, 0.0, 0.0),
        ("relu", 2.0, 2.0, 1.0),
        ("leaky_relu", -2.0, -0.02, 0.01),
        ("leaky_relu", 0.0, 0.0, 0.01),
        ("leaky_relu", 2.0, 2.0, 1.0),
        ("identity", -2.0, -2.0, 1.0),
        ("sigmoid", 0.0, 0.5, 0.25),
        ("sigmoid", np.log(3), 0.75, 0.1875),
        ("tanh", 0.0, 0.0, 1.0),
        ("tanh", np.log(3), 0.8, 0.36),
    ],
)
def test_values_and_slopes_of_the_activations_worked_by_hand(name, at, value, slope):
    y = ACTIVATIONS[name].forward(np.array([[[at]]]))
    assert_allclose(y, [[[value]]], rtol=1e-14)
    assert_allclose(ACTIVATIONS[name].backward(np.array([[[3.0]]]), y), [[[3 * slope]]], rtol=1e-13)


def test_sums_over_the_batch_keep_trials_and_units_apart():
    x = laid_wide(np.arange(12.0).reshape(2, 3, 2))
    assert_array_equal(batch_sum(x), [[6.0, 9.0], [24.0, 27.0]])
