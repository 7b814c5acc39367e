"""Reads arrays of numbers from a MATLAB 5 file, and never unpacks more of it than it may.

SciPy reads everything that MATLAB can store: on the way it allocates whatever a file claims, and follows cells nested
in cells until the process dies. CIFAR-10 needs little of it (MathWorks, "MAT-File Format"): after a header of 128 bytes
come elements, each a type, a size and so many bytes. An array is an element of elements: its class, its dimensions,
its name, and its numbers column by column. It may be compressed by zlib.
"""

import math
import struct
import zlib
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import DataError

_HEADER = 128
_ORDERS = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}
"""Version and byte order, the end of the header."""

_ARRAY, _COMPRESSED = 14, 15
"""Types of elements; those within an array are 6 (its class), 5 (its dimensions) and 1 (its name)."""

_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""NumPy's names for the types of elements that hold numbers, which may be narrower than their array's class."""

_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
"""NumPy's names for the classes of arrays of numbers."""

Array = npt.NDArray[Any]


def read_arrays(raw: bytes, where: str, names: Collection[str], most: int) -> dict[str, Array]:
    """Return the arrays (rows, columns) called `names` that the file `raw`, which came from the path `where`, holds.

    No array is unpacked to more than `most` bytes.

    Raises:
        DataError: it is no such file, or damaged, or lacks one of them.
    """
    found: dict[str, Array] = {}
    try:
        for name, array in _arrays(raw, most):
            if name in found:
                raise _DamagedError(f"two arrays called {name!r}")
            if name in names:
                found[name] = array
        for name in names:
            if name not in found:
                raise _DamagedError(f"no numbers called {name!r}")
    except _DamagedError as error:
        raise DataError(f"{where} must be a MATLAB 5 file with {' and '.join(names)}, got {error}") from error
    return found


class _DamagedError(Exception):
    """Says what was found that no such file has."""


def _arrays(raw: bytes, most: int) -> Iterator[tuple[str, Array]]:
    """Yield the name and the numbers of every array of numbers."""
    order = _ORDERS.get(raw[_HEADER - 4 : _HEADER])
    if order is None:
        raise _DamagedError("another header")
    for kind, content in _elements(raw[_HEADER:], order):
        if kind == _COMPRESSED:
            kind, content = next(_elements(_unpacked(content, most), order), (kind, b""))  # noqa: PLW2901
        if kind == _ARRAY:
            yield from _numbers(content, order)


def _elements(raw: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield the type and the content of every element of `raw`."""
    position = 0
    while position < len(raw):
        if len(raw) - position < 8:
            raise _DamagedError(f"{len(raw) - position} bytes after its last element")
        kind, size = struct.unpack_from(f"{order}2I", raw, position)
        start, most = position + 8, len(raw)
        if kind >> 16:  # a small one: size and type in the place of the type, and its bytes in that of the size
            kind, size, start, most = kind & 0xFFFF, kind >> 16, position + 4, position + 8
        end = start + size
        if end > most:
            raise _DamagedError(f"an element of {size:,} bytes that is cut off")
        position = end if kind == _COMPRESSED else end + (position - end) % 8  # whole numbers of 8 bytes
        yield kind, raw[start:end]


def _unpacked(content: bytes, most: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        unpacked = stream.decompress(content, most)
    except zlib.error as error:
        raise _DamagedError(f"an element that cannot be unpacked ({error})") from error
    if not stream.eof:
        raise _DamagedError(f"an element that is cut off, or unpacks to more than {most:,} bytes")
    return unpacked


def _numbers(content: bytes, order: str) -> Iterator[tuple[str, Array]]:
    """Yield the name and the numbers of one array, if it holds any."""
    match list(islice(_elements(content, order), 4)):
        case [(6, flags), (5, sizes), (1, name), (stored, numbers)] if len(flags) == 8 and stored in _STORED:
            kind = _CLASSES.get(struct.unpack(f"{order}2I", flags)[0] & 0xFF)
            if kind is None:
                return
            shape = struct.unpack(f"{order}2i", sizes) if len(sizes) == 8 else ()
            dtype = np.dtype(order + _STORED[stored])
            if len(shape) != 2 or min(shape) < 0 or math.prod(shape) * dtype.itemsize != len(numbers):
                raise _DamagedError(f"{len(numbers):,} bytes of numbers for the shape {shape}")
            if not np.can_cast(dtype, kind):
                raise _DamagedError(f"numbers stored as {dtype.name} in an array of {np.dtype(kind).name}")
            array = np.frombuffer(numbers, dtype).reshape(shape, order="F")
            yield name.decode("latin1"), array.astype(kind, copy=False)
