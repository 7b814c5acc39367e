"""The steps of every optimizer equal its formulas worked by hand."""

from math import log, sqrt

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.core.affine import WeightGradient, laid_wide
from pipeline.core.network import Network
from pipeline.core.optimizers import OPTIMIZERS
from pipeline.spec import NetworkSpec, OptimizerSpec

ETAS = (0.4, 0.5), (0.2, 1.0)  # of two trials in two steps
GRADIENTS = (3, -4), (4, 3)
CONSTANTS = {"momentum": 0.5, "decay_rate": 0.75, "beta1": 0.5, "beta2": 0.75, "epsilon": 1.0}
ADAM = (
    # at first the corrected moments are g and g^2
    (1 - 0.4 * 3 / (3 + 1), 1 + 0.5 * 4 / (4 + 1)),
    # m = .5 * 1.5 + .5 * 4 = 2.75 and .5 * -2 + .5 * 3 = .5, over 3/4; v = 5.6875 and 5.25 as with RMSProp, over 7/16
    (0.7 - 0.2 * (11 / 3) / (sqrt(13) + 1), 1.4 - 1.0 * (2 / 3) / (sqrt(12) + 1)),
)
BY_HAND = {
    "sgd": ((1 - 0.4 * 3, 1 + 0.5 * 4), (-0.2 - 0.2 * 4, 3 - 1.0 * 3)),
    # v = 1.2 and -2; then .5 * 1.2 + .2 * 4 = 1.4 and .5 * -2 + 1 * 3 = 2
    "momentum": ((1 - 1.2, 1 + 2), (-0.2 - 1.4, 3 - 2)),
    # the same v; the step is .5 * v + eta * g
    "nesterov": ((1 - 0.6 - 1.2, 1 + 1 + 2), (-0.8 - 0.7 - 0.8, 4 - 1 - 3)),
    # s = 9 and 16; then 9 + 16 = 25 and 16 + 9 = 25
    "adagrad": ((1 - 0.4 * 3 / (3 + 1), 1 + 0.5 * 4 / (4 + 1)), (0.7 - 0.2 * 4 / (5 + 1), 1.4 - 1.0 * 3 / (5 + 1))),
    # s = 9/4 and 16/4; then .75 * 2.25 + .25 * 16 = 5.6875 and .75 * 4 + .25 * 9 = 5.25
    "rmsprop": (
        (1 - 0.4 * 3 / (1.5 + 1), 1 + 0.5 * 4 / (2 + 1)),
        (0.52 - 0.2 * 4 / (sqrt(5.6875) + 1), 5 / 3 - 1.0 * 3 / (sqrt(5.25) + 1)),
    ),
    "adam": ADAM,
    "adamw": ADAM,  # what has no penalty makes Adam's step
}
"""Where the first and the second step lead two trials that start at 1."""


def take(name, parameters, state, gradient, eta):
    OPTIMIZERS[name].update(parameters, gradient, state, np.array(eta, float), OptimizerSpec(name, **CONSTANTS))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_steps_worked_by_hand(name):
    parameters = {"b1": np.ones((2, 1))}
    state = OPTIMIZERS[name].init(parameters)
    for gradient, eta, expected in zip(GRADIENTS, ETAS, BY_HAND[name], strict=True):
        take(name, parameters, state, {"b1": np.array(gradient, float)[:, None]}, eta)
        assert_allclose(parameters["b1"][:, 0], expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_the_counter_of_steps_is_one_in_the_first_step_and_shared_by_all_parameters(name):
    parameters = {"W1": np.ones((2, 1, 1)), "b1": np.ones((2, 1)), "b2": np.ones((2, 3))}
    state = OPTIMIZERS[name].init(parameters)
    for steps in (1, 2, 3):
        take(name, parameters, state, {key: np.ones_like(array) for key, array in parameters.items()}, (0.1, 0.1))
        assert state["t"].tolist() == [steps, steps]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # g + decay * W = 3 + .5 * 2 = 4 goes into the moments
        ("adam", 2 - 0.4 * 4 / (4 + 1)),
        # W shrinks by eta * decay = .2 of itself, and the moments know of 3 alone
        ("adamw", 2 * (1 - 0.4 * 0.5) - 0.4 * 3 / (3 + 1)),
    ],
)
def test_adamw_takes_the_penalty_apart_from_the_step_that_adam_adapts_to_it(name, expected):
    parameters = {"W1": np.full((1, 1, 1), 2.0)}
    state = OPTIMIZERS[name].init(parameters)
    gradient = WeightGradient(np.ones((1, 1)), np.full((1, 1, 1), 3.0), parameters["W1"], np.array([0.5]))
    take(name, parameters, state, {"W1": gradient}, [0.4])
    assert_allclose(parameters["W1"], [[[expected]]], rtol=1e-14)


def test_the_second_step_of_adamw_shrinks_what_the_first_one_left():
    parameters = {"W1": np.full((1, 1, 1), 2.0)}
    state = OPTIMIZERS["adamw"].init(parameters)
    for g, eta in ((3.0, 0.4), (4.0, 0.2)):
        gradient = WeightGradient(np.ones((1, 1)), np.full((1, 1, 1), g), parameters["W1"], np.array([0.5]))
        take("adamw", parameters, state, {"W1": gradient}, [eta])
    assert_allclose(parameters["W1"], [[[1.3 * (1 - 0.2 * 0.5) - 0.2 * (11 / 3) / (sqrt(13) + 1)]]], rtol=1e-14)


def test_a_gradient_of_adamw_that_is_an_array_is_that_of_a_parameter_without_penalty():
    by_name = {}
    for name in ("adam", "adamw"):
        by_name[name] = {"W1": np.full((1, 2, 2), 2.0)}
        take(name, by_name[name], OPTIMIZERS[name].init(by_name[name]), {"W1": np.full((1, 2, 2), 4.0)}, [0.4])
    assert_allclose(by_name["adamw"]["W1"], by_name["adam"]["W1"], rtol=1e-15)


@pytest.mark.parametrize("name", ["sgd", "momentum"])
def test_the_first_step_of_two_linear_classifiers(name):
    # All weights 1, x = (1, 2): both scores are 3, both probabilities 1/2, g = (-1/2, 1/2) for label 0.
    parameters = {"W1": laid_wide(np.ones((2, 2, 2))), "b1": np.zeros((2, 2))}
    network = Network(NetworkSpec((), dtype="float64"), parameters, {})
    step = network.loss_and_gradients(np.array([[1.0, 2.0]]), np.array([0]), np.array([0.1, 0.0]))
    take(name, parameters, OPTIMIZERS[name].init(parameters), step.gradients, (0.5, 0.1))
    assert_allclose(step.loss, [log(2)] * 2)
    # W - eta * (x^T g + 2 lambda W): 1 - .5 (-.5 + .2) = 1.15 and so on
    assert_allclose(parameters["W1"], [[[1.15, 0.65], [1.4, 0.4]], [[1.05, 0.95], [1.1, 0.9]]], rtol=1e-14)
    assert_allclose(parameters["b1"], [[0.25, -0.25], [0.05, -0.05]], rtol=1e-14)


def test_adamw_shrinks_the_weights_of_a_network_by_twice_lambda_and_no_bias():
    # The batch of zeros gives no gradient by W, and the uniform scores one by b that sums to zero.
    parameters = {"W1": laid_wide(np.ones((2, 2, 2))), "b1": np.zeros((2, 2))}
    network = Network(NetworkSpec((), dtype="float64"), parameters, {})
    step = network.loss_and_gradients(np.zeros((1, 2)), np.array([0]), np.array([0.1, 0.5]))
    take("adamw", parameters, OPTIMIZERS["adamw"].init(parameters), step.gradients, (0.5, 0.1))
    assert_allclose(parameters["W1"], np.array([0.9, 0.9])[:, None, None] * np.ones((2, 2, 2)), rtol=1e-14)
    # b1: g = -1/2 and 1/2, so that eta * g / (|g| + 1) is a third of eta
    assert_allclose(parameters["b1"], [[0.5 / 3, -0.5 / 3], [0.1 / 3, -0.1 / 3]], rtol=1e-14)
