"""Clocks that jump: results do not depend on them, and nothing that is shown or written becomes absurd."""

import csv
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from case import Case, Setting
from command import Place, Start
from recovery import Attempt, Faults, done, recovered
from scenes import Scene
from trials import Sweeps

FAULT = "clock that jumps"
FLAVOUR = "legs"

JUMPS = """
import os, random, time

def jumping(now, jumps, unit):
    draw, ahead = random.Random(os.environ["FAULTS_START"]), [0]
    def jumped():
        if draw.random() < 0.1:
            ahead[0] += draw.choice(jumps) * unit
        return now() + ahead[0]
    return jumped

BOTH_WAYS, FORWARD = (-86400, -60, 60, 86400), (60, 3600)
time.time = jumping(time.time, BOTH_WAYS, 1)
time.time_ns = jumping(time.time_ns, BOTH_WAYS, 10**9)
time.monotonic = jumping(time.monotonic, FORWARD, 1)
time.perf_counter = jumping(time.perf_counter, FORWARD, 1)
time.process_time = jumping(time.process_time, FORWARD, 1)
"""
"""The clock of the day is set by somebody, also back; the others are those of a machine that sleeps."""

ABSURD = re.compile(r"-\d+(\.\d+)? s\b|-\d+:\d\d|\b(nan|inf)\b", re.IGNORECASE)
"""A negative time, or none, in words."""


def clocks(sweeps: Sweeps, setting: Setting) -> Iterator[Scene]:
    """Yield what is tried: progress in lines and, on a terminal, in a bar."""
    yield partial(_jumped, sweeps, terminal=False)
    yield partial(_jumped, sweeps, terminal=True)


def _jumped(sweeps: Sweeps, *, terminal: bool) -> Iterator[Case]:
    place = Place(sweeps.folder / f"clocks-{'terminal' if terminal else 'lines'}")
    shown: list[bytes] = []

    def check(start: Start) -> Faults:
        text = start.out + b"".join(shown).decode(errors="replace")
        timings = next(place.artifacts.rglob("timings.csv"), None)
        rows = list(csv.DictReader(timings.open())) if timings else []
        seconds = [float(value) for row in rows for name, value in row.items() if "seconds" in name]
        return {
            **done(start),
            f"shown: {ABSURD.search(text)}": ABSURD.search(text) is not None,
            "nothing was shown": "results in" not in text,
            "no timings": not seconds,
            "a negative time in timings.csv": any(not value >= 0 for value in seconds),
        }

    if not terminal:
        yield from recovered(sweeps, FLAVOUR, place, [Attempt(FAULT, {"evil": JUMPS}, check)])
        return
    with _terminal(shown) as slave:
        yield from recovered(sweeps, FLAVOUR, place, [Attempt(FAULT, {"evil": JUMPS, "stdout": slave}, check)])


@contextmanager
def _terminal(shown: list[bytes]) -> Iterator[int]:
    """Open a terminal for a command, and collect what it shows."""
    master, slave = os.openpty()

    def read() -> None:
        while True:
            try:
                shown.append(os.read(master, 65536))
            except OSError:  # closed
                return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield slave
    finally:
        os.close(slave)
        reader.join(timeout=5)
        os.close(master)
