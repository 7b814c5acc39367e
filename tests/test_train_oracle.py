"""Training a pack of one is the oracle: every parameter, average and measurement, in float64."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference import Reference, cut, cyclic_eta, dropped, initial_layers, under
from small import EQUAL, SKIPS, VARIANTS, C, D, split, trial

from pipeline.spec import ACTIVATIONS, BATCH_NORM, Pack
from pipeline.train import train

DATA = split()  # 23 rows: with batches of 5 the last one holds 3, and two epochs are 10 steps
STARTS = {"first_batch": None, "zeros": (0.0, 0.0), "standard": (0.0, 1.0)}

CASES = [
    *({"batch_norm": norm, "optimizer": optimizer} for norm in BATCH_NORM for optimizer in ("sgd", "momentum")),
    *({"activation": activation, "batch_norm": "after"} for activation in ACTIVATIONS),
    *({"hidden": hidden} for hidden in ((), (7,), (5, 4, 3))),
    {"init": "xavier", "lambda_": 0.0},
    {"init": "normal", "sigma": 0.5, "lambda_": 0.2},
    {"batch_size": 22, "schedule": {"step_size": 5}},  # the 23rd row joins the only batch
    {"batch_size": 11, "schedule": {"cycles": 2}},
    {"bn_alpha": 0.5, "bn_epsilon": 0.1},
    *({"bn_start": start, "bn_epsilon": 0.1} for start in ("zeros", "standard")),
    {"keep": 0.6},
    {"keep": 0.3, "hidden": (5, 4, 3), "batch_norm": "after", "optimizer": "momentum"},
    {"keep": 0.8, "batch_norm": "none", "layer_norm": "before", "activation": "tanh"},
    {"lambda_": 0.2, "l2_factor": 0.5},
    {
        "hidden": EQUAL,
        "skips": SKIPS["handout"],
        "keep": 0.9,
        "l2_factor": 0.5,
        "bn_start": "standard",
        "num_bn_layers": 4,
    },
]


def named(case):
    return ", ".join(f"{name} {value}" for name, value in case.items())


@pytest.mark.parametrize("case", CASES, ids=named)
def test_one_trial_equals_the_oracle_in_every_parameter_average_and_measurement(case):
    assert_trains_like_the_oracle(trial(DATA, **case))


@pytest.mark.parametrize("name", VARIANTS)
def test_one_trial_of_every_variant_equals_the_oracle(name):
    # rounding grows where norms divide by small deviations, seven layers deep: fewer do with such an epsilon and batch
    calm = {"bn_epsilon": 0.01, "batch_size": 11, "schedule": {"eta_max": 0.1, "cycles": 2}}
    assert_trains_like_the_oracle(trial(DATA, **calm | VARIANTS[name]))


def oracle_of(spec):
    """Return the oracle of a trial, untrained."""
    network, bare = spec.network, set() if spec.network.skip_norm else under(spec.network.skips)
    depth = len(network.hidden) if network.num_bn_layers is None else network.num_bn_layers
    normalised = range(1, depth + 1) if (network.batch_norm, network.layer_norm) != ("none", "none") else ()
    sizes = (D, *network.hidden, C)
    layers = initial_layers(sizes, spec.init.scheme, spec.init.sigma, spec.init_seed, normalised=normalised, bare=bare)
    return Reference(
        layers, network.activation, network.batch_norm, network.layer_norm, network.bn_epsilon, network.bn_alpha,
        STARTS[network.bn_start], network.skips,
    )  # fmt: skip


def assert_trains_like_the_oracle(spec):
    oracle, network, schedule = oracle_of(spec), spec.network, spec.schedule
    lambda_ = spec.lambda_ * spec.l2_factor
    rows = [DATA.x_train.astype(float), DATA.y_train, DATA.x_val.astype(float), DATA.y_val]
    rho = 0.9 if spec.optimizer.name == "momentum" else 0.0
    order, noise, step = np.random.default_rng(spec.order_seed), np.random.default_rng([spec.order_seed, 1]), 0

    for report in train(Pack((spec,)), DATA):
        passed = []
        if report.epoch:
            mini_batches = cut(order.permutation(23), spec.batch_size)
            n_s = schedule.step_size * len(mini_batches)
            for batch in mini_batches:
                eta = cyclic_eta(step, n_s, schedule.eta_min, schedule.eta_max)
                masks = dropped(noise, spec.keep, len(batch), network.hidden) if spec.keep < 1 else None
                passed += [oracle.step(rows[0][batch], rows[1][batch], eta, lambda_, rho=rho, masks=masks)]
                step += 1
            assert_allclose(report.eta, [cyclic_eta(step, n_s, schedule.eta_min, schedule.eta_max)], rtol=1e-9)
        assert (report.step, report.trials.tolist(), report.diverged) == (step, [0], ())
        assert_allclose(report.batch_losses, [[loss for loss, _ in passed]], rtol=1e-10)
        assert_allclose(report.batch_accuracies, [[accuracy for _, accuracy in passed]], rtol=1e-15)
        statistics = None if report.epoch else oracle.batch_statistics(rows[0])
        for part, x, y in (("train", *rows[:2]), ("val", *rows[2:])):
            measured = getattr(report, part)
            expected = oracle.evaluate(x, y, lambda_, statistics)
            assert_allclose(np.ravel([measured.loss, measured.cost, measured.accuracy]), expected, rtol=1e-10)
        assert_oracle_has(report.network, oracle)
    assert report.epoch == schedule.epochs


def assert_oracle_has(network, oracle):
    for name, array in network.parameters.items():
        expected = getattr(oracle.layers[int(name[-1]) - 1], name[:-1]).T
        assert_allclose(array[0], expected, rtol=1e-10, atol=1e-13, err_msg=name)
    for number, layer in enumerate(oracle.layers, start=1):
        moments = network.averages.get(number)
        assert (moments is None) == (layer.average is None)
        if moments is not None:
            assert_allclose([moments.mean[0], moments.variance[0]], layer.average, rtol=1e-10, atol=1e-14)
        if layer.b is not None and f"b{number}" not in network.parameters:
            assert_allclose(layer.b, 0, atol=1e-13)  # the biases that the core leaves out have stayed at zero
