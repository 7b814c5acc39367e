"""The affine map x W + b of every trial in a pack, and its gradient; the one place that knows the wide product.

Arrays of shape (M, B, H) lie in memory as (B, M, H). A batch that all trials share then meets all their weights in
one wide product (B, D) @ (D, M*H), elementwise arithmetic still runs along whole rows, and each trial's (B, H) slice
is a matrix that the BLAS takes as it is.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.linalg import get_blas_funcs

Array = NDArray[np.floating[Any]]


class Inputs(Protocol):
    """Inputs (B, D) that trials share: an array, or what makes them where they are asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(B, D)."""

    def __getitem__(self, part: slice, /) -> Any: ...


AT_ONCE = 1000
"""Inputs of one wide product: enough for the BLAS, few enough for memory where they are made for it."""


def empty(M: int, B: int, H: int, dtype: DTypeLike) -> Array:
    """Return an uninitialised (M, B, H) array that lies in memory as (B, M, H)."""
    array: Array = np.empty((B, M, H), dtype)
    return array.transpose(1, 0, 2)


def wide(array: Array) -> Array:
    """Return an array of `empty`'s layout, (M, B, H), as the matrix (B, M*H) that it is in memory.

    Raises:
        ValueError: the array lies otherwise, so that a view is impossible.
    """
    M, B, H = array.shape
    return np.reshape(array.transpose(1, 0, 2), (B, M * H), copy=False)


def laid_wide(array: Array) -> Array:
    """Return a copy of `array`, (M, D, H), in the layout of `empty`."""
    M, D, H = array.shape
    copy = empty(M, D, H, array.dtype)
    copy[...] = array
    return copy


def _wide(array: Array) -> Array:
    """Return (M, B, H) as `wide` does, of a copy where it lies otherwise."""
    M, B, H = array.shape
    return array.transpose(1, 0, 2).reshape(B, M * H)


SMALLEST = 1e-3
"""A scale below it is folded into its matrix, whose numbers would become as much too large."""


def empty_by_unit(M: int, B: int, H: int, dtype: DTypeLike) -> Array:
    """Return an uninitialised (M, B, H) array that lies in memory as (H, M, B): a softmax reduces whole rows of it."""
    array: Array = np.empty((H, M, B), dtype)
    return array.transpose(1, 2, 0)


def affine(
    x: Array | Inputs, weight: Array, bias: Array | None = None, scale: Array | None = None, *, by_unit: bool = False
) -> Array:
    """Return x W + b, equation (12), shape (M, B, H).

    Args:
        x: (B, D) where the trials share their input, in any precision; (M, B, D) where each has its own.
        weight: (M, D, H); in the layout of `empty` where the input is shared.
        bias: (M, H), or None for a layer without one.
        scale: (M,), where `weight` is V and W = scale * V; see `WeightGradient`. The input is shared.
        by_unit: lay the result as `empty_by_unit` does, where each trial has its own input.
    """
    M, _, H = weight.shape
    out = (empty_by_unit if by_unit and len(x.shape) == 3 else empty)(M, x.shape[-2], H, weight.dtype)
    if isinstance(x, np.ndarray) and x.ndim == 3:
        np.matmul(x, weight, out=out)
    else:
        for start in range(0, x.shape[0], AT_ONCE):
            part = slice(start, start + AT_ONCE)
            np.matmul(np.asarray(x[part], weight.dtype), wide(weight), out=wide(out)[part])
    if scale is not None:
        scaled = wide(out)
        scaled *= _per_unit(scale, H, out.dtype)
    if bias is not None:
        out += bias[:, None, :]
    return out


def input_gradient(g: Array, weight: Array) -> Array:
    """Return the gradient by the input of `affine`, g W^T, equation (29): (M, B, H) -> (M, B, D)."""
    M, D, _ = weight.shape
    return np.matmul(g, weight.transpose(0, 2, 1), out=empty(M, g.shape[1], D, weight.dtype))


@dataclass(frozen=True)
class WeightGradient:
    """The gradient of the cost by a weight matrix, equation (28), in factors: x^T g + decay * W.

    Args:
        x: (B, D) shared or (M, B, D), the layer's input.
        g: (M, B, H), the gradient by the layer's output (1/n included).
        weight: (M, D, H), the matrix itself, W; or V where it is kept as W = scale * V.
        decay: (M,), 2 * lambda.
        scale: (M,) in float64, or None: decay then shrinks the scale, which costs no pass over the numbers of V.
    """

    x: Array
    g: Array
    weight: Array
    decay: Array
    scale: Array | None = None

    def array(self) -> Array:
        """Form the gradient, (M, D, H)."""
        decay = self.decay if self.scale is None else (self.decay * self.scale).astype(self.weight.dtype)
        return self.of_loss() + decay[:, None, None] * self.weight

    def of_loss(self) -> Array:
        """Form the gradient of the loss alone, without the penalty, (M, D, H)."""
        x = self.x if self.x.ndim == 3 else self.x[None]
        product: Array = np.matmul(x.transpose(0, 2, 1), self.g)
        return product

    def add_to(self, weight: Array, step: Array) -> None:
        """Do ``W += step * gradient`` in place without forming the gradient; step is (M,), such as -eta.

        `weight` must hold the values of W, or V, that the gradient was taken at; a scale is changed with them.
        """
        shrink = 1 + step.astype(np.float64) * self.decay
        if self.scale is None:
            weight *= shrink.astype(weight.dtype)[:, None, None]
        else:
            np.multiply(self.scale, shrink, out=self.scale)
            if not self.scale.min() > SMALLEST:
                fold(weight, self.scale, ~(self.scale > SMALLEST))
            step = step / self.scale
        if self.x.ndim == 2:
            g = _wide(self.g) * _per_unit(step, weight.shape[2], weight.dtype)
            add_product(wide(weight), self.x, g)
        else:
            g = self.g * step.astype(weight.dtype)[:, None, None]
            weight += np.matmul(self.x.transpose(0, 2, 1), g)


def _per_unit(values: Array, H: int, dtype: DTypeLike) -> Array:
    """Return (M,) values repeated for every unit, (M*H,): what multiplies a wide matrix in whole rows."""
    return np.repeat(values.astype(dtype), H)


def fold(weight: Array, scale: Array, trials: NDArray[np.bool_]) -> None:
    """Multiply V of some `trials`, (M,) truths, by their scales, which become 1; the others stay as they are."""
    for trial in np.flatnonzero(trials):
        weight[trial] *= scale[trial].astype(weight.dtype)
        scale[trial] = 1


Gradient = Array | WeightGradient


def as_array(gradient: Gradient) -> Array:
    """Return a gradient as an array of its parameter's shape."""
    return gradient.array() if isinstance(gradient, WeightGradient) else gradient


def add_product(out: Array, x: Array, g: Array) -> None:
    """Do ``out += x.T @ g`` in place: (D, H) += (B, D)^T (B, H), all of them C-contiguous.

    NumPy has no product that accumulates. The BLAS speaks Fortran, for which our arrays are their transposes:
    out^T += g^T x.
    """
    (gemm,) = get_blas_funcs(("gemm",), (out,))
    gemm(1.0, g.T, x.T, beta=1.0, c=out.T, trans_b=1, overwrite_c=1)
