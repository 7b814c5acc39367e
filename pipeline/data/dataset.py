"""The value that every loader returns: raw rows with their labels, validated in one place, named by their content."""

import hashlib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pipeline.errors import DataError

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.float32] | npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

_LARGEST = float(np.finfo(np.float32).max)


NOT_HERE = "not downloaded"
"""The digest of rows that nobody has seen."""


@dataclass(frozen=True)
class Outline:
    """What a data set is without its rows: enough to say which of them a stage would see.

    `inputs` is D, `classes` C, `shape` as in Dataset. n_val and n_test are None where such rows are among the n_train.
    `as_bytes` says whether features are bytes, which are kept as they are, or floats.
    """

    name: str
    digest: str
    inputs: int
    classes: int
    shape: tuple[int, ...]
    n_train: int
    n_val: int | None
    n_test: int | None
    as_bytes: bool = True


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows as they were loaded, neither split nor standardised.

    x_* are (B, D), uint8 or float; y_* are (B,), int64, 0 to C - 1. `shape` is (channels, height, width) where rows are
    images stored channel by channel, else (). `pixel_range` holds the values that are drawn black and white.

    Raises:
        DataError: rows, labels and shapes do not fit together, or a value is not finite.
    """

    name: str
    classes: tuple[str, ...]
    x_train: Pixels
    y_train: Labels
    x_val: Pixels | None = None
    y_val: Labels | None = None
    x_test: Pixels | None = None
    y_test: Labels | None = None
    shape: tuple[int, ...] = ()
    pixel_range: tuple[float, float] = (0.0, 255.0)
    from_file: bool = False  # a user's own file, whose run folders also carry the digest

    def __post_init__(self) -> None:
        _check(len(self.classes) >= 2, self.name, "must have at least 2 classes", len(self.classes))
        for part, x, y in self.parts():
            _check_part(f"{self.name}: {part}", x, y, len(self.classes))
            same = f"must have the {self.inputs} features and the dtype {self.x_train.dtype} of x_train"
            fits = x.shape[1] == self.inputs and x.dtype == self.x_train.dtype
            _check(fits, f"{self.name}: x_{part}", same, (x.shape[1], str(x.dtype)))
        if self.shape:
            fits = len(self.shape) == 3 and math.prod(self.shape) == self.inputs
            _check(fits, self.name, f"must have an image shape of {self.inputs} pixels", self.shape)

    @property
    def inputs(self) -> int:
        """D, the features of a row."""
        return int(self.x_train.shape[1])

    @property
    def as_bytes(self) -> bool:
        """Whether features are bytes."""
        return self.x_train.dtype == np.uint8

    @cached_property
    def digest(self) -> str:
        """The SHA-256 (hex) of name, classes, shape and every array: the same for any layout of the same content."""
        content = hashlib.sha256(json.dumps([self.name, self.classes, self.shape]).encode())
        for part, x, y in self.parts():
            content.update(f"{part} {x.dtype.str} {x.shape}".encode())
            content.update(np.ascontiguousarray(x).data)
            content.update(np.ascontiguousarray(y).data)
        return content.hexdigest()

    @property
    def outline(self) -> Outline:
        """What it is without its rows."""
        rows = {part: len(y) for part, _, y in self.parts()}
        classes = len(self.classes)
        n_val, n_test = rows.get("val"), rows.get("test")
        return Outline(
            self.name, self.digest, self.inputs, classes, self.shape, rows["train"], n_val, n_test, self.as_bytes
        )

    @property
    def folder_name(self) -> str:
        """What run folders are called: the name, and for a user's own file also eight digits of the digest."""
        if not self.from_file:
            return self.name
        return own_folder_name(self.name, self.digest)

    def parts(self) -> Iterator[tuple[str, Pixels, Labels]]:
        """Yield (part, x, y) for those of train, val and test that the data set has.

        Raises:
            DataError: a part has rows without labels, or labels without rows.
        """
        for part, x, y in (
            ("train", self.x_train, self.y_train),
            ("val", self.x_val, self.y_val),
            ("test", self.x_test, self.y_test),
        ):
            if x is not None and y is not None:
                yield part, x, y
            elif x is not None or y is not None:
                both = f"must have both x_{part} and y_{part}"
                raise DataError(f"{self.name} {both}, got only {'y' if x is None else 'x'}_{part}")


def own_folder_name(name: str, digest: str) -> str:
    """Return what run folders of a user's own file are called, by the name and the digest of its data set."""
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name).lstrip('.')}-{digest[:8]}"


def _check_part(what: str, x: Pixels, y: Labels, classes: int) -> None:
    _check(x.ndim == 2 and x.size > 0, what, "must be rows of features, (B, D)", x.shape)
    _check(x.dtype in (np.uint8, np.float32, np.float64), what, "must hold uint8 or float pixels", str(x.dtype))
    _check(y.shape == (len(x),) and y.dtype == np.int64, what, f"must have {len(x)} integer labels", y.shape)
    wrong = y[(y < 0) | (y >= classes)]
    _check(wrong.size == 0, f"{what}: labels", f"must lie in 0..{classes - 1}", wrong[:1].tolist())
    if x.dtype != np.uint8:
        low, high = float(x.min()), float(x.max())  # both are nan where any value is
        _check(-_LARGEST <= low <= high <= _LARGEST, f"{what}: pixels", "must be finite float32 numbers", (low, high))


def _check(condition: bool, what: str, rule: str, got: object) -> None:
    if not condition:
        raise DataError(f"{what} {rule}, got {got}")
