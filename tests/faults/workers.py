"""Packs that harm their worker: they fail with the reason, the others are unharmed, and a retry makes them good."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from case import Case, Setting
from command import Place, Start
from invariants import Seen, Trial, run_again, same, see
from scenes import in_turn
from trials import JOBS, Sweeps

STAGE = "final"
"""Where the guilty are: nothing that comes later depends on them."""
TIMEOUT = 2
"""Seconds that a pack may take; an honest one takes a tenth of one."""

DIED = "worker died 3 times ({})"
LATE = f"no end within {TIMEOUT} s (--trial-timeout)"


@dataclass(frozen=True)
class Crime:
    """What a pack does to its worker: Python, how often it gets to do so, and how the reason begins that is given."""

    code: str
    reason: str
    tries: range


ONCE_OR_AGAIN = range(1, 3)
"""Again where another pack killed the workers while it ran."""
POISON = range(3, 5)
"""Three deaths alone; one more if others ran beside it when it first died."""

CRIMES: Mapping[str, Crime] = {
    "poison trial: SIGKILL": Crime(
        "os.kill(os.getpid(), signal.SIGKILL)", DIED.format("SIGKILL(-9), perhaps out of memory"), POISON
    ),
    "poison trial: SIGSEGV": Crime("os.kill(os.getpid(), signal.SIGSEGV)", DIED.format("SIGSEGV(-11)"), POISON),
    "worker out of memory": Crime(
        """
        size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (size + 2**26, before[1]))
        try:
            numpy.ones(2**30)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)""",
        "MemoryError: Unable to allocate 8.00 GiB",
        ONCE_OR_AGAIN,
    ),
    "hung trial: in Python": Crime("time.sleep(3600)", LATE, ONCE_OR_AGAIN),
    "hung trial: in C": Crime("collections.deque(itertools.repeat(None), maxlen=0)", LATE, ONCE_OR_AGAIN),
}

EVIL = """
import collections, itertools, numpy, os, resource, signal, time
compute = worker.compute

def guilty(task, split):
    for number, crime in CRIMES.items():
        if task.stage == STAGE and number in task.numbers:
            with open(TRIES, "a") as file:
                file.write(f"{number}\\n")
            crime()
    return compute(task, split)

worker.compute = guilty
"""


@dataclass(frozen=True)
class Plot:
    """A sweep with guilty trials: who does what, under which flags."""

    flavour: str
    guilty: Mapping[int, str]
    flags: tuple[str, ...] = ()
    jobs: int = JOBS


LIMIT = ("--trial-timeout", str(TIMEOUT))
PLOTS = (
    Plot("packs", {0: "poison trial: SIGKILL", 3: "hung trial: in Python"}, LIMIT),
    Plot("packs", {1: "hung trial: in C", 2: "worker out of memory"}, LIMIT),
    Plot("packs", {0: "hung trial: in Python", 2: "worker out of memory"}, LIMIT, jobs=1),  # all of a lambda
    Plot("legs", {0: "hung trial: in C"}, LIMIT),
    Plot("legs", {0: "poison trial: SIGSEGV"}),
)
QUICK = PLOTS[-2:]


def workers(setting: Setting) -> Iterator[Case]:
    """Yield a case per guilty trial."""
    sweeps, plots = Sweeps(setting.folder), QUICK if setting.quick else PLOTS
    yield from in_turn("workers", [partial(_played, sweeps, index, plot) for index, plot in enumerate(plots)])


def _played(sweeps: Sweeps, index: int, plot: Plot) -> Iterator[Case]:
    """Run a sweep with guilty trials, then again without guilt, asking for a retry."""
    place = Place(sweeps.folder / f"plot-{index}")
    reference = see(sweeps.uninterrupted(plot.flavour)).records
    arguments = sweeps.arguments(plot.flavour, jobs=plot.jobs)
    first = place.finish(*arguments, *plot.flags, evil=_evil(place, plot), warm=True)
    left = see(place.artifacts)
    second = place.finish(*arguments, "--retry", "failed", warm=True)
    failed = _failed(left)
    unharmed = all(left.records.get(trial) == reference[trial] for trial in reference.keys() - failed.keys())
    difference = same(sweeps.run_folder(place), sweeps.uninterrupted(plot.flavour), retried=True)
    others = {
        "others harmed": not unharmed,
        **_said(first),
        **_said(second),
    }
    tried = (place.folder / "tries").read_text().split()
    for number, name in plot.guilty.items():
        crime, reason = CRIMES[name], failed.get((STAGE, number), "none")
        faults = others | {
            f"failed: {reason}": not reason.startswith(crime.reason),
            f"tried {tried.count(str(number))} times": tried.count(str(number)) not in crime.tries,
        }
        yield Case(
            name,
            duplicated=len(run_again(first.log)),
            torn=len(left.torn),
            wrong=sum(faults.values()) + len(place.leftovers()),
            tracebacks=first.traceback() + second.traceback(),
            orphans=first.orphans() + second.orphans(),
            identical=not difference,
            note="; ".join([*(name for name, found in faults.items() if found), difference, str(place.folder)]),
        )


def _evil(place: Place, plot: Plot) -> str:
    crimes = "".join(f"\ndef crime{number}():\n        {CRIMES[name].code}\n" for number, name in plot.guilty.items())
    table = ", ".join(f"{number}: crime{number}" for number in plot.guilty)
    return f"{EVIL}{crimes}\nCRIMES, STAGE, TRIES = {{{table}}}, {STAGE!r}, {str(place.folder / 'tries')!r}\n"


def _failed(seen: Seen) -> dict[Trial, str]:
    """Return why trials have failed."""
    last = {trial: json.loads(records[-1]) for trial, records in seen.records.items()}
    return {trial: record["reason"] for trial, record in last.items() if record["status"] == "FAILED"}


def _said(start: Start) -> dict[str, bool]:
    return {f"exit {start.wait()} {start.err.strip()}": start.wait() != 0 or start.err != ""}
