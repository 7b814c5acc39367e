"""SIGKILL at random times: of driver and workers, of the driver alone, of one worker. Then the same command again."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random

from case import Case, Setting
from command import Place, Start
from invariants import Seen, judge, repeated, run_again, same, see
from scenes import side_by_side
from trials import FLAVOURS, JOBS, SWEEP, Sweeps

ALL, DRIVER, WORKER = "SIGKILL of driver and workers", "SIGKILL of the driver", "SIGKILL of one worker"
ORDER = ("planning", "running", "recording", "running", "recording", "tables", "drawing")
"""Where a sweep is killed, one start after the other; after its completion, the report is."""
SWEEPS, WORKER_SWEEPS, WORKERS = 11, 8, 3
"""Sweeps of ALL and of DRIVER; sweeps of which workers are killed, and how many of each."""
WITHIN = {"planning": 0.8, "running": 0.6, "recording": 0.0, "tables": 0.03, "drawing": 0.8, "report": 1.5}
"""Seconds within which the kill comes, after the first sign of a phase."""
JOURNAL = "study.db-journal"
"""SQLite's, which is there while a row is added."""
ROWS = 8
"""A kill while recording comes in one of so many transactions."""


def kills(setting: Setting) -> Iterator[Case]:
    """Yield a case per kill."""
    sweeps, flavours = Sweeps(setting.folder), list(FLAVOURS)
    scenes = []
    for index in range(1 if setting.quick else SWEEPS):
        for which, who in enumerate((ALL, DRIVER)):
            scene = Scene(sweeps, flavours[(index + which) % 2], who, Random(f"{setting.seed} {who} {index}"))
            scenes.append(partial(scene.killed, read=index % 4 == 0))
    for index in range(1 if setting.quick else WORKER_SWEEPS):
        scene = Scene(sweeps, flavours[index % 2], WORKER, Random(f"{setting.seed} {WORKER} {index}"))
        scenes.append(scene.workers_killed)
    yield from side_by_side(ALL, scenes)


@dataclass(frozen=True)
class Killed:
    """A start that was killed: its case as far as it is known, what it left, and how far it had come."""

    case: Case
    left: Seen
    start: Start


