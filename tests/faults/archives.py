"""Damaged archives and folders of CIFAR-10: everything is one line, or exactly the true rows; nothing is extracted."""

import contextlib
import gzip
import os
import random
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO, StringIO
from pathlib import Path

from case import Case, Setting
from cifar_files import ROWS, WRITERS, archive_of, batch, describe, write_archive, write_folder
from members import evil
from pickle_table import VALID, running
from pickles import limited, unlike_a_line

from pipeline.data.cifar10 import BINARY, LAYOUTS, PYTHON, Layout, Source, read
from pipeline.errors import DataError
from sweeps.__main__ import main

PATIENCE = 30
MEMORY = 4_000_000
"""Bytes that reading a toy may take: it has 74 kB of pixels."""

PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>\n"
NAMES = ("binary", "python 3", "python 2", "matlab")


def archives(setting: Setting) -> Iterator[Case]:
    """Yield a case per damaged archive, evil member and damaged folder."""
    for (layout, writer), name in zip(WRITERS, NAMES, strict=True):
        for checked in (True, False):
            fault = f"archive damaged, its checksum {'compared' if checked else 'passed over'}"
            yield from _cases(fault, name, damaged_archives(setting, layout, writer, checked))
    yield from _cases("archive with evil members", "tar", evil_archives(setting.folder))
    for (layout, writer), name in zip(WRITERS, NAMES, strict=True):
        yield from _cases("folder damaged", name, damaged_folders(setting.folder, layout, writer))
    yield from _cases("damaged CIFAR-10, given to the command", "lambda", given_to_the_command(setting.folder))


