"""Activations, batch and layer normalisation, each a forward and a backward function, over (M, B, H); dropout masks.

A backward function may overwrite the gradient that it is given: it is the only one who still needs it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import DTypeLike

from pipeline.core.affine import Array, wide

LEAK = 0.01
"""Slope of the leaky ReLU below zero."""


@dataclass(frozen=True)
class Activation:
    """An elementwise function. `backward(g, y)` needs its output y only, which is all that training has to keep."""

    forward: Callable[[Array], Array]
    backward: Callable[[Array, Array], Array]


def _relu(x: Array) -> Array:
    return np.maximum(x, np.zeros(x.shape[-1:], x.dtype))  # NumPy is several times slower with a scalar


def _relu_backward(g: Array, y: Array) -> Array:
    masked: Array = np.multiply(g, y > 0, out=g)  # equations (24) and (30)
    return masked


def _sigmoid(x: Array) -> Array:
    y: Array = 0.5 * (1 + np.tanh(0.5 * x))  # no overflow at either end
    return y


ACTIVATIONS: Mapping[str, Activation] = {
    "relu": Activation(_relu, _relu_backward),
    "identity": Activation(lambda x: x, lambda g, _: g),
    "leaky_relu": Activation(lambda x: np.maximum(x, LEAK * x), lambda g, y: np.where(y > 0, g, LEAK * g)),
    "sigmoid": Activation(_sigmoid, lambda g, y: g * y * (1 - y)),
    "tanh": Activation(np.tanh, lambda g, y: g * (1 - y * y)),
}


def batch_sum(x: Array) -> Array:
    """Sum (M, B, H) over the examples: (M, H). A product with ones is the fastest way through the BLAS."""
    if x.strides[1] == x.itemsize:  # examples side by side, as the loss leaves its gradient
        return np.asarray(np.add.reduce(x, axis=1))
    M, B, H = x.shape
    total = _ones(B, x.dtype) @ wide(x)
    return total.reshape(M, H)


@lru_cache
def _ones(B: int, dtype: DTypeLike) -> Array:
    ones: Array = np.ones(B, dtype)
    ones.flags.writeable = False
    return ones


@dataclass(frozen=True)
class Moments:
    """Mean and variance of every unit, (M, H) each; the variance divides by n."""

    mean: Array
    variance: Array


@dataclass(frozen=True)
class BatchNormCache:
    """What the backward pass needs: the centred input D (M, B, H), 1/std (M, H), and the moments of the batch."""

    centred: Array
    inverse_std: Array
    moments: Moments


def batch_norm(s: Array, gamma: Array, beta: Array, epsilon: float) -> tuple[Array, BatchNormCache]:
    """Normalise by the statistics of the batch itself, equations (13)-(16).

    Args:
        s: (M, B, H); overwritten by its centred version.
        gamma: (M, H) scale.
        beta: (M, H) shift.
        epsilon: added to the variance, equation (11).

    Returns:
        gamma * s_hat + beta, (M, B, H), and the cache.
    """
    B = s.shape[1]
    mean = batch_sum(s) / B
    s -= mean[:, None, :]
    out = s * s  # written over below: an array fewer in the caches
    variance = batch_sum(out) / B
    inverse_std = 1 / np.sqrt(variance + s.dtype.type(epsilon))
    np.multiply(s, (gamma * inverse_std)[:, None, :], out=out)
    out += beta[:, None, :]
    return out, BatchNormCache(s, inverse_std, Moments(mean, variance))


def batch_norm_backward(g: Array, cache: BatchNormCache, gamma: Array) -> tuple[Array, Array, Array]:
    """Return the gradients by s (M, B, H), gamma and beta (M, H each), equations (25)-(37).

    With s_hat = D / std, (31)-(37) fold to gamma / std * (g - mean(g) - s_hat * mean(g * s_hat)).
    """
    B = g.shape[1]
    by_beta = batch_sum(g)
    along = g * cache.centred
    by_gamma = batch_sum(along) * cache.inverse_std
    np.multiply(cache.centred, (cache.inverse_std * by_gamma / B)[:, None, :], out=along)
    along += (by_beta / B)[:, None, :]
    g -= along
    g *= (gamma * cache.inverse_std)[:, None, :]
    return g, by_gamma, by_beta


def normalise(s: Array, gamma: Array, beta: Array, epsilon: float, moments: Moments) -> Array:
    """Normalise by given statistics, as at test time, equations (6)(7): (M, B, H), in place."""
    scale = gamma / np.sqrt(moments.variance + s.dtype.type(epsilon))
    s *= scale[:, None, :]
    s += (beta - moments.mean * scale)[:, None, :]
    return s


START: Mapping[str, Callable[[Moments], Moments | None]] = {
    "first_batch": lambda _: None,
    "zeros": lambda new: Moments(np.zeros_like(new.mean), np.zeros_like(new.variance)),
    "standard": lambda new: Moments(np.zeros_like(new.mean), np.ones_like(new.variance)),
}
"""What moving averages start from, in the shape of `new`; None where the first mini-batch itself starts them."""


def moving_average(old: Moments | None, new: Moments, alpha: float) -> Moments:
    """Return alpha * old + (1 - alpha) * new, equations (38)(39); the first mini-batch starts the average as it is."""
    if old is None:
        return new
    return Moments(
        alpha * old.mean + (1 - alpha) * new.mean,
        alpha * old.variance + (1 - alpha) * new.variance,
    )


@dataclass(frozen=True)
class LayerNormCache:
    """What the backward pass needs: the centred input (M, B, H) and 1/std of every example (M, B)."""

    centred: Array
    inverse_std: Array


def layer_norm(s: Array, gamma: Array, beta: Array, epsilon: float) -> tuple[Array, LayerNormCache]:
    """Normalise every example by the mean and variance of its own H units (Ba, Kiros and Hinton 2016, (4)).

    Args:
        s: (M, B, H); overwritten by its centred version.
        gamma: (M, H) scale.
        beta: (M, H) shift.
        epsilon: added to the variance, which divides by H.

    Returns:
        gamma * s_hat + beta, (M, B, H), and the cache.
    """
    s -= s.mean(axis=2, keepdims=True)
    variance = np.square(s).mean(axis=2)
    inverse_std = 1 / np.sqrt(variance + s.dtype.type(epsilon))
    out = s * inverse_std[:, :, None]
    out *= gamma[:, None, :]
    out += beta[:, None, :]
    return out, LayerNormCache(s, inverse_std)


def layer_norm_backward(g: Array, cache: LayerNormCache, gamma: Array) -> tuple[Array, Array, Array]:
    """Return the gradients by s (M, B, H), gamma and beta (M, H each).

    The same fold as in `batch_norm_backward`, with means over the units of an example and gamma inside of them.
    """
    normalised = cache.centred * cache.inverse_std[:, :, None]
    by_beta = batch_sum(g)
    by_gamma = batch_sum(g * normalised)
    g *= gamma[:, None, :]
    along = (g * normalised).mean(axis=2, keepdims=True)
    g -= g.mean(axis=2, keepdims=True)
    g -= normalised * along
    g *= cache.inverse_std[:, :, None]
    return g, by_gamma, by_beta


def dropout_masks(
    rng: np.random.Generator, keep: Array, B: int, hidden: Sequence[int], dtype: DTypeLike
) -> list[Array]:
    """Return what every hidden layer's output is multiplied by: 0 or 1/keep, (M, B, H) each (inverted dropout).

    Trials of a pack are paired: a unit is kept where a uniform number that all of them share lies below their own keep.
    So a trial has the same masks in any pack, and drops the same units in float32 and in float64.

    Args:
        rng: the replicate's.
        keep: (M,) probabilities to keep a unit.
        B: examples.
        hidden: units of every hidden layer.
        dtype: of the masks.
    """
    below, scale = keep.astype(np.float32)[:, None], (1 / keep).astype(dtype)[:, None]
    drawn = (rng.random((B, 1, H), np.float32) for H in hidden)
    return [((uniform < below) * scale).transpose(1, 0, 2) for uniform in drawn]  # laid as `empty` does
