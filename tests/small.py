"""Small worlds: packs of tiny networks and the data to train them on, in float64 unless asked otherwise."""

import dataclasses

import numpy as np

from pipeline.core.network import Network
from pipeline.data.split import Split
from pipeline.spec import DataSpec, InitSpec, NetworkSpec, OptimizerSpec, Pack, ScheduleSpec, TrialSpec
from pipeline.train import train

D, C = 6, 3
HIDDEN = (5, 4)


def split(n_train=23, n_val=7):
    """Return standard normal rows, with labels that depend on them."""
    rng = np.random.default_rng(11)
    x = rng.standard_normal((n_train + n_val, D)).astype(np.float32)
    y = (x[:, :C] + 0.5 * rng.standard_normal((n_train + n_val, C))).argmax(axis=1)
    return Split(
        x_train=x[:n_train],
        y_train=y[:n_train],
        x_val=x[n_train:],
        y_val=y[n_train:],
        x_test=None,
        y_test=None,
        mean=np.zeros(D),
        std=np.ones(D),
        shape=(D,),
        classes=("a", "b", "c"),
        pixel_range=(-5.0, 5.0),
        spec=DataSpec("small", "d1", D, C, n_train, n_val, 0),
    )


def trial(data, *, lambda_=0.01, optimizer="sgd", batch_size=5, init="he", sigma=None, schedule=None, **network):
    """Return a trial on `data`, a Split; `network` are fields of NetworkSpec, `schedule` those of ScheduleSpec."""
    return TrialSpec(
        data=data.spec,
        network=NetworkSpec(**({"hidden": HIDDEN, "dtype": "float64"} | network)),
        init=InitSpec(init, sigma),
        schedule=ScheduleSpec(**({"eta_min": 0.01, "eta_max": 0.3, "step_size": 1, "cycles": 1} | (schedule or {}))),
        optimizer=OptimizerSpec(optimizer),
        batch_size=batch_size,
        lambda_=lambda_,
        init_seed=5,
        order_seed=6,
    )


def pack_of(base, lambdas, etas_max=None):
    """Return a pack of trials that differ by lambda, by initialisation and, where asked, by the largest eta."""
    inits = [InitSpec("he"), InitSpec("xavier"), InitSpec("normal", 0.3)]
    trials = []
    for number, lambda_ in enumerate(lambdas):
        schedule = base.schedule
        if etas_max:
            schedule = dataclasses.replace(schedule, eta_max=etas_max[number])
        trials.append(dataclasses.replace(base, lambda_=lambda_, init=inits[number % 3], schedule=schedule))
    return Pack(tuple(trials))


def run(pack, data):
    """Train to the end; return for every epoch a plain dictionary of copies: see `photograph`."""
    return [photograph(report) for report in train(pack, data)]


def photograph(report):
    """Copy a report and its networks: what lives on in the generator may not change it."""
    picture = {"trials": report.trials.copy(), "eta": report.eta.copy(), "batch_losses": report.batch_losses.copy()}
    for part in ("train", "val"):
        for name in ("loss", "cost", "accuracy"):
            picture[f"{part}_{name}"] = getattr(getattr(report, part), name).copy()
    return picture | {f"network.{name}": array for name, array in state(report.network).items()}


def state(network):
    """Return copies of all arrays of a network, parameters and moving averages, by name."""
    arrays = {name: array.copy() for name, array in network.parameters.items()}
    for layer, moments in network.averages.items():
        arrays |= {f"mean{layer}": moments.mean.copy(), f"variance{layer}": moments.variance.copy()}
    return arrays


def assert_same_bits(one, other):
    """Assert that two dictionaries of arrays are equal, NaN included."""
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def assert_close(one, other, rtol=1e-10, atol=1e-14):
    """Assert that two dictionaries of arrays agree but for rounding."""
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=rtol, atol=atol, err_msg=name)


def some_network(sizes=(D, *HIDDEN, C), M=3, seed=0, **spec):
    """Return M networks of different scales, with gammas, betas and biases away from ones and zeros."""
    inputs, *hidden, classes = sizes
    inits = [InitSpec("normal", 0.3 + 0.2 * m) for m in range(M)]
    network = Network.create(NetworkSpec(tuple(hidden), **({"dtype": "float64"} | spec)), inputs, classes, inits, seed)
    rng = np.random.default_rng(seed + 1)
    for name, array in network.parameters.items():
        if not name.startswith("W"):
            array[...] += 0.3 * rng.standard_normal(array.shape)
    return network


def some_batch(B=8, inputs=D, classes=C, seed=2):
    """Return B rows and their labels."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((B, inputs)), rng.integers(classes, size=B)
