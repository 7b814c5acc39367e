"""SIGKILL at random times: of driver and workers, of the driver alone, of one worker. Then the same command again."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random

from case import Case, Setting
from command import Place, Start
from invariants import judge, run_again, same, see
from moments import Moments
from recovery import Attempt, killed, noted, recovered
from scenes import Scene, in_turn
from trials import FLAVOURS, Sweeps

ALL, DRIVER, WORKER = "SIGKILL of driver and workers", "SIGKILL of the driver", "SIGKILL of one worker"
ORDER = (
    ("planning", False),
    ("running", True),
    ("recording", False),
    *[("opening", True), ("running", True), ("recording", True)] * 2,
    *[("running", True), ("recording", True)],
    *[("tables", True), ("drawing", True)] * 2,
)
"""Where a sweep is killed, one start after the other, and whether it starts warm; after it is completed, the report."""
QUICK = (("planning", False), ("running", True), ("recording", True), ("drawing", True))
SWEEPS, WORKER_SWEEPS, WORKERS = 6, 6, 3
"""Sweeps of ALL and of DRIVER; sweeps of which workers are killed, and how many of each:
with one more, a pack could meet them all, of which three while it runs alone, and would rightly be given up."""
REPORTS = 2
"""Reports of a sweep that are killed; of every third sweep it is then made again."""


def kills(setting: Setting) -> Iterator[Case]:
    """Yield a case per kill."""
    sweeps, flavours = Sweeps(setting.folder), list(FLAVOURS)
    if setting.quick:
        one, other = (_Killing(sweeps, flavours[0], who, 0, setting.seed) for who in (ALL, WORKER))
        yield from in_turn(ALL, [partial(one.sweep, QUICK, reports=1, read=False), other.workers])
        return
    scenes: list[Scene] = []
    for index in range(SWEEPS):
        for which, who in enumerate((ALL, DRIVER)):
            killing = _Killing(sweeps, flavours[(index + which) % 2], who, index, setting.seed)
            scenes.append(partial(killing.sweep, ORDER, REPORTS, read=index % 3 == 0))
    of_workers = [_Killing(sweeps, flavours[index % 2], WORKER, index, setting.seed) for index in range(WORKER_SWEEPS)]
    yield from in_turn(ALL, [*scenes, *(killing.workers for killing in of_workers)])


@dataclass
class _Killing:
    """One sweep in one place, and who is killed there."""

    sweeps: Sweeps
    flavour: str
    who: str
    index: int
    seed: int

    def __post_init__(self) -> None:
        self.random = Random(f"{self.seed} {self.who} {self.index}")
        self.place = Place(self.sweeps.folder / f"{self.who.replace(' ', '-')}-{self.index}")
        self.moments = Moments(self.place, self.random)

    def sweep(self, order: Sequence[tuple[str, bool]], reports: int, read: bool) -> Iterator[Case]:
        """Kill the sweep in the phases of `order`, complete it, and kill its report; `read` it where that is asked."""
        attempts = [
            Attempt(self.who, {"warm": warm}, killed, act=partial(self.kill, target=target), hurried=self.who == DRIVER)
            for target, warm in order
        ]
        yield from recovered(self.sweeps, self.flavour, self.place, attempts)
        for left in reversed(range(reports)):
            yield self.report(read=read and not left)

    def kill(self, start: Start, target: str) -> str:
        """Kill a start in a phase, and return which one it was in."""
        self.moments.reach(start, target)
        start.signal(signal.SIGKILL, all_of_them=self.who == ALL)
        start.process.wait()
        return self.moments.phase(start)

    def report(self, read: bool) -> Case:
        """Kill the report; where it is to be `read`, make it again and hold it to that of an uninterrupted sweep."""
        whole = self.sweeps.uninterrupted(self.flavour)
        before = see(self.place.artifacts, whole)
        start = self.place.start(*self.sweeps.arguments(self.flavour, "report"), warm=read)
        self.kill(start, "report")
        left = see(self.place.artifacts, whole)
        verdict, orphans = judge(before, start.log, left), start.orphans()
        case = Case(self.who, "report", verdict.lost, verdict.duplicated, len(left.torn), orphans=orphans)
        faults = killed(start)
        case = replace(case, wrong=sum(faults.values()), tracebacks=int(start.traceback()))
        case = replace(case, skipped="it had come to its end" if start.wait() == 0 else "")
        case = noted(case, *faults, verdict.note, *left.torn, str(self.place.folder))
        if not read:
            return case
        again = self.place.finish(*self.sweeps.arguments(self.flavour, "report"), warm=True)
        difference = same(self.place.artifacts / "report", self.sweeps.report(self.flavour))
        case = replace(case, wrong=case.wrong + int(again.wait() != 0), identical=not difference)
        return noted(case, difference, again.err.strip())

    def workers(self) -> Iterator[Case]:
        """Kill one worker after the other; the driver has to come to the end by itself."""
        whole = self.sweeps.uninterrupted(self.flavour)
        start, count = self.place.start(*self.sweeps.arguments(self.flavour), warm=True), 0
        for _ in range(WORKERS):
            begun = _begun(start)
            start.until(lambda begun=begun: _begun(start) > begun)
            time.sleep(self.random.uniform(0, 0.1))
            if workers := start.workers():
                os.kill(self.random.choice(workers), signal.SIGKILL)
                count += 1
        code, again = start.wait(), run_again(start.log)
        if not count:
            yield Case(self.who, skipped="the sweep ended before a worker could be killed")
            return
        yield from [Case(self.who, "running")] * (count - 1)
        left = see(self.place.artifacts)
        difference = same(self.sweeps.run_folder(self.place), whole)
        case = Case(
            self.who,
            "running",
            duplicated=len(again),
            torn=len(left.torn),
            wrong=int(code != 0) + len(self.place.leftovers()),
            tracebacks=int(start.traceback()),
            orphans=start.orphans(),
            identical=not difference,
        )
        yield noted(case, *again, *left.torn, difference, start.err.strip(), str(self.place.folder))


def _begun(start: Start) -> int:
    return sum(line["event"] == "begin" for line in start.log)
