"""Small worlds: packs of tiny networks and the data to train them on, in float64 unless asked otherwise."""

import dataclasses

import numpy as np
from reference import Layer, Reference

from pipeline.core.layers import dropout_masks
from pipeline.core.network import Network
from pipeline.data.split import Split
from pipeline.spec import DataSpec, InitSpec, NetworkSpec, OptimizerSpec, Pack, ScheduleSpec, TrialSpec
from pipeline.train import train

D, C = 6, 3
HIDDEN = (5, 4)

EQUAL = (4,) * 6
SKIPS = {"handout": ((1, 3), (3, 5)), "overlapping": ((1, 3), (2, 4), (1, 6), (5, 6))}
VARIANTS = {
    **{f"layer norm {place}": {"batch_norm": "none", "layer_norm": place} for place in ("before", "after")},
    **{
        f"first layer alone, batch norm {place}": {"batch_norm": place, "num_bn_layers": 1}
        for place in ("before", "after")
    },
    "first layer alone, layer norm after": {"batch_norm": "none", "layer_norm": "after", "num_bn_layers": 1},
    **{
        f"{name} skips, {kind} {place}{', normalised' * treated}": {
            "hidden": EQUAL,
            "skips": skips,
            "skip_norm": treated,
            **({"batch_norm": place} if kind == "batch norm" else {"batch_norm": "none", "layer_norm": place}),
        }
        for name, skips in SKIPS.items()
        for kind, place in (
            ("batch norm", "none"),
            ("batch norm", "before"),
            ("batch norm", "after"),
            ("layer norm", "before"),
        )
        for treated in (False, True)
    },
    "all at once": {
        "hidden": EQUAL,
        "skips": SKIPS["handout"],
        "skip_norm": True,
        "num_bn_layers": 4,
        "activation": "tanh",
    },
}
"""Fields of NetworkSpec: every kind of hidden layer that is not simply those of HIDDEN with or without batch norm."""


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


OWN = ("lambda_", "l2_factor", "keep", "batch_size")


def trial(data, *, optimizer="sgd", init="he", sigma=None, schedule=None, **fields):
    """Return a trial on `data`, a Split; `fields` are OWN ones and those of NetworkSpec, `schedule` of ScheduleSpec."""
    own = {"lambda_": 0.01, "batch_size": 5} | {name: fields.pop(name) for name in OWN if name in fields}
    return TrialSpec(
        data=data.spec,
        network=NetworkSpec(**({"hidden": HIDDEN, "dtype": "float64"} | fields)),
        init=InitSpec(init, sigma),
        schedule=ScheduleSpec(**({"eta_min": 0.01, "eta_max": 0.3, "step_size": 1, "cycles": 1} | (schedule or {}))),
        optimizer=OptimizerSpec(optimizer),
        init_seed=5,
        order_seed=6,
        **own,
    )


def pack_of(base, lambdas, etas_max=None, keeps=None):
    """Return a pack of trials that differ by lambda, by initialisation and, where asked, by largest eta and by keep."""
    inits = [InitSpec("he"), InitSpec("xavier"), InitSpec("normal", 0.3)]
    trials = []
    for number, lambda_ in enumerate(lambdas):
        schedule = base.schedule
        if etas_max:
            schedule = dataclasses.replace(schedule, eta_max=etas_max[number])
        keep = keeps[number] if keeps else base.keep
        member = dataclasses.replace(base, lambda_=lambda_, init=inits[number % 3], schedule=schedule, keep=keep)
        trials.append(member)
    return Pack(tuple(trials))


def run(pack, data):
    """Train to the end; return for every epoch a plain dictionary of copies: see `photograph`."""
    return [photograph(report) for report in train(pack, data)]


def photograph(report):
    """Copy a report and its networks: what lives on in the generator may not change it."""
    picture = {name: getattr(report, name).copy() for name in ("trials", "eta", "batch_losses", "batch_accuracies")}
    for part in ("train", "val"):
        for name in ("loss", "cost", "accuracy"):
            picture[f"{part}_{name}"] = getattr(getattr(report, part), name).copy()
    return picture | {f"network.{name}": array for name, array in state(report.network).items()}


def lanes(picture, positions):
    """Return the arrays of `photograph` of the trials at these positions."""
    return {name: array[positions] for name, array in picture.items() if name != "trials"}


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
    """Return M networks of different scales, with gammas, betas and biases away from ones and zeros.

    Deep ones start larger, or nothing would be left of their gradients.
    """
    inputs, *hidden, classes = sizes
    inits = [InitSpec("normal", 0.3 + 0.2 * m + 0.3 * (len(hidden) > 3)) for m in range(M)]
    network = Network.create(NetworkSpec(tuple(hidden), **({"dtype": "float64"} | spec)), inputs, classes, inits, seed)
    rng = np.random.default_rng(seed + 1)
    for name, array in network.parameters.items():
        if not name.startswith("W"):
            array[...] += 0.3 * rng.standard_normal(array.shape)
    return network


def variant(name, **how):
    """Return some_network of one of the VARIANTS."""
    spec = VARIANTS[name] | how
    return some_network((D, *spec.pop("hidden", HIDDEN), C), **spec)


def some_masks(network, B=8, keeps=(0.5, 0.8, 1.0), seed=4):
    """Return masks for a batch of B examples; the trials keep their units with different probabilities."""
    keep = np.resize(keeps, network.size)
    return dropout_masks(np.random.default_rng(seed), keep, B, network.spec.hidden, network.spec.dtype)


def oracle_of(network, trial):
    """Return the reference with the parameters of one trial of a pack; biases that a norm subtracts again are zero."""
    p, spec, layers = network.parameters, network.spec, []
    for k in range(1, network.depth + 1):
        arrays = {name: p[f"{name}{k}"][trial].T.copy() for name in ("W", "b", "gamma", "beta") if f"{name}{k}" in p}
        missing = np.zeros(len(arrays["W"])) if "gamma" in arrays else None
        layers.append(Layer(**({"b": missing} | arrays)))
    return Reference(
        layers, spec.activation, spec.batch_norm, spec.layer_norm, spec.bn_epsilon, spec.bn_alpha, skips=spec.skips
    )


def some_batch(B=8, inputs=D, classes=C, seed=2):
    """Return B rows and their labels."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((B, inputs)), rng.integers(classes, size=B)
