"""Arrays by name in one .npz file: written whole, noticed to be damaged, and nothing in it is ever executed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.zipped import DamagedError, read_arrays
from pipeline.files import atomic

__all__ = ["DamagedError", "read", "write"]

_MEMBERS = "members"


def write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write `arrays` and a list of their names: no zip file notices the loss of a member."""
    with atomic(path) as file:
        np.savez(file, allow_pickle=False, **arrays, members=np.array(list(arrays)))


def read(path: Path) -> dict[str, NDArray[Any]]:
    """Return what `write` wrote to `path`.

    Raises:
        DamagedError: the file is missing or damaged, or somebody else's.
    """
    try:
        arrays = read_arrays(path)
    except OSError as error:
        raise DamagedError(str(error)) from error
    if _MEMBERS not in arrays:
        raise DamagedError("no list of its arrays")
    members = sorted(map(str, arrays.pop(_MEMBERS).ravel().tolist()))
    if members != sorted(arrays):
        raise DamagedError(f"not all of {members}")
    return arrays
