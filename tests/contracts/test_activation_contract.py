"""What every entry of ACTIVATIONS promises; a new one is tested by entering it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.core.affine import laid_wide, wide
from pipeline.core.layers import ACTIVATIONS
from pipeline.spec import ACTIVATIONS as NAMES

STEP = 1e-5
every_activation = pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)


def some_inputs():
    return laid_wide(2 * np.random.default_rng(0).standard_normal((3, 4, 5)))


def test_specifications_may_name_exactly_the_entries():
    assert set(ACTIVATIONS) == set(NAMES)


@every_activation
def test_the_derivative_matches_centred_differences(activation):
    x = some_inputs()
    g = np.random.default_rng(1).standard_normal(x.shape)
    numerical = g * (activation.forward(x + STEP) - activation.forward(x - STEP)) / (2 * STEP)
    assert_allclose(activation.backward(g.copy(), activation.forward(x.copy())), numerical, rtol=1e-8, atol=1e-10)


@every_activation
def test_large_float32_inputs_give_finite_values_and_slopes_and_no_warning(activation):
    x = np.array([[[-1e4, -1.0, 0.0, 1.0, 1e4]]], np.float32)
    with np.errstate(all="raise", under="ignore"):  # a slope may well be too small for float32
        y = activation.forward(x.copy())
        slopes = activation.backward(np.ones_like(x), y)
    assert np.isfinite(y).all()
    assert np.isfinite(slopes).all()
    assert y.dtype == slopes.dtype == np.float32


@every_activation
def test_it_never_falls(activation):
    y = activation.forward(np.linspace(-10, 10, 401).reshape(1, 1, -1))
    assert (np.diff(y[0, 0]) >= 0).all()


@every_activation
def test_input_and_output_stay_as_they_are_and_lie_wide(activation):
    x = some_inputs()
    kept = x.copy()
    y = activation.forward(x)
    output = y.copy()
    g = activation.backward(laid_wide(np.ones(x.shape)), y)
    assert_array_equal(x, kept)
    assert_array_equal(y, output)
    for array in (y, g):
        assert np.shares_memory(wide(array), array)


@every_activation
def test_what_is_not_a_number_stays_so(activation):
    assert np.isnan(activation.forward(np.full((1, 1, 1), np.nan))).all()
