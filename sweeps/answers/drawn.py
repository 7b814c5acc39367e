"""The figures of a run folder: drawn anew unless they are there, whole, and show these very results.

Drawing takes longer than everything else that a complete sweep does when it is run again. What the figures were drawn
from, the code and the libraries included, is remembered beside them as one digest, and each file by its own.
"""

import hashlib
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
from matplotlib.figure import Figure
from rich.console import Console

import pipeline
import sweeps
from pipeline.errors import DataError
from pipeline.files import exists, make_folder, reading, remove, write_json
from pipeline.report import style
from pipeline.run.plan import NETWORKS
from pipeline.run.provenance import LIBRARIES
from pipeline.spec import from_json, plain
from sweeps.folders import FIGURES
from sweeps.question import Answer, Finished

RECORD = ".drawn.json"
"""In the run folder."""


@dataclass(frozen=True)
class Drawn:
    """What was drawn: the digest of what it shows, and the SHA-256 of every file by name."""

    shows: str
    files: dict[str, str]


def draw(
    answer: Answer[Any, Any],
    finished: Finished,
    console: Console,
    figures: Callable[[], Iterable[tuple[str, Figure]]],
    optional: Sequence[str] = (),
) -> None:
    """Draw `figures` (by name) into the run folder, and remove those of `optional` names that are not among them.

    Where all is there as it was drawn from the same results, `figures` is not asked.

    Raises:
        HostError: the folder cannot be written.
    """
    folder, record, shows = finished.folder / FIGURES, finished.folder / RECORD, _shown(answer, finished)
    if not finished.computed and _is_kept(folder, record, shows, optional):
        console.print("the figures show these results already")
        return
    console.print("drawing the figures")
    remove(record)
    make_folder(folder)
    paths = [path for name, figure in figures() for path in style.save(figure, folder, name)]
    for path in _files(folder, optional):
        if path not in paths:  # of an earlier choice, if it is there
            remove(path)
    with reading(folder):
        drawn = {path.name: _sha256(path) for path in paths}
    write_json(record, plain(Drawn(shows, drawn)))


def _is_kept(folder: Path, record: Path, shows: str, optional: Sequence[str]) -> bool:
    """Return whether `folder` holds, byte for byte, what was drawn of what `shows` stands for, and no figure of old."""
    try:
        drawn = from_json(record.read_text(), Drawn)
        whole = all(_sha256(folder / name) == sha256 for name, sha256 in drawn.files.items())
    except (OSError, DataError, UnicodeDecodeError):
        return False
    left = {path.name for path in _files(folder, optional) if exists(path)} - set(drawn.files)
    return whole and drawn.shows == shows and not left


def _files(folder: Path, names: Iterable[str]) -> list[Path]:
    return [folder / f"{name}.{suffix}" for name in names for suffix in style.METADATA]


def _shown(answer: Answer[Any, Any], finished: Finished) -> str:
    """Return a digest of all that decides the figures: results, data (by its digest), networks, code and libraries."""
    with reading(finished.folder / NETWORKS):
        networks = [(path.name, *_stamp(path)) for path in sorted((finished.folder / NETWORKS).glob("*.npz"))]
    shown = (answer.fingerprint, answer.rows, answer.retired, answer.diagnosis, networks, _code(), _libraries())
    return hashlib.sha256(msgspec.json.encode(shown)).hexdigest()


def _stamp(path: Path) -> tuple[int, int]:
    """Return what changes when a network is written again: a copied folder is drawn again too."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@cache
def _code() -> str:
    """Return a digest of our own source: what draws and what computes what is drawn."""
    content = hashlib.sha256()
    for package in (pipeline, sweeps):
        [folder] = package.__path__
        for path in sorted(Path(folder).rglob("*.py")):
            content.update(f"{path.relative_to(folder)} {_sha256(path)}\n".encode())
    return content.hexdigest()


@cache
def _libraries() -> tuple[str, ...]:
    return (platform.python_version(), *map(metadata.version, LIBRARIES))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
