"""SIGKILL at the n-th system call that changes files, of the driver or of a worker: between any two of them.

strace delivers it, so that the process dies before the call is carried out. Where strace is missing or may not trace,
the cases are skipped.
"""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from random import Random

from case import Case, Setting
from command import Place
from invariants import judge, same, see
from scenes import side_by_side
from trials import FLAVOURS, Sweeps

CALLS = {"rename": 40, "fsync": 80, "fdatasync": 100, "unlink": 90, "pwrite64": 850, "mkdir": 20}
"""How often, about, the driver of a sweep makes each call."""
KILLS, QUICK = 4, 1
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


def tracing(name: str, when: int) -> list[str]:
    """Return the words that let a command run under strace, each of its processes up to the call `when` of a name."""
    inject = f"inject={name}:signal=SIGKILL:when={when}"
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={name}", "-e", inject]


def calls(setting: Setting) -> Iterator[Case]:
    """Yield a case per kill."""
    names = list(CALLS)[:1] if setting.quick else list(CALLS)
    if not may_trace():
        yield from (Case(fault(name), skipped="strace may not trace here") for name in names)
        return
    sweeps = Sweeps(setting.folder)
    for flavour in FLAVOURS:
        sweeps.uninterrupted(flavour)
    count = QUICK if setting.quick else KILLS
    scenes = [partial(_killed, sweeps, name, count, setting.seed) for name in names]
    yield from side_by_side("SIGKILL at the n-th call", scenes)


def _killed(sweeps: Sweeps, name: str, count: int, seed: int) -> Iterator[Case]:
    """Kill a sweep at a call, again and again, and complete it."""
    random, flavour = Random(f"{seed} {name}"), list(FLAVOURS)[list(CALLS).index(name) % len(FLAVOURS)]
    place = Place(sweeps.folder / name)
    last: Case | None = None
    left = see(place.artifacts)
    for kill in range(count + 1):
        strace: list[str] = []
        if kill < count:
            when = random.randrange(1, CALLS[name] // count)
            strace = tracing(name, when)
        start = place.start(*sweeps.arguments(flavour), prefix=strace)
        code = start.wait()
        orphans, after = start.orphans(), see(place.artifacts)
        verdict = judge(left, start.log, after)
        if last:
            note = "; ".join(filter(None, [last.note, verdict.note]))
            last = replace(
                last,
                lost=verdict.lost,
                duplicated=verdict.duplicated,
                seconds=None if strace else start.first_work(),
                note=note,
            )
        left = after
        if code == 0:  # there were fewer calls: it has come to its end
            break
        if last:
            yield last
        last = Case(
            fault(name),
            torn=len(left.torn),
            wrong=left.unfinished + int(code != 128 + signal.SIGKILL),
            tracebacks=int(start.traceback()),
            orphans=orphans,
            note="; ".join([f"exit {code}, call {when}: {start.err.strip()}", *left.torn]),
        )
    if last:
        difference = same(sweeps.run_folder(place), sweeps.uninterrupted(flavour))
        note = f"{last.note}; {difference}; {place.leftovers()}; exit {code}: {start.err.strip()}; {place.folder}"
        wrong = last.wrong + len(place.leftovers()) + int(code != 0)
        yield replace(last, identical=not difference, wrong=wrong, note=note)
    else:
        yield Case(fault(name), skipped=f"fewer than {when} calls")
