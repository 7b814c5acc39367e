"""The contestants of the race do the same job: from the same weights, five steps come to the same losses as ours."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose
from peers.job import Job, lambdas
from small import some_batch

from pipeline.core.network import Network
from pipeline.core.optimizers import OPTIMIZERS
from pipeline.core.schedules import SCHEDULES
from pipeline.spec import InitSpec, NetworkSpec, OptimizerSpec, ScheduleSpec

EPSILON = 1e-5
"""What PyTorch and JAX's users add to a variance."""

LAMBDAS = (0.0, 0.05, 0.2)
STEPS, PER_EPOCH = 5, 2
JOB = Job("", LAMBDAS, 2, step_size=1, cycles=1, hidden=(5, 4), batch_size=8, eta_min=0.01, eta_max=0.5)


@pytest.fixture
def network():
    """Return our networks, one for each of LAMBDAS, in float64."""
    spec = NetworkSpec(JOB.hidden, batch_norm="before", bn_epsilon=EPSILON, dtype="float64")
    return Network.create(spec, 12, 3, [InitSpec()] * len(LAMBDAS), seed=0)


def hidden_sizes():
    return (12, *JOB.hidden, 3)


def batches():
    return [some_batch(JOB.batch_size, 12, 3, seed=seed) for seed in range(STEPS)]


def eta(step):
    """Return the learning rate that our own schedule gives, for every trial."""
    spec = ScheduleSpec(eta_min=JOB.eta_min, eta_max=JOB.eta_max, step_size=JOB.step_size, cycles=JOB.cycles)
    return SCHEDULES["triangular"](step, spec, PER_EPOCH, np.array([spec.eta_min]), np.array([spec.eta_max]))


def our_losses(network):
    """Return the losses (steps, M) of our steps of SGD, which change the network."""
    losses = []
    for step, (x, labels) in enumerate(batches()):
        now = network.loss_and_gradients(x, labels, np.array(LAMBDAS))
        losses.append(now.loss)
        etas = np.repeat(eta(step), len(LAMBDAS))
        OPTIMIZERS["sgd"].update(network.parameters, now.gradients, {}, etas, OptimizerSpec("sgd"))
    return np.array(losses)


def layers(parameters, trial, name):
    """Return what is called `name` in every layer that has it, of one trial."""
    keys = sorted(key for key in parameters if key.startswith(name) and key[len(name) :].isdecimal())
    return [parameters[key][trial].copy() for key in keys]


def test_the_learning_rate_is_that_of_our_schedule():
    for step in range(2 * JOB.step_size * PER_EPOCH + 1):
        assert_allclose(JOB.eta(step, PER_EPOCH), eta(step)[0], rtol=1e-12)


def test_the_steps_differ_so_much_that_a_wrong_penalty_or_rate_would_show(network):
    losses = our_losses(network)
    assert np.abs(losses[-1, 0] - losses[-1, 1]) > 1e-3
    assert np.abs(losses[0] - losses[1]).min() > 1e-3


def test_the_numpy_loop(network):
    numpy_loop = pytest.importorskip("peers.numpy_loop")
    theirs = []
    for trial, lambda_ in enumerate(LAMBDAS):
        its = numpy_loop.Network(hidden_sizes(), np.random.default_rng(0))
        its.W = [weight.T for weight in layers(network.parameters, trial, "W")]
        columns = [np.eye(3)[:, labels] for _, labels in batches()]
        theirs.append(
            [
                its.step(x.T, Y, lambda_, JOB.eta(step, PER_EPOCH))
                for step, ((x, _), Y) in enumerate(zip(batches(), columns, strict=True))
            ]
        )
    assert_allclose(np.transpose(theirs), our_losses(network), rtol=1e-9)


def torch_networks(network, torch, **how):
    """Return one network of PyTorch, in float64, with the weights of each of ours."""
    torch_loop = pytest.importorskip("peers.torch_loop")
    found = []
    for trial in range(len(LAMBDAS)):
        its = torch_loop.network(12, JOB.hidden, 3, **how).double()
        linear = [layer for layer in its if isinstance(layer, torch.nn.Linear)]
        with torch.no_grad():
            for layer, weight in zip(linear, layers(network.parameters, trial, "W"), strict=True):
                layer.weight.copy_(torch.from_numpy(weight.T.copy()))
        found.append(its)
    return torch_loop, found


