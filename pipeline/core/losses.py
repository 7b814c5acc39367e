"""Softmax cross-entropy and the L2 penalty.

The lambda convention is DD2424's, equation (20): the cost adds lambda * sum ||W||^2 over the weight matrices (never
biases, gamma or beta), so the gradient adds 2 * lambda * W. Other conventions scale lambda before it comes here.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pipeline.core.affine import Array, empty_by_unit

Labels = NDArray[np.integer[Any]]


def classes_first(scores: Array) -> Array:
    """Return a copy of (M, B, C) scores that lies in memory as (C, M, B): the softmax then reduces whole rows."""
    M, B, C = scores.shape
    copy = empty_by_unit(M, B, C, scores.dtype)
    copy[...] = scores
    return copy


def cross_entropy(scores: Array, labels: Labels) -> Array:
    """Return every example's loss in nats, (M, B), by log-sum-exp: no score is too large for it.

    Args:
        scores: (M, B, C).
        labels: (B,) class indices.
    """
    shifted = classes_first(scores)
    shifted -= shifted.max(axis=-1, keepdims=True)
    picked = shifted[:, np.arange(len(labels)), labels]
    loss: Array = np.log(np.exp(shifted).sum(axis=-1)) - picked
    return loss


def cross_entropy_and_gradient(scores: Array, labels: Labels) -> tuple[Array, Array, Array]:
    """Return loss, gradient and accuracy: the mean loss (M,) and its gradient by the scores (M, B, C), (21) over n.

    The accuracy (M,), in float64, is the share of examples whose largest score, of equals the first, is their label's.

    Args:
        scores: (M, B, C).
        labels: (B,) class indices.
    """
    _, B, C = scores.shape
    scores = classes_first(scores)
    scores -= np.maximum.reduce(scores, axis=-1, keepdims=True)
    picked = scores[:, np.arange(B), labels]
    accuracy = np.add.reduce(_right(scores, picked, labels), axis=-1) / B
    probability = np.exp(scores, out=scores)
    total = np.add.reduce(probability, axis=-1, keepdims=True)
    loss = np.add.reduce(np.log(total[..., 0]) - picked, axis=-1) / B
    probability /= total * B
    probability -= _shares(B, C, probability.dtype)[:, labels].T
    return loss, probability, accuracy


@lru_cache
def _shares(B: int, C: int, dtype: DTypeLike) -> Array:
    """Return 1/B at the class of every label, (C, C): its rows are what (21) subtracts."""
    shares: Array = np.eye(C, dtype=dtype)
    shares /= B
    shares.flags.writeable = False
    return shares


def _right(shifted: Array, picked: Array, labels: Labels) -> NDArray[np.bool_]:
    """Return which examples are right, (M, B), from scores (M, B, C) whose largest are 0 and `picked`, the labels' own.

    A label's score is 0 where it is the largest, which is cheaper to see than which one that is. Only where there are
    more zeros than examples (whose numbers are finite), as with dead units that score all classes alike, is it asked
    which of them comes first.
    """
    if np.count_nonzero(shifted == 0) > np.count_nonzero(np.isfinite(picked)):
        return np.asarray(shifted.argmax(axis=-1) == labels)
    return np.asarray(picked == 0)


def penalty(weights: Iterable[Array], lambda_: Array) -> Array:
    """Return lambda * sum ||W||^2 of every trial, (M,) in float64, over the given (M, D, H) matrices."""
    squares = sum(np.square(W).sum(axis=(1, 2), dtype=np.float64) for W in weights)
    return np.asarray(lambda_ * squares, np.float64)
