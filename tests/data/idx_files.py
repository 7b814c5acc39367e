"""Writes tiny MNISTs in the official layout: four idx files of a few random images, compressed or not."""

import gzip
import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cifar_files import describe

from pipeline.data.mnist import File, Part

TRAIN_ROWS, TEST_ROWS = 40, 20
STEMS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx(array: np.ndarray) -> bytes:
    """Return an array of bytes as an idx file."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def compressed(content: bytes, level: int = 9) -> bytes:
    return gzip.compress(content, level, mtime=0)


def images(rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (rows, 28, 28), np.uint8)


def labels(rows: int, seed: int) -> np.ndarray:
    """Return labels of which every class has its share."""
    return np.random.default_rng(seed).permutation(np.arange(rows) % 10).astype(np.uint8)


@dataclass(frozen=True)
class Edition:
    """A tiny MNIST: its arrays, and the parts that describe its files."""

    arrays: tuple[np.ndarray, ...]
    train: Part
    test: Part

    def files(self) -> dict[str, bytes]:
        """Return the unpacked files by their names, in the order of STEMS."""
        return {stem: idx(array) for stem, array in zip(STEMS, self.arrays, strict=True)}

    def served(self) -> dict[str, bytes]:
        """Return the files as they are downloaded."""
        return {f"{stem}.gz": compressed(content) for stem, content in self.files().items()}

    def write(self, folder: Path, stems=STEMS, *, packed: bool = False, dotted: bool = False) -> Path:
        """Write some of the files into `folder`, and return it."""
        folder.mkdir(parents=True, exist_ok=True)
        for stem in stems:
            name = stem.replace("-idx", ".idx") if dotted else stem
            content = self.files()[stem]
            (folder / f"{name}{'.gz' if packed else ''}").write_bytes(compressed(content, 1) if packed else content)
        return folder


def file(stem: str, array: np.ndarray) -> File:
    content = idx(array)
    return File(describe(f"{stem}.gz", compressed(content)), array.shape, hashlib.sha256(content).hexdigest())


def edition(train_rows: int = TRAIN_ROWS, test_rows: int = TEST_ROWS, **changed: np.ndarray) -> Edition:
    """Return a tiny MNIST; `changed` arrays (by `train_labels` and the like) take the places of random ones."""
    arrays = {
        "train_images": images(train_rows, 1),
        "train_labels": labels(train_rows, 2),
        "t10k_images": images(test_rows, 3),
        "t10k_labels": labels(test_rows, 4),
    } | changed
    parts = [file(stem, array) for stem, array in zip(STEMS, arrays.values(), strict=True)]
    return Edition(tuple(arrays.values()), Part(*parts[:2]), Part(*parts[2:]))
