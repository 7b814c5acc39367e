"""SIGINT and SIGTERM at random times: once, and twice by somebody in a hurry. Then the same command again."""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from random import Random

from case import Case, Setting
from command import Place, Start
from invariants import Verdict, judge, same, see
from scenes import side_by_side
from trials import FLAVOURS, Sweeps

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
COUNT, QUICK = 40, 3
"""Cases of each signal, of each kind."""
PER_SWEEP = 4
"""Cases before a sweep is completed."""
TO_STOP, TO_LEAVE = 10.0, 2.0
"""Seconds that a command may take after the first signal, and after the second."""
BETWEEN = 0.3
"""The second signal comes within so many seconds of the first."""
SHARE = 0.7
"""Signals come within this share of the time that a sweep takes, from our first lines on: before, Python is alone."""


def signals(setting: Setting) -> Iterator[Case]:
    """Yield a case per command that is stopped."""
    sweeps = Sweeps(setting.folder)
    scenes = []
    count = QUICK if setting.quick else COUNT
    for times, number, first in product((1, 2), CODES, range(0, count, PER_SWEEP)):
        flavour = list(FLAVOURS)[first // PER_SWEEP % len(FLAVOURS)]
        stops = _Stops(sweeps, flavour, number, times, Random(f"{setting.seed} {number.name} {times} {first}"))
        scenes.append(partial(stops.play, min(PER_SWEEP, count - first)))
    for flavour in FLAVOURS:
        sweeps.uninterrupted(flavour)
    yield from side_by_side("SIGINT and SIGTERM", scenes)


@dataclass(frozen=True)
class _Stops:
    """One sweep that is stopped again and again, by so many signals of a kind each time."""

    sweeps: Sweeps
    flavour: str
    number: signal.Signals
    times: int
    random: Random

    def play(self, count: int) -> list[Case]:
        """Stop the sweep `count` times, complete it, and return the cases."""
        place = Place(self.sweeps.folder / f"{self.number.name}-{self.times}-{self.random.getrandbits(32):08x}")
        cases: list[Case] = []
        before = see(place.artifacts)
        for _ in range(count):
            start = place.start(*self.sweeps.arguments(self.flavour))
            case = self.stop(start)
            left = see(place.artifacts)
            if cases:  # the one before is judged by what this one did
                cases[-1] = _judged(cases[-1], judge(before, start.log, left), start)
            cases.append(replace(case, torn=len(left.torn), note="; ".join([case.note, *left.torn])))
            before = left
        start = place.start(*self.sweeps.arguments(self.flavour))
        code = start.wait()
        last = _judged(cases[-1], judge(before, start.log, see(place.artifacts)), start)
        difference = same(self.sweeps.run_folder(place), self.sweeps.uninterrupted(self.flavour))
        note = f"{last.note}; exit {code} {start.err.strip()} {place.leftovers()}; {difference}; {place.folder}"
        wrong, orphans = last.wrong + int(code != 0) + len(place.leftovers()), last.orphans + start.orphans()
        return [*cases[:-1], replace(last, wrong=wrong, identical=not difference, orphans=orphans, note=note)]

    def stop(self, start: Start) -> Case:
        """Send the signals, SIGINT to everybody as a terminal does; return what is said of the end."""
        start.until(start.handles_sigterm)
        time.sleep(self.random.uniform(0, SHARE * self.sweeps.seconds[self.flavour]))
        expected = {0} if start.process.poll() is not None else {0, CODES[self.number]}  # 0: on its last lines
        for again in range(self.times):
            if again:
                time.sleep(self.random.uniform(0, BETWEEN))
            sent = time.monotonic()
            start.signal(self.number, all_of_them=self.number == signal.SIGINT)
        code = start.wait()
        took, limit = time.monotonic() - sent, TO_LEAVE if self.times == 2 else TO_STOP
        one_line = f"stopped by {self.number.name}; the same command continues from here"
        may_say = ([], [one_line]) if self.times == 2 or code == 0 else ([one_line],)
        faults = {
            f"exit {code}": code not in expected,
            f"{took:.1f} s to stop": took > limit,
            f"said {start.err}": start.err.splitlines() not in may_say,
        }
        return Case(
            f"{self.number.name} {('once', 'twice')[self.times - 1]}",
            _phase(start),
            wrong=sum(faults.values()),
            tracebacks=int(start.traceback()),
            orphans=start.orphans(),
            note="; ".join(name for name, found in faults.items() if found),
        )


def _phase(start: Start) -> str:
    if "results in" in start.out:
        return "ended"
    if "drawing the figures" in start.out:
        return "drawing"
    return "running" if start.log else "planning"


def _judged(case: Case, verdict: Verdict, later: Start) -> Case:
    note = "; ".join(filter(None, [case.note, verdict.note]))
    return replace(case, lost=verdict.lost, duplicated=verdict.duplicated, seconds=later.first_work(), note=note)
