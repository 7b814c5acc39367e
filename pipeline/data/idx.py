"""Files in the idx format of MNIST (http://yann.lecun.com/exdb/mnist), compressed or not, whatever they are called.

An idx file of bytes: two zeros, the type (8, unsigned byte) and the number of dimensions; then each dimension as a
32-bit number, the highest byte first; then the bytes, the last dimension varying fastest.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.errors import DataError
from pipeline.files import unreadable

UNSIGNED_BYTE = 8

_GZIP = b"\x1f\x8b"


def size(shape: tuple[int, ...]) -> int:
    """Return how many bytes an idx file of unsigned bytes has, its header included."""
    return 4 + 4 * len(shape) + math.prod(shape)


def unpacked(path: Path, most: int) -> bytes:
    """Return the first `most` bytes of a file, or all; of what it holds, if it is compressed with gzip.

    Whether it is, its first bytes say: browsers and mirrors add and remove ``.gz`` as they please. No more than `most`
    bytes are ever made of it, so that no small file fills the memory.

    Raises:
        HostError: it cannot be read.
        DataError: what is compressed is cut off or damaged.
    """
    try:
        with path.open("rb") as file:
            compressed = file.read(len(_GZIP)) == _GZIP
            file.seek(0)
            if not compressed:
                return file.read(most)
            with gzip.open(file) as content:
                return content.read(most)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} must be a whole gzip file, got {' '.join(str(error).split())}") from error
    except OSError as error:
        raise unreadable(path, error) from error


def parse(raw: bytes, where: str, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Return the bytes of an idx file as an array of the `shape` that it must have.

    Raises:
        DataError: it is no idx file of unsigned bytes, has another shape, or fewer or more bytes than that.
    """
    magic = bytes((0, 0, UNSIGNED_BYTE, len(shape)))
    header = 4 + 4 * len(shape)
    if raw[:4] != magic:
        raise DataError(f"{where} must begin with {magic!r}, as idx files like it do, got {raw[:4]!r}")
    if len(raw) >= header:
        found = struct.unpack(f">{len(shape)}I", raw[4:header])
        if found != shape:
            raise DataError(f"the header of {where} must say {_product(shape)}, got {_product(found)}")
    if len(raw) != size(shape):
        got = "more" if len(raw) > size(shape) else f"{len(raw):,}"
        raise DataError(f"{where} must hold {size(shape):,} bytes, header included, got {got}")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)


def _product(shape: tuple[int, ...]) -> str:
    return " x ".join(f"{size:,}" for size in shape)
