"""The affine map of a pack and its weight gradient: one wide product says the same as one product per trial."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.core.affine import (
    AT_ONCE,
    WeightGradient,
    add_product,
    affine,
    empty,
    fold,
    input_gradient,
    laid_wide,
    wide,
)

M, B, D, H = 3, 4, 5, 2


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_a_shared_input_meets_the_weights_of_every_trial():
    x, weight, bias = numbers(B, D), laid_wide(numbers(M, D, H, seed=1)), numbers(M, H, seed=2)
    out = affine(x, weight, bias)
    for m in range(M):
        assert_allclose(out[m], x @ weight[m] + bias[m], rtol=1e-14)
    assert_allclose(affine(x, weight), out - bias[:, None], rtol=1e-12, atol=1e-14)


class Made:
    """Rows that are made where they are asked for, and that note how many were."""

    def __init__(self, x):
        self.x, self.shape, self.asked = x, x.shape, []

    def __getitem__(self, part):
        self.asked.append(len(self.x[part]))
        return self.x[part]


@pytest.mark.parametrize("B", [1, AT_ONCE, AT_ONCE + 1, 2 * AT_ONCE + 30])
def test_many_shared_inputs_are_made_and_met_a_part_at_a_time_in_the_precision_of_the_weights(B):
    x, bias = numbers(B, D).astype(np.float32), numbers(M, H, seed=2)
    made, weight = Made(x), laid_wide(numbers(M, D, H, seed=1))
    out = affine(made, weight, bias)
    assert (out.dtype, sum(made.asked)) == (np.float64, B)
    assert max(made.asked) <= AT_ONCE
    for m in range(M):
        assert_allclose(out[m], x.astype(np.float64) @ weight[m] + bias[m], rtol=1e-12, atol=1e-14)
    assert_array_equal(affine(x, weight, bias), out)
    single = laid_wide(weight.astype(np.float32))
    assert affine(x, single).dtype == np.float32
    assert_allclose(affine(Made(x), single), affine(x, weight), rtol=1e-4, atol=1e-5)


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


def steps(dtype, decay, eta, *, scaled, trials=M, count=40):
    """Take steps of SGD along gradients of their own, and return the matrices that they lead to."""
    weight = laid_wide(numbers(trials, D, H).astype(dtype))
    scale = np.ones(trials) if scaled else None
    for step in range(count):
        x, g = numbers(B, D, seed=step).astype(dtype), laid_wide(numbers(trials, B, H, seed=99 + step).astype(dtype))
        gradient = WeightGradient(x, g, weight, np.array(decay, dtype), scale)
        gradient.add_to(weight, -np.array(eta, dtype))
    if scaled:
        fold(weight, scale, np.full(trials, True))
        assert_array_equal(scale, 1)
    return weight


DECAYS = pytest.mark.parametrize(
    "decay", [(0.0, 0.01, 0.1), (3.0, 5.0, 9.99), (10.0, 15.0, 1.0)], ids=["small", "folded often", "past zero"]
)


@DECAYS
def test_a_scaled_matrix_takes_the_steps_of_the_matrix_itself(decay):
    plain, scaled = (steps("float64", decay, [0.1] * M, scaled=how) for how in (False, True))
    assert_allclose(scaled, plain, rtol=1e-10, atol=1e-13)


def test_the_gradient_of_a_scaled_matrix_is_that_of_the_matrix_itself():
    x, g, weight = numbers(B, D), laid_wide(numbers(M, B, H)), laid_wide(numbers(M, D, H, seed=1))
    decay, scale = np.array([0.1, 0.2, 0.3]), np.array([1.0, 0.5, 0.25])
    of_matrix = WeightGradient(x, g, scale[:, None, None] * weight, decay)
    assert_allclose(WeightGradient(x, g, weight, decay, scale).array(), of_matrix.array(), rtol=1e-14)
    bias = numbers(M, H, seed=2)
    assert_allclose(affine(x, weight, bias, scale), affine(x, laid_wide(of_matrix.weight), bias), rtol=1e-12)


def test_a_scale_says_what_the_decay_of_float32_cannot():
    """1 - 2 eta lambda lies between two numbers of float32: ten thousand of them multiply the error of rounding."""
    weight, scale = laid_wide(np.ones((1, 1, 1), np.float32)), np.ones(1)
    nothing, decay = np.zeros((1, 1), np.float32), np.array([2e-5], np.float32)
    for _ in range(10_000):
        WeightGradient(nothing, nothing[None], weight, decay, scale).add_to(weight, np.array([-1e-2], np.float32))
    fold(weight, scale, np.array([True]))
    assert_allclose(weight.item(), (1 - 2e-7) ** 10_000, rtol=1e-7)


def test_a_matrix_that_has_to_be_folded_changes_no_bit_of_its_neighbours():
    calm = steps("float32", (0.01, 0.01, 0.01), (0.1, 0.1, 0.1), scaled=True)
    for wild in (9.99, np.nan, np.inf):
        with np.errstate(all="ignore"):
            other = steps("float32", (0.01, wild, 0.01), (0.1, 0.1, 0.1), scaled=True)
        assert_array_equal(other[[0, 2]], calm[[0, 2]])


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
