"""SIGKILL at the n-th system call that changes files, of the driver or of a worker: between any two of them.

strace delivers it, so that the process dies before the call is carried out. Where strace is missing or may not trace,
the cases are skipped.
"""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import cache, partial
from random import Random

from case import Case, Setting
from command import Place
from recovery import Attempt, killed, recovered
from scenes import in_turn
from trials import FLAVOURS, Sweeps

CALLS = {"rename": 40, "fsync": 80, "fdatasync": 100, "unlink": 90, "pwrite64": 850, "mkdir": 20}
"""How often, about, the driver of a sweep makes each call."""
KILLS, QUICK = 2, 1
"""Of a sweep, before it is completed."""


def fault(call: str) -> str:
    """Return the row of a call."""
    return f"SIGKILL at the n-th {call}"


def may_trace() -> bool:
    """Whether strace is there and does what it is asked to."""
    if not shutil.which("strace"):
        return False
    killed = [*tracing("rename", 1), sys.executable, "-c", "import os; os.rename('/nowhere', '/elsewhere')"]
    return subprocess.run(killed, stderr=subprocess.DEVNULL, check=False).returncode == -signal.SIGKILL


def tracing(name: str, when: int | str, what: str = "signal=SIGKILL") -> list[str]:
    """Return the words that let a command run under strace: of each process the call `when` of a name meets `what`.

    Where strace can, it does not stop at other calls, which would take most of the time; signals do not come then.
    """
    fast = [] if what.startswith("signal") else _filter()
    inject = f"inject={name}:{what}:when={when}"
    return ["strace", "-f", *fast, "-qq", "-o", "/dev/null", "-e", f"trace={name}", "-e", inject]


@cache
def _filter() -> list[str]:
    """Return the flag by which strace is told only of the calls that it is to trace, where it works."""
    flag = ["--seccomp-bpf"]
    tried = subprocess.run(["strace", "-f", *flag, "-qq", "-o", "/dev/null", "true"], capture_output=True, check=False)
    return flag if tried.returncode == 0 else []


def calls(setting: Setting) -> Iterator[Case]:
    """Yield a case per kill."""
    names = list(CALLS)[:1] if setting.quick else list(CALLS)
    if not may_trace():
        yield from (Case(fault(name), skipped="strace may not trace here") for name in names)
        return
    sweeps = Sweeps(setting.folder)
    scenes = []
    for index, name in enumerate(names):
        random, place = Random(f"{setting.seed} {name}"), Place(sweeps.folder / name)
        kills = [random.randrange(1, CALLS[name] // KILLS) for _ in range(QUICK if setting.quick else KILLS)]
        attempts = [Attempt(fault(name), {"prefix": tracing(name, when)}, check=killed) for when in kills]
        scenes.append(partial(recovered, sweeps, list(FLAVOURS)[index % len(FLAVOURS)], place, attempts))
    yield from in_turn("SIGKILL at the n-th call", scenes)
