"""The losses and scores that the notebooks of CS231n print for whole networks, and one of its runs.

Conventions and random numbers are those of the course: a penalty of reg / 2 * sum W^2, epsilon 1e-5, dropout by the
probability to keep. Biases in front of batch norm, which the course keeps at a gradient of zero, do not exist here.
"""

import numpy as np
import pytest
from cs231n import CS231N, EPSILON, grid, legacy, mask, one
from numpy.testing import assert_allclose

from pipeline.core.gradcheck import compare
from pipeline.core.losses import penalty
from pipeline.core.network import Network
from pipeline.core.optimizers import OPTIMIZERS
from pipeline.core.schedules import SCHEDULES
from pipeline.spec import NetworkSpec, OptimizerSpec, ScheduleSpec


def a_network(weights, biases, **spec):
    """Return a network of one trial with these weights (in, out) and biases; None where its layer has none."""
    parameters = {}
    for layer, (w, b) in enumerate(zip(weights, biases, strict=True), start=1):
        parameters[f"W{layer}"] = one(w)
        if b is not None:
            parameters[f"b{layer}"] = one(b)
        if layer < len(weights) and "batch_norm" in spec:
            parameters |= {f"gamma{layer}": np.ones((1, w.shape[1])), f"beta{layer}": np.zeros((1, w.shape[1]))}
    hidden = tuple(w.shape[1] for w in weights[:-1])
    return Network(NetworkSpec(hidden, dtype="float64", **({"batch_norm": "none"} | spec)), parameters, {})


def loss_of(network, x, labels, reg, masks=()):
    lambda_ = np.array([CS231N.l2_factor * reg])
    return network.loss_and_gradients(x, labels, lambda_, masks).loss + penalty(network.weights, lambda_)


def assert_gradients_match_differences(network, x, labels, reg, masks=()):
    results = compare(network, x, labels, np.array([CS231N.l2_factor * reg]), masks)
    assert {result.parameter for result in results} == set(network.parameters)
    for result in results:
        # the course's bound where batch norm divides two examples by next to nothing, so that differences are coarse
        bound = 2e-3 if "gamma1" in network.parameters and result.parameter.startswith("W") else result.bound
        assert result.error < bound, result


def test_two_layer_net():
    network = a_network([grid(-0.7, 0.3, 5, 50), grid(-0.3, 0.4, 50, 7)], [grid(-0.1, 0.9, 50), grid(-0.9, 0.1, 7)])
    x, labels = grid(-5.5, 4.5, 5, 3).T.copy(), np.array([0, 5, 1])
    scores = [
        [11.53165108, 12.2917344, 13.05181771, 13.81190102, 14.57198434, 15.33206765, 16.09215096],
        [12.05769098, 12.74614105, 13.43459113, 14.1230412, 14.81149128, 15.49994135, 16.18839143],
        [12.58373087, 13.20054771, 13.81736455, 14.43418138, 15.05099822, 15.66781506, 16.2846319],
    ]
    assert abs(network.scores(x, {})[0] - scores).sum() < 1e-6
    assert_allclose(loss_of(network, x, labels, reg=0), [3.4702243556], rtol=0, atol=1e-10)
    assert_allclose(loss_of(network, x, labels, reg=1), [26.5948426952], rtol=0, atol=1e-10)
    for reg in (0.0, 0.7):
        assert_gradients_match_differences(network, x, labels, reg)


def drawn_network(rng, batch_norm="none"):
    """Return the 15-20-30-10 network that the notebooks draw; what batch norm follows has no bias here."""
    weights = [0.05 * rng.randn(*shape) for shape in ((15, 20), (20, 30), (30, 10))]
    if batch_norm == "none":
        return a_network(weights, [np.zeros(20), np.zeros(30), np.zeros(10)])
    return a_network(weights, [None, None, np.zeros(10)], batch_norm=batch_norm, bn_epsilon=EPSILON)


def drawn_batch(rng):
    return rng.randn(2, 15), rng.randint(10, size=2)


@pytest.mark.parametrize(
    ("batch_norm", "losses"),
    [
        ("none", [(0, 2.3004790897684924), (3.14, 7.052114776533016)]),
        ("before", [(0, 2.2611955101340957), (3.14, 6.996533220108303)]),
    ],
)
def test_fully_connected_net(batch_norm, losses):
    rng = legacy()
    x, labels = drawn_batch(rng)
    for reg, expected in losses:  # the second network goes on in the stream of the first
        network = drawn_network(rng, batch_norm)
        assert_allclose(loss_of(network, x, labels, reg), [expected], rtol=0, atol=1e-12)
        assert_gradients_match_differences(network, x, labels, reg)


def test_fully_connected_net_with_dropout():
    rng = legacy()
    x, labels = drawn_batch(rng)
    for keep, expected in ((1, 2.3004790897684924), (0.75, 2.302371489704412), (0.5, 2.3042759220785896)):
        network, masks = drawn_network(rng), []
        for units in (20, 30) if keep < 1 else ():
            rng = legacy(123)  # the notebook seeds anew in front of every mask, and draws its next network from there
            masks.append(mask(rng, keep, 2, units))
        assert_allclose(loss_of(network, x, labels, 0, masks), [expected], rtol=0, atol=1e-12)
        assert_gradients_match_differences(network, x, labels, 0, masks)


def toy_network():
    """Return the network of the 2018 edition, and the stream that it was drawn from."""
    rng = legacy(0)
    weights = [0.1 * rng.randn(4, 10), 0.1 * rng.randn(10, 3)]
    return a_network(weights, [np.zeros(10), np.zeros(3)]), rng


TOY = 10 * legacy(1).randn(5, 4), np.array([0, 1, 2, 2, 1])


def test_the_toy_network_of_2018():
    network, _ = toy_network()
    scores = [
        [-0.81233741, -1.27654624, -0.70335995],
        [-0.17129677, -1.18803311, -0.47310444],
        [-0.51590475, -1.01354314, -0.8504215],
        [-0.15419291, -0.48629638, -0.52901952],
        [-0.00618733, -0.12435261, -0.15226949],
    ]
    assert abs(network.scores(TOY[0], {})[0] - scores).sum() < 1e-7
    # that edition has no 1/2 in its penalty
    assert_allclose(loss_of(network, *TOY, reg=0.05 / CS231N.l2_factor), [1.30378789133], rtol=0, atol=1e-11)


def test_a_hundred_steps_of_the_toy_network_end_at_the_published_loss():
    network, rng = toy_network()
    x, labels = TOY
    lambda_, constants = np.array([5e-6]), OptimizerSpec("sgd")
    schedule = ScheduleSpec("step", eta_min=1e-9, eta_max=0.1, step_size=25, decay=0.95, decay_every=1)
    bounds = np.array([schedule.eta_min]), np.array([schedule.eta_max])
    for t in range(100):  # every one of them an epoch
        rows = rng.choice(5, 200)
        step = network.loss_and_gradients(x[rows], labels[rows], lambda_)
        loss = step.loss + penalty(network.weights, lambda_)
        eta = SCHEDULES["step"](t, schedule, 1, *bounds)
        OPTIMIZERS["sgd"].update(network.parameters, step.gradients, {}, eta, constants)
    assert_allclose(loss, [0.017149607938732048], rtol=0, atol=1e-9)
