"""Two drivers at once on one folder: one wins, the other one leaves and says who holds it."""

import re
import time
from collections.abc import Iterator
from functools import partial

from case import Case, Setting
from command import LOOK, PATIENCE, Place
from invariants import same, see
from scenes import in_turn
from trials import FLAVOURS, JOBS, SWEEP, Sweeps

FAULT = "two drivers at once"
STARTS, QUICK = 50, (1,)
GONE = 4_000_000
"""The pid of a process that is no more: nearly the last that the kernel gives."""
COMPLETED = 10
"""Every so many pairs the winner is let through to its end."""
STILL = "import time; worker.compute = lambda *_: time.sleep(60)"
"""What keeps the winner at work until the other one has left."""


def drivers(setting: Setting) -> Iterator[Case]:
    """Yield a case per pair of drivers."""
    sweeps = Sweeps(setting.folder)
    indices = QUICK if setting.quick else range(STARTS)
    yield from in_turn(FAULT, [partial(_pair, sweeps, index) for index in indices])


def _pair(sweeps: Sweeps, index: int) -> Iterator[Case]:
    flavour = next(iter(FLAVOURS))
    place = Place(sweeps.folder / f"pair-{index}")
    if index % 2:  # somebody was here before
        folder = place.artifacts / SWEEP / sweeps.uninterrupted(flavour).name
        folder.mkdir(parents=True)
        (folder / ".lock").write_text(str(GONE))
    whole = index % COMPLETED == 0
    jobs = JOBS if whole or index % 3 == 0 else 1  # a driver that works itself is sooner at work
    words = sweeps.arguments(flavour, jobs=jobs)
    pair = [place.start(*words, evil=STILL, warm=not whole) for _ in range(2)]
    end = time.monotonic() + PATIENCE
    while all(start.process.poll() is None for start in pair) and time.monotonic() < end:
        time.sleep(LOOK)
    winners = [start for start in pair if start.process.poll() is None]
    losers = [start for start in pair if start not in winners]
    faults = [f"{len(winners)} at work"] if len(winners) != 1 else []
    for loser in losers:
        holder = winners[0].process.pid if winners else None
        said = re.fullmatch(r"error: \S+ must be used by one run at a time, got process (\d+)\n", loser.err)
        if loser.wait() != 3 or not said or int(said[1]) != holder:
            faults.append(f"exit {loser.wait()}: {loser.err.strip()}, held by {holder}")
    for winner in winners:
        winner.kill()
    identical = None
    if whole:
        again = place.finish(*sweeps.arguments(flavour), warm=True)
        difference = same(sweeps.run_folder(place), sweeps.uninterrupted(flavour))
        faults += [difference] if difference else []
        faults += [again.err] if again.wait() else []
        identical = not difference
    yield Case(
        FAULT,
        wrong=len(faults),
        torn=len(see(place.artifacts).torn),
        tracebacks=sum(start.traceback() for start in pair),
        orphans=sum(start.orphans() for start in pair),
        identical=identical,
        note="; ".join([*faults, str(place.folder)]),
    )