@dataclass
class Scene:
    """One sweep in one place, and who is killed there."""

    sweeps: Sweeps
    flavour: str
    who: str
    random: Random
    transactions: dict[int, set[int]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.place = Place(self.sweeps.folder / f"{self.who.replace(' ', '-')}-{self.random.getrandbits(32):08x}")

    def start(self, sweep: str = SWEEP) -> Start:
        return self.place.start(*self.sweeps.arguments(self.flavour, sweep))

    def killed(self, read: bool) -> Iterator[Case]:
        """Kill the sweep in phase after phase, complete it, and kill its report; `read` it where it is asked for."""
        last: Killed | None = None
        for target in ORDER:
            start = self.start()
            reached = self.reach(start, target)
            killed = self.kill(start)
            if last:
                yield self.judged(last, start, killed.left)
            last = killed
            if not reached:
                break  # it came to its end before it was killed, and the next start finds nothing to do
        start = self.start()
        code = start.wait()
        assert last is not None
        yield self.completed(self.judged(last, start, see(self.place.artifacts)), start, code)
        yield self.report_killed(read)

    def reach(self, start: Start, target: str) -> bool:
        """Wait for a random moment of a phase; return whether the command is still at work."""
        rows = self.random.randrange(ROWS)
        signs = {
            "planning": lambda: True,
            "running": lambda: any(line["event"] == "begin" for line in start.log),
            "recording": lambda: self.journals(start) > rows,
            "tables": lambda: self.written(start, "manifest.json"),
            "drawing": lambda: "drawing the figures" in start.out,
            "report": lambda: True,
        }
        if not start.until(signs[target]):
            return False
        time.sleep(self.random.uniform(0, WITHIN[target]))
        return start.process.poll() is None

    def journals(self, start: Start) -> int:
        """Return how many transactions of a start have been seen at work; 0 between two of them."""
        try:
            begun = (self.sweeps.run_folder(self.place) / JOURNAL).stat().st_ctime_ns
        except OSError:
            return 0
        seen = self.transactions.setdefault(start.number, set())
        seen.add(begun)
        return len(seen)

    def written(self, start: Start, name: str) -> bool:
        """Whether a start has written this file."""
        path = self.sweeps.run_folder(self.place) / name
        return path.exists() and path.stat().st_mtime > start.began

    def kill(self, start: Start) -> Killed:
        """Kill whom this scene kills; orphans of a driver are looked for while the next start is already at work."""
        start.signal(signal.SIGKILL, all_of_them=self.who == ALL)
        start.process.wait()
        phase, left = self.phase(start), see(self.place.artifacts)
        case = Case(self.who, phase, torn=len(left.torn), wrong=left.unfinished, note="; ".join(left.torn))
        return Killed(case, left, start)

    def phase(self, start: Start) -> str:
        """Return what a killed start was about."""
        if "drawing the figures" in start.out:
            return "drawing"
        if self.written(start, "manifest.json"):
            return "tables"
        if (self.sweeps.run_folder(self.place) / JOURNAL).exists():
            return "recording"
        return "running" if start.log else "planning"

    def judged(self, killed: Killed, later: Start, left: Seen) -> Case:
        """Return the case of a killed start, by what a `later` one did and left."""
        orphans = killed.start.orphans()
        verdict = judge(killed.left, later.log, left)
        too_often = max(repeated(killed.start.log, later.log) - JOBS, 0)
        case = killed.case
        return replace(
            case,
            lost=verdict.lost,
            duplicated=verdict.duplicated + too_often,
            tracebacks=int(killed.start.traceback()),
            orphans=orphans,
            seconds=later.first_work(),
            note="; ".join(filter(None, [case.note, verdict.note, f"{self.place.folder}"])),
        )

    def completed(self, case: Case, start: Start, code: int) -> Case:
        """Return the last case of a sweep whose last start has ended."""
        difference = same(self.sweeps.run_folder(self.place), self.sweeps.uninterrupted(self.flavour))
        said = "" if code == 0 else f"exit {code}: {start.err.strip()}"
        return replace(
            case,
            wrong=case.wrong + int(code != 0) + len(self.place.leftovers()),
            tracebacks=case.tracebacks + int(start.traceback()),
            orphans=case.orphans + start.orphans(),
            identical=not difference,
            note="; ".join(filter(None, [case.note, said, difference, *self.place.leftovers()])),
        )

    def report_killed(self, read: bool) -> Case:
        """Kill the report; where it is to be `read`, make it again and hold it to that of an uninterrupted sweep."""
        before = see(self.place.artifacts)
        start = self.start("report")
        self.reach(start, "report")
        killed = self.kill(start)
        verdict = judge(before, start.log, killed.left)
        case = replace(killed.case, phase="report", lost=verdict.lost, duplicated=verdict.duplicated)
        case = replace(case, tracebacks=int(start.traceback()), orphans=start.orphans())
        if not read:
            return case
        again = self.start("report")
        code = again.wait()
        difference = same(self.place.artifacts / "report", self.sweeps.report(self.flavour))
        note = f"{difference}; exit {code}: {again.err.strip()}; {self.place.folder}"
        return replace(case, wrong=int(code != 0), identical=not difference, note=note)

    def workers_killed(self) -> Iterator[Case]:
        """Kill one worker after the other; the driver has to come to the end by itself."""
        start, phases = self.start(), []
        for _ in range(WORKERS):
            begun = len([line for line in start.log if line["event"] == "begin"])
            if not start.until(lambda begun=begun: len([1 for line in start.log if line["event"] == "begin"]) > begun):
                break
            time.sleep(self.random.uniform(0, 0.1))
            if workers := start.workers():
                os.kill(self.random.choice(workers), signal.SIGKILL)
                phases.append("running")
        code = start.wait()
        again = run_again(start.log)
        cases = [Case(self.who, phase) for phase in phases]
        *first, last = cases or [Case(self.who, skipped="the sweep ended before a worker could be killed")]
        yield from first
        last = replace(last, duplicated=len(again), note=f"{', '.join(again)}; {self.place.folder}")
        yield self.completed(last, start, code) if not last.skipped else last
