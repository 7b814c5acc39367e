"""MNIST (LeCun, Cortes and Burges 1998, http://yann.lecun.com/exdb/mnist): 28 x 28 grey images of digits.

Two data sets. ``mnist`` is all of it: 60,000 training and 10,000 test images. ``mnist-t10k`` is its 10,000 test images
alone, split 8,000 / 1,000 / 1,000 for training, validation and testing; its results compare with nobody's on MNIST,
which is why it has a name of its own. ``mnist`` gives it, with a warning, where a folder holds no training file at all.

The four files may be compressed or not, and spelt with ``-idx`` or ``.idx``; all forms give the same digest. They are
told by their content: the sums below are those of the unpacked files, as many published lists have them, so that other
data under the same names (Fashion-MNIST) is refused, while a file that somebody compressed again is not. The files of
the test images were compared with the official ones when this was written, those of the training images with the lists.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.data import idx
from pipeline.data.archive import Archive
from pipeline.data.dataset import NOT_HERE, Dataset, Labels, Outline, Pixels
from pipeline.data.entry import MissingError, Published, Warn
from pipeline.data.split import stratified_permutation
from pipeline.errors import DataError

CLASSES = tuple("0123456789")
SHAPE = (1, 28, 28)
PLACES = ("", "mnist", "mnist/raw", "MNIST", "MNIST/raw")
"""Folders in which the files may lie, below the one that is given; the last is where torchvision puts them."""

NAME = "mnist"
TEST_NAME = "mnist-t10k"
HELD_OUT = 10
"""One of so many test images validates in `mnist-t10k`, and as many test."""

_MARKS = ("train-images", "train-labels", "t10k-images", "t10k-labels", "mnist", "MNIST")


@dataclass(frozen=True)
class File:
    """One of the four files: as it is downloaded, what it holds, and the SHA-256 (hex) of it, unpacked."""

    archive: Archive
    shape: tuple[int, ...]
    sha256: str

    def find(self, folder: Path) -> Path | None:
        """Return the file in `folder`, under any of its names, the unpacked ones first; or None."""
        name = self.archive.name.removesuffix(".gz")
        names = [f"{stem}{suffix}" for suffix in ("", ".gz") for stem in (name, name.replace("-idx", ".idx"))]
        return next((folder / name for name in names if (folder / name).is_file()), None)

    def read(self, folder: Path) -> npt.NDArray[np.uint8]:
        """Return what it holds, in its shape.

        Raises:
            MissingError: it is not there.
            HostError: it cannot be read.
            DataError: it is damaged, or another data set's.
        """
        path = self.find(folder)
        if path is None:
            raise MissingError(folder, (self.archive,))
        raw = idx.unpacked(path, most=idx.size(self.shape) + 1)
        content = idx.parse(raw, str(path), self.shape)
        found = hashlib.sha256(raw).hexdigest()
        if found != self.sha256:
            raise DataError(
                f"{path} must be MNIST's, with the sha256 {self.sha256[:16]}... when unpacked, got {found[:16]}...; "
                "another data set can be given as an .npz file"
            )
        return content


@dataclass(frozen=True)
class Part:
    """The images and the labels of the training or of the test images."""

    images: File
    labels: File

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.labels.shape[0]

    @property
    def files(self) -> tuple[File, File]:
        """Both files."""
        return self.images, self.labels

    @property
    def archives(self) -> tuple[Archive, ...]:
        """What they are downloaded as."""
        return self.images.archive, self.labels.archive

    def read(self, folder: Path) -> tuple[Pixels, Labels]:
        """Return the pixels (B, 784) and the labels (B,)."""
        pixels = self.images.read(folder).reshape(self.rows, -1)
        return pixels, self.labels.read(folder).astype(np.int64)


def whole(train: Part, test: Part, url: str) -> Published:
    """Return all of MNIST, made of these parts, as an entry of the table."""
    files = (*train.files, *test.files)

    def read(folder: Path, warn: Warn) -> Dataset:
        place = _place(folder, files)
        missing = _missing(place, files)
        if missing == train.archives:
            warn(
                f"{place} holds no training images of MNIST; using its {test.rows:,} test images instead, split for "
                f"training, validation and testing, as the data set {TEST_NAME}"
            )
            return _of_test_images(test, place)
        if missing:
            raise MissingError(place, missing)
        x, y = train.read(place)
        x_test, y_test = test.read(place)
        return Dataset(NAME, CLASSES, x, y, x_test=x_test, y_test=y_test, shape=SHAPE)

    outline = _outline(NAME, train.rows, None, test.rows)
    archives = train.archives + test.archives
    return Published("MNIST", outline, url, archives, _MARKS, read, stand_ins=(TEST_NAME,))


def test_images(test: Part, url: str) -> Published:
    """Return the test images of MNIST, split for training, validation and testing, as an entry of the table."""

    def read(folder: Path, _warn: Warn) -> Dataset:
        place = _place(folder, test.files)
        if missing := _missing(place, test.files):
            raise MissingError(place, missing)
        return _of_test_images(test, place)

    held_out = test.rows // HELD_OUT
    outline = _outline(TEST_NAME, test.rows - 2 * held_out, held_out, held_out)
    return Published(f"MNIST's {test.rows:,} test images", outline, url, test.archives, _MARKS, read)


def _place(folder: Path, files: tuple[File, ...]) -> Path:
    """Return which of PLACES holds most of `files`; `folder` itself where none holds any."""
    return max((folder / place for place in PLACES), key=lambda place: sum(bool(file.find(place)) for file in files))


def _missing(place: Path, files: tuple[File, ...]) -> tuple[Archive, ...]:
    return tuple(file.archive for file in files if file.find(place) is None)


def _of_test_images(test: Part, place: Path) -> Dataset:
    """Return the data set of the test images: each part has the classes in the proportions of all of them."""
    x, y = test.read(place)
    held_out = test.rows // HELD_OUT
    tested, val, train = np.split(stratified_permutation(y), [held_out, 2 * held_out])
    return Dataset(TEST_NAME, CLASSES, x[train], y[train], x[val], y[val], x[tested], y[tested], SHAPE)


def _outline(name: str, n_train: int, n_val: int | None, n_test: int) -> Outline:
    pixels = SHAPE[1] * SHAPE[2]
    return Outline(name, NOT_HERE, pixels, len(CLASSES), SHAPE, n_train, n_val, n_test)


URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
"""PyTorch's mirror of the four files."""

TRAIN = Part(
    File(
        Archive(
            "train-images-idx3-ubyte.gz",
            9_912_422,
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        (60_000, 28, 28),
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    File(
        Archive(
            "train-labels-idx1-ubyte.gz",
            28_881,
            "d53e105ee54ea40749a09fcbcd1e9432",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        (60_000,),
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
)
TEST = Part(
    File(
        Archive(
            "t10k-images-idx3-ubyte.gz",
            1_648_877,
            "9fb629c4189551a2d022fa330f9573f3",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        (10_000, 28, 28),
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    File(
        Archive(
            "t10k-labels-idx1-ubyte.gz",
            4_542,
            "ec29112dd5afa0611ce80d1b7f02629c",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
        (10_000,),
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)

WHOLE = whole(TRAIN, TEST, URL)
TEST_IMAGES = test_images(TEST, URL)
