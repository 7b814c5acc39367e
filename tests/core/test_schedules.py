"""Every schedule at the steps that matter, by hand; the triangular cycle as the handouts have it."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from reference import cyclic_eta

from pipeline.core.schedules import SCHEDULES, cosine, exponential, step_decay, triangular
from pipeline.spec import DataSpec, ScheduleSpec, TrialSpec

LOW, HIGH = np.array([1e-5, 1e-3]), np.array([1e-1, 1e-3])
CIFAR10 = DataSpec("cifar10", "d", inputs=3072, classes=10, n_train=45_000, n_val=5_000, n_test=0)
DEFAULT = ScheduleSpec()
PER_EPOCH = 450  # of the default trial on CIFAR-10


def rate(kind, t, per_epoch, low=0.0, **constants):
    """Return the rate at step t of a schedule that starts or ends at 1, in a run of 8 epochs."""
    spec = ScheduleSpec(kind, eta_max=1.0, step_size=2, cycles=2, **constants)
    return SCHEDULES[kind](t, spec, per_epoch, np.array([low]), np.array([1.0]))[0]


def test_the_default_cycle_has_a_step_size_of_2250_steps():
    trial = TrialSpec(CIFAR10)
    assert trial.schedule.step_size * trial.steps_per_epoch == 2250
    assert trial.schedule.epochs * trial.steps_per_epoch == 9000
    assert trial.steps_per_epoch == PER_EPOCH


@pytest.mark.parametrize("t", [0, 4500, 9000])
def test_the_learning_rate_is_at_its_minimum_at_even_multiples_of_the_step_size(t):
    assert_allclose(triangular(t, DEFAULT, PER_EPOCH, LOW, HIGH), LOW, rtol=1e-12)


@pytest.mark.parametrize("t", [2250, 6750])
def test_the_learning_rate_is_at_its_maximum_at_odd_multiples_of_the_step_size(t):
    assert_allclose(triangular(t, DEFAULT, PER_EPOCH, LOW, HIGH), HIGH, rtol=1e-12)


@pytest.mark.parametrize("t", [1125, 3375])
def test_half_way_up_and_half_way_down_it_is_at_the_mean(t):
    assert_allclose(triangular(t, DEFAULT, PER_EPOCH, LOW, HIGH), [0.050005, 1e-3], rtol=1e-12)


@pytest.mark.parametrize(("step_size", "per_epoch"), [(1, 1), (1, 2), (2, 1), (7, 1), (3, 5)])
def test_every_step_of_two_cycles_equals_the_equations_of_the_handout(step_size, per_epoch):
    spec, n_s = ScheduleSpec(step_size=step_size), step_size * per_epoch
    for t in range(4 * n_s + 1):
        expected = [cyclic_eta(t, n_s, low, high) for low, high in zip(LOW, HIGH, strict=True)]
        assert_allclose(triangular(t, spec, per_epoch, LOW, HIGH), expected, rtol=1e-12)


def test_cycles_repeat_to_the_bit():
    cycle, once, again = (
        [triangular(t, DEFAULT, 3, LOW, HIGH) for t in range(start, start + 30)] for start in (0, 30, 3000)
    )
    assert_array_equal(cycle, once)
    assert_array_equal(cycle, again)


def test_a_constant_rate_is_the_largest():
    assert {rate("constant", t, per_epoch=3) for t in range(25)} == {1.0}


@pytest.mark.parametrize(
    ("t", "expected"), [(0, 1), (5, 1), (6, 0.5), (11, 0.5), (12, 0.25), (17, 0.25), (18, 0.125), (23, 0.125)]
)
def test_step_decay_halves_with_the_first_step_of_every_other_epoch_and_at_no_other(t, expected):
    assert rate("step", t, per_epoch=3, decay=0.5, decay_every=2) == expected


@pytest.mark.parametrize(("t", "expected"), [(0, 1), (1, 0.5), (2, 0.25), (3, 0.125), (4, 1 / 16), (16, 0.25**8)])
def test_exponential_decay_has_done_a_power_of_the_decay_after_as_many_epochs_and_a_root_in_between(t, expected):
    assert_allclose(rate("exponential", t, per_epoch=2, decay=0.25), expected, rtol=1e-14)


@pytest.mark.parametrize("schedule", [step_decay, exponential])
def test_decay_stops_at_the_smallest_rate_of_every_trial(schedule):
    spec = ScheduleSpec(
        "step" if schedule is step_decay else "exponential",
        decay=0.1,
        decay_every=1 if schedule is step_decay else None,
    )
    low, high = np.array([1e-3, 0.5]), np.array([1.0, 1.0])
    assert_allclose(schedule(10, spec, 10, low, high), [0.1, 0.5], rtol=1e-14)
    for t in (30, 100, 10**6):  # the last of them is beyond all floats
        assert_allclose(schedule(t, spec, 10, low, high), low, rtol=1e-14)


@pytest.mark.parametrize(
    ("t", "height"),
    [
        (0, 0),
        (3, 1 / 2),  # half of the warm-up, which is a line
        (5, 5 / 6),
        (6, 1),  # its end
        (12, 3 / 4),  # a third of the way down: (1 + cos 60 degrees) / 2
        (15, 1 / 2),
        (18, 1 / 4),
        (23, (1 - math.cos(math.pi / 18)) / 2),  # the last step is 10 degrees before the end
        (24, 0),  # what is reported after it
    ],
)
def test_a_cosine_warms_up_for_two_of_eight_epochs_and_falls_over_the_other_six(t, height):
    eta = rate("cosine", t, per_epoch=3, low=0.2, warm_up=2)
    assert_allclose(eta, 0.2 + 0.8 * height, rtol=1e-14)


@pytest.mark.parametrize(("t", "height"), [(0, 1), (8, 3 / 4), (12, 1 / 2), (16, 1 / 4), (24, 0)])
def test_a_cosine_without_warm_up_starts_at_the_largest_rate(t, height):
    assert_allclose(rate("cosine", t, per_epoch=3, low=0.2), 0.2 + 0.8 * height, rtol=1e-14)


def test_a_cosine_falls_in_every_step_after_its_warm_up_and_once_only():
    spec = ScheduleSpec("cosine", warm_up=4, step_size=5, cycles=3)
    eta = np.array([cosine(t, spec, 5, LOW[:1], HIGH[:1])[0] for t in range(30 * 5 + 1)])
    assert (np.diff(eta)[:20] > 0).all()
    assert (np.diff(eta)[20:] < 0).all()
