"""What every entry of OPTIMIZERS promises; a new one is tested by entering it."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from small import assert_close, assert_same_bits

from pipeline.core.affine import laid_wide
from pipeline.core.optimizers import OPTIMIZERS
from pipeline.spec import OPTIMIZERS as NAMES
from pipeline.spec import OptimizerSpec

M = 3
CURVATURE = np.array([0.5, 1.0, 4.0])  # of each trial's quadratic, curvature / 2 * |W|^2
ETA = np.array([0.02, 0.05, 0.01])
every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


def some_parameters(dtype="float64"):
    rng = np.random.default_rng(0)
    return {
        "W1": laid_wide(rng.standard_normal((M, 4, 3)).astype(dtype)),
        "b1": rng.standard_normal((M, 3)).astype(dtype),
    }


def cost(parameters):
    return sum((array**2).reshape(M, -1).sum(axis=1) for array in parameters.values()) * CURVATURE / 2


def descend(name, parameters, state, steps, trials=slice(None)):
    """Take steps on the quadratic of the given trials."""
    for _ in range(steps):
        gradients = {
            key: CURVATURE[trials].reshape(-1, *[1] * (array.ndim - 1)).astype(array.dtype) * array
            for key, array in parameters.items()
        }
        eta = ETA[trials].astype(parameters["b1"].dtype)
        OPTIMIZERS[name].update(parameters, gradients, state, eta, OptimizerSpec(name))


def test_specifications_may_name_exactly_the_entries():
    assert set(OPTIMIZERS) == set(NAMES)


@every_optimizer
def test_the_first_step_goes_down_and_many_steps_go_far(name):
    parameters = some_parameters()
    start = cost(parameters)
    state = OPTIMIZERS[name].init(parameters)
    descend(name, parameters, state, 1)
    assert (cost(parameters) < start).all()
    descend(name, parameters, state, 200)
    assert (cost(parameters) < 0.2 * start).all()


@every_optimizer
def test_every_array_of_the_state_has_a_leading_trial_axis_and_the_type_of_the_network(name):
    parameters = some_parameters("float32")
    state = OPTIMIZERS[name].init(parameters)
    descend(name, parameters, state, 2)
    assert {len(array) for array in state.values()} <= {M}
    assert {array.dtype for array in [*state.values(), *parameters.values()]} == {np.dtype("float32")}


@every_optimizer
def test_parameters_change_in_place_and_the_state_is_no_view_of_them(name):
    parameters = some_parameters()
    state = OPTIMIZERS[name].init(parameters)
    same, start = dict(parameters), {key: array.copy() for key, array in parameters.items()}
    descend(name, parameters, state, 1)
    for key, array in parameters.items():
        assert array is same[key]
        assert (array != start[key]).all()
        assert not any(np.shares_memory(array, other) for other in state.values())


@every_optimizer
def test_a_trial_alone_makes_the_steps_that_it_makes_in_a_pack(name):
    packed = some_parameters()
    alone = [{key: array[[m]] for key, array in packed.items()} for m in range(M)]
    descend(name, packed, OPTIMIZERS[name].init(packed), 10)
    for m in range(M):
        descend(name, alone[m], OPTIMIZERS[name].init(alone[m]), 10, trials=[m])
        assert_close(alone[m], {key: array[[m]] for key, array in packed.items()})


@every_optimizer
def test_trials_dropped_from_parameters_and_state_leave_the_others_steps_as_they_are(name):
    packed = some_parameters()
    state = OPTIMIZERS[name].init(packed)
    descend(name, packed, state, 5)
    kept, kept_state = ({key: array[[2, 0]] for key, array in arrays.items()} for arrays in (packed, state))
    descend(name, packed, state, 5)
    descend(name, kept, kept_state, 5, trials=[2, 0])
    assert_close(kept, {key: array[[2, 0]] for key, array in packed.items()})


@every_optimizer
def test_a_learning_rate_of_zero_changes_nothing(name):
    parameters = some_parameters()
    start = {key: array.copy() for key, array in parameters.items()}
    gradients = {key: np.ones_like(array) for key, array in parameters.items()}
    kept = {key: array.copy() for key, array in gradients.items()}
    state = OPTIMIZERS[name].init(parameters)
    OPTIMIZERS[name].update(parameters, gradients, state, np.zeros(M), OptimizerSpec(name))
    assert_same_bits(parameters, start)
    for key, gradient in gradients.items():
        assert_array_equal(gradient, kept[key])
