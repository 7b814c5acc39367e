"""Reads the arrays of an .npz file: every byte is verified first, and nothing in it is ever executed.

``np.load`` notices less: it checks a checksum where it happens to read to the end of a member, and makes room for
whatever shape a header claims.
"""

import errno
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

from pipeline.errors import HostError

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
"""Readers by version; the later one is for names of fields, which no plain array has."""

_CHUNK = 1 << 20

_DAMAGE = (
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
"""What zipfile and NumPy raise about bytes that are not as they were written; an OSError may be the disk's."""

_OF_BYTES = {None, errno.EINVAL}
"""The numbers of an OSError about the bytes: that of bz2 has none, and a place before the file's start is invalid."""


class DamagedError(Exception):
    """A file is not as it was written; says in one line what was found instead."""


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays in `path` by their names.

    Raises:
        OSError: it cannot be opened, or the disk does not give it back.
        HostError: an array that is as it was written does not fit in memory.
        DamagedError: it is no such file, is damaged, or holds Python objects.
    """
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                for info in archive.infolist():
                    _verify(archive, info)
                members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                if len(members) < len(archive.infolist()):
                    raise ValueError("two arrays of one name")
                return {name: _array(archive, info, path) for name, info in members.items()}
        except (OSError, *_DAMAGE) as error:
            if isinstance(error, OSError) and error.errno not in _OF_BYTES:
                raise
            raise DamagedError(" ".join(str(error).split()) or type(error).__name__) from error


def _verify(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """Read a member to its end, where its checksum is; zipfile lets it be shorter than it claims."""
    size = 0
    with archive.open(info) as member:
        while chunk := member.read(_CHUNK):
            size += len(chunk)
    if size != info.file_size:
        raise ValueError(f"{info.filename} of {size:,} bytes instead of {info.file_size:,}")


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> NDArray[Any]:
    with archive.open(info) as member:
        version = npy.read_magic(member)
        if version not in _HEADERS:
            raise ValueError("{} of the version {}.{}".format(info.filename, *version))
        shape, _, dtype = _HEADERS[version](member)
        size = info.file_size - member.tell()
    fits = size == math.prod(shape) * dtype.itemsize and dtype.itemsize > 0
    if not (fits or dtype.hasobject):
        raise ValueError(f"{info.filename} with {size:,} bytes for the shape {shape}")
    with archive.open(info) as member:
        try:
            array: NDArray[Any] = npy.read_array(member, allow_pickle=False)
        except MemoryError as error:
            raise HostError(f"{path} must fit in memory, got {size:,} bytes of {info.filename}") from error
    return array
