"""Reads the arrays of an .npz file: every byte is verified first, and nothing in it is ever executed.

``np.load`` notices less: it checks a checksum where it happens to read to the end of a member, and makes room for
whatever shape a header claims.
"""

import lzma
import math
import struct
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError
from typing import Any

from numpy.lib import format as npy
from numpy.typing import NDArray

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
"""Readers by version; the later one is for names of fields, which no plain array has."""

_DAMAGE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    EOFError,
    MemoryError,
    OverflowError,
    RuntimeError,
    SyntaxError,  # NumPy parses a header
    TokenError,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What zipfile and NumPy raise about bytes that are not as they were written."""


class DamagedError(Exception):
    """A file is not as it was written; says in one line what was found instead."""


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays in `path` by their names.

    Raises:
        OSError: it cannot be opened.
        DamagedError: it is no such file, is damaged, or holds Python objects.
    """
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                if damaged := archive.testzip():
                    raise ValueError(f"Bad CRC-32 for file {damaged!r}")
                members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                if len(members) < len(archive.infolist()):
                    raise ValueError("two arrays of one name")
                return {name: _array(archive, info) for name, info in members.items()}
        except _DAMAGE as error:
            raise DamagedError(" ".join(str(error).split()) or type(error).__name__) from error


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(info) as member:
        shape, _, dtype = _HEADERS[npy.read_magic(member)](member)
        size = info.file_size - member.tell()
    fits = size == math.prod(shape) * dtype.itemsize and dtype.itemsize > 0
    if not (fits or dtype.hasobject):
        raise ValueError(f"{info.filename} with {size:,} bytes for the shape {shape}")
    with archive.open(info) as member:
        array: NDArray[Any] = npy.read_array(member, allow_pickle=False)
    return array
