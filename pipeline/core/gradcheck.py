"""Centred differences against the very function that training calls.

In float64, on a small network. All trials of a pack are checked at once: a trial's loss depends on its own parameters
alone, so one entry may be moved in all of them together.

Where a unit is so close to zero that moving an entry carries it across, a ReLU has a kink between the two points, and
their difference says nothing about the gradient. Such entries are left out, and counted.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.affine import Array, as_array
from pipeline.core.layers import ACTIVATIONS, Activation
from pipeline.core.losses import Labels, penalty
from pipeline.core.network import Masks, Network

STEP = 1e-5
"""Half the distance of the two points; the truncation error is of the order of its square."""

BOUND = 1e-7
"""Largest relative error that passes: a wrong gradient is off by 1e-2 or more, rounding by 1e-9."""

FLOOR = 1e-2
"""Gradients smaller than this (a bias that batch norm subtracts again has none) are compared as if of this size.

A cost of 10 is rounded to 2e-15, which makes 1e-10 of the difference over 2 * STEP, on which no bound can be put.
"""


@dataclass(frozen=True)
class Comparison:
    """A parameter's analytic against its numerical gradient.

    error is max |analytic - numerical| / max(|analytic|, |numerical|, FLOOR), all maxima over the entries (of all
    trials) but for the `skipped` ones; not a number where these are more than half, so that nothing passes unseen.
    """

    parameter: str
    shape: tuple[int, ...]
    error: float
    skipped: int
    bound: float = BOUND

    @property
    def passed(self) -> bool:
        """Whether the error stays within its bound; an error that is not a number does not."""
        return self.error <= self.bound


@dataclass(frozen=True)
class Numerical:
    """A parameter's numerical gradient, and at which entries both points lie on the same side of every kink."""

    gradient: Array
    smooth: NDArray[np.bool_]


def cost(network: Network, x: Array, labels: Labels, lambda_: Array, masks: Masks = ()) -> Array:
    """Return the cost J of equation (20), (M,), on the batch x (B, D), with the batch's own statistics."""
    return network.loss_and_gradients(x, labels, lambda_, masks).loss + penalty(network.weights, lambda_)


def numerical_gradients(
    network: Network, x: Array, labels: Labels, lambda_: Array, masks: Masks = ()
) -> Mapping[str, Numerical]:
    """Differentiate `cost` by every entry of every parameter; parameters are moved and put back."""

    def at(entry: Array, value: Array) -> tuple[Array, NDArray[np.bool_]]:
        entry[...] = value
        return cost(network, x, labels, lambda_, masks), _sides(network, x, masks)

    gradients = {}
    for name, values in network.parameters.items():
        gradient, smooth = np.empty_like(values), np.empty(values.shape, bool)
        for index in np.ndindex(values.shape[1:]):
            entry = values[(slice(None), *index)]
            kept = entry.copy()
            above, sides_above = at(entry, kept + STEP)
            below, sides_below = at(entry, kept - STEP)
            entry[...] = kept
            gradient[(slice(None), *index)] = (above - below) / (2 * STEP)
            smooth[(slice(None), *index)] = (sides_above == sides_below).all(axis=1)
        gradients[name] = Numerical(gradient, smooth)
    return gradients


def _sides(network: Network, x: Array, masks: Masks) -> NDArray[np.bool_]:
    """Return on which side of its kink every unit is for every example: (M, B times the units of all hidden layers)."""
    sides = [np.empty((network.size, 0), bool)]
    if _has_kink(ACTIVATIONS[network.spec.activation]):
        sides += [units.reshape(network.size, -1) > 0 for units in network.activated(x, masks)]
    return np.concatenate(sides, axis=1)


def _has_kink(activation: Activation) -> bool:
    left, right = activation.backward(np.ones(2), activation.forward(np.array([-STEP, STEP])))
    return bool(abs(right - left) > 0.1)


def compare(network: Network, x: Array, labels: Labels, lambda_: Array, masks: Masks = ()) -> list[Comparison]:
    """Compare both gradients of every parameter of the networks.

    Args:
        network: M networks in float64.
        x: (B, D) with B > 1, so that batch statistics mean something.
        labels: (B,) class indices.
        lambda_: (M,) penalties.
        masks: of dropout, the same ones throughout.
    """
    gradients = network.loss_and_gradients(x, labels, lambda_, masks).gradients
    # formed before anything moves: a weight's gradient refers to the weight itself
    analytic = {name: as_array(gradient) for name, gradient in gradients.items()}
    numerical = numerical_gradients(network, x, labels, lambda_, masks)
    return [
        Comparison(name, one.smooth.shape[1:], _relative_error(analytic[name], one), int((~one.smooth).sum()))
        for name, one in numerical.items()
    ]


def _relative_error(analytic: Array, numerical: Numerical) -> float:
    if 2 * numerical.smooth.sum() < numerical.smooth.size:
        return math.nan
    a, b = analytic[numerical.smooth], numerical.gradient[numerical.smooth]
    return float(np.abs(a - b).max() / max(np.abs(a).max(), np.abs(b).max(), FLOOR))
