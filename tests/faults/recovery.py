"""A sweep meets faults, one start after the other, and is completed. What became of it?"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from case import Case
from command import Place, Start
from invariants import judge, same, see
from trials import Sweeps

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


@dataclass(frozen=True)
class Attempt:
    """A start that meets a fault.

    Attributes:
        fault: its row.
        how: what Place.start is told.
        check: says what is wrong with its end.
        around: what is otherwise in the place while it runs.
    """

    fault: str
    how: Mapping[str, Any] = field(default_factory=dict)
    check: Callable[[Start], Faults] = refused_or_done
    around: Callable[[Place], AbstractContextManager[Any]] = nullcontext


def recovered(sweeps: Sweeps, flavour: str, place: Place, attempts: Sequence[Attempt]) -> Iterator[Case]:
    """Make all attempts in `place`, one after the other, complete the sweep, and yield a case per attempt."""
    last: Case | None = None
    left = see(place.artifacts)
    for attempt in (*attempts, Attempt("", check=done)):
        with attempt.around(place):
            start = place.finish(*sweeps.arguments(flavour), **attempt.how)
        orphans, after = start.orphans(), see(place.artifacts)
        if last:  # is judged by what the next start does
            verdict = judge(left, start.log, after)
            seconds = None if attempt.fault else start.first_work()
            last = replace(last, lost=verdict.lost, duplicated=verdict.duplicated, seconds=seconds)
            last = noted(last, verdict.note)
        faults = attempt.check(start)
        case = Case(
            attempt.fault,
            phase=("refused", "did without")[start.wait() == 0] if attempt.check is refused_or_done else "",
            torn=len(after.torn),
            wrong=sum(faults.values()),
            tracebacks=int(start.traceback()),
            orphans=orphans,
        )
        case = noted(case, *(name for name, found in faults.items() if found), *after.torn)
        if attempt.fault and last:
            yield last
        last, left = (case, after) if attempt.fault else (last, after)
    assert last is not None
    difference, leftovers = same(sweeps.run_folder(place), sweeps.uninterrupted(flavour)), place.leftovers()
    last = replace(last, wrong=last.wrong + case.wrong + len(leftovers), identical=not difference)
    yield noted(last, case.note, difference, *leftovers, str(place.folder))


def noted(case: Case, *notes: str) -> Case:
    """Return the case with more notes."""
    return replace(case, note="; ".join(filter(None, [case.note, *notes])))
