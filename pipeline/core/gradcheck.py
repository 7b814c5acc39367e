"""Centred differences against the very function that training calls.

In float64, on a small network. All trials of a pack are checked at once: a trial's loss depends on its own parameters
alone, so one entry may be moved in all of them together.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.core.affine import Array, as_array
from pipeline.core.losses import Labels, penalty
from pipeline.core.network import Network

STEP = 1e-5
"""Half the distance of the two points; the truncation error is of the order of its square."""

BOUND = 1e-7
"""Largest relative error that passes: a wrong gradient is off by 1e-2 or more, rounding by 1e-9."""

FLOOR = 1e-3
"""Gradients smaller than this (a bias that batch norm subtracts again has none) are compared as if of this size."""


@dataclass(frozen=True)
class Comparison:
    """A parameter's analytic against its numerical gradient.

    error is max |analytic - numerical| / max(|analytic|, |numerical|, FLOOR), all maxima over the entries.
    """

    parameter: str
    shape: tuple[int, ...]
    error: float
    bound: float = BOUND

    @property
    def passed(self) -> bool:
        """Whether the error stays within its bound; an error that is not a number does not."""
        return self.error <= self.bound


def cost(network: Network, x: Array, labels: Labels, lambda_: Array) -> Array:
    """Return the cost J of equation (20), (M,), on the batch x (B, D), with the batch's own statistics."""
    loss, _, _ = network.loss_and_gradients(x, labels, lambda_)
    return loss + penalty(network.weights, lambda_)


def numerical_gradients(network: Network, x: Array, labels: Labels, lambda_: Array) -> Mapping[str, Array]:
    """Differentiate `cost` by every entry of every parameter; parameters are moved and put back."""
    gradients = {}
    for name, values in network.parameters.items():
        gradient = np.empty_like(values)
        for index in np.ndindex(values.shape[1:]):
            entry = (slice(None), *index)
            kept = values[entry].copy()
            values[entry] = kept + STEP
            above = cost(network, x, labels, lambda_)
            values[entry] = kept - STEP
            below = cost(network, x, labels, lambda_)
            values[entry] = kept
            gradient[entry] = (above - below) / (2 * STEP)
        gradients[name] = gradient
    return gradients


def compare(network: Network, x: Array, labels: Labels, lambda_: Array) -> list[Comparison]:
    """Compare both gradients of every parameter of the networks.

    Args:
        network: M networks in float64.
        x: (B, D) with B > 1, so that batch statistics mean something.
        labels: (B,) class indices.
        lambda_: (M,) penalties.
    """
    _, gradients, _ = network.loss_and_gradients(x, labels, lambda_)
    # formed before anything moves: a weight's gradient refers to the weight itself
    analytic = {name: as_array(gradient) for name, gradient in gradients.items()}
    numerical = numerical_gradients(network, x, labels, lambda_)
    return [
        Comparison(name, values.shape[1:], _relative_error(analytic[name], numerical[name]))
        for name, values in network.parameters.items()
    ]


def _relative_error(a: Array, b: Array) -> float:
    return float(np.abs(a - b).max() / max(np.abs(a).max(), np.abs(b).max(), FLOOR))
