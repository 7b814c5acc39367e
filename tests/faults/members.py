"""Tar archives with members that no data set needs, by name: built on a whole toy archive of CIFAR-10."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

from cifar_files import ROWS, batch, binary

from pipeline.data.cifar10 import BINARY

FOLDER = BINARY.folder
FIRST = f"{FOLDER}/{BINARY.files[0]}"
HUGE = 8 << 30
BOMB = 32 << 20

Write = Callable[[tarfile.TarFile], None]
"""Writes a member into an archive."""


def plain(archive: tarfile.TarFile, skip: str = "") -> None:
    """Write the batches, as they should be."""
    for number, file in enumerate(BINARY.files):
        if file != skip:
            _file(archive, f"{FOLDER}/{file}", binary(*batch(number)))


def packed(
    *, before: Write | None = None, after: Write | None = None, skip: str = "", format: int = tarfile.PAX_FORMAT
) -> bytes:
    """Return the archive of the batches, but `skip`, with a member before and after them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        if before:
            before(archive)
        plain(archive, skip)
        if after:
            after(archive)
    return gzip.compress(buffer.getvalue(), 1, mtime=0)


def evil(outside: Path) -> dict[str, bytes]:
    """Return archives that would write, read or link `outside`, or fill memory, if a careless reader opened them."""
    link = {"target": str(outside), "size": 0}
    types = {
        "symbolic link": tarfile.SYMTYPE,
        "hard link": tarfile.LNKTYPE,
        "character device": tarfile.CHRTYPE,
        "block device": tarfile.BLKTYPE,
        "fifo": tarfile.FIFOTYPE,
        "contiguous file": tarfile.CONTTYPE,
        "sparse file": tarfile.GNUTYPE_SPARSE,
        "second volume": b"M",
        "dump of a folder": b"D",
        "unknown type": b"Z",
        "type that is no letter": b"\xff",
    }
    names = {
        "the parent's": "../evil",
        "the parent's, from within": f"{FOLDER}/../../evil",
        "an absolute one": str(outside / "evil"),
        "an absolute one with two slashes": f"/{outside}/evil",
        "the parent's and a wanted one": f"../{FIRST}",
        "the parent itself": "..",
    }
    pax = {
        "the parent's name": {"path": "../../evil"},
        "an absolute name": {"path": str(outside / "evil")},
        "a huge size": {"size": str(HUGE)},
        "a negative size": {"size": "-1"},
        "a size of many digits": {"size": "9" * 5000},
        "a sparse map": {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(HUGE)},
        "a sparse file": {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(HUGE)},
        "64 KiB of comment": {"comment": "x" * (1 << 16)},
        "32 MiB of comment": {"comment": "x" * BOMB},
    }
    return (
        {
            f"a {kind} {where}": packed(**{place: _special(type_, FIRST if wanted else "evil", **link)}, skip=skip)
            for kind, type_ in types.items()
            for where, place, wanted, skip in (
                ("before the batches", "before", False, ""),
                ("after them", "after", False, ""),
                ("in the place of a batch", "before", True, BINARY.files[0]),
            )
        }
        | {
            f"a name that is {kind}": packed(after=lambda a, name=name: _file(a, name, b"evil"))
            for kind, name in names.items()
        }
        | {f"a pax header with {kind}": packed(before=_with_pax(headers)) for kind, headers in pax.items()}
        | {
            "a folder that is a link, and then its files": packed(before=_special(tarfile.SYMTYPE, FOLDER, **link)),
            "two batches of one name": packed(after=lambda archive: _file(archive, FIRST, binary(*batch(1)))),
            "the same batch twice": packed(after=lambda archive: _file(archive, FIRST, binary(*batch(0)))),
            "a link to a batch under its own name": packed(after=_special(tarfile.LNKTYPE, FIRST, target=FIRST)),
            "a batch that is a folder": packed(before=_special(tarfile.DIRTYPE, FIRST), skip=BINARY.files[0]),
            "a batch that is a bomb": packed(before=lambda a: _file(a, FIRST, bytes(BOMB)), skip=BINARY.files[0]),
            "a bomb that nobody wants": packed(before=lambda archive: _file(archive, "bomb", bytes(BOMB))),
            "a bomb in many members": packed(
                before=lambda a: [_file(a, f"bomb{number}", bytes(BOMB // 512)) for number in range(512)]
            ),
            "a bomb behind the end": gzip.compress(gzip.decompress(packed()) + bytes(BOMB), 1),
            "a batch that claims to be huge": packed(before=_special(tarfile.REGTYPE, FIRST, size=HUGE)),
            "a file that claims to be huge": packed(after=_special(tarfile.REGTYPE, "x", size=HUGE)),
            "a size of less than nothing": packed(
                before=_special(tarfile.REGTYPE, "x", size=-512), format=tarfile.GNU_FORMAT
            ),
            "a pax header that claims to be huge": packed(before=_special(tarfile.XHDTYPE, "x", size=HUGE)),
            "a global pax header that claims to be huge": packed(before=_special(tarfile.XGLTYPE, "x", size=HUGE)),
            "a long name that claims to be huge": packed(before=_special(tarfile.GNUTYPE_LONGNAME, "x", size=HUGE)),
            "a long link": packed(before=_special(tarfile.GNUTYPE_LONGLINK, "x", size=512)),
            "a pax header without a member": packed(after=_raw(_header(tarfile.XHDTYPE, "x", 0))),
            "a pax header that makes no sense": packed(
                before=_raw(_header(tarfile.XHDTYPE, "x", 512) + b"0 path=x\n".ljust(512, b"\0"))
            ),
            "a thousand pax headers": packed(before=_raw(1000 * _header(tarfile.XHDTYPE, "x", 0))),
            "a thousand long names": packed(
                before=_raw(1000 * (_header(tarfile.GNUTYPE_LONGNAME, "x", 2) + b"y".ljust(512, b"\0")))
            ),
            "a gzip bomb of nothing": gzip.compress(bytes(BOMB), 9),
            "gzip in gzip": gzip.compress(packed()),
            "garbage behind the gzip": packed() + b"garbage",
            "a member that is cut off": gzip.compress(gzip.decompress(packed())[:20_000]),
            "a header with a wrong sum": gzip.compress(
                gzip.decompress(packed()).replace(FOLDER.encode(), b"X" * 20, 1)
            ),
        }
    )


def _file(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _special(kind: bytes, name: str, target: str = "", size: int = 0) -> Write:
    """Return what writes a header of that type, and nothing after it."""

    def write(archive: tarfile.TarFile) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.linkname, member.size = kind, target, size
        block = member.tobuf(tarfile.GNU_FORMAT)
        archive.fileobj.write(block)
        archive.offset += len(block)

    return write


def _with_pax(headers: dict[str, str]) -> Write:
    """Return what writes the first batch once more, behind a pax header that says otherwise."""

    def write(archive: tarfile.TarFile) -> None:
        member = tarfile.TarInfo("x")
        member.size, member.pax_headers = 512, headers
        archive.addfile(member, io.BytesIO(bytes(512)))

    return write


def _header(kind: bytes, name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.USTAR_FORMAT)


def _raw(blocks: bytes) -> Write:
    def write(archive: tarfile.TarFile) -> None:
        archive.fileobj.write(blocks)
        archive.offset += len(blocks)

    return write


assert ROWS * 3073 < 20_000 < 6 * ROWS * 3073
