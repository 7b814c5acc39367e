"""The gradients of the very function that training calls: against centred differences, and against the oracle."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from small import VARIANTS, C, D, oracle_of, some_batch, some_masks, some_network, variant

from pipeline.core import network as network_module
from pipeline.core.affine import WeightGradient, as_array
from pipeline.core.gradcheck import STEP, compare
from pipeline.core.losses import penalty
from pipeline.core.network import Network
from pipeline.spec import ACTIVATIONS, BATCH_NORM, InitSpec, NetworkSpec

LAMBDA = np.array([0.0, 0.1])
ARCHITECTURES = {"1 layer": (D, C), "2 layers": (D, 5, C), "3 layers": (D, 5, 4, C), "4 layers": (D, 5, 4, 3, C)}


@pytest.mark.parametrize("batch_norm", BATCH_NORM)
@pytest.mark.parametrize("sizes", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_gradients_match_centred_differences_with_and_without_penalty(sizes, batch_norm):
    network = some_network(sizes, M=2, batch_norm=batch_norm)
    results = compare(network, *some_batch(), LAMBDA)
    assert {r.parameter: r.shape for r in results} == {k: array.shape[1:] for k, array in network.parameters.items()}
    assert [result for result in results if not result.passed] == []


@pytest.mark.parametrize("batch_norm", BATCH_NORM)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_of_every_activation_match_centred_differences(activation, batch_norm):
    network = some_network(M=2, activation=activation, batch_norm=batch_norm)
    assert [result for result in compare(network, *some_batch(), LAMBDA) if not result.passed] == []


@pytest.mark.parametrize("dropout", [False, True], ids=["all units", "dropout"])
@pytest.mark.parametrize("name", VARIANTS)
def test_gradients_of_every_variant_match_centred_differences(name, dropout):
    network = variant(name, M=2)
    results = compare(network, *some_batch(), LAMBDA, some_masks(network) if dropout else ())
    assert {r.parameter: r.shape for r in results} == {k: array.shape[1:] for k, array in network.parameters.items()}
    assert [result for result in results if not result.error <= 1e-6] == []  # seven layers curve more than three
    assert sum(result.skipped for result in results) <= 2


@pytest.mark.parametrize("batch_norm", BATCH_NORM)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_right_gradients_pass_with_any_seed_though_units_cross_the_kink_of_their_activation(activation, batch_norm):
    results = []
    for seed in range(6):
        network = some_network(M=2, seed=seed, activation=activation, batch_norm=batch_norm)
        results += compare(network, *some_batch(B=20, seed=100 + seed), LAMBDA)
    assert [result for result in results if not result.passed] == []
    assert sum(result.skipped for result in results) <= 0.01 * sum(2 * np.prod(result.shape) for result in results)


def one_unit(bias, activation="relu"):
    """Return a network of one hidden unit, whose input is `bias` for every example."""
    network = some_network((D, 1, C), M=1, activation=activation, batch_norm="none")
    network.parameters["W1"][...] = 0.0
    network.parameters["b1"][...] = bias
    return {result.parameter: result for result in compare(network, *some_batch(), np.zeros(1))}


@pytest.mark.parametrize(("bias", "skipped"), [(0.5 * STEP, 1), (-0.5 * STEP, 1), (2 * STEP, 0), (-2 * STEP, 0)])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_an_entry_is_skipped_where_moving_it_crosses_the_kink_and_only_there(activation, bias, skipped):
    assert one_unit(bias, activation)["b1"].skipped == skipped
    assert one_unit(bias, activation)["b2"].skipped == 0
    assert one_unit(bias, activation)["W2"].skipped == 0


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "identity"])
def test_nothing_is_skipped_where_there_is_no_kink(activation):
    results = one_unit(0.0, activation).values()
    assert [(result.skipped, result.passed) for result in results] == [(0, True)] * 4


def test_a_parameter_that_was_hardly_compared_does_not_pass():
    results = one_unit(0.0)
    assert results["b1"].skipped == 1
    assert {name for name, result in results.items() if not result.passed} >= {"b1"}
    assert np.isnan(results["b1"].error)


@pytest.mark.parametrize("seed", range(5))
def test_the_check_fails_where_a_single_entry_is_wrong(monkeypatch, seed):
    def one_wrong(x, g, weight, decay, _scale):
        gradient = WeightGradient(x, g, weight, decay).array()
        gradient[0, 0, 0] += 1e-3 * np.abs(gradient).max()
        return gradient

    monkeypatch.setattr(network_module, "WeightGradient", one_wrong)
    results = compare(some_network(M=2, seed=seed), *some_batch(seed=100 + seed), LAMBDA)
    assert [result.parameter for result in results if not result.passed] == ["W1", "W2", "W3"]


def test_the_check_fails_where_the_gradient_of_batch_norm_lacks_a_term(monkeypatch):
    def without_the_mean(g, cache, gamma):
        by_gamma = (g * cache.centred).sum(axis=1) * cache.inverse_std
        return g * (gamma * cache.inverse_std)[:, None, :], by_gamma, g.sum(axis=1)

    monkeypatch.setattr(network_module, "batch_norm_backward", without_the_mean)
    results = compare(some_network(M=2), *some_batch(), LAMBDA)
    assert [result.parameter for result in results if not result.passed] == ["W1", "gamma1", "beta1", "W2"]


def test_the_check_fails_where_the_penalty_and_its_gradient_differ_by_a_factor(monkeypatch):
    def halved(x, g, weight, decay, _scale):
        return WeightGradient(x, g, weight, decay / 2)

    monkeypatch.setattr(network_module, "WeightGradient", halved)
    results = compare(some_network(M=2), *some_batch(), LAMBDA)
    assert [result.parameter for result in results if not result.passed] == ["W1", "W2", "W3"]


@pytest.mark.parametrize("sigma", [0.1, 10.0])
def test_the_error_is_relative_to_the_gradient(monkeypatch, sigma):
    def too_large(x, g, weight, decay, _scale):
        return 1.001 * WeightGradient(x, g, weight, decay).array()

    network = Network.create(NetworkSpec((), dtype="float64"), D, C, [InitSpec("normal", sigma)], seed=0)
    monkeypatch.setattr(network_module, "WeightGradient", too_large)
    weight, bias = compare(network, *some_batch(), np.array([0.1]))
    assert_allclose(weight.error, 0.001 / 1.001, rtol=1e-3)
    assert bias.passed


def test_the_check_fails_on_a_gradient_that_is_not_a_number():
    network = some_network(M=2, batch_norm="none")
    network.parameters["b3"][1] = np.nan
    assert not any(result.passed for result in compare(network, *some_batch(), LAMBDA))


def test_the_check_puts_every_parameter_back():
    network = some_network()
    before = {name: array.copy() for name, array in network.parameters.items()}
    compare(network, *some_batch(), np.zeros(3))
    for name, array in network.parameters.items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("batch_norm", BATCH_NORM)
@pytest.mark.parametrize("sizes", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_losses_costs_and_gradients_of_every_trial_equal_the_oracle(sizes, batch_norm):
    assert_equals_the_oracle(some_network(sizes, M=2, batch_norm=batch_norm, bn_epsilon=1e-3))


@pytest.mark.parametrize("dropout", [False, True], ids=["all units", "dropout"])
@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_equals_the_oracle(name, dropout):
    network = variant(name, M=2, bn_epsilon=1e-3)
    assert_equals_the_oracle(network, some_masks(network) if dropout else ())


def assert_equals_the_oracle(network, masks=()):
    x, labels = some_batch()
    loss, gradients, statistics, accuracy = network.loss_and_gradients(x, labels, LAMBDA, masks)
    costs = loss + penalty(network.weights, LAMBDA)
    for m, lambda_ in enumerate(LAMBDA):
        oracle, own = oracle_of(network, m), [mask[m] for mask in masks]
        expected, expected_loss, traces = oracle.gradients(x, labels, lambda_, own)
        assert_allclose(loss[m], expected_loss, rtol=1e-12)
        assert_allclose(costs[m], expected_loss + oracle.penalty(lambda_), rtol=1e-12)
        assert accuracy[m] == oracle.accuracy(oracle.forward(x, masks=own)[0], labels)
        for name, gradient in gradients.items():
            reference = expected[int(name[-1]) - 1][name[:-1]].T
            assert_allclose(as_array(gradient)[m], reference, rtol=1e-10, atol=1e-14, err_msg=name)
        assert list(statistics) == [layer for layer, trace in enumerate(traces, start=1) if trace.mean is not None]
        for layer, moments in statistics.items():
            assert_allclose(moments.mean[m], traces[layer - 1].mean, rtol=1e-12, atol=1e-14)
            assert_allclose(moments.variance[m], traces[layer - 1].variance, rtol=1e-12)


def test_a_bias_before_batch_norm_has_no_gradient_so_leaving_it_out_is_the_same_network():
    oracle = oracle_of(some_network(M=1, batch_norm="before"), 0)
    x, labels = some_batch()
    scores, _ = oracle.forward(x)
    for layer in oracle.layers[:-1]:
        layer.b = layer.b + 3.0
    gradients, _, _ = oracle.gradients(x, labels, 0.1)
    assert_allclose(oracle.forward(x)[0], scores, rtol=1e-12)
    for by in gradients[:-1]:
        assert_allclose(by["b"], 0, atol=1e-15)
    assert np.abs(gradients[-1]["b"]).max() > 0.01


def test_a_bias_before_the_activation_that_batch_norm_follows_has_a_gradient():
    network = some_network(M=1, batch_norm="after")
    _, gradients, _, _ = network.loss_and_gradients(*some_batch(), np.zeros(1))
    assert np.abs(gradients["b1"]).max() > 0.01


def test_a_two_layer_network_gives_the_scores_and_losses_that_cs231n_publishes():
    # CS231n assignment 1, two_layer_net.ipynb; its penalty is reg/2 * sum ||W||^2
    def spread(start, stop, *shape):
        return np.linspace(start, stop, int(np.prod(shape))).reshape(1, *shape)

    parameters = {"W1": spread(-0.7, 0.3, 5, 50), "b1": spread(-0.1, 0.9, 50)}
    parameters |= {"W2": spread(-0.3, 0.4, 50, 7), "b2": spread(-0.9, 0.1, 7)}
    network = Network(NetworkSpec((50,), batch_norm="none", dtype="float64"), parameters, {})
    x, labels = np.linspace(-5.5, 4.5, 15).reshape(5, 3).T, np.array([0, 5, 1])
    published = [
        [11.53165108, 12.2917344, 13.05181771, 13.81190102, 14.57198434, 15.33206765, 16.09215096],
        [12.05769098, 12.74614105, 13.43459113, 14.1230412, 14.81149128, 15.49994135, 16.18839143],
        [12.58373087, 13.20054771, 13.81736455, 14.43418138, 15.05099822, 15.66781506, 16.2846319],
    ]
    assert_allclose(network.scores(x, {}), [published], atol=1e-8)
    loss, _, _, _ = network.loss_and_gradients(x, labels, np.array([0.5]))
    assert_allclose(loss, [3.4702243556], atol=1e-10)
    assert_allclose(loss + penalty(network.weights, np.array([0.5])), [26.5948426952], atol=1e-10)
