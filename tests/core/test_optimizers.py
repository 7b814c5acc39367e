"""One optimizer step equals the formula worked by hand."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.core.affine import WeightGradient, laid_wide
from pipeline.core.network import Network
from pipeline.core.optimizers import OPTIMIZERS
from pipeline.spec import NetworkSpec, OptimizerSpec


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_the_first_step_of_two_linear_classifiers(optimizer):
    # All weights 1, x = (1, 2): both scores are 3, both probabilities 1/2, g = (-1/2, 1/2) for label 0.
    parameters = {"W1": laid_wide(np.ones((2, 2, 2))), "b1": np.zeros((2, 2))}
    network = Network(NetworkSpec((), dtype="float64"), parameters, [])
    lambda_, eta = np.array([0.1, 0.0]), np.array([0.5, 0.1])
    loss, gradients, _, _ = network.loss_and_gradients(np.array([[1.0, 2.0]]), np.array([0]), lambda_)
    chosen = OPTIMIZERS[optimizer]
    chosen.update(parameters, gradients, chosen.init(parameters), eta, OptimizerSpec(optimizer))
    assert_allclose(loss, [math.log(2)] * 2)
    # W - eta * (x^T g + 2 lambda W): 1 - .5 (-.5 + .2) = 1.15 and so on
    assert_allclose(parameters["W1"], [[[1.15, 0.65], [1.4, 0.4]], [[1.05, 0.95], [1.1, 0.9]]], rtol=1e-14)
    assert_allclose(parameters["b1"], [[0.25, -0.25], [0.05, -0.05]], rtol=1e-14)


def test_two_steps_of_momentum():
    parameters = {"b1": np.array([[1.0], [1.0]])}
    optimizer = OPTIMIZERS["momentum"]
    state = optimizer.init(parameters)
    eta = np.array([0.1, 0.2])
    optimizer.update(parameters, {"b1": np.array([[2.0], [-1.0]])}, state, eta, OptimizerSpec("momentum", 0.9))
    assert_allclose(parameters["b1"], [[0.8], [1.2]])  # v = .2 and -.2
    optimizer.update(parameters, {"b1": np.array([[1.0], [3.0]])}, state, 2 * eta, OptimizerSpec("momentum", 0.9))
    assert_allclose(parameters["b1"], [[0.42], [0.18]])  # v = .9 * .2 + .2 = .38 and .9 * -.2 + 1.2 = 1.02


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_gradient_in_factors_and_the_same_gradient_formed_make_the_same_step(optimizer):
    rng = np.random.default_rng(0)
    x, g, start = rng.standard_normal((4, 3)), rng.standard_normal((2, 4, 2)), rng.standard_normal((2, 3, 2))
    results = []
    for formed in (True, False):
        parameters = {"W1": laid_wide(start)}
        state = OPTIMIZERS[optimizer].init(parameters)
        for eta in (np.array([0.1, 0.2]), np.array([0.3, 0.4])):
            gradient = WeightGradient(x, laid_wide(g), parameters["W1"], np.array([0.0, 0.5]))
            gradients = {"W1": gradient.array() if formed else gradient}
            OPTIMIZERS[optimizer].update(parameters, gradients, state, eta, OptimizerSpec(optimizer))
        results.append(parameters["W1"])
    assert_allclose(*results, rtol=1e-13)
