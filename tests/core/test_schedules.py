"""The triangular cycle of Smith (2017) at the steps that the handouts name."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference import cyclic_eta

from pipeline.core.schedules import triangular
from pipeline.spec import DataSpec, TrialSpec

LOW, HIGH = np.array([1e-5, 1e-3]), np.array([1e-1, 1e-3])
CIFAR10 = DataSpec("cifar10", "d", inputs=3072, classes=10, n_train=45_000, n_val=5_000, n_test=0)


def test_the_default_cycle_has_a_step_size_of_2250_steps():
    trial = TrialSpec(CIFAR10)
    assert trial.schedule.step_size * trial.steps_per_epoch == 2250
    assert trial.schedule.epochs * trial.steps_per_epoch == 9000


@pytest.mark.parametrize("t", [0, 4500, 9000])
def test_the_learning_rate_is_at_its_minimum_at_even_multiples_of_the_step_size(t):
    assert_allclose(triangular(t, 2250, LOW, HIGH), LOW, rtol=1e-12)


@pytest.mark.parametrize("t", [2250, 6750])
def test_the_learning_rate_is_at_its_maximum_at_odd_multiples_of_the_step_size(t):
    assert_allclose(triangular(t, 2250, LOW, HIGH), HIGH, rtol=1e-12)


def test_half_way_up_and_half_way_down_it_is_at_the_mean():
    assert_allclose(triangular(1125, 2250, LOW, HIGH), [0.050005, 1e-3], rtol=1e-12)
    assert_allclose(triangular(3375, 2250, LOW, HIGH), [0.050005, 1e-3], rtol=1e-12)


@pytest.mark.parametrize("n_s", [1, 2, 7])
def test_every_step_of_two_cycles_equals_the_equations_of_the_handout(n_s):
    for t in range(4 * n_s + 1):
        expected = [cyclic_eta(t, n_s, low, high) for low, high in zip(LOW, HIGH, strict=True)]
        assert_allclose(triangular(t, n_s, LOW, HIGH), expected, rtol=1e-12)
