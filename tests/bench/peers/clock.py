"""What a tree of processes costs: wall and CPU seconds, children included, and memory, shared pages counted once."""

import os
import resource
import time
from pathlib import Path
from types import TracebackType

PROC = Path("/proc")


class Clock:
    """Times a block: `with clock: ...`. What came before it is the start-up.

    Attributes:
        start_up: seconds from `launched` (seconds since the epoch) to the block.
        wall: seconds of the block.
        cpu: CPU seconds that this process and its children took within the block.
    """

    def __init__(self, launched: float) -> None:
        self.launched = launched
        self.start_up = self.wall = self.cpu = 0.0

    def __enter__(self) -> "Clock":
        self.start_up = time.time() - self.launched
        self.cpu, self.wall = cpu_seconds(), time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wall, self.cpu = time.perf_counter() - self.wall, cpu_seconds() - self.cpu


def cpu_seconds() -> float:
    """Return the CPU seconds of this process, of its living descendants and of those that they have waited for.

    Where the system does not list its processes (macOS), living children are not counted.
    """
    if not PROC.is_dir():
        return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    ticks = os.sysconf("SC_CLK_TCK")
    return sum(sum(map(int, _stat(pid)[11:15])) for pid in tree(os.getpid())) / ticks


def memory(root: int) -> int:
    """Return the bytes (PSS) of a process and its descendants: a page that several map is counted once in all.

    Pages that processes outside of the tree map as well count in part; 0 where the system does not say (macOS).
    """
    return sum(_pss(pid) for pid in tree(root))


def tree(root: int) -> list[int]:
    """Return the ids of a process and its living descendants; none where the system does not list them."""
    if not PROC.is_dir():
        return []
    parents = {int(path.name): _parent(int(path.name)) for path in PROC.iterdir() if path.name.isdecimal()}
    family = [root]
    for member in family:  # grows while it is read: children of children come later
        family += [pid for pid, parent in parents.items() if parent == member]
    return family


def _parent(pid: int) -> int:
    return int(_stat(pid)[1])


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat after the name, which may hold blanks; zeros of a process that is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["0"] * 50


def _pss(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:  # gone, or a zombie
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
