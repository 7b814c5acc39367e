"""Streams files out of a compressed tar archive: nothing is extracted, and no more is unpacked than may be in it."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Self

from pipeline.errors import DataError

_PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE)
_EXTENDED = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME)
"""Types of headers that say more of the member after them."""

_EXTENDED_MOST = 1 << 16
_CHUNK = 1 << 18

_MALFORMED = (
    tarfile.TarError,
    EOFError,
    LookupError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    gzip.BadGzipFile,
    zlib.error,
)
"""What `gzip` and `tarfile` raise about bytes that make no sense."""


def members(path: Path, names: Collection[str], most: int) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of those files in the archive at `path` that are called one of `names`.

    Args:
        path: a tar archive, compressed by gzip.
        names: the names of its members that are wanted, with their folders.
        most: bytes of a member.

    Raises:
        DataError: the archive is damaged; or holds what no data set needs: links, devices, names outside of the
            archive, larger members, two members of one name.
    """
    seen = set()
    try:
        with gzip.open(path) as content:
            bounded = _Bounded(content, most * (len(names) + 1))
            with tarfile.open(fileobj=bounded, mode="r|", tarinfo=_Plain) as archive:
                for member in archive:
                    _check(member, most)
                    if member.name in names:
                        if member.name in seen:
                            raise _RefusedError(f"two members called {member.name}")
                        seen.add(member.name)
                        file = archive.extractfile(member)
                        if file is None:
                            raise _RefusedError(f"{member.name}, which is no file")
                        yield member.name, file.read()
            while bounded.read(_CHUNK):
                pass  # to its end, where the checksum is
    except _RefusedError as error:
        raise DataError(f"{path} must be an archive of plain files, got {error}") from error
    except _MALFORMED as error:
        raise DataError(f"{path} must be a whole tar.gz archive, got {' '.join(str(error).split())}") from error


class _RefusedError(Exception):
    """Says what was found that no archive of a data set has."""


class _Bounded(io.BufferedIOBase):
    """A stream of which no more than `most` bytes are read."""

    def __init__(self, stream: gzip.GzipFile, most: int) -> None:
        self.stream, self.most, self.left = stream, most, most

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = self.left + 1 if size is None or size < 0 else min(size, self.left + 1)
        chunk = self.stream.read(wanted)
        self.left -= len(chunk)
        if self.left < 0:
            raise _RefusedError(f"more than {self.most:,} bytes")
        return chunk


class _Plain(tarfile.TarInfo):
    """A header, refused before `tarfile` does what it says."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        member = super().frombuf(buf, encoding, errors)
        if member.type not in _PLAIN + _EXTENDED:
            raise _RefusedError(f"a member of type {member.type!r}, called {member.name[:100]!r}")
        if member.size < 0 or (member.type in _EXTENDED and member.size > _EXTENDED_MOST):
            raise _RefusedError(f"a header of {member.size:,} bytes")
        return member


def _check(member: tarfile.TarInfo, most: int) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise _RefusedError(f"a member called {member.name[:100]!r}")
    if member.issparse() or not 0 <= member.size <= most:
        raise _RefusedError(f"{member.size:,} bytes in {member.name[:100]!r}")
