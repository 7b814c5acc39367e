"""What networks are worth on given rows. Evaluating changes nothing in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.core.affine import Array
from pipeline.core.losses import Labels, cross_entropy
from pipeline.core.network import Network, Statistics

CHUNK = 1000
"""Rows that are evaluated at once: enough for the BLAS, small enough for the memory of a worker."""


class Rows(Protocol):
    """Rows (n, D): an array, or what makes rows where they are asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> Any: ...


@dataclass(frozen=True)
class Measurement:
    """Loss (nats), cost and accuracy of M' networks over some rows, (M',) each in float64."""

    loss: Array
    cost: Array
    accuracy: Array


def measure(network: Network, x: Rows, labels: Labels, statistics: Statistics, penalties: Array) -> Measurement:
    """Measure the networks over rows x (n, D) with the given batch-norm statistics; nothing is changed.

    penalties (M,) are the L2 terms that turn losses into costs.
    """
    loss = np.zeros(network.size)
    correct = np.zeros(network.size, np.int64)
    with np.errstate(all="ignore"):  # overflow is data here: whoever asked looks at the numbers
        for rows, scores in _scores(network, x, statistics):
            loss += cross_entropy(scores, labels[rows]).sum(axis=1, dtype=np.float64)
            correct += (scores.argmax(axis=2) == labels[rows]).sum(axis=1)
        loss /= len(x)
        return Measurement(loss, loss + penalties, correct / len(x))


@dataclass(frozen=True)
class Prediction:
    """The likeliest class of every row and its probability, (M, n) each."""

    classes: NDArray[np.intp]
    confidence: Array


def predict(network: Network, x: Rows, statistics: Statistics) -> Prediction:
    """Classify rows x (n, D) with the given batch-norm statistics."""
    classes = np.empty((network.size, len(x)), np.intp)
    confidence: Array = np.empty((network.size, len(x)))
    with np.errstate(all="ignore"):
        for rows, scores in _scores(network, x, statistics):
            classes[:, rows] = scores.argmax(axis=2)
            # softmax at its largest entry: 1 / sum of exp(score - largest score)
            confidence[:, rows] = 1 / np.exp(scores - scores.max(axis=2, keepdims=True)).sum(axis=2)
    return Prediction(classes, confidence)


def _scores(network: Network, x: Rows, statistics: Statistics) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Yield the class scores (M, <= CHUNK, C) of one part of the rows after the other."""
    for start in range(0, len(x), CHUNK):
        rows = slice(start, min(start + CHUNK, len(x)))
        yield rows, network.scores(np.asarray(x[rows], network.spec.dtype), statistics)
