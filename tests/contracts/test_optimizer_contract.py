"""What every entry of OPTIMIZERS promises; a new one is tested by entering it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small import assert_close, assert_same_bits

from pipeline.core.affine import WeightGradient, laid_wide
from pipeline.core.optimizers import OPTIMIZERS
from pipeline.errors import ConfigError
from pipeline.spec import OPTIMIZERS as NAMES
from pipeline.spec import OptimizerSpec

M = 3
CURVATURE = np.array([0.5, 1.0, 4.0])  # of each trial's quadratic, curvature / 2 * |W|^2
SMALL, LARGE = np.array([0.02, 0.05, 0.01]), np.array([0.1, 0.2, 0.1])  # learning rates
DECOUPLED = {"adamw"}
"""Those that keep the penalty out of what they adapt to; all others take it for a part of the gradient."""

every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


def some_parameters(dtype="float64"):
    rng = np.random.default_rng(0)
    return {
        "W1": laid_wide(rng.standard_normal((M, 4, 3)).astype(dtype)),
        "b1": rng.standard_normal((M, 3)).astype(dtype),
    }


def cost(parameters):
    return sum((array**2).reshape(M, -1).sum(axis=1) for array in parameters.values()) * CURVATURE / 2


def copied(arrays, trials=slice(None)):
    return {key: array[trials].copy("K") for key, array in arrays.items()}


def descend(name, parameters, state, steps, *, trials=slice(None), eta=SMALL):
    """Take steps on the quadratic of the given trials."""
    for _ in range(steps):
        gradients = {
            key: CURVATURE[trials].reshape(-1, *[1] * (array.ndim - 1)).astype(array.dtype) * array
            for key, array in parameters.items()
        }
        OPTIMIZERS[name].update(
            parameters, gradients, state, eta[trials].astype(parameters["b1"].dtype), OptimizerSpec(name)
        )


def test_specifications_may_name_exactly_the_entries():
    assert set(OPTIMIZERS) == set(NAMES)


@every_optimizer
def test_the_first_step_goes_down(name):
    parameters = some_parameters()
    start = cost(parameters)
    descend(name, parameters, OPTIMIZERS[name].init(parameters), 1)
    assert (cost(parameters) < start).all()


@every_optimizer
def test_many_steps_go_far(name):
    parameters = some_parameters()
    start = cost(parameters)
    descend(name, parameters, OPTIMIZERS[name].init(parameters), 300, eta=LARGE)
    assert (cost(parameters) < 0.05 * start).all()


@every_optimizer
def test_every_array_of_the_state_has_a_leading_trial_axis_and_the_type_of_the_network(name):
    parameters = some_parameters("float32")
    state = OPTIMIZERS[name].init(parameters)
    descend(name, parameters, state, 2)
    assert {len(array) for array in state.values()} <= {M}
    counter = state.pop("t", np.zeros(M))  # of steps, which goes into powers
    assert (counter.dtype, counter.shape) == (np.float64, (M,))
    assert {array.dtype for array in [*state.values(), *parameters.values()]} == {np.dtype("float32")}


@every_optimizer
def test_parameters_change_in_place_and_the_state_is_no_view_of_them(name):
    parameters = some_parameters()
    state = OPTIMIZERS[name].init(parameters)
    same, start = dict(parameters), copied(parameters)
    descend(name, parameters, state, 1)
    for key, array in parameters.items():
        assert array is same[key]
        assert (array != start[key]).all()
        assert not any(np.shares_memory(array, other) for other in state.values())


@every_optimizer
def test_a_trial_alone_makes_the_steps_that_it_makes_in_a_pack(name):
    packed = some_parameters()
    alone = [copied(packed, [m]) for m in range(M)]
    descend(name, packed, OPTIMIZERS[name].init(packed), 10)
    for m in range(M):
        descend(name, alone[m], OPTIMIZERS[name].init(alone[m]), 10, trials=[m])
        assert_close(alone[m], copied(packed, [m]))


@every_optimizer
def test_trials_dropped_from_parameters_and_state_leave_the_others_steps_as_they_are(name):
    packed = some_parameters()
    state = OPTIMIZERS[name].init(packed)
    descend(name, packed, state, 5)
    kept, kept_state = (copied(arrays, [2, 0]) for arrays in (packed, state))
    descend(name, packed, state, 5)
    descend(name, kept, kept_state, 5, trials=[2, 0])
    assert_close(kept, copied(packed, [2, 0]))
    assert_close(kept_state, copied(state, [2, 0]))


@every_optimizer
def test_whoever_keeps_parameters_and_state_goes_on_to_the_bit(name):
    straight = some_parameters()
    state = OPTIMIZERS[name].init(straight)
    descend(name, straight, state, 5)
    resumed, resumed_state = copied(straight), copied(state)
    descend(name, straight, state, 5)
    descend(name, resumed, resumed_state, 5)
    assert_same_bits(resumed, straight)
    assert_same_bits(resumed_state, state)


@every_optimizer
def test_a_lane_of_numbers_that_are_not_finite_changes_no_bit_of_its_neighbours(name):
    healthy, sick = some_parameters("float32"), some_parameters("float32")
    sick["W1"][1], sick["b1"][1] = np.inf, np.nan
    with np.errstate(all="ignore"):
        for parameters in (healthy, sick):
            descend(name, parameters, OPTIMIZERS[name].init(parameters), 5)
    assert_same_bits(copied(sick, [0, 2]), copied(healthy, [0, 2]))


@every_optimizer
def test_a_learning_rate_of_zero_changes_nothing_and_gradients_are_only_read(name):
    parameters = some_parameters()
    gradients = {key: np.ones_like(array) for key, array in parameters.items()}
    start, kept = copied(parameters), copied(gradients)
    state = OPTIMIZERS[name].init(parameters)
    OPTIMIZERS[name].update(parameters, gradients, state, np.zeros(M), OptimizerSpec(name))
    assert_same_bits(parameters, start)
    for key, gradient in gradients.items():
        assert_array_equal(gradient, kept[key])


def factored_and_formed(name, decay):
    """Return where two steps lead with the same gradient in factors and as an array."""
    rng = np.random.default_rng(0)
    x, g, start = rng.standard_normal((4, 3)), rng.standard_normal((2, 4, 2)), rng.standard_normal((2, 3, 2))
    results = []
    for formed in (False, True):
        parameters = {"W1": laid_wide(start)}
        state = OPTIMIZERS[name].init(parameters)
        for eta in (np.array([0.1, 0.2]), np.array([0.3, 0.4])):
            gradient = WeightGradient(x, laid_wide(g), parameters["W1"], np.array(decay))
            gradients = {"W1": gradient.array() if formed else gradient}
            OPTIMIZERS[name].update(parameters, gradients, state, eta, OptimizerSpec(name))
        results.append(parameters["W1"])
    return results


@every_optimizer
def test_a_gradient_in_factors_and_the_same_gradient_formed_make_the_same_step(name):
    assert_allclose(*factored_and_formed(name, [0.0, 0.0]), rtol=1e-13)


@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - DECOUPLED))
def test_the_penalty_is_a_part_of_the_gradient(name):
    assert_allclose(*factored_and_formed(name, [0.0, 0.5]), rtol=1e-13)


@pytest.mark.parametrize("name", sorted(DECOUPLED))
def test_a_decoupled_penalty_needs_the_factors(name):
    factored, formed = factored_and_formed(name, [0.0, 0.5])
    assert_allclose(factored[0], formed[0], rtol=1e-13)  # the first trial has no penalty
    assert (abs(factored[1] - formed[1]) > 1e-3).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "adamW"}, ", got 'adamW'; did you mean 'adamw'?"),
        ({"name": "nesterow"}, ", got 'nesterow'; did you mean 'nesterov'?"),
        ({"name": "rms_prop"}, ", got 'rms_prop'; did you mean 'rmsprop'?"),
        ({"name": "adam", "beta1": 1.0}, "beta1 must lie in [0, 1), got 1.0"),
        ({"name": "adam", "beta2": 1.0}, "beta2 must lie in [0, 1), got 1.0"),
        ({"name": "adamw", "beta1": -0.1}, "beta1 must lie in [0, 1), got -0.1"),
        ({"name": "adam", "beta2": float("nan")}, "beta2 must lie in [0, 1), got nan"),
        ({"name": "momentum", "momentum": 1.0}, "momentum must lie in [0, 1), got 1.0"),
        ({"name": "rmsprop", "decay_rate": 1.5}, "decay rate must lie in [0, 1), got 1.5"),
        ({"name": "adam", "epsilon": 0.0}, "optimizer epsilon must be a positive number, got 0.0"),
    ],
)
def test_a_bad_optimizer_is_refused_in_one_line(fields, message):
    with pytest.raises(ConfigError) as caught:
        OptimizerSpec(**fields)
    listed = f"optimizer must be one of {', '.join(NAMES)}" if message.startswith(",") else ""
    assert str(caught.value) == listed + message
