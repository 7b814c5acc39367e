"""A split's standardised rows as files, written once and mapped into the memory of every worker.

Where they are wanted along principal axes, these are found first; whoever wants the same ones again finds the rows.
Another number of axes finds its own: 7 seconds on CIFAR-10, where a thousand axes kept for all would cost everybody 2.
"""

import fcntl
import hashlib
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from pipeline.blas import kernels, libraries, single_thread
from pipeline.data.dataset import Dataset, Pixels
from pipeline.data.rotation import AT_ONCE, Rotation, principal_axes
from pipeline.data.rows import ByteRows, StandardRows
from pipeline.data.split import Split, rows_of
from pipeline.data.standardise import in_parts, moments, standardised
from pipeline.errors import DataError, require
from pipeline.files import atomic, make_folder, reading, sync_folder, write_text, writing
from pipeline.spec import DataSpec, canonical_json, from_json

_DESCRIPTION = "split.json"

_BYTES, _FLOATS = "|u1", "<f4"


@dataclass(frozen=True)
class _File:
    """What tells a file from a damaged one: its bytes, counted and hashed."""

    size: int
    sha256: str


@dataclass(frozen=True)
class _Description:
    """What a folder of the cache holds, file by file; the type of rows (uint8 ones are not standardised yet).

    `rotated_by` is the BLAS that rotated them, which decides the last bits.
    """

    spec: DataSpec
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    pixel_range: tuple[float, float]
    dtype: str
    files: dict[str, _File]
    rotated_by: str = ""


def prepare(dataset: Dataset, spec: DataSpec, cache: Path) -> Path:
    """Return the folder in `cache` with the rows of the split `spec`, writing it where it is not whole.

    Rows x_*.npy (B, D), bytes as they are and others standardised in float32; int64 labels y_*.npy (B,), mean.npy and
    std.npy (D,) of the training rows. With components rows are float32 (B, r), and axes.npy, variances.npy and
    total.npy are those of a Rotation. A split that keeps the test set closed has no test rows on disk. The folder
    appears whole or not at all; processes that want the same one wait for each other. One that is there is read through
    once per process, and written anew where a byte of it differs from what was written.

    Raises:
        ConfigError: `spec` is not about `dataset`, or wants more components than there are.
        DataError: a row is not finite once it is standardised.
        HostError: `cache` is not writable, or the disk is full.
    """
    require(
        spec.digest == dataset.digest, "the split", f"must be one of data set {dataset.digest[:16]}", spec.digest[:16]
    )
    folder = folder_of(spec, make_folder(cache))
    rotated = spec.components is not None
    shape, rotated_by = ((), _blas()) if rotated else (dataset.shape, "")
    dtype = _FLOATS if rotated or not dataset.as_bytes else _BYTES
    wanted = _Description(spec, shape, dataset.classes, dataset.pixel_range, dtype, files={}, rotated_by=rotated_by)
    if not _is_sound(folder, wanted):
        with _turn(cache / f".{folder.name}.lock"):
            if not _is_sound(folder, wanted):  # somebody may have written it meanwhile
                _write(dataset, wanted, folder)
    return folder


def folder_of(spec: DataSpec, cache: Path) -> Path:
    """Return the folder in `cache` that is, or would be, that of the split `spec`.

    Rotated rows have one for every BLAS kernel, as each gives them other last bits: processes with different kernels do
    not write over what the others train on.
    """
    components = "" if spec.components is None else f"-c{spec.components}-{_short(_blas())}"
    return cache / f"{spec.digest[:16]}-n{spec.n_train}-v{spec.n_val}-t{spec.n_test}{components}"


def _blas() -> str:
    """Return what decides the last bits of rotated rows."""
    return f"{libraries()}, {kernels()}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def check_rows(dataset: Dataset, spec: DataSpec, cache: Path, tell: Callable[[str], None] = lambda _: None) -> None:
    """Refuse, before anything is written, what `prepare` would refuse; what is there already is not looked at again.

    `tell` is told in a line if that takes long.

    Raises:
        ConfigError: the training rows have fewer components than are wanted.
        DataError: a row is not finite once it is standardised.
    """
    if is_whole(folder_of(spec, cache)):
        return
    if spec.components is not None:
        tell(f"finding the first {spec.components:,} principal components of {spec.n_train:,} training rows")
        _rotation(dataset, spec)
    if not dataset.as_bytes:
        _check_finite(dataset, spec)


@lru_cache(maxsize=4)
def _check_finite(dataset: Dataset, spec: DataSpec) -> None:
    """Standardise the rows of a split, and throw them away."""
    parts = list(rows_of(dataset, spec))
    mean, std = moments(*parts[0][1::2])
    for _, x, _, indices in parts:
        deque(standardised(x, indices, mean, std), maxlen=0)


@lru_cache(maxsize=1)
def _rotation(dataset: Dataset, spec: DataSpec) -> Rotation:
    """Return the principal axes of the training rows; kept from `check_rows` to `prepare`."""
    _, x, _, indices = next(rows_of(dataset, spec))
    return principal_axes(standardised(x, indices, *moments(x, indices), AT_ONCE), spec.columns)


