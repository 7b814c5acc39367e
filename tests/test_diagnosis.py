"""What is measured beside trials: chance level by hand, and the very networks that training starts from."""

import dataclasses
import math

import numpy as np
import pytest
import small

from pipeline.core.spread import layer_spreads
from pipeline.diagnosis import ROWS, chance_level, initial_spreads
from pipeline.records import Status, TrialRecord
from pipeline.spec import InitSpec, TrialSpec
from pipeline.train import train


def test_the_best_constant_guess_is_the_most_frequent_class() -> None:
    chance = chance_level(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1, 2]))
    assert chance.accuracy == 3 / 5
    assert chance.loss == pytest.approx(math.log(2))


def test_equally_frequent_classes_give_one_over_c_and_ln_c() -> None:
    labels = np.arange(100) % 10
    chance = chance_level(labels, labels)
    assert chance.accuracy == 0.1
    assert chance.loss == pytest.approx(math.log(10), rel=1e-15)


def test_no_constant_guess_has_a_smaller_loss_on_the_training_rows() -> None:
    labels = np.array([0] * 6 + [1] * 3 + [2])
    loss = chance_level(labels, labels).loss
    guesses = np.random.default_rng(0).dirichlet([6, 3, 1], size=500)
    assert (-np.log(guesses[:, labels]).mean(axis=1) >= loss).all()
    assert -np.log(np.array([0.6, 0.3, 0.1]))[labels].mean() == pytest.approx(loss)


def record(spec: TrialSpec, replicate: int = 0) -> TrialRecord:
    return TrialRecord("grid", 0, 0, replicate, spec, Status.COMPLETE)


@pytest.mark.parametrize("norm", ["none", "before", "after"])
def test_spreads_are_those_of_the_networks_that_training_starts_from(norm: str) -> None:
    data = small.split(n_train=1200)
    base = small.trial(data, batch_norm=norm)
    pack = small.pack_of(base, [0.1, 0.1])  # one by He, one by Xavier
    started = next(train(pack, data)).network
    expected = layer_spreads(started, data.x_train[:ROWS], data.y_train[:ROWS])
    spreads = list(initial_spreads([record(trial, 3) for trial in pack.trials], data))
    assert [(spread.init.scheme, spread.batch_norm, spread.replicate) for spread in spreads] == [
        ("he", norm, 3),
        ("xavier", norm, 3),
    ]
    for place, spread in enumerate(spreads):
        np.testing.assert_allclose(spread.activations, expected.activations[place], rtol=1e-12)
        np.testing.assert_allclose(spread.gradients, expected.gradients[place], rtol=1e-12)


def test_numbers_too_large_for_their_precision_have_no_spread() -> None:
    data = small.split()
    specs = [
        small.trial(data, init="normal", sigma=sigma, dtype="float32", batch_norm="none") for sigma in (0.1, 1e30, 1e37)
    ]
    [spread] = initial_spreads(map(record, specs), data)
    assert spread.init == InitSpec("normal", 0.1)


def test_another_seed_is_another_network() -> None:
    data = small.split()
    spec = small.trial(data)
    one, same, other = initial_spreads(map(record, [spec, spec, dataclasses.replace(spec, init_seed=6)]), data)
    assert one == same != other
