"""Rows with mean 0 and standard deviation 1 in every feature of the training rows, a few at a time."""

from collections.abc import Iterator

import numpy as np

from pipeline.data.dataset import Pixels
from pipeline.data.rows import ByteRows, Float64s, Floats, Indices, inverse
from pipeline.errors import DataError

CHUNK = 512
"""Rows at a time, so that memory stays bounded."""


def moments(x: Pixels, indices: Indices) -> tuple[Float64s, Float64s]:
    """Return mean and standard deviation (D,) of the rows x[indices], the deviation with divisor n.

    Sums of differences from the first row, in float64: exact for bytes, and exactly 0 for a feature that never changes.
    """
    origin = x[indices[0]].astype(np.float64)
    total, squares = np.zeros_like(origin), np.zeros_like(origin)
    for rows in in_parts(x, indices):
        differences = rows - origin
        total += differences.sum(axis=0)
        squares += np.einsum("bd,bd->d", differences, differences)
    mean = total / len(indices)
    return origin + mean, np.sqrt(np.maximum(squares / len(indices) - mean**2, 0))


def standardise(x: Pixels, mean: Float64s, std: Float64s) -> Floats:
    """Return (x - mean) / std as float32 (B, D), and 0 where std is 0; of bytes, what ByteRows makes of them.

    Raises:
        DataError: a value is no number of float32 then: its feature hardly varies in the training rows.
    """
    if x.dtype == np.uint8:
        return np.asarray(ByteRows.of(x.astype(np.uint8, copy=False), mean, std))
    with np.errstate(over="ignore"):  # refused below
        rows = ((x - mean) * inverse(std)).astype(np.float32)
    wrong = np.argwhere(~np.isfinite(rows))
    if wrong.size:
        feature = wrong[0][1]
        got = f"{x[tuple(wrong[0])]:.3g} in feature {feature}"
        raise DataError(
            f"rows must be finite once standardised (- {mean[feature]:.3g}, / {std[feature]:.3g}), got {got}"
        )
    return rows


def standardised(
    x: Pixels, indices: Indices, mean: Float64s, std: Float64s, at_once: int | None = None
) -> Iterator[Floats]:
    """Yield the rows x[indices], standardised, so many `at_once`, by default CHUNK."""
    for rows in in_parts(x, indices, at_once):
        yield standardise(rows, mean, std)


def in_parts(x: Pixels, indices: Indices, at_once: int | None = None) -> Iterator[Pixels]:
    """Yield the rows x[indices], so many `at_once`, by default CHUNK."""
    at_once = at_once or CHUNK
    for start in range(0, len(indices), at_once):
        yield x[indices[start : start + at_once]]
