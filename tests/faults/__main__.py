"""`make faults`: inject faults into the real command, complete what they interrupt, and count what was lost by them."""

import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import beside  # noqa: F401 - before those that need it
import tyro
from archives import archives
from calls import calls
from case import CONTROLS, Case, Part, Setting
from control import control
from databases import databases
from degenerate import degenerate
from diverging import diverging
from downloads import downloads
from drivers import drivers
from generated import generated
from inputs import inputs
from kills import kills
from outcome import publish
from pickles import pickles
from readers import readers
from scenes import side_by_side
from signals import signals
from stored import stored
from surroundings import surroundings
from workers import workers

from pipeline.errors import PipelineError, require
from pipeline.files import make_folder

PARTS: Mapping[str, Part] = {
    "kills": kills,
    "calls": calls,
    "signals": signals,
    "drivers": drivers,
    "databases": databases,
    "readers": readers,
    "workers": workers,
    "surroundings": surroundings,
    "archives": archives,
    "pickles": pickles,
    "downloads": downloads,
    "stored": stored,
    "degenerate": degenerate,
    "inputs": inputs,
    "generated": generated,
    "diverging": diverging,
    "control": control,
}
"""What can be injected, in the order of the table."""

LONG = ("kills", "signals", "surroundings", "generated")
"""Parts that are begun first: together with what is short they end at about one time."""

Name = Literal[tuple(PARTS)]


@dataclass(frozen=True)
class Faults:
    """What to inject."""

    only: tuple[Name, ...] = ()
    """parts to inject; all where none is named"""
    seed: int = 0
    """of every choice: who, when, which byte"""
    quick: bool = False
    """a minute, some of each part"""
    keep: Path | None = None
    """an empty folder for the cases, which are removed otherwise"""
    out: Path = Path("artifacts/faults")
    """where the tables go"""


def main() -> int:
    """Inject, print the table, and return 1 where something is not as it must be."""
    faults = tyro.cli(Faults)
    try:
        if faults.keep is not None:
            require(not any(make_folder(faults.keep).iterdir()), "--keep", "must be an empty folder", str(faults.keep))
        make_folder(faults.out)
        return injected(faults)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("stopped by SIGINT; nothing is kept", file=sys.stderr)
        return 130


def injected(faults: Faults) -> int:
    """Inject, side by side, and publish what became of it."""
    found: dict[str, list[Case]] = {}
    began = time.monotonic()
    with TemporaryDirectory(prefix="faults-") as temporary:
        parts = {}
        for name in sorted(faults.only or PARTS, key=lambda name: name not in LONG):
            folder = (faults.keep or Path(temporary)).resolve() / name
            folder.mkdir(parents=True)
            parts[name] = PARTS[name], Setting(faults.seed, faults.quick, folder)
        for name, cases in side_by_side(parts):
            found[name] = cases
            for case in cases:
                if case.failed and case.fault not in CONTROLS:
                    print(f"{case.fault}: {case.note}", file=sys.stderr, flush=True)
            print(f"{name}: {len(cases)} cases, after {time.monotonic() - began:.0f} s", flush=True)
    said = f'make faults ARGS="{shlex.join(sys.argv[1:])}"' if sys.argv[1:] else "make faults"
    every = [case for name in PARTS for case in found.get(name, ())]
    return 0 if publish(every, faults.out, time.monotonic() - began, said) else 1


if __name__ == "__main__":
    sys.exit(main())
