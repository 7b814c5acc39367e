"""The spread of activations and gradients: the oracle's numbers, some worked by hand, and what must not matter."""

import dataclasses
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small import HIDDEN, VARIANTS, C, D, assert_same_bits, oracle_of, some_batch, some_network, state, variant

from pipeline.core.layers import Moments
from pipeline.core.network import Network
from pipeline.core.spread import layer_spreads
from pipeline.spec import ACTIVATIONS, BATCH_NORM, InitSpec, NetworkSpec


def deviation(vectors):
    """Return the standard deviation over all entries of all vectors, in two passes."""
    values = [float(value) for vector in vectors for value in vector]
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))


def root_mean_square(matrix):
    values = [float(value) for value in matrix.ravel()]
    return math.sqrt(sum(value**2 for value in values) / len(values))


@pytest.mark.parametrize("batch_norm", BATCH_NORM)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [HIDDEN, (7,), ()])
def test_the_spreads_are_those_of_the_oracle(hidden, activation, batch_norm):
    assert_oracle_agrees(some_network((D, *hidden, C), batch_norm=batch_norm, activation=activation))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_spreads_of_every_variant_are_those_of_the_oracle(name):
    assert_oracle_agrees(variant(name, bn_epsilon=1e-3))


def assert_oracle_agrees(network):
    x, labels = some_batch()
    found = layer_spreads(network, x, labels)
    for trial in range(network.size):
        oracle = oracle_of(network, trial)
        scores, traces = oracle.forward(x)
        outputs = [trace.inputs for trace in traces[1:]] + [scores]
        gradients, *_ = oracle.gradients(x, labels, lambda_=0.0)
        assert_allclose(found.activations[trial], [deviation(output) for output in outputs], rtol=1e-10)
        assert_allclose(found.gradients[trial], [root_mean_square(by["W"]) for by in gradients], rtol=1e-10)


def one_unit(batch_norm="none"):
    """Return x -> unit -> two scores, for inputs 0 and 4: W1 = 1/2, so that the unit gives 0 and 2; W2 = 0."""
    spec = NetworkSpec((1,), activation="identity", batch_norm=batch_norm, bn_epsilon=1e-12, dtype="float64")
    network = Network.create(spec, 1, 2, [InitSpec()], seed=0)
    network.parameters["W1"][...] = 0.5
    network.parameters["W2"][...] = 0.0
    return layer_spreads(network, np.array([[0.0], [4.0]]), np.array([0, 1]))


def test_the_spreads_of_one_unit_are_those_worked_by_hand():
    """Both probabilities are 1/2, so g = (-1/2, 1/2) / 2 and (1/2, -1/2) / 2; by W2 it is 0 * g1 + 2 * g2."""
    found = one_unit()
    assert_allclose(found.activations, [[1.0, 0.0]])  # 0 and 2; scores 0
    assert_allclose(found.gradients, [[0.0, 0.5]])  # W2 = 0 lets nothing through; (1/2, -1/2)


@pytest.mark.parametrize("batch_norm", ["before", "after"])
def test_batch_norm_spreads_by_one_and_uses_the_batch_itself(batch_norm):
    """The unit gives -1 and 1, so that the gradient by W2 is (1/4, -1/4) twice."""
    found = one_unit(batch_norm)
    assert_allclose(found.activations, [[1.0, 0.0]], atol=1e-9)
    assert_allclose(found.gradients, [[0.0, 0.5]], atol=1e-9)


@pytest.mark.parametrize("batch_norm", BATCH_NORM)
def test_moving_averages_do_not_matter_and_nothing_is_changed(batch_norm):
    network, (x, labels) = some_network(batch_norm=batch_norm), some_batch()
    fresh = layer_spreads(network, x, labels)
    if batch_norm != "none":
        network.averages = {i: Moments(np.full((3, H), 7.0), np.full((3, H), 9.0)) for i, H in enumerate(HIDDEN, 1)}
    before = state(network)
    assert_same_bits(dataclasses.asdict(layer_spreads(network, x, labels)), dataclasses.asdict(fresh))
    assert_same_bits(state(network), before)


def test_the_smallest_gradients_of_float32_have_a_spread():
    """Their squares would be 0 in float32: seven layers of sigma 1e-4 leave about 1e-28 of the signal."""
    sizes = (D, *[5] * 6, C)
    spec = NetworkSpec(sizes[1:-1], batch_norm="none")
    network = Network.create(spec, D, C, [InitSpec("normal", 1e-4)], seed=0)
    x, labels = some_batch()
    single, double = (
        layer_spreads(
            Network(
                dataclasses.replace(spec, dtype=dtype),
                {name: array.astype(dtype) for name, array in network.parameters.items()},
                [],
            ),
            x,
            labels,
        )
        for dtype in ("float32", "float64")
    )
    assert 0 < double.gradients.min() < 1e-23  # whose square is below the smallest float32, 1.4e-45
    assert_allclose(single.gradients, double.gradients, rtol=1e-4)
    assert_allclose(single.activations, double.activations, rtol=1e-4)
    assert single.gradients.dtype == single.activations.dtype == np.float64


def test_a_network_beyond_all_numbers_has_no_finite_spread_and_leaves_its_neighbour_alone():
    network, (x, labels) = some_network(M=2), some_batch()
    healthy = layer_spreads(network, x, labels)
    network.parameters["W1"][1] = 1e308
    both = layer_spreads(network, x, labels)
    assert not np.isfinite(both.activations[1]).all()
    assert_array_equal(both.activations[0], healthy.activations[0])
    assert_array_equal(both.gradients[0], healthy.gradients[0])