def test_pytorch_with_its_own_schedule_and_decay(network):
    torch = pytest.importorskip("torch")
    torch_loop, theirs = torch_networks(network, torch)
    rows = [(torch.from_numpy(x), torch.from_numpy(labels)) for x, labels in batches()]
    losses = [
        [float(loss) for loss in torch_loop.train(its, lambda_, JOB, iter([iter(rows)]), PER_EPOCH)]
        for its, lambda_ in zip(theirs, LAMBDAS, strict=True)
    ]
    assert_allclose(np.transpose(losses), our_losses(network), rtol=1e-9)


def test_torch_func(network):
    torch = pytest.importorskip("torch")
    torch_vmap = pytest.importorskip("peers.torch_vmap")
    ensemble = torch_vmap.Ensemble(torch_networks(network, torch, averages=False)[1], LAMBDAS)
    losses = [
        ensemble.step(torch.from_numpy(x), torch.from_numpy(labels), JOB.eta(step, PER_EPOCH)).numpy()
        for step, (x, labels) in enumerate(batches())
    ]
    assert_allclose(losses, our_losses(network), rtol=1e-9)


def test_jax_in_float32(network):
    pytest.importorskip("jax")
    jax_vmap = pytest.importorskip("peers.jax_vmap")
    jnp = jax_vmap.jnp
    theirs = []
    for trial, lambda_ in enumerate(LAMBDAS):
        its = jax_vmap.initial(jax_vmap.jax.random.key(0), hidden_sizes())
        its["W"] = [jnp.asarray(weight, jnp.float32) for weight in layers(network.parameters, trial, "W")]
        losses = []
        for step, (x, labels) in enumerate(batches()):
            rate = JOB.eta(step, PER_EPOCH)
            its, loss = jax_vmap.step(its, lambda_, jnp.asarray(x, jnp.float32), jnp.asarray(labels), rate)
            losses.append(float(loss))
        theirs.append(losses)
    assert_allclose(np.transpose(theirs), our_losses(network), rtol=1e-4)


def test_scikit_learn_adds_our_penalty_to_its_loss():
    """One batch of all rows and a rate of nearly nothing: its loss is that of the initial weights, penalty included."""
    sklearn_mlp = pytest.importorskip("peers.sklearn_mlp")
    x, labels = some_batch(30, 12, 3)
    still = dataclasses.replace(JOB, step_size=1, batch_size=30, eta_min=1e-30, eta_max=1e-30)
    fitted = sklearn_mlp.classifier(still, 0.05)
    with pytest.warns(sklearn_mlp.ConvergenceWarning):
        fitted.fit(x, labels)
    cross_entropy = -np.log(fitted.predict_proba(x)[np.arange(30), labels]).mean()
    squares = sum((weight**2).sum() for weight in fitted.coefs_)
    assert_allclose(fitted.loss_, cross_entropy + 0.05 * squares, rtol=1e-6)


def test_ours_is_given_the_same_trials():
    ours = pytest.importorskip("peers.ours")
    data = pytest.importorskip("rig").fixed().data
    job = Job("", lambdas(4), 2, seed=3)
    trials = ours.trials(job, dataclasses.replace(data, n_train=200))
    assert [trial.lambda_ for trial in trials] == list(job.lambdas)
    assert {(trial.init_seed, trial.order_seed, trial.batch_size, trial.l2_factor) for trial in trials} == {
        (3, 3, 100, 1)
    }
    assert {trial.schedule for trial in trials} == {ScheduleSpec("triangular", 1e-5, 1e-1, step_size=2, cycles=1)}
    assert {(trial.network.hidden, trial.network.batch_norm) for trial in trials} == {((50, 50), "before")}
    assert {trial.optimizer.name for trial in trials} == {"sgd"}
