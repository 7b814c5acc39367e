"""A sweep meets faults, one start after the other, and is completed. What became of it?"""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from case import Case
from command import Place, Start
from invariants import Seen, judge, repeated, same, see
from trials import JOBS, Sweeps

Faults = Mapping[str, bool]
"""What may be wrong, and whether it is."""


def refused_or_done(start: Start) -> Faults:
    """Return what is wrong with the end of a command whose surroundings refused something: exit 3, one line.

    It may have done without: then it has ended well and said nothing.
    """
    refused = start.wait() == 3 and start.err.startswith("error: ") and start.err.count("\n") == 1
    done = start.wait() == 0 and not start.err
    return {f"exit {start.wait()}: {start.err.strip()}": not (refused or done)}


def done(start: Start) -> Faults:
    """Return what is wrong with the end of a command that must not mind."""
    return {f"exit {start.wait()}: {start.err.strip()}": start.wait() != 0 or start.err != ""}


def killed(start: Start) -> Faults:
    """Return what is wrong with the end of a command that was killed, or had just come to its end."""
    return {f"exit {start.wait()}: {start.err.strip()}": start.wait() not in (0, 128 + signal.SIGKILL)}


@dataclass(frozen=True)
class Attempt:
    """A start that meets a fault.

    Attributes:
        fault: its row.
        how: what Place.start is told.
        check: says what is wrong with its end.
        around: what is otherwise in the place while it runs.
        act: brings the fault about while it runs, and returns its phase.
        hurried: whether the next start does not wait until the workers of this one have ended.
        took: returns the seconds that it took, where there is a limit.
    """

    fault: str
    how: Mapping[str, Any] = field(default_factory=dict)
    check: Callable[[Start], Faults] = refused_or_done
    around: Callable[[Place], AbstractContextManager[Any]] = nullcontext
    act: Callable[[Start], str] = lambda _: ""
    hurried: bool = False
    took: Callable[[Start], float | None] = lambda _: None


def recovered(sweeps: Sweeps, flavour: str, place: Place, attempts: Sequence[Attempt]) -> Iterator[Case]:
    """Make all attempts in `place`, one after the other, complete the sweep, and yield a case per attempt."""
    sweeps.uninterrupted(flavour)  # first: to make it later would give the first start time that the others do not have
    last: _Met | None = None
    for attempt in (*attempts, Attempt("", {"warm": True}, check=done)):
        met = _meet(sweeps, flavour, place, attempt, last)
        if not attempt.fault:
            break
        if last:
            yield _judged(last, met)
        last = met
    assert last is not None
    difference, leftovers = same(sweeps.run_folder(place), sweeps.uninterrupted(flavour)), place.leftovers()
    case = _judged(last, met)
    wrong, orphans = case.wrong + met.case.wrong + len(leftovers), case.orphans + met.case.orphans
    case = replace(case, wrong=wrong, orphans=orphans, identical=not difference)
    yield noted(case, met.case.note, difference, *leftovers, str(place.folder))


@dataclass(frozen=True)
class _Met:
    """An attempt that was made: its case as far as it is known, its start, and what that left."""

    attempt: Attempt
    case: Case
    start: Start
    left: Seen


def _meet(sweeps: Sweeps, flavour: str, place: Place, attempt: Attempt, last: _Met | None) -> _Met:
    """Make an attempt; beside it, the workers of a `last` one that was hurried have to end."""
    with attempt.around(place):
        start = place.start(*sweeps.arguments(flavour), **attempt.how)
        late = last.start.orphans() if last and last.attempt.hurried else 0
        phase = attempt.act(start)
        start.wait()
    left, faults = see(place.artifacts, sweeps.uninterrupted(flavour)), attempt.check(start)
    case = Case(
        attempt.fault,
        phase,
        torn=len(left.torn),
        wrong=left.unfinished + sum(faults.values()),
        tracebacks=int(start.traceback()),
        orphans=late + (0 if attempt.hurried else start.orphans()),
        took=attempt.took(start),
        skipped="it had come to its end" if attempt.check is killed and start.wait() == 0 else "",
    )
    return _Met(attempt, noted(case, *(name for name, found in faults.items() if found), *left.torn), start, left)


def _judged(met: _Met, later: _Met) -> Case:
    """Return the case of an attempt, by what the start after it did and left."""
    verdict, log = judge(met.left, later.start.log, later.left), later.start.log
    too_often = max(repeated(met.start.log, log) - JOBS, 0)
    if met.attempt.check is refused_or_done:  # packs that had nowhere to leave their outcome are others' fault
        too_often = 0
    usual = not any(later.attempt.how.get(way) for way in ("warm", "prefix"))  # sooner with all imported, later traced
    seconds = later.start.first_work() if usual else None
    case = replace(met.case, lost=verdict.lost, duplicated=verdict.duplicated + too_often, seconds=seconds)
    return noted(case, verdict.note, f"{too_often} packs more than workers were run again" if too_often else "")


def noted(case: Case, *notes: str) -> Case:
    """Return the case with more notes."""
    return replace(case, note="; ".join(filter(None, [case.note, *notes])))
