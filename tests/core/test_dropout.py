"""The masks of inverted dropout: what they hold, and that a trial has its own wherever it is packed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small import some_batch, some_masks, some_network

from pipeline.core.affine import wide
from pipeline.core.layers import dropout_masks

KEEP = np.array([0.5, 0.8, 1.0, 0.1])


def draw(keep=KEEP, B=400, hidden=(50, 7), dtype="float64", seed=0):
    return dropout_masks(np.random.default_rng(seed), np.asarray(keep, dtype), B, hidden, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_unit_is_lost_or_carries_one_over_keep(dtype):
    for mask, H in zip(draw(dtype=dtype), (50, 7), strict=True):
        assert mask.dtype == dtype
        assert mask.shape == (4, 400, H)
        for trial, keep in zip(mask, KEEP, strict=True):
            values = {0.0, float(1 / keep.astype(dtype))} if keep < 1 else {1.0}
            assert set(np.unique(trial).tolist()) == values


def test_masks_are_one_on_average_over_examples_and_in_every_layer():
    for mask in draw(B=20_000):
        n = mask[0].size
        for trial, keep in zip(mask, KEEP, strict=True):
            assert abs(trial.mean() - 1) <= 4 * np.sqrt((1 / keep - 1) / n)  # four standard errors


def test_units_examples_and_layers_are_dropped_independently():
    first, second = draw(B=20_000, hidden=(3, 3))
    columns = np.concatenate([first[0], second[0]], axis=1)
    assert np.abs(np.corrcoef(columns.T) - np.eye(6)).max() < 4 / np.sqrt(20_000)
    assert np.abs(np.corrcoef(first[0][:-1, 0], first[0][1:, 0])[0, 1]) < 4 / np.sqrt(20_000)


def test_a_trial_has_the_same_masks_in_every_pack_and_trials_are_paired():
    together = draw()
    for position, keep in enumerate(KEEP):
        for packed, alone in zip(together, draw([keep]), strict=True):
            assert_array_equal(packed[position], alone[0])
    for mask in together:
        assert (mask[1] > 0)[mask[0] > 0].all()  # what stays with keep 0.5 stays with 0.8
        assert (mask[0] > 0)[mask[3] > 0].all()


def test_both_precisions_drop_the_same_units():
    keep = np.array([0.7, 0.3, 0.9])
    for single, double in zip(draw(keep, dtype="float32", B=20_000), draw(keep, B=20_000), strict=True):
        assert_array_equal(single > 0, double > 0)


def test_masks_lie_wide_as_the_arrays_that_they_multiply():
    for mask in draw():
        assert np.shares_memory(wide(mask), mask)


def test_what_a_masked_network_puts_out_is_one_over_keep_of_what_stays():
    network = some_network(M=3)
    x, _ = some_batch()
    masks = some_masks(network)
    for plain, masked in zip(network.activated(x)[:1], network.activated(x, masks)[:1], strict=True):
        assert_array_equal(plain, masked)  # the first activation comes before the first mask
    assert np.abs(network.activated(x)[1] - network.activated(x, masks)[1])[:2].max(axis=(1, 2)).min() > 0.1
    assert_array_equal(network.activated(x)[1][2], network.activated(x, masks)[1][2])  # the third keeps all


def test_a_lost_unit_gets_no_gradient_and_one_that_stays_one_over_keep():
    # x -> one unit (identity, W = 1) -> scores: the unit of example 0 is lost, that of example 1 doubled
    network = some_network((1, 1, 2), M=1, batch_norm="none", activation="identity")
    network.parameters["W1"][...], network.parameters["b1"][...] = 1.0, 0.0
    network.parameters["W2"][...], network.parameters["b2"][...] = [[1.0, -1.0]], 0.0
    x = np.array([[7.0], [0.5]])
    step = network.loss_and_gradients(x, np.array([0, 0]), np.zeros(1), [np.array([[[0.0], [2.0]]])])
    wrong = 1 / (1 + np.exp(2.0))  # scores 1 and -1
    assert_allclose(step.loss, [(np.log(2) + np.log(1 + np.exp(-2.0))) / 2])
    # example 1: (p - 1, p') W2^T = -2 wrong, by the mask 2, by x = 0.5, over two examples
    assert_allclose(step.gradients["W1"].array(), [[[-2 * wrong * 2 * 0.5 / 2]]])
