"""Writes tiny CIFAR-10s in the official layouts: the same images in each, a few rows per batch."""

import gzip
import hashlib
import io
import pickle
import struct
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.io import savemat

from pipeline.data.archive import Archive
from pipeline.data.cifar10 import BINARY, MATLAB, PIXELS, PYTHON, Layout

ROWS = 4
BATCHES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def batch(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels (ROWS, 3072) and labels (ROWS,) of a batch."""
    rng = np.random.default_rng(number)
    return rng.integers(0, 256, (ROWS, PIXELS), np.uint8), rng.integers(0, 10, ROWS, np.uint8)


def binary(pixels: np.ndarray, labels: np.ndarray) -> bytes:
    return np.column_stack([labels, pixels]).astype(np.uint8).tobytes()


def python3(pixels: np.ndarray, labels: np.ndarray) -> bytes:
    """Return a batch as today's Python and NumPy write it with protocol 2."""
    return pickle.dumps({b"batch_label": b"a batch", b"labels": labels.tolist(), b"data": pixels}, protocol=2)


def python2(pixels: np.ndarray, labels: np.ndarray) -> bytes:
    """Return a batch byte for byte as Python 2's cPickle wrote the official ones."""

    def short(text: str) -> bytes:
        return b"U" + bytes([len(text)]) + text.encode()

    def integer(value: int) -> bytes:
        return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)

    memo = iter(range(1, 100))

    def put() -> bytes:
        return b"q" + bytes([next(memo)])

    rows, columns = pixels.shape
    content = pixels.tobytes()
    array = b"cnumpy.core.multiarray\n_reconstruct\n" + put() + b"cnumpy\nndarray\n" + put()
    array += integer(0) + b"\x85" + put() + short("b") + put() + b"\x87" + put() + b"R" + put()
    dtype = b"cnumpy\ndtype\n" + put() + short("u1") + put() + integer(0) + integer(1) + b"\x87" + put() + b"R" + put()
    dtype += b"(" + integer(3) + short("|") + put() + b"NNN" + 2 * b"J\xff\xff\xff\xff" + integer(0) + b"t" + b"b"
    array += b"(" + integer(1) + integer(rows) + integer(columns) + b"\x86" + put() + dtype + b"\x89"
    array += b"T" + struct.pack("<I", len(content)) + content + put() + b"t" + b"b"
    items = short("batch_label") + put() + short("training batch 1 of 5") + put()
    items += short("labels") + put() + b"]" + put() + b"(" + b"".join(integer(int(label)) for label in labels) + b"e"
    items += short("data") + put() + array
    return b"\x80\x02}" + put() + b"(" + items + b"u."


def matlab(pixels: np.ndarray, labels: np.ndarray) -> bytes:
    file = io.BytesIO()
    savemat(file, {"batch_label": "a batch", "labels": labels[:, None], "data": pixels})
    return b"MATLAB 5.0 MAT-file".ljust(116) + file.getvalue()[116:]  # without the time


WRITERS = [(BINARY, binary), (PYTHON, python3), (PYTHON, python2), (MATLAB, matlab)]


def write_folder(folder: Path, layout: Layout, writer) -> Path:
    """Write all batches into `folder` in `layout`, and return it."""
    folder.mkdir(parents=True)
    for number, file in enumerate(layout.files):
        (folder / file).write_bytes(writer(*batch(number)))
    return folder


def archive_of(layout: Layout, writer) -> bytes:
    """Return an archive with the names of `layout`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for number, file in [(9, "readme.html"), *enumerate(layout.files)]:
            content = writer(*batch(number))
            member = tarfile.TarInfo(f"{layout.folder}/{file}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)


def write_archive(folder: Path, layout: Layout, writer) -> Layout:
    """Write the archive of `layout` into `folder`; return the layout with the archive's own size and sums."""
    content = archive_of(layout, writer)
    (folder / layout.archive.name).write_bytes(content)
    return replace(layout, archive=describe(layout.archive.name, content))


def describe(name: str, content: bytes) -> Archive:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Archive(name, len(content), md5, hashlib.sha256(content).hexdigest())
