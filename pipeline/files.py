"""Writing that survives a kill: whole files or none. And the lock that keeps a folder to one writer."""

import errno
import fcntl
import json
import os
import re
import secrets
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from pipeline.errors import HostError

_LEFTOVER = re.compile(r"\..+\.[0-9]+-[0-9a-f]{8}\.tmp")
"""The names of unfinished files: that of the file to be, the writer's process, a random number."""

_OF_WRITING = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}
"""What the disk may answer to a caller that fills the file; other errors are the caller's own."""

_PROCESS = re.compile(r"[1-9][0-9]{0,18}")

_NAMELESS, _AGAIN = 0.5, 0.01
"""Seconds that a new holder of a lock has to write its number, and seconds between two looks at it."""


@contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that appears at `path`, whole, when the block ends; on an error nothing appears.

    Raises:
        HostError: the folder cannot be written or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    with writing(path):
        file = temporary.open("xb")
    try:
        with writing(path, _OF_WRITING):
            yield file
        with writing(path):
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
    finally:  # the disk may refuse this too: of bytes that it has refused before, or what the next run removes
        with suppress(OSError):
            file.close()
        with suppress(OSError):
            temporary.unlink()


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left unfinished in `folder` and below; for whoever holds its lock.

    Raises:
        HostError: the folder cannot be written.
    """
    with writing(folder):
        for path in folder.rglob(".*.tmp"):
            if _LEFTOVER.fullmatch(path.name):
                path.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove the file `path`, if it is there.

    Raises:
        HostError: its folder cannot be written.
    """
    with writing(path):
        path.unlink(missing_ok=True)


def exists(path: Path) -> bool:
    """Return whether there is something at `path`.

    Raises:
        HostError: that cannot be seen, as a folder on the way is closed or the disk does not answer.
    """
    with reading(path):
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True


@contextmanager
def writing(path: Path, numbers: Collection[int] = errno.errorcode) -> Iterator[None]:
    """Turn an OSError of the block, if its number is one of `numbers`, into the one-line error for `path`."""
    try:
        yield
    except OSError as error:
        if error.errno not in numbers:
            raise
        raise unwritable(path, error) from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn an OSError of the block, which reads `path`, into its one-line error."""
    try:
        yield
    except OSError as error:
        raise unreadable(path, error) from error


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically, as UTF-8."""
    with atomic(path) as file:
        file.write(text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` atomically, as readable JSON with a newline at the end."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> Path:
    """Create `folder` and its parents where they are missing, and return it.

    Raises:
        HostError: it cannot be created.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def unwritable(path: Path, error: OSError) -> HostError:
    """Return the one-line error for a path that refuses to be written."""
    return HostError(f"{path} must be writable, got {error.strerror or error}")


def unreadable(path: Path, error: OSError) -> HostError:
    """Return the one-line error for a path that refuses to be read."""
    return HostError(f"{path} must be readable, got {error.strerror or error}")


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process alone; the kernel lets go of it however the process ends.

    Raises:
        HostError: another process holds it (named in the message), or it cannot be written.
    """
    path = folder / ".lock"
    with writing(folder):
        file = path.open("a")
    with file:
        with writing(folder):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                rule = "must be used by one run at a time"
                raise HostError(f"{folder} {rule}, got process {_holder(path)}") from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        yield


def _holder(path: Path) -> str:
    """Return the process that holds the lock file `path`, or "unknown".

    Until that has written its number, the file holds none, or that of the run before.
    """
    until = time.monotonic() + _NAMELESS
    while not _lives(holder := path.read_text("ascii", errors="replace").strip()):
        if time.monotonic() >= until:
            return "unknown"
        time.sleep(_AGAIN)
    return holder


def _lives(number: str) -> bool:
    """Return whether there is a process of this number."""
    if not _PROCESS.fullmatch(number):
        return False
    try:
        os.kill(int(number), 0)
    except PermissionError:  # somebody else's
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
