"""Rows with mean 0 and standard deviation 1 in every feature of the training rows, a few at a time."""

from collections.abc import Iterator

import numpy as np

from pipeline.data.dataset import Pixels
from pipeline.data.split import Float64s, Floats, Indices

CHUNK = 512
"""Rows at a time, so that memory stays bounded."""


def moments(x: Pixels, indices: Indices) -> tuple[Float64s, Float64s]:
    """Return mean and standard deviation (D,) of the rows x[indices], the deviation with divisor n.

    Sums of differences from the first row, in float64: exact for bytes, and exactly 0 for a feature that never changes.
    """
    origin = x[indices[0]].astype(np.float64)
    total, squares = np.zeros_like(origin), np.zeros_like(origin)
    for part in _chunks(indices, CHUNK):
        differences = x[part] - origin
        total += differences.sum(axis=0)
        squares += np.einsum("bd,bd->d", differences, differences)
    mean = total / len(indices)
    return origin + mean, np.sqrt(np.maximum(squares / len(indices) - mean**2, 0))


def standardise(x: Pixels, mean: Float64s, std: Float64s) -> Floats:
    """Return (x - mean) / std as float32 (B, D), and 0 where std is 0."""
    scale = np.divide(1, std, out=np.zeros_like(std), where=std > 0)
    return ((x - mean) * scale).astype(np.float32)


def standardised(x: Pixels, indices: Indices, mean: Float64s, std: Float64s, at_once: int = CHUNK) -> Iterator[Floats]:
    """Yield the rows x[indices], standardised, so many `at_once`."""
    for part in _chunks(indices, at_once):
        yield standardise(x[part], mean, std)


def _chunks(indices: Indices, at_once: int) -> Iterator[Indices]:
    for start in range(0, len(indices), at_once):
        yield indices[start : start + at_once]
