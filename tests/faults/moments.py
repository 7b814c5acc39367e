"""Random moments of a sweep: planning, running, recording, writing tables, drawing; seen from outside."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from command import Place, Start
from trials import SWEEP

JOURNAL = "study.db-journal"
"""SQLite's, which is there while a row is added."""
ROWS = 8
"""A moment of recording is within one of so many transactions."""
WITHIN = {
    "planning": 0.8,
    "opening": 0.2,
    "running": 0.3,
    "recording": 0.0,
    "tables": 0.03,
    "drawing": 0.3,
    "report": 1.5,
}
"""Seconds within which a moment of a phase comes, after the first sign of the phase; opening is planning without the
imports, of a start that is warm."""


@dataclass(frozen=True)
class Moments:
    """The moments of what is started in one place."""

    place: Place
    random: Random
    transactions: dict[int, set[int]] = field(default_factory=dict, init=False)

    def reach(self, start: Start, target: str) -> None:
        """Wait for a random moment of a phase, or for the end of a start that never comes to it."""
        rows = self.random.randrange(ROWS)
        signs = {
            "planning": start.handles_sigterm,  # before, there is only Python
            "opening": start.handles_sigterm,
            "report": start.handles_sigterm,
            "running": lambda: any(line["event"] == "begin" for line in start.log),
            "recording": lambda: self.journals(start) > rows,
            "tables": lambda: self.wrote_manifest(start),
            "drawing": lambda: "drawing the figures" in start.out,
        }
        if start.until(signs[target]):
            time.sleep(self.random.uniform(0, WITHIN[target]))

    def journals(self, start: Start) -> int:
        """Return how many transactions of a start have been seen at work; 0 between two of them."""
        try:
            begun = (self.folder / JOURNAL).stat().st_ctime_ns
        except OSError:
            return 0
        seen = self.transactions.setdefault(start.number, set())
        seen.add(begun)
        return len(seen)

    def wrote_manifest(self, start: Start) -> bool:
        """Whether a start has written its manifest, the first file after the last trial."""
        path = self.folder / "manifest.json"
        return path.exists() and path.stat().st_mtime > start.began

    def phase(self, start: Start) -> str:
        """Return what a start was about, where it stands or has just been ended."""
        if "results in" in start.out:
            return "ended"
        if "drawing the figures" in start.out:
            return "drawing"
        if self.wrote_manifest(start):
            return "tables"
        if (self.folder / JOURNAL).exists():
            return "recording"
        return "running" if start.log else "planning"

    @property
    def folder(self) -> Path:
        """Where the sweep lies."""
        return next((self.place.artifacts / SWEEP).glob("*"), self.place.artifacts / SWEEP / "not yet")
