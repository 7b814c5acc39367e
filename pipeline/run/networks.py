"""The files of trained networks: parameters, moving averages and test predictions of one trial, as .npz."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.affine import Array
from pipeline.core.network import Network
from pipeline.errors import DataError
from pipeline.evaluate import Prediction
from pipeline.files import remove
from pipeline.run import arrays

_NUMBER = re.compile("0|[1-9][0-9]*")
"""The names of our files, without .npz."""


@dataclass(frozen=True)
class StoredNetwork:
    """What a figure needs of a stored network: W1 (D, H), and each test row's likeliest class and its probability."""

    first_layer: Array
    predicted: NDArray[np.intp]
    confidence: Array


def write(path: Path, identity: tuple[str, str], network: Network, prediction: Prediction, position: int) -> None:
    """Write the network at `position` of a pack.

    The file holds W1, b1, gamma1, beta1, ..., mean1, variance1, ..., test_predicted, test_confidence, and
    what was run: the keys of the trial and of its pack.
    """
    stored: dict[str, NDArray[Any]] = {
        name: np.ascontiguousarray(array[position]) for name, array in network.parameters.items()
    }
    for layer, moments in network.averages.items():
        stored[f"mean{layer}"] = moments.mean[position]
        stored[f"variance{layer}"] = moments.variance[position]
    stored["key"], stored["pack_key"] = map(np.array, identity)
    stored["test_predicted"] = prediction.classes[position]
    stored["test_confidence"] = prediction.confidence[position]
    arrays.write(path, stored)


def is_whole(path: Path, identity: tuple[str, str]) -> bool:
    """Whether `path` holds, undamaged, the network of what was run: a trial in a pack.

    A file that was read before and not touched since is not read again.
    """
    try:
        status = path.stat()
    except OSError:
        return False
    return _identity(path, status.st_ino, status.st_size, status.st_mtime_ns) == identity


@lru_cache(maxsize=100_000)
def _identity(path: Path, *_stamp: int) -> tuple[str, str] | None:
    """Return of what run a file holds the network; None where it is damaged."""
    try:
        stored = _arrays(path)
    except DataError:
        return None
    return str(stored["key"]), str(stored["pack_key"])


def read(path: Path) -> StoredNetwork:
    """Return the network that `write` wrote to `path`.

    Raises:
        DataError: the file is missing or damaged.
    """
    stored = _arrays(path)
    return StoredNetwork(stored["W1"], stored["test_predicted"], stored["test_confidence"])


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return everything that `write` wrote to `path`; errors as for `read`."""
    try:
        return arrays.read(path)
    except arrays.DamagedError as error:
        raise DataError(f"{path} must be a network of a finished run, got {error}") from error


def keep_only(folder: Path, numbers: Collection[int]) -> None:
    """Remove the networks of all numbers but these; files of other names are somebody else's."""
    for path in folder.glob("*.npz"):
        if _NUMBER.fullmatch(path.stem) and int(path.stem) not in numbers:
            remove(path)
