"""Rows of bytes, kept as the bytes they are and standardised where they are asked for: a quarter of the memory.

The one definition of what a standardised byte is, in float32; so it does not matter when it is standardised, or beside
which others.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]

BLOCK = 32
"""Rows standardised at once: few enough to stay in a cache meanwhile, enough to make the calls cheap."""


@dataclass(frozen=True, eq=False)
class ByteRows:
    """Standardised float32 rows (n, D) of `pixels`: (pixel - mean) * scale.

    To those who read it like an array, which never writes: a slice is a view, of bytes too; rows by their indices, and
    ``np.asarray`` of it, are arrays.

    Attributes:
        pixels: (n, D) bytes.
        mean: (D,) in float32.
        scale: (D,) in float32, 1 / standard deviation, and 0 where that is 0.
    """

    pixels: npt.NDArray[np.uint8]
    mean: Floats
    scale: Floats

    @classmethod
    def of(cls, pixels: npt.NDArray[np.uint8], mean: Float64s, std: Float64s) -> "ByteRows":
        """Return the rows of `pixels` with the given moments (D,) of their columns."""
        return cls(pixels, mean.astype(np.float32), inverse(std).astype(np.float32))

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, D)."""
        return self.pixels.shape

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """That of the rows, not of the pixels."""
        return self.mean.dtype

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, part: slice | npt.ArrayLike, /) -> Any:
        """Return some of the rows: by a slice as ByteRows, by indices (B,) as an array (B, D).

        Raises:
            IndexError: the indices are not whole numbers; a mask is none either.
        """
        if isinstance(part, slice):
            return ByteRows(self.pixels[part], self.mean, self.scale)
        indices = np.asarray(part)
        if indices.size and not np.issubdtype(indices.dtype, np.integer):
            raise IndexError(f"rows of bytes must be asked for by a slice or by whole numbers, got {indices.dtype}")
        return np.asarray(ByteRows(self.pixels[indices.astype(np.intp)], self.mean, self.scale))

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("rows of bytes become an array by a copy alone")
        rows = self._standardise(self.pixels, np.empty(self.shape, self.dtype))
        return rows if dtype is None else rows.astype(dtype, copy=False)

    def take(self, indices: npt.NDArray[np.intp], out: Floats) -> Floats:
        """Write the rows (B, D) of the given indices (B,) into `out`, and return it."""
        return self._standardise(np.take(self.pixels, indices, axis=0), out)

    def _standardise(self, pixels: npt.NDArray[np.uint8], out: Floats) -> Floats:
        for start in range(0, len(out), BLOCK):
            rows = out[start : start + BLOCK]
            rows[...] = pixels[start : start + BLOCK]
            rows -= self.mean
            rows *= self.scale
        return out


StandardRows = Floats | ByteRows
"""Standardised rows (n, D), as they are or of bytes."""


def gather(rows: StandardRows, indices: npt.NDArray[np.intp], out: Floats) -> Floats:
    """Write the rows (B, D) of the given indices (B,) into `out`, and return it."""
    if isinstance(rows, ByteRows):
        return rows.take(indices, out)
    return np.take(rows, indices, axis=0, out=out, mode="clip")  # "clip" spares NumPy a buffer; no index is outside


def inverse(std: Float64s) -> Float64s:
    """Return 1 / std, and 0 where std is 0."""
    return np.divide(1, std, out=np.zeros_like(std), where=std > 0)
