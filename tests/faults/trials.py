"""The sweeps that faults come to: the real search for lambda on a few of scikit-learn's digits, in two flavours."""

import fcntl
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from command import Place
from sklearn.datasets import load_digits

from pipeline.files import make_folder

SWEEP, JOBS = "lambda", 2
FLAVOURS: Mapping[str, Sequence[str]] = {
    "legs": (
        "--coarse.count",
        "8",
        "--refine.count",
        "8",
        "--coarse.cycles",
        "3",
        "--coarse.prune",
        "0.4",
        "--refine.cycles",
        "2",
        "--refine.prune",
        "0.5",
    ),
    "packs": ("--pack-width", "1", "--coarse.count", "8", "--refine.count", "8", "--refine.cycles", "3"),
}
"""Flags by name: legs of one cycle each, and packs of all cycles, whose checkpoints are where they go on."""


@dataclass(frozen=True)
class Sweeps:
    """The data set of all cases, and what uninterrupted sweeps leave; all parts share these, beside their folders."""

    folder: Path

    @property
    def shared(self) -> Path:
        """Where they lie."""
        return make_folder(self.folder.parent / "undisturbed")

    @property
    def data(self) -> Path:
        """A file of 400 digits to train on and 100 to test on, written on first use."""
        path = self.shared / "digits-500.npz"
        with self._alone("digits"):
            if not path.exists():
                x, y = load_digits(return_X_y=True)
                x, y = x[:500].astype(np.uint8), y[:500].astype(np.int64)
                np.savez(path, x_train=x[:400], y_train=y[:400], x_test=x[400:], y_test=y[400:])
        return path

    def arguments(self, flavour: str, sweep: str = SWEEP, jobs: int = JOBS) -> list[str]:
        """Return the words of the command."""
        own = FLAVOURS[flavour] if sweep == SWEEP else ()
        return [sweep, "--dataset", str(self.data), "--scale", "smoke", "--jobs", str(jobs), *own]

    def uninterrupted(self, flavour: str) -> Path:
        """Return the run folder of an uninterrupted sweep, which is made on first use."""
        place = self.place(flavour)
        with self._alone(flavour):
            if not self._took(flavour).exists():
                shutil.rmtree(place.artifacts)  # of an attempt that failed: a resumed one is no reference
                start = place.finish(*self.arguments(flavour))
                if start.wait():
                    raise RuntimeError(f"an uninterrupted sweep must end well, got {start.err}")
                self._took(flavour).write_text(f"{time.time() - start.began}")
        return self.run_folder(place)

    def place(self, flavour: str) -> Place:
        """Return the place of an uninterrupted sweep."""
        return Place(self.shared / flavour)

    def seconds(self, flavour: str) -> float:
        """Return how long an uninterrupted sweep took."""
        self.uninterrupted(flavour)
        return float(self._took(flavour).read_text())

    def _took(self, flavour: str) -> Path:
        return self.place(flavour).folder / "seconds.txt"

    @contextmanager
    def _alone(self, what: str) -> Iterator[None]:
        """Let one process at a time make something that all share."""
        with (self.shared / f"{what}.making").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def run_folder(self, place: Place) -> Path:
        """Return where the sweep lies in a place."""
        return next((place.artifacts / SWEEP).glob("*"), place.artifacts / SWEEP / "not yet")

    def report(self, flavour: str) -> Path:
        """Return the folder of the report on an uninterrupted sweep, which is made on first use."""
        place = self.uninterrupted(flavour).parents[2]
        with self._alone(f"report on {flavour}"):
            if not (place / "artifacts" / "report").exists():
                start = Place(place).start(*self.arguments(flavour, "report"))
                if start.wait():
                    shutil.rmtree(place / "artifacts" / "report", ignore_errors=True)
                    raise RuntimeError(f"a report must end well, got {start.err}")
        return place / "artifacts" / "report"

    def begun(self, flavour: str, folder: Path) -> Place:
        """Return a place that holds a copy of a finished sweep."""
        source = self.uninterrupted(flavour).parents[1]
        shutil.copytree(source, folder / "artifacts", ignore=shutil.ignore_patterns("report"))
        return Place(folder)
