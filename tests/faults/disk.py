"""Disks that are full, fail, or may not be written: exit 3 in one line, nothing lost, and then the same results.

Single calls are made to fail by strace, a disk is really filled in a name space of its own; what the machine does not
let us do is skipped.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random

from calls import CALLS, may_trace, tracing
from case import Case, Setting
from command import Place
from recovery import Attempt, recovered
from scenes import Scene
from trials import FLAVOURS, Sweeps

ERRORS = {
    "rename": ("ENOSPC", "EIO"),
    "fsync": ("EIO", "ENOSPC"),
    "fdatasync": ("EIO",),
    "pwrite64": ("ENOSPC", "EIO"),
    "unlink": ("EIO",),
    "mkdir": ("ENOSPC", "EROFS"),
    "flock": ("ENOLCK",),
    "ftruncate": ("EIO",),
    "link": ("ENOSPC",),  # of a semaphore, which workers share
}
"""What calls that write may answer."""
TIMES = CALLS | {"flock": 2, "ftruncate": 2, "link": 9}
"""How often, about, a driver makes them."""
COUNT = 2
"""Calls that fail in a sweep before it is completed."""
ROOM = ((0.02, 0.1), (0.12, 0.3), (0.35, 0.9))
"""What share of its results a disk has room for, from start to start: rows, then the study, then figures."""
LIMITS = (110, 200)
"""Kibibytes that a file may have, from and to: studies and some figures are larger, the log of the case is not."""
FULL, LIMITED, CLOSED = "disk full", "file size limit", "folder that may not be written"
OTHERS = 65534
"""The uid of nobody."""

SMALL_DISK = """
set -e
cp -a "$A" "$A.kept"
mount -t tmpfs -o size="$K"k tmpfs "$A"
cp -a "$A.kept/." "$A"
set +e
"$@"
code=$?
rm -rf "$A.kept"
cp -a "$A" "$A.kept"
umount "$A"
rm -rf "$A"
mv "$A.kept" "$A"
exit $code
"""
"""Runs a command with a folder A that has room for K kibibytes."""


def disk(sweeps: Sweeps, setting: Setting) -> Iterator[Scene]:
    """Yield what is tried."""
    for index, name in enumerate(ERRORS):
        yield partial(_failing, sweeps, name, list(FLAVOURS)[index % len(FLAVOURS)], setting)
    yield partial(_filled, sweeps, setting.seed)
    yield partial(_limited, sweeps, setting.seed)
    yield partial(_closed, sweeps)


def _failing(sweeps: Sweeps, name: str, flavour: str, setting: Setting) -> Iterator[Case]:
    """Let a call fail, in start after start; in the first one it fails from then on."""
    fault = f"{name} fails"
    if not may_trace():
        yield Case(fault, skipped="strace may not trace here")
        return
    random, most = Random(f"{setting.seed} {name}"), TIMES[name]
    count = min(COUNT, most)
    attempts = []
    for index in range(count):
        error = ERRORS[name][index % len(ERRORS[name])]
        when = f"{random.randrange(1, max(most // count, 2))}{'' if index else '+'}"
        attempts.append(Attempt(fault, {"prefix": tracing(name, when, f"error={error}")}, around=_tidied))
    yield from recovered(sweeps, flavour, Place(sweeps.folder / f"{name}-fails"), attempts)


@contextmanager
def _tidied(_: Place) -> Iterator[None]:
    """Remove what Python leaves in temporary folders that it tries, where it cannot unlink what it wrote there."""
    before = set(_tried())
    try:
        yield
    finally:
        for path in set(_tried()) - before:
            path.unlink(missing_ok=True)


def _tried() -> Iterator[Path]:
    for folder in map(Path, ("/tmp", "/var/tmp", "/usr/tmp")):  # noqa: S108 - where tempfile looks
        for path in folder.glob("????????"):
            with suppress(OSError):
                if path.is_file() and path.read_bytes() == b"blat":
                    yield path


def _filled(sweeps: Sweeps, seed: int) -> Iterator[Case]:
    """Run a sweep on a disk with room for a part of its results, then for a larger part."""
    namespace = ["unshare", "-m" if os.getuid() == 0 else "-rm"]
    if not _works(*namespace, "mount", "-t", "tmpfs", "tmpfs", str(sweeps.folder)):
        yield Case(FULL, skipped="no disk can be mounted here")
        return
    random, flavour = Random(f"{seed} {FULL}"), "packs"
    results = sweeps.uninterrupted(flavour).parents[1]
    total = sum(path.stat().st_size for path in results.rglob("*") if path.is_file()) // 1024
    rooms = [int(total * random.uniform(*share)) for share in ROOM]
    place = Place(sweeps.folder / "filled")
    shell = [*namespace, "sh", "-c", SMALL_DISK, "sh"]
    attempts = [Attempt(FULL, {"prefix": ["env", f"A={place.artifacts}", f"K={room}", *shell]}) for room in rooms]
    yield from recovered(sweeps, flavour, place, attempts)


def _limited(sweeps: Sweeps, seed: int) -> Iterator[Case]:
    """Limit the size of files."""
    random = Random(f"{seed} {LIMITED}")
    limits = [2 * random.randrange(*LIMITS) for _ in range(2)]  # in blocks of 512 bytes
    attempts = [Attempt(LIMITED, {"prefix": ["sh", "-c", f'ulimit -f {limit}; exec "$@"', "sh"]}) for limit in limits]
    yield from recovered(sweeps, "packs", Place(sweeps.folder / "limited"), attempts)


def _closed(sweeps: Sweeps) -> Iterator[Case]:
    """Close folders and files of a finished sweep, which has lost a figure."""
    powerless = []
    if os.getuid() == 0:  # for whom permissions do not count, unless this power is put away
        powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
        if not _works(*powerless, "true"):
            yield Case(CLOSED, skipped="root cannot put its power away here")
            return
    flavour = "packs"
    place = sweeps.begun(flavour, sweeps.folder / "closed")
    folder = sweeps.run_folder(place)
    (folder / "figures" / "lambda-search.png").unlink()
    closed = [
        (place.artifacts, 0o000),
        (folder, 0o000),
        (folder, 0o555),
        (folder / "study.db", 0o444),
        (folder / "study.db", 0o000),
        (folder / ".lock", 0o000),
        (folder / "figures", 0o000),
    ]
    attempts = [Attempt(CLOSED, {"prefix": powerless}, around=_mode(path, mode)) for path, mode in closed]
    yield from recovered(sweeps, flavour, place, attempts)


def _mode(path: Path, mode: int) -> Callable[[Place], Sequence[None]]:
    """Return what gives a path another mode, and to somebody else where we may, while an attempt is made."""

    @contextmanager
    def changed(_: Place) -> Iterator[None]:
        before = path.stat()
        if os.getuid() == 0:
            os.chown(path, OTHERS, OTHERS)
        path.chmod(mode)
        try:
            yield
        finally:
            path.chmod(before.st_mode)
            if os.getuid() == 0:
                os.chown(path, before.st_uid, before.st_gid)

    return changed


def _works(*command: str) -> bool:
    return (
        shutil.which(command[0]) is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )
