"""The affine map of a pack and its weight gradient: one wide product says the same as one product per trial."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.core.affine import WeightGradient, add_product, affine, empty, input_gradient, laid_wide, wide

M, B, D, H = 3, 4, 5, 2


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_a_shared_input_meets_the_weights_of_every_trial():
    x, weight, bias = numbers(B, D), laid_wide(numbers(M, D, H, seed=1)), numbers(M, H, seed=2)
    out = affine(x, weight, bias)
    for m in range(M):
        assert_allclose(out[m], x @ weight[m] + bias[m], rtol=1e-14)
    assert_allclose(affine(x, weight), out - bias[:, None], rtol=1e-12, atol=1e-14)


def test_an_input_per_trial_meets_the_weights_of_its_own_trial():
    x, weight, bias = laid_wide(numbers(M, B, D)), numbers(M, D, H, seed=1), numbers(M, H, seed=2)
    out = affine(x, weight, bias)
    for m in range(M):
        assert_allclose(out[m], x[m] @ weight[m] + bias[m], rtol=1e-14)


def test_the_gradient_by_the_input_worked_by_hand():
    g = laid_wide(np.array([[[1.0, 2.0]], [[1.0, 0.0]]]))  # two trials, one example
    weight = np.array([[[1.0, 10.0], [3.0, 30.0]], [[5.0, 50.0], [7.0, 70.0]]])
    assert_array_equal(input_gradient(g, weight), [[[21.0, 63.0]], [[5.0, 7.0]]])


def test_a_weight_gradient_worked_by_hand():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    g = laid_wide(np.array([[[1.0], [-1.0]], [[0.0], [0.5]]]))
    weight = laid_wide(np.array([[[10.0], [20.0]], [[30.0], [40.0]]]))
    gradient = WeightGradient(x, g, weight, decay=np.array([0.1, 0.0]))
    # x^T g = (1 - 3, 2 - 4) and (1.5, 2); the decay adds (1, 2) to the first trial
    assert_allclose(gradient.array(), [[[-1.0], [0.0]], [[1.5], [2.0]]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shared", [True, False], ids=["shared input", "input per trial"])
def test_forming_a_gradient_and_adding_it_in_factors_give_the_same_weights(shared, dtype):
    x = (numbers(B, D) if shared else laid_wide(numbers(M, B, D))).astype(dtype)
    weight, g = (laid_wide(numbers(M, n, H, seed=n).astype(dtype)) for n in (D, B))
    gradient = WeightGradient(x, g, weight, decay=np.array([0.0, 0.1, 1.0], dtype))
    scale = np.array([-0.5, -0.1, 0.7], dtype)
    expected = weight + scale[:, None, None] * gradient.array()
    kept = g.copy()
    gradient.add_to(weight, scale)
    assert_allclose(weight, expected, rtol=1e-13 if dtype == "float64" else 1e-5)
    assert_array_equal(g, kept)


def test_a_product_is_added_in_place():
    out = np.array([[100.0], [200.0]])
    add_product(out, np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0], [10.0]]))
    assert_array_equal(out, [[131.0], [242.0]])


def test_a_pack_lies_in_memory_with_its_trials_side_by_side():
    array = empty(M, B, H, "float64")
    array[...] = numbers(M, B, H)
    assert_array_equal(wide(array), np.concatenate(list(array), axis=1))
    assert np.shares_memory(wide(array), array)


def test_an_array_that_lies_otherwise_is_refused_rather_than_copied():
    with pytest.raises(ValueError, match="copy"):
        wide(np.zeros((M, B, H)))
