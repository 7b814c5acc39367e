"""Everything beside the assignment: every other sweep, one after the other, then the report."""

from dataclasses import dataclass
from typing import Self

from sweeps import MODULES
from sweeps.assignment import PARTS as ASSIGNED
from sweeps.assignment import run_parts
from sweeps.cli import Entry, Options

COMMANDS = ("gradient-check", "assignment", "experiments", "report", "data")
"""Entries that are no sweeps."""

PARTS = (*(name for name in MODULES if name not in {*COMMANDS, *ASSIGNED}), "report")
"""In the order in which they run."""


@dataclass(frozen=True)
class Experiments:
    """Run every sweep that the assignment leaves out, then write the report."""

    @classmethod
    def at_scale(cls, scale: str) -> Self:
        """Return the same at any scale; every part has its own defaults there."""
        return cls()


def execute(_config: Experiments, options: Options) -> None:
    """Run every part: see `run_parts`."""
    run_parts(PARTS, options)


ENTRY = Entry(Experiments, execute)
