"""Optimizers as pairs of functions: `init` makes the state, `update` changes parameters and state in place.

States are dictionaries of arrays with a leading trial axis M, so that trials can be dropped from them as from the
parameters. A new optimizer is two functions and one table entry.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from pipeline.core.affine import Array, Gradient, WeightGradient, as_array
from pipeline.spec import OptimizerSpec

Parameters = dict[str, Array]
State = dict[str, Array]


class Optimizer(NamedTuple):
    """init(parameters) -> state; update(parameters, gradients, state, eta (M,), constants)."""

    init: Callable[[Parameters], State]
    update: Callable[[Parameters, Mapping[str, Gradient], State, Array, OptimizerSpec], None]


def per_trial(values: Array, like: Array) -> Array:
    """Return (M,) values shaped to multiply arrays with M as the first of `like`'s axes."""
    return values.reshape(-1, *[1] * (like.ndim - 1))


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


OPTIMIZERS: Mapping[str, Optimizer] = {
    "sgd": Optimizer(lambda _: {}, _sgd),
    "momentum": Optimizer(lambda parameters: {k: np.zeros_like(v) for k, v in parameters.items()}, _momentum),
}
