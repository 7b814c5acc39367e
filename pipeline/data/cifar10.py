"""CIFAR-10 (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html) in any of its official forms.

The binary, python and matlab versions, as extracted folders or as the archives they come in. Archives are checked
against the published sums and then streamed, never extracted. All forms of the same images give the same digest.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.data import tar
from pipeline.data.archive import Archive
from pipeline.data.dataset import NOT_HERE, Dataset, Outline
from pipeline.data.entry import MissingError, Published, Warn
from pipeline.data.matlab import read_arrays
from pipeline.data.pickles import read_batch
from pipeline.errors import DataError
from pipeline.files import unreadable

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
ROWS = 10_000
"""Rows of a batch; there are five batches of training rows and one of test rows."""

URL = "https://www.cs.toronto.edu/~kriz/"

_BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")

Batch = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]


def most_bytes(rows: int) -> int:
    """Return how many bytes a batch may have in any layout: twice its pixels, and room for what is said of them."""
    return 2 * rows * (1 + PIXELS) + (1 << 16)


def parse_binary(raw: bytes, where: str, rows: int) -> Batch:
    """Return the pixels (rows, 3072) and labels (rows,) of records of 1 + 3072 bytes.

    Raises:
        DataError: there are more or fewer bytes.
    """
    if len(raw) != rows * (1 + PIXELS):
        raise DataError(f"{where} must hold {rows} records of {1 + PIXELS} bytes, got {len(raw)} bytes")
    records = np.frombuffer(raw, np.uint8).reshape(rows, 1 + PIXELS)
    return records[:, 1:], records[:, 0].astype(np.int64)


def parse_python(raw: bytes, where: str, rows: int) -> Batch:
    """Return the pixels and labels of a pickled batch.

    Raises:
        DataError: it is damaged, or asks for more than arrays.
    """
    pixels, labels = read_batch(raw, where, rows)
    return _of_size(pixels, np.array(labels, np.int64), where, rows)


def parse_matlab(raw: bytes, where: str, rows: int) -> Batch:
    """Return the pixels and labels of a MATLAB 5 file.

    Raises:
        DataError: it is damaged or lacks them.
    """
    arrays = read_arrays(raw, where, ("data", "labels"), most_bytes(rows))
    labels = arrays["labels"]
    if labels.dtype.kind not in "iu":
        raise DataError(f"{where} must hold integer labels, got {labels.dtype}")
    return _of_size(arrays["data"], labels.ravel().astype(np.int64), where, rows)


def _of_size(pixels: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], where: str, rows: int) -> Batch:
    if pixels.shape != (rows, PIXELS) or pixels.dtype != np.uint8:
        raise DataError(f"{where} must hold {rows} x {PIXELS} uint8 pixels, got {pixels.shape} {pixels.dtype}")
    if labels.shape != (rows,):
        raise DataError(f"{where} must hold {rows} labels, got {labels.size}")
    return pixels, labels


@dataclass(frozen=True)
class Layout:
    """One official version: what its folder and archive are called, and how a batch is read."""

    folder: str
    suffix: str
    archive: Archive
    parse: Callable[[bytes, str, int], Batch]

    @property
    def files(self) -> tuple[str, ...]:
        """The file names of the six batches, the test batch last."""
        return tuple(f"{batch}{self.suffix}" for batch in _BATCHES)


BINARY = Layout(
    "cifar-10-batches-bin",
    ".bin",
    Archive(
        "cifar-10-binary.tar.gz",
        170_052_171,
        "c32a1d4ab5d03f1284b67883e8d87530",
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ),
    parse_binary,
)
PYTHON = Layout(
    "cifar-10-batches-py",
    "",
    Archive(
        "cifar-10-python.tar.gz",
        170_498_071,
        "c58f30108f718f92721af3b95e74349a",
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    ),
    parse_python,
)
MATLAB = Layout(
    "cifar-10-batches-mat",
    ".mat",
    Archive("cifar-10-matlab.tar.gz", 183_434_414, "70270af85842c9e89bb428ec9976c926"),
    parse_matlab,
)
LAYOUTS = (BINARY, PYTHON, MATLAB)
"""In order of preference: records, a pickle, a foreign format."""


@dataclass(frozen=True)
class Source:
    """CIFAR-10 on disk: a folder of batches or an archive, in one of the layouts."""

    path: Path
    layout: Layout


def find(folder: Path, layouts: Sequence[Layout] = LAYOUTS) -> Source | None:
    """Return the CIFAR-10 in `folder`, or None: a batch folder, `folder` itself being one, or an official archive.

    An incomplete folder is found too: reading it says what is missing, where passing over it would hide the damage.
    """
    for layout in layouts:
        if (folder / layout.folder).is_dir():
            return Source(folder / layout.folder, layout)
        if any((folder / file).is_file() for file in layout.files):
            return Source(folder, layout)
        if (folder / layout.archive.name).is_file():
            return Source(folder / layout.archive.name, layout)
    return None


def read(source: Source, rows: int = ROWS) -> Dataset:
    """Return CIFAR-10: x_train (5 * rows, 3072) uint8, x_test (rows, 3072).

    Raises:
        DataError: a file is missing, truncated or damaged, or a label is not 0 to 9.
        HostError: a file may not be read.
    """
    x = np.empty((len(_BATCHES) * rows, PIXELS), np.uint8)
    y = np.empty(len(x), np.int64)
    missing = set(source.layout.files)
    try:
        stored = _archived if source.path.is_file() else _extracted
        for file, raw in stored(source, most_bytes(rows)):
            where = str(source.path / file)
            pixels, labels = source.layout.parse(raw, where, rows)
            wrong = labels[(labels < 0) | (labels >= len(CLASSES))]
            if wrong.size:
                raise DataError(f"{where} must hold labels in 0..{len(CLASSES) - 1}, got {wrong[0]}")
            place = source.layout.files.index(file) * rows
            x[place : place + rows], y[place : place + rows] = pixels, labels
            missing.discard(file)
    except OSError as error:
        raise unreadable(Path(error.filename or source.path), error) from error
    if missing:
        raise DataError(f"{source.path} must hold all {len(_BATCHES)} batches, got none called {min(missing)}")
    train = len(x) - rows
    return Dataset("cifar10", CLASSES, x[:train], y[:train], x_test=x[train:], y_test=y[train:], shape=SHAPE)


def _extracted(source: Source, most: int) -> Iterator[tuple[str, bytes]]:
    for file in source.layout.files:
        path = source.path / file
        if path.is_file():
            if path.stat().st_size > most:
                raise DataError(f"{path} must hold at most {most:,} bytes, got {path.stat().st_size:,}")
            yield file, path.read_bytes()


def _archived(source: Source, most: int) -> Iterator[tuple[str, bytes]]:
    source.layout.archive.verify(source.path)
    wanted = {f"{source.layout.folder}/{file}": file for file in source.layout.files}
    for name, raw in tar.members(source.path, wanted, most):
        yield wanted[name], raw


def _load(folder: Path, _warn: Warn) -> Dataset:
    source = find(folder)
    if source is None:
        raise MissingError(folder, (BINARY.archive,))
    return read(source)


PUBLISHED = Published(
    title="CIFAR-10",
    outline=Outline("cifar10", NOT_HERE, PIXELS, len(CLASSES), SHAPE, n_train=5 * ROWS, n_val=None, n_test=ROWS),
    url=URL,
    archives=(BINARY.archive,),
    marks=("cifar-10-", "data_batch_", "test_batch", "batches.meta"),
    read=_load,
)
