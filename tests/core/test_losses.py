"""Softmax cross-entropy and the penalty, by numbers that are known beforehand."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.core.losses import _shares, cross_entropy, cross_entropy_and_gradient, penalty


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_score_is_too_large_for_the_loss(dtype):
    huge = np.array([[[1e4, 0, 0], [1e4, 0, 0], [-1e30, -1e30, -1e30], [1e30, 1e30, -1e30]]], dtype)
    labels = np.array([0, 1, 2, 0])
    expected = [[0, 1e4, math.log(3), math.log(2)]]
    assert_allclose(cross_entropy(huge, labels), expected, rtol=1e-6)
    loss, gradient, _ = cross_entropy_and_gradient(huge, labels)
    assert_allclose(loss, np.mean(expected, axis=1), rtol=1e-6)
    quarters = [[0, 0, 0], [1, -1, 0], [1 / 3, 1 / 3, -2 / 3], [-0.5, 0.5, 0]]
    assert_allclose(gradient, np.array([quarters]) / 4, rtol=1e-6, atol=1e-8)


def test_the_loss_and_its_gradient_worked_by_hand():
    scores = np.array([[[math.log(1), math.log(3)]], [[0.0, 0.0]]])  # probabilities 1/4, 3/4 and 1/2, 1/2
    loss, gradient, _ = cross_entropy_and_gradient(scores, np.array([0]))
    assert_allclose(loss, [math.log(4), math.log(2)])
    assert_allclose(gradient, [[[-0.75, 0.75]], [[-0.5, 0.5]]])


def test_the_mean_divides_by_the_rows_of_this_batch():
    scores = np.zeros((1, 3, 2))
    loss, gradient, _ = cross_entropy_and_gradient(scores, np.array([0, 1, 1]))
    assert_allclose(loss, [math.log(2)])
    assert_allclose(gradient, [[[-1 / 6, 1 / 6], [1 / 6, -1 / 6], [1 / 6, -1 / 6]]])


def accuracy(scores, labels):
    return cross_entropy_and_gradient(np.array(scores, dtype=float), np.array(labels))[2]


def test_an_example_is_right_where_the_score_of_its_label_is_the_largest():
    trials = [[[3.0, 1, 2], [0, 0.5, 0], [-1, -2, -3], [1, 2, 9]], [[1.0, 3, 2], [0, 0.5, 0], [-1, -2, -3], [9, 2, 1]]]
    assert_array_equal(accuracy(trials, [0, 1, 2, 2]), [0.75, 0.25])


def test_of_equally_large_scores_the_first_counts_as_when_networks_are_measured():
    tied = [[[2.0, 2, 1], [1, 2, 2], [0, 0, 0], [2, 1, 2]]]
    for labels, right in (([0, 1, 0, 0], 1.0), ([1, 2, 1, 2], 0.0), ([2, 2, 2, 2], 0.0)):
        assert_array_equal(accuracy(tied, labels), [right])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_change_no_accuracy_of_other_trials(bad):
    dead, healthy = np.zeros((5, 2)), np.array([[1.0, 0], [0, 1], [1, 0], [0, 1], [0, 0]])
    sick = np.where([[True, False]], bad, healthy)
    labels = [1, 1, 0, 1, 1]
    with np.errstate(all="ignore"):
        found = accuracy([dead, sick, healthy, sick], labels)
    assert_array_equal(found[[0, 2]], accuracy([dead, healthy], labels))
    assert_array_equal(found[[0, 2]], [0.2, 0.6])


def test_the_scores_are_left_as_they_were():
    scores = np.random.default_rng(0).standard_normal((2, 4, 3))
    kept = scores.copy()
    cross_entropy(scores, np.array([0, 1, 2, 0]))
    cross_entropy_and_gradient(scores, np.array([0, 1, 2, 0]))
    assert_array_equal(scores, kept)


def test_the_penalty_is_lambda_times_the_sum_of_squares_without_a_half():
    weights = [np.array([[[1.0, 2.0]], [[3.0, 0.0]]]), np.array([[[2.0], [-1.0]], [[0.0], [1.0]]])]
    assert_allclose(penalty(weights, np.array([0.1, 2.0])), [1.0, 20.0])  # .1 (1 + 4 + 4 + 1), 2 (9 + 1)


def test_the_penalty_of_a_large_float32_matrix_does_not_lose_the_small_squares():
    weights = [np.full((1, 3072, 500), 0.01, np.float32)]
    assert_allclose(penalty(weights, np.ones(1, np.float32)), [153.6], rtol=1e-6)


def test_the_shares_that_are_kept_for_the_next_batch_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        _shares(4, 3, np.dtype("float32"))[0, 0] = 1
