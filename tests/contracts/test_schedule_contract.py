"""What every entry of SCHEDULES promises; a new one is tested by entering it."""

import dataclasses
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.core.schedules import SCHEDULES
from pipeline.errors import ConfigError
from pipeline.spec import SCHEDULES as NAMES
from pipeline.spec import ScheduleSpec

LOW = np.array([1e-5, 1e-3, 0.1])
HIGH = np.array([1e-1, 1.0, 0.1])
PER_EPOCH = 7
NEEDS = {"step": {"decay": 0.5, "decay_every": 2}, "exponential": {"decay": 0.6}, "cosine": {"warm_up": 3}}
"""The constants that an entry takes."""

every_schedule = pytest.mark.parametrize("kind", SCHEDULES)


def some_spec(kind):
    return ScheduleSpec(kind, step_size=3, cycles=2, **NEEDS.get(kind, {}))


def steps(spec):
    """Return all steps of a run, and the one after the last, whose rate is reported."""
    return range(spec.epochs * PER_EPOCH + 1)


def rates(kind, low=LOW, high=HIGH):
    """Return the learning rates of a whole run, one step a row."""
    spec = some_spec(kind)
    return np.array([SCHEDULES[kind](t, spec, PER_EPOCH, low, high) for t in steps(spec)])


def test_specifications_may_name_exactly_the_entries():
    assert set(SCHEDULES) == set(NAMES)


@every_schedule
def test_rates_are_positive_and_within_their_bounds(kind):
    eta = rates(kind)
    assert (eta > 0).all()
    assert (eta >= LOW * (1 - 1e-12)).all()
    assert (eta <= HIGH * (1 + 1e-12)).all()


@every_schedule
def test_the_largest_rate_is_reached(kind):
    assert_allclose(rates(kind).max(axis=0), HIGH, rtol=1e-12)


@every_schedule
def test_every_trial_follows_its_own_bounds(kind):
    together = rates(kind)
    assert together.shape == (len(steps(some_spec(kind))), 3)
    for m in range(3):
        assert_array_equal(rates(kind, LOW[[m]], HIGH[[m]]), together[:, [m]])


@every_schedule
def test_equal_bounds_are_a_constant_rate(kind):
    assert_allclose(rates(kind)[:, 2], 0.1, rtol=1e-12)


@every_schedule
def test_a_rate_is_a_function_of_its_step_so_that_a_run_can_be_taken_up_anywhere(kind):
    spec = some_spec(kind)
    backwards = [SCHEDULES[kind](t, spec, PER_EPOCH, LOW, HIGH) for t in reversed(steps(spec))]
    assert_array_equal(np.array(backwards[::-1]), rates(kind))


@every_schedule
def test_a_constant_is_stated_in_epochs_whatever_their_number_of_steps(kind):
    spec = some_spec(kind)
    for epoch in range(spec.epochs + 1):
        few, many = (SCHEDULES[kind](epoch * n, spec, n, LOW, HIGH) for n in (1, 450))
        assert_allclose(few, many, rtol=1e-9)


@every_schedule
def test_the_type_of_the_bounds_is_kept_and_they_are_not_touched(kind):
    low, high = LOW.astype(np.float32), HIGH.astype(np.float32)
    spec = some_spec(kind)
    for t in steps(spec):
        eta = SCHEDULES[kind](t, spec, PER_EPOCH, low, high)
        assert eta.dtype == np.float32
        eta += 1
    assert_array_equal(low, LOW.astype(np.float32))
    assert_array_equal(high, HIGH.astype(np.float32))


@every_schedule
@pytest.mark.parametrize(("constant", "value"), [("decay", 0.9), ("decay_every", 5), ("warm_up", 1)])
def test_a_constant_that_a_schedule_takes_makes_a_difference_and_others_are_refused(kind, constant, value):
    constants = NEEDS.get(kind, {})
    if constant not in constants:
        with pytest.raises(ConfigError, match=f"not to {kind}, got {value}"):
            ScheduleSpec(kind, **constants, **{constant: value})
        return
    other = dataclasses.replace(some_spec(kind), **{constant: value})
    changed = [SCHEDULES[kind](t, other, PER_EPOCH, LOW, HIGH) for t in steps(other)]
    assert not np.array_equal(changed, rates(kind))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "cosin"}, "schedule must be one of triangular, .*, got 'cosin'; did you mean 'cosine'?"),
        ({"kind": "Step"}, "schedule must be one of triangular, .*, got 'Step'; did you mean 'step'?"),
        (
            {"kind": "step", "decay": 0.5},
            "decay every must be a positive number of epochs with schedule step, got None",
        ),
        (
            {"kind": "step", "decay": 0.5, "decay_every": 0},
            "decay every must be a positive number of epochs with schedule step, got 0",
        ),
        ({"kind": "step", "decay_every": 2}, "decay must be a factor in (0, 1] with schedule step, got None"),
        ({"kind": "exponential"}, "decay must be a factor in (0, 1] with schedule exponential, got None"),
        ({"kind": "exponential", "decay": 0.0}, "decay must be a factor in (0, 1] with schedule exponential, got 0.0"),
        ({"kind": "exponential", "decay": 1.1}, "decay must be a factor in (0, 1] with schedule exponential, got 1.1"),
        (
            {"kind": "exponential", "decay": float("nan")},
            "decay must be a factor in (0, 1] with schedule exponential, got nan",
        ),
        ({"kind": "cosine", "decay": 0.5}, "decay belongs to schedule step or exponential, not to cosine, got 0.5"),
        ({"decay": 0.5}, "decay belongs to schedule step or exponential, not to triangular, got 0.5"),
        (
            {"kind": "exponential", "decay": 0.5, "decay_every": 2},
            "decay every belongs to schedule step, not to exponential, got 2",
        ),
        ({"kind": "constant", "warm_up": 1}, "warm up belongs to schedule cosine, not to constant, got 1"),
        ({"kind": "cosine", "warm_up": 20}, "warm up must be epochs, fewer than the 20 of the run, got 20"),
        ({"kind": "cosine", "warm_up": -1}, "warm up must be epochs, fewer than the 20 of the run, got -1"),
        ({"eta_min": 0.2}, "eta min must not exceed eta max, got (0.2, 0.1)"),
        ({"eta_min": 0.0}, "eta min must be a positive number, got 0.0"),
        ({"kind": "constant", "eta_max": float("inf")}, "eta max must be a positive number, got inf"),
        ({"step_size": 0}, "step size (epochs) must be a positive integer, got 0"),
        ({"cycles": 0}, "cycles must be a positive integer, got 0"),
    ],
)
def test_a_bad_schedule_is_refused_in_one_line(fields, message):
    with pytest.raises(ConfigError) as caught:
        ScheduleSpec(**fields)
    assert re.fullmatch(re.escape(message).replace(r"\.\*", ".*"), str(caught.value))


@pytest.mark.parametrize("fields", [{"kind": "exponential", "decay": 1.0}, {"kind": "cosine", "warm_up": 19}])
def test_the_last_values_within_the_rules_are_taken(fields):
    assert ScheduleSpec(**fields)
