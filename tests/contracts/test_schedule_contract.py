"""What every entry of SCHEDULES promises; a new one is tested by entering it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.core.schedules import SCHEDULES
from pipeline.spec import SCHEDULES as NAMES

LOW = np.array([1e-5, 1e-3, 0.1])
HIGH = np.array([1e-1, 1.0, 0.1])
N_S = 7
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)


def rates(schedule, low=LOW, high=HIGH):
    """Return the learning rates of three cycles, one step a row."""
    return np.array([schedule(t, N_S, low, high) for t in range(6 * N_S)])


def test_specifications_may_name_exactly_the_entries():
    assert set(SCHEDULES) == set(NAMES)


@every_schedule
def test_rates_are_positive_and_within_their_bounds(schedule):
    eta = rates(schedule)
    assert (eta > 0).all()
    assert (eta >= LOW * (1 - 1e-12)).all()
    assert (eta <= HIGH * (1 + 1e-12)).all()


@every_schedule
def test_rates_repeat_after_two_step_sizes(schedule):
    eta = rates(schedule)
    assert_array_equal(eta[2 * N_S :], eta[: -2 * N_S])


@every_schedule
def test_every_trial_follows_its_own_bounds(schedule):
    together = rates(schedule)
    assert together.shape == (6 * N_S, 3)
    for m in range(3):
        assert_array_equal(rates(schedule, LOW[[m]], HIGH[[m]]), together[:, [m]])


@every_schedule
def test_equal_bounds_are_a_constant_rate(schedule):
    assert_allclose(rates(schedule)[:, 2], 0.1, rtol=1e-12)


@every_schedule
def test_the_type_of_the_network_is_kept_and_the_bounds_are_not_touched(schedule):
    low, high = LOW.astype(np.float32), HIGH.astype(np.float32)
    eta = schedule(0, N_S, low, high)
    eta += 1
    assert eta.dtype == np.float32
    assert_array_equal(low, LOW.astype(np.float32))
    assert_array_equal(high, HIGH.astype(np.float32))
