"""Arrays by name in one .npz file: written whole, noticed to be damaged, and nothing in it is ever executed."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import read_array
from numpy.typing import NDArray

from pipeline.files import atomic

_DAMAGE = (OSError, ValueError, KeyError, EOFError, RuntimeError, struct.error, zlib.error, zipfile.BadZipFile)
"""What zipfile and NumPy raise about bytes that are not as they were written."""


class DamagedError(Exception):
    """A file is missing or not as it was written; says what was found instead."""


def write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write `arrays` and a list of their names: no zip file notices the loss of a member."""
    with atomic(path) as file:
        np.savez(file, allow_pickle=False, **arrays, members=np.array(list(arrays)))


def read(path: Path) -> dict[str, NDArray[Any]]:
    """Return what `write` wrote to `path`.

    Raises:
        DamagedError: the file is missing or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:  # which verifies checksums, unlike np.load, where it reads to the end
            arrays = {
                name.removesuffix(".npy"): read_array(io.BytesIO(archive.read(name)), allow_pickle=False)
                for name in archive.namelist()
            }
        members = set(arrays.pop("members").tolist())
        if members != set(arrays):
            raise ValueError(f"not all of {sorted(members)}")
    except _DAMAGE as error:
        raise DamagedError(str(error)) from error
    return arrays
