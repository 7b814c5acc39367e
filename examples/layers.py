"""Affine, ReLU and batch norm on plain arrays: forward, backward, and both against centred differences.

The core works on packs of networks: an array of one network, (B, H), gets a trial axis in front, (1, B, H). `packed`
puts it there, in the memory layout that the core wants; `[0]` takes it away again.

Run it with ``.venv/bin/python examples/layers.py``.
"""

from collections.abc import Callable

import numpy as np

from pipeline.core.affine import Array, WeightGradient, affine, input_gradient, laid_wide
from pipeline.core.layers import ACTIVATIONS, batch_norm, batch_norm_backward, batch_sum

B, D, H = 6, 4, 3  # examples, inputs, units
EPSILON = 1e-5
STEP = 1e-5  # half the distance of the two points of a difference

Arrays = dict[str, Array]
Layer = Callable[[Arrays, Array], tuple[Array, Arrays]]
"""(what goes in, the gradient by what comes out) -> (what comes out, the gradients by what goes in)."""


def packed(array: Array) -> Array:
    """Return a copy of (B, H) rows or an (H,) vector with a trial axis of one in front."""
    return laid_wide(array[None]) if array.ndim == 2 else array[None].copy()


def affine_layer(given: Arrays, g: Array) -> tuple[Array, Arrays]:
    """Do x W + b and its backward pass; the gradient by W, x^T g, stays in factors until it is asked for."""
    x, W, b = given["x"], packed(given["W"]), packed(given["b"])
    by_weight = WeightGradient(x, packed(g), W, decay=np.zeros(1))  # decay would be 2 * lambda
    by = {"x": input_gradient(packed(g), W), "W": by_weight.array(), "b": batch_sum(packed(g))}
    return affine(x, W, b)[0], {name: array[0] for name, array in by.items()}


def relu_layer(given: Arrays, g: Array) -> tuple[Array, Arrays]:
    """Do max(x, 0) and its backward pass, which needs no more than what came out."""
    relu = ACTIVATIONS["relu"]
    out = relu.forward(packed(given["x"]))
    return out[0], {"x": relu.backward(packed(g), out)[0]}


def batch_norm_layer(given: Arrays, g: Array) -> tuple[Array, Arrays]:
    """Normalise by the statistics of the batch, scale and shift. Both passes overwrite the copies that they get."""
    gamma, beta = packed(given["gamma"]), packed(given["beta"])
    out, cache = batch_norm(packed(given["x"]), gamma, beta, EPSILON)
    by_x, by_gamma, by_beta = batch_norm_backward(packed(g), cache, gamma)
    return out[0], {"x": by_x[0], "gamma": by_gamma[0], "beta": by_beta[0]}


def by_differences(layer: Layer, given: Arrays, name: str, g: Array) -> Array:
    """Differentiate sum(out * g) by every entry of given[name], moving one after the other and putting it back."""
    moved, gradient = given[name], np.empty_like(given[name])
    for index in np.ndindex(moved.shape):
        kept = moved[index]
        sums = []
        for value in (kept + STEP, kept - STEP):
            moved[index] = value
            sums.append((layer(given, g)[0] * g).sum())
        moved[index] = kept
        gradient[index] = (sums[0] - sums[1]) / (2 * STEP)
    return gradient


def main() -> None:
    """Print the largest relative error of every gradient."""
    draw = np.random.default_rng(0).standard_normal
    layers: dict[str, tuple[Layer, Arrays]] = {
        "affine": (affine_layer, {"x": draw((B, D)), "W": draw((D, H)), "b": draw(H)}),
        "ReLU": (relu_layer, {"x": draw((B, H))}),
        "batch norm": (batch_norm_layer, {"x": 5 * draw((B, H)) + 12, "gamma": draw(H), "beta": draw(H)}),
    }
    print("layer       by     shape   largest relative error")
    for title, (layer, given) in layers.items():
        g = draw((B, H))
        for name, analytic in layer(given, g)[1].items():
            numerical = by_differences(layer, given, name, g)
            error = np.max(np.abs(analytic - numerical)) / np.max(np.abs(numerical))
            print(f"{title:11} {name:6} {analytic.shape!s:7} {error:.1e}")


if __name__ == "__main__":
    main()
