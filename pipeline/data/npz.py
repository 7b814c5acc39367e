"""A user's own data set: one ``.npz`` with x_train and y_train, and where there are any x_val, y_val, x_test, y_test.

x_* are rows (B, D) or images (B, H, W), (B, channels, H, W) or (B, H, W, channels); y_* are integers from 0, one per
row. ``classes``, if given, holds the names of the classes in order. Nothing in the file is ever unpickled.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.data.dataset import Dataset, Labels, Pixels
from pipeline.data.zipped import DamagedError, read_arrays
from pipeline.errors import ConfigError, DataError, nearest
from pipeline.files import unreadable

_REQUIRED = ("x_train", "y_train")
_KEYS = (*_REQUIRED, "x_val", "y_val", "x_test", "y_test", "classes")
_CHANNELS = (1, 3)

Array = npt.NDArray[Any]


def load(path: Path) -> Dataset:
    """Return the data set stored in `path`, named by the file's stem.

    Raises:
        ConfigError: there is no such file.
        HostError: it may not be read.
        DataError: it does not hold such a data set.
    """
    arrays = _arrays(path)
    _check_keys(path, arrays)
    y = {part: _labels(f"{path}: y_{part}", arrays[f"y_{part}"]) for part in _parts(arrays, "y")}
    x, shapes = {}, set()
    for part in _parts(arrays, "x"):
        x[part], shape = _rows(f"{path}: x_{part}", arrays[f"x_{part}"])
        shapes.add(shape)
    uint8 = x["train"].dtype == np.uint8
    return Dataset(
        name=path.stem,
        classes=_classes(path, arrays.get("classes"), y["train"]),
        x_train=x["train"],
        y_train=y["train"],
        x_val=x.get("val"),
        y_val=y.get("val"),
        x_test=x.get("test"),
        y_test=y.get("test"),
        shape=shapes.pop() if len(shapes) == 1 else (),
        pixel_range=(0.0, 255.0) if uint8 else (float(x["train"].min()), float(x["train"].max())),
        from_file=True,
    )


def _arrays(path: Path) -> Mapping[str, Array]:
    try:
        return read_arrays(path)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise ConfigError(f"data set must be an existing .npz file, got {str(path)!r}") from error
    except OSError as error:
        raise unreadable(path, error) from error
    except DamagedError as error:
        raise DataError(f"{path} must be an .npz of plain arrays, got {error}") from error


def _check_keys(path: Path, arrays: Mapping[str, Array]) -> None:
    for key in arrays:
        if key not in _KEYS:  # a misspelt x_test must not go unnoticed
            raise DataError(f"{path} must hold only {', '.join(_KEYS)}, got {key!r}{nearest(key.lower(), _KEYS)}")
    for key in _REQUIRED:
        if key not in arrays:
            raise DataError(f"{path} must hold {' and '.join(_REQUIRED)}, got {', '.join(arrays) or 'no arrays'}")


def _parts(arrays: Mapping[str, Array], axis: str) -> list[str]:
    return [part for part in ("train", "val", "test") if f"{axis}_{part}" in arrays]


def _rows(what: str, x: Array) -> tuple[Pixels, tuple[int, ...]]:
    """Return the rows of `x` (B, D), channel by channel, and the image shape (channels, H, W), or () for no images."""
    if x.ndim < 2 or x.size == 0:
        raise DataError(f"{what} must be rows or images with B first, got the shape {x.shape}")
    if x.dtype.kind not in "buif":
        raise DataError(f"{what} must hold numbers, got {x.dtype}")
    if x.ndim == 4 and x.shape[1] not in _CHANNELS and x.shape[3] in _CHANNELS:
        x = x.transpose(0, 3, 1, 2)
    shape: tuple[int, ...] = ()
    if x.ndim == 3:
        shape = (1, *x.shape[1:])
    elif x.ndim == 4 and x.shape[1] in _CHANNELS:
        shape = x.shape[1:]
    if x.dtype != np.uint8:
        with np.errstate(over="ignore"):  # of a wider type: infinite then, which is refused
            x = x.astype(np.float32 if x.dtype.kind == "b" or x.dtype.itemsize <= 2 else np.float64, order="C")
    return np.ascontiguousarray(x.reshape(len(x), -1)), shape


def _labels(what: str, y: Array) -> Labels:
    if y.dtype.kind not in "iu":
        raise DataError(f"{what} must hold integer labels, got {y.dtype}")
    if y.ndim != 1 and not (y.ndim == 2 and y.shape[1] == 1):
        raise DataError(f"{what} must be one label per row, got the shape {y.shape}")
    if y.size and y.max() > np.iinfo(np.int64).max:
        raise DataError(f"{what} must hold labels below 2**63, got {y.max()}")
    return y.ravel().astype(np.int64)


def _classes(path: Path, names: Array | None, y: Labels) -> tuple[str, ...]:
    """Return the class names: those of the file, else the labels, which then must be 0..C-1 without a gap."""
    if names is not None:
        if names.ndim != 1 or names.dtype.kind != "U":
            raise DataError(f"{path}: classes must be a list of names, got {names.dtype} {names.shape}")
        return tuple(str(name) for name in names)
    found = np.unique(y)
    if found[0] < 0:
        raise DataError(f"{path}: y_train must hold labels from 0 up, got {found[0]}")
    if not np.array_equal(found, np.arange(len(found))):
        missing = next(place for place, label in enumerate([*found.tolist(), -1]) if place != label)
        raise DataError(
            f"{path}: y_train must hold every label from 0 up (or name the classes in 'classes'), "
            f"got {found[0]}..{found[-1]} without {missing}"
        )
    return tuple(str(label) for label in found)
