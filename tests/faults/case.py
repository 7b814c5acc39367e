"""A case of the faults that are injected, and the table that cases add up to."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

FAILURES = ("lost", "duplicated", "torn", "wrong", "tracebacks", "orphans")
"""What is counted; every one of these must be 0."""


CONTROL, NOT_KILLED = "control: the usual script, SIGKILL", "the usual script, not killed"
"""Rows of the script that people write, which must be seen to fail where it is killed."""
CONTROLS = {CONTROL, NOT_KILLED}


@dataclass(frozen=True)
class Setting:
    """What a part does its cases with: the seed of every choice, all of them or those for CI, a fresh folder."""

    seed: int
    quick: bool
    folder: Path


@dataclass(frozen=True)
class Case:
    """One fault, and what became of it.

    Attributes:
        fault: the row of the table that it belongs to.
        phase: what was going on when it came; empty where that does not matter.
        lost: recorded trials that are gone, or not what they were.
        duplicated: recorded trials that were run again or are recorded twice.
        torn: files that were half written.
        wrong: whatever else is not as it must be: exit code, message, results, a payload that ran.
        tracebacks: commands that showed one.
        orphans: processes that outlived their command.
        identical: whether an interrupted sweep left in the end, byte for byte, what an uninterrupted one leaves;
            None for a case that says nothing of it.
        seconds: from the start after the fault to the first work of that start.
        took: seconds that the command took where there is a limit: to stop, or of the processor to refuse bad input.
        skipped: why it could not be tried here; then nothing else counts.
        note: what went wrong, for whoever looks into it.
    """

    fault: str
    phase: str = ""
    lost: int = 0
    duplicated: int = 0
    torn: int = 0
    wrong: int = 0
    tracebacks: int = 0
    orphans: int = 0
    identical: bool | None = None
    seconds: float | None = None
    took: float | None = None
    skipped: str = ""
    note: str = ""

    @property
    def failed(self) -> bool:
        """Whether anything is not as it must be."""
        return self.identical is False or any(getattr(self, name) for name in FAILURES)


Part = Callable[[Setting], Iterator[Case]]


def table(cases: Iterable[Case]) -> pd.DataFrame:
    """Return a row per fault, in the order of their first cases.

    `bound` is what no failure in n cases says of the share of failures, with 95 % confidence: at most 3/n.
    """
    frame = pd.DataFrame([vars(case) | {"failed": case.failed} for case in cases])
    tried = frame.assign(skipped=frame.skipped != "", sweeps=frame.identical.notna(), same=frame.identical == True)  # noqa: E712
    rows = tried.groupby("fault", sort=False).agg(
        cases=("skipped", lambda skipped: int((~skipped).sum())),
        skipped=("skipped", "sum"),
        **{name: (name, "sum") for name in FAILURES},
        sweeps=("sweeps", "sum"),
        identical=("same", "sum"),
        failed=("failed", "sum"),
        worst_seconds=("seconds", "max"),
        longest=("took", "max"),
    )
    rows["bound"] = [
        min(3 / n, 1) if n and not failed else None for n, failed in zip(rows.cases, rows.failed, strict=True)
    ]
    return rows.reset_index()


def phases(cases: Iterable[Case]) -> pd.DataFrame:
    """Return how many cases of each fault came in which phase."""
    came = [(case.fault, case.phase) for case in cases if case.phase and not case.skipped]
    frame = pd.DataFrame(came, columns=["fault", "phase"])
    return frame.groupby(["fault", "phase"], sort=False).size().unstack(fill_value=0).reset_index()
