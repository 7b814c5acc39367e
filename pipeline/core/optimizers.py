"""Optimizers as pairs of functions: `init` makes the state, `update` changes parameters and state in place.

States are dictionaries of arrays with a leading trial axis M, so that trials can be dropped from them as from the
parameters. They have the type of the network, but for Adam's counter of steps, "t" (M,): powers of it are taken, in
float64. A new optimizer is two functions and one table entry.

A gradient is an array, or that of a weight matrix in factors, which also know the penalty. Only AdamW asks for the
difference: an array is to it the gradient of a parameter without a penalty, such as a bias, gamma or beta.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from pipeline.core.affine import Array, Gradient, WeightGradient, as_array
from pipeline.spec import OptimizerSpec

Parameters = dict[str, Array]
State = dict[str, Array]


class Optimizer(NamedTuple):
    """init(parameters) -> state; update(parameters, gradients, state, eta (M,), constants).

    `update` takes one step, with the learning rates eta of the trials; it reads the gradients and changes the rest.
    `by_factors` says that it leaves weight gradients in factors, so that W1 may be scaled (`Network.scaled`).
    """

    init: Callable[[Parameters], State]
    update: Callable[[Parameters, Mapping[str, Gradient], State, Array, OptimizerSpec], None]
    by_factors: bool = False


def per_trial(values: Array, like: Array) -> Array:
    """Return (M,) values shaped to multiply arrays with M as the first of `like`'s axes, in its precision."""
    return values.reshape(-1, *[1] * (like.ndim - 1)).astype(like.dtype, copy=False)


def _sgd(
    parameters: Parameters, gradients: Mapping[str, Gradient], _state: State, eta: Array, _constants: OptimizerSpec
) -> None:
    """Set W -= eta * g."""
    for name, gradient in gradients.items():
        if isinstance(gradient, WeightGradient):
            gradient.add_to(parameters[name], -eta)
        else:
            parameters[name] -= per_trial(eta, gradient) * gradient


def _momentum(
    parameters: Parameters, gradients: Mapping[str, Gradient], state: State, eta: Array, constants: OptimizerSpec
) -> None:
    """Set v = rho * v + eta * g; W -= v (DD2424; the sign of v differs in CS231n, the steps do not)."""
    for name, gradient in gradients.items():
        velocity = state[name]
        velocity *= constants.momentum
        velocity += per_trial(eta, velocity) * as_array(gradient)
        parameters[name] -= velocity


def _nesterov(
    parameters: Parameters, gradients: Mapping[str, Gradient], state: State, eta: Array, constants: OptimizerSpec
) -> None:
    """Set v = rho * v + eta * g; W -= rho * v + eta * g (Sutskever et al. 2013, in the variables of CS231n)."""
    for name, gradient in gradients.items():
        velocity = state[name]
        step = per_trial(eta, velocity) * as_array(gradient)
        velocity *= constants.momentum
        velocity += step
        parameters[name] -= constants.momentum * velocity + step


def _adagrad(
    parameters: Parameters, gradients: Mapping[str, Gradient], state: State, eta: Array, constants: OptimizerSpec
) -> None:
    """Set s += g^2; W -= eta * g / (sqrt(s) + epsilon) (Duchi, Hazan and Singer 2011)."""
    for name, gradient in gradients.items():
        squares, g = state[name], as_array(gradient)
        squares += g * g
        parameters[name] -= per_trial(eta, g) * g / (np.sqrt(squares) + constants.epsilon)


def _rmsprop(
    parameters: Parameters, gradients: Mapping[str, Gradient], state: State, eta: Array, constants: OptimizerSpec
) -> None:
    """Set s = d * s + (1 - d) * g^2; W -= eta * g / (sqrt(s) + epsilon) (Tieleman and Hinton 2012)."""
    for name, gradient in gradients.items():
        squares, g = state[name], as_array(gradient)
        squares *= constants.decay_rate
        squares += (1 - constants.decay_rate) * g * g
        parameters[name] -= per_trial(eta, g) * g / (np.sqrt(squares) + constants.epsilon)


def _adam(
    parameters: Parameters, gradients: Mapping[str, Gradient], state: State, eta: Array, constants: OptimizerSpec
) -> None:
    """Take the step of Adam (Kingma and Ba 2015, algorithm 1); the penalty is part of the gradient."""
    state["t"] += 1
    for name, gradient in gradients.items():
        parameters[name] -= _adam_step(name, as_array(gradient), state, eta, constants)


def _adamw(
    parameters: Parameters, gradients: Mapping[str, Gradient], state: State, eta: Array, constants: OptimizerSpec
) -> None:
    """Take the step of Adam for the loss alone, and W -= eta * decay * W (Loshchilov and Hutter 2019, algorithm 2)."""
    state["t"] += 1
    for name, gradient in gradients.items():
        if not isinstance(gradient, WeightGradient):
            parameters[name] -= _adam_step(name, gradient, state, eta, constants)
            continue
        step = _adam_step(name, gradient.of_loss(), state, eta, constants)
        parameters[name] *= per_trial(1 - eta * gradient.decay, step)
        parameters[name] -= step


def _adam_step(name: str, g: Array, state: State, eta: Array, constants: OptimizerSpec) -> Array:
    """Take `g` into both moments of a parameter and return what to subtract from it; state["t"] counts the steps.

    The corrections of both moments are folded into the learning rate and into the root.
    """
    first, second, t = state[f"first {name}"], state[f"second {name}"], state["t"]
    first *= constants.beta1
    first += (1 - constants.beta1) * g
    second *= constants.beta2
    second += (1 - constants.beta2) * g * g
    root = np.sqrt(second) * per_trial(1 / np.sqrt(1 - constants.beta2**t), g)
    root += constants.epsilon
    step: Array = per_trial(eta / (1 - constants.beta1**t), g) * first / root
    return step


def _zeros(parameters: Parameters) -> State:
    return {name: np.zeros_like(values) for name, values in parameters.items()}


def _adam_state(parameters: Parameters) -> State:
    moments = {
        f"{moment} {name}": zeros for moment in ("first", "second") for name, zeros in _zeros(parameters).items()
    }
    return {"t": np.zeros(len(next(iter(parameters.values())))), **moments}


OPTIMIZERS: Mapping[str, Optimizer] = {
    "sgd": Optimizer(lambda _: {}, _sgd, by_factors=True),
    "momentum": Optimizer(_zeros, _momentum),
    "nesterov": Optimizer(_zeros, _nesterov),
    "adagrad": Optimizer(_zeros, _adagrad),
    "rmsprop": Optimizer(_zeros, _rmsprop),
    "adam": Optimizer(_adam_state, _adam),
    "adamw": Optimizer(_adam_state, _adamw),
}