def is_whole(folder: Path) -> bool:
    """Return whether `folder` holds every file of a split, each of its full size; quick, as no file is read."""
    try:
        return _is_whole(folder)
    except OSError:
        return False


def _is_whole(folder: Path) -> bool:
    """Return what `is_whole` does; an OSError says that this cannot be seen."""
    try:
        files = _describe(folder).files
        return all((folder / name).stat().st_size == file.size for name, file in files.items())
    except (FileNotFoundError, NotADirectoryError, DataError):
        return False


def _is_sound(folder: Path, wanted: _Description) -> bool:
    """Return whether `folder` holds the split that is `wanted`, byte for byte as it was written."""
    if not is_whole(folder):
        return False
    stored = _describe(folder)
    try:
        same = all(_sha256(folder / name) == file.sha256 for name, file in stored.files.items())
    except OSError:  # a disk that cannot read it back
        return False
    return same and stored == replace(wanted, files=stored.files)


def _sha256(path: Path) -> str:
    """Return the SHA-256 (hex) of a file; one that was read before and not touched since is not read again."""
    status = path.stat()
    return _read_sha256(path, status.st_ino, status.st_size, status.st_mtime_ns)


@lru_cache
def _read_sha256(path: Path, *_stamp: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_split(folder: Path) -> Split:
    """Map the split that `prepare` wrote and verified; its pages are shared by all processes that do.

    Raises:
        DataError: a file is missing or damaged.
        HostError: a file cannot be opened, as too many are.
    """
    with reading(folder):
        if not _is_whole(folder):
            raise DataError(
                f"{folder} must be a whole cached split, got missing or truncated files; run again to rewrite it"
            )
        description = _describe(folder)
        arrays = {name.removesuffix(".npy"): _map(folder / name) for name in description.files}

    def rows(pixels: npt.NDArray[Any]) -> StandardRows:
        return ByteRows.of(pixels, arrays["mean"], arrays["std"]) if description.dtype == _BYTES else pixels

    return Split(
        x_train=rows(arrays["x_train"]),
        y_train=arrays["y_train"],
        x_val=rows(arrays["x_val"]),
        y_val=arrays["y_val"],
        x_test=rows(arrays["x_test"]) if "x_test" in arrays else None,
        y_test=arrays.get("y_test"),
        mean=arrays["mean"],
        std=arrays["std"],
        shape=description.shape,
        classes=description.classes,
        pixel_range=description.pixel_range,
        spec=description.spec,
        rotation=Rotation(arrays["axes"], arrays["variances"], float(arrays["total"])) if "axes" in arrays else None,
    )


def _map(path: Path) -> npt.NDArray[Any]:
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (EOFError, ValueError, OverflowError, SyntaxError, TokenError) as error:  # NumPy parses a header
        reason = " ".join(str(error).split())
        raise DataError(f"{path} must be a whole array, got {reason}; run again to rewrite it") from error


def _describe(folder: Path) -> _Description:
    return from_json((folder / _DESCRIPTION).read_bytes().decode(errors="replace"), _Description)


def _write(dataset: Dataset, wanted: _Description, folder: Path) -> None:
    unfinished = folder.with_name(f".{folder.name}.tmp")
    for leftover in (unfinished, folder):  # of a killed run, and damaged
        shutil.rmtree(leftover, ignore_errors=True)
    make_folder(unfinished)
    parts = list(rows_of(dataset, wanted.spec))
    mean, std = moments(*parts[0][1::2])
    rotation = None if wanted.spec.components is None else _rotation(dataset, wanted.spec)
    for part, x, y, indices in parts:
        rows: Iterable[Pixels] = in_parts(x, indices)
        if wanted.dtype == _FLOATS:
            floats = standardised(x, indices, mean, std)
            rows = map(rotation.rotate, floats) if rotation else floats
        with atomic(unfinished / f"x_{part}.npy") as file, single_thread():
            _write_rows(file, rows, wanted.dtype, (len(indices), wanted.spec.columns))
        _save(unfinished / f"y_{part}.npy", y[indices])
    statistics = {"mean": mean, "std": std} | (vars(rotation) if rotation else {})
    for name, values in statistics.items():
        _save(unfinished / f"{name}.npy", np.asarray(values))
    with reading(unfinished):
        files = {path.name: _File(path.stat().st_size, _sha256(path)) for path in sorted(unfinished.iterdir())}
    write_text(unfinished / _DESCRIPTION, canonical_json(replace(wanted, files=files)))
    with writing(folder):
        unfinished.rename(folder)
        sync_folder(folder.parent)


def _write_rows(file: IO[bytes], parts: Iterable[Pixels], dtype: str, shape: tuple[int, int]) -> None:
    """Write rows of a `shape` (B, D), that come a few at a time, as np.save does."""
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    for part in parts:
        file.write(part.data)


def _save(path: Path, array: npt.NDArray[Any]) -> None:
    with atomic(path) as file:
        np.save(file, array, allow_pickle=False)


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Wait until no other process holds the lock file `path`, and hold it."""
    with writing(path):
        file = path.open("a")
    with file:
        with writing(path):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