def given_to_the_command(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield what each damage to the official files is called, and how the command ends other than with 4 and a line.

    Given as a folder, and as the one where data is looked for where none is given: digits must not stand in for it.
    """
    files = {
        **{layout.archive.name: PAGE for layout in LAYOUTS},
        **{f"{layout.folder}/{layout.files[0]}": VALID[:1000] for layout in LAYOUTS},
        f"{PYTHON.folder}/{PYTHON.files[1]}": running(str(folder / "made"))["os.mkdir by REDUCE"],
        f"{BINARY.folder}/{BINARY.files[5]}": bytes(10_000 * 3073),  # the others are missing
    }
    for name, content in files.items():
        for given in (True, False):
            here = _fresh(folder)
            path = here / "data" / name
            path.parent.mkdir(parents=True)
            path.write_bytes(content)
            trouble = _end_of_command(here, ["--data-dir", "data"] if given else [])
            yield f"{name}, {'given' if given else 'found'}", trouble or "its payload ran" * (folder / "made").exists()


def _end_of_command(here: Path, flags: list[str]) -> str:
    """Return how a sweep in the folder `here` ends other than with 4 and one line, or what it leaves."""
    before, err = sorted(here.rglob("*")), StringIO()
    with contextlib.chdir(here), contextlib.redirect_stderr(err), contextlib.redirect_stdout(StringIO()) as out:
        code = main(["lambda", *flags])
    lines = err.getvalue().splitlines()
    if code != DataError.exit_code or len(lines) != 1 or out.getvalue():
        return f"exit code {code}, {' | '.join(lines)}, {out.getvalue()}"[:300]
    return "something was written" if sorted(here.rglob("*")) != before else unlike_a_line(lines[0], "error: ")


def _cases(fault: str, kind: str, attempts: Iterator[tuple[str, str]]) -> Iterator[Case]:
    for name, trouble in attempts:
        yield Case(fault, wrong=int(bool(trouble)), note=f"{kind}, {name}: {trouble}" * bool(trouble))


def damaged_archives(setting: Setting, layout: Layout, writer: Callable, checked: bool) -> Iterator[tuple[str, str]]:
    """Yield what each damage is called, and what is wrong with what came of it.

    Unless the checksum is `checked`, it is that of the damaged bytes, so that the readers themselves are tried.
    """
    folder = _fresh(setting.folder)
    ours = write_archive(folder, layout, writer)
    path = folder / layout.archive.name
    whole, truth = path.read_bytes(), read(Source(path, ours), ROWS).digest
    for name, content in damaged(whole, layout, random.Random(setting.seed), 10 if setting.quick else 200):
        path.write_bytes(content)
        used = ours if checked else replace(ours, archive=describe(path.name, content))
        yield name, trouble_with(Source(path, used), truth)


def damaged(whole: bytes, layout: Layout, rng: random.Random, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield archives that are cut off at `count` places, have one of `count` bits flipped, or are something else."""
    for cut in range(count):
        yield f"cut at {cut}/{count}", whole[: cut * len(whole) // count]
    for bit in rng.sample(range(8 * len(whole)), count):
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit} flipped", bytes(content)
    yield from {
        "an empty file": b"",
        "a web page": PAGE,
        "zeros": bytes(len(whole)),
        "one byte more": whole + b"!",
    }.items()
    yield "a plain tar", gzip.decompress(whole)
    yield "a zip", _zip(gzip.decompress(whole))
    yield "a packed web page", gzip.compress(PAGE)
    yield "packed nothing", gzip.compress(b"")
    for other, writer in WRITERS:
        if other is not layout:
            yield f"that of {other.folder}", archive_of(other, writer)
            yield f"that of {other.folder} under our names", archive_of(layout, writer)


def evil_archives(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield what each evil member is called, and what is wrong with what came of it."""
    here = _fresh(folder)
    outside = here / "outside"
    outside.mkdir()
    (here / "in").mkdir()
    path = here / "in" / BINARY.archive.name
    for name, content in evil(outside).items():
        path.write_bytes(content)
        layout = replace(BINARY, archive=describe(path.name, content))
        trouble = trouble_with(Source(path, layout), truth=None)
        if sorted(here.rglob("*")) != sorted([outside, path.parent, path]):
            trouble = f"something was written: {sorted(here.rglob('*'))}"
        yield name, trouble


def damaged_folders(folder: Path, layout: Layout, writer: Callable) -> Iterator[tuple[str, str]]:
    """Yield what each damage to an extracted folder is called, and what is wrong with what came of it."""
    batches = write_folder(_fresh(folder) / layout.folder, layout, writer)
    truth = read(Source(batches, layout), ROWS).digest
    path = batches / layout.files[3]
    whole = path.read_bytes()
    contents = {
        "cut by a byte": whole[:-1],
        "cut in the middle": whole[: len(whole) // 2],
        "a byte too long": whole + b"!",
        "twice as long": whole + whole,
        "empty": b"",
        "a web page": PAGE,
        **({"zeros": bytes(len(whole))} if layout is not BINARY else {}),  # there, four black aeroplanes
        **{f"a label of {label}": writer(*_labelled(label)) for label in (10, 128, 255)},
        "a row less": writer(*(part[1:] for part in batch(3))),
        "a row more": writer(*(part[[0, *range(ROWS)]] for part in batch(3))),
        "a column less": writer(batch(3)[0][:, 1:], batch(3)[1]),
        **{f"one of {other.folder}": wrong(*batch(3)) for other, wrong in WRITERS if other is not layout},
        "packed": gzip.compress(whole),
    }
    for name, content in contents.items():
        path.write_bytes(content)
        yield name, trouble_with(Source(batches, layout), truth=None)
    changes: dict[str, Callable[[], object]] = {
        "missing": lambda: None,
        "a folder": path.mkdir,
        "a fifo": lambda: os.mkfifo(path),
        "a link to itself": lambda: path.symlink_to(path),
        "a link to nowhere": lambda: path.symlink_to(batches / "nowhere"),
        "an endless device": lambda: path.symlink_to("/dev/zero"),
        "of 1 TB": lambda: (path.touch(), os.truncate(path, 10**12)),
    }
    for name, change in changes.items():
        path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        change()
        yield name, trouble_with(Source(batches, layout), truth=None)
    path.unlink()
    path.write_bytes(whole)
    for name in ("batches.meta", "batches.meta.txt", "batches.meta.mat", "data_batch_6"):
        (batches / name).write_bytes(PAGE)
        yield f"whole, beside a wrong {name}", trouble_with(Source(batches, layout), truth)


def trouble_with(source: Source, truth: str | None) -> str:
    """Return what is wrong with how `source` is read: all but one line, or the rows whose digest is `truth`."""
    tracemalloc.start()
    try:
        with limited(PATIENCE):
            found = read(source, ROWS).digest
    except DataError as error:
        if tracemalloc.get_traced_memory()[1] > MEMORY:
            return f"{tracemalloc.get_traced_memory()[1]:,} bytes of memory"
        return unlike_a_line(str(error))
    except BaseException as error:  # whatever it is, it must be counted, not end the count
        return f"{type(error).__name__}: {error}"[:200]
    finally:
        tracemalloc.stop()
    return "" if found == truth else "other rows were read, without a word"


def _labelled(label: int) -> tuple:
    pixels, labels = batch(3)
    labels[2] = label
    return pixels, labels


def _zip(content: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("cifar-10.tar", content)
    return buffer.getvalue()


def _fresh(folder: Path) -> Path:
    """Return a new folder in `folder`."""
    place = folder / f"archives{len(list(folder.glob('archives*')))}"
    place.mkdir(parents=True)
    return place
