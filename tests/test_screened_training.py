"""Training on principal components: on all of them it is training on the features, rotated; on some, a restriction."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.core.affine import laid_wide
from pipeline.core.network import Network
from pipeline.core.optimizers import OPTIMIZERS
from pipeline.data import Dataset, data_spec, open_split, prepare
from pipeline.data.rotation import principal_axes
from pipeline.spec import InitSpec, NetworkSpec, OptimizerSpec, Pack, ScheduleSpec, TrialSpec
from pipeline.train import train

N, D, C, M = 60, 7, 3, 2
LAMBDAS, ETA = np.array([0.01, 0.1]), np.array([0.1, 0.05])
NETWORKS = {
    "linear": NetworkSpec((), batch_norm="none", dtype="float64"),
    "hidden layers": NetworkSpec((6, 5), batch_norm="none", dtype="float64"),
    "batch norm": NetworkSpec((6, 5), dtype="float64"),
}


def rows():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((N, D)) @ rng.standard_normal((D, D))
    return (x - x.mean(axis=0)) / x.std(axis=0), rng.integers(C, size=N)


def after_steps(network, x, y, steps=8):
    """Train on batches of 20, and return the network and the losses of every step."""
    optimizer = OPTIMIZERS["sgd"]
    state, losses = optimizer.init(network.parameters), []
    for step in range(steps):
        batch = slice(20 * (step % 3), 20 * (step % 3) + 20)
        loss, gradients, statistics, _ = network.loss_and_gradients(x[batch], y[batch], LAMBDAS)
        network.average(statistics)
        optimizer.update(network.parameters, gradients, state, ETA, OptimizerSpec())
        losses.append(loss)
    return network, np.array(losses)


@pytest.mark.parametrize("spec", NETWORKS.values(), ids=NETWORKS)
def test_on_all_components_from_the_rotated_weights_every_step_is_that_on_the_features_rotated(spec):
    x, y = rows()
    axes = principal_axes([x.astype(np.float32)], D).axes  # orthonormal in float64, whatever they are the axes of
    inits = [InitSpec("he"), InitSpec("normal", 0.3)]
    plain, turned = (Network.create(spec, D, C, inits, seed=5) for _ in range(2))
    turned.parameters["W1"] = laid_wide(axes.T @ plain.parameters["W1"])
    (plain, losses), (turned, of_turned) = after_steps(plain, x, y), after_steps(turned, x @ axes, y)
    assert_allclose(of_turned, losses, rtol=1e-8)
    assert_allclose(axes @ turned.parameters["W1"], plain.parameters["W1"], rtol=1e-8, atol=1e-12)
    squares = [np.sum(network.parameters["W1"] ** 2, axis=(1, 2)) for network in (plain, turned)]
    assert_allclose(squares[1], squares[0], rtol=1e-8)
    for layer in range(2, plain.depth + 1):
        assert_allclose(turned.parameters[f"W{layer}"], plain.parameters[f"W{layer}"], rtol=1e-8, atol=1e-12)
    assert_allclose(turned.scores(x @ axes, turned.averages), plain.scores(x, plain.averages), rtol=1e-8)
    start = Network.create(spec, D, C, inits, seed=5).parameters["W1"]
    assert np.abs(plain.parameters["W1"] - start).max(axis=(1, 2)).min() > 0.01  # it has moved


def toy():
    rng = np.random.default_rng(2)
    x = (rng.standard_normal((120, 2 * D)) @ rng.standard_normal((2 * D, 2 * D))).astype(np.float32)
    return Dataset("toy", ("a", "b", "c"), x, np.arange(120) % C, x_test=x[:6], y_test=np.arange(6) % C)


def trial(components, **how):
    data = data_spec(toy(), 0.2, opens_test=False).on_components(components)
    return TrialSpec(data, NetworkSpec((5,)), schedule=ScheduleSpec(step_size=1, cycles=1), batch_size=20, **how)


@pytest.mark.parametrize(("scheme", "variance"), [("he", 2 / (2 * D)), ("xavier", 1 / (2 * D))])
def test_training_starts_from_the_scale_of_all_features_and_ends_on_the_components(scheme, variance, tmp_path):
    spec = replace(trial(4), init=InitSpec(scheme))
    reports = list(train(Pack((spec,)), open_split(prepare(toy(), spec.data, tmp_path))))
    first, last = reports[0].network.parameters, reports[-1].network.parameters
    assert last["W1"].shape == (1, 4, 5)
    rng = np.random.default_rng(spec.init_seed)
    again = next(train(Pack((spec,)), open_split(prepare(toy(), spec.data, tmp_path)))).network.parameters
    assert_array_equal(again["W1"][0], (rng.standard_normal((4, 5)) * np.sqrt(variance)).astype(np.float32))
    assert first.keys() == last.keys()
    assert np.isfinite(reports[-1].val.loss).all()
