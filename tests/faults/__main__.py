"""`make faults`: inject faults into the real command, complete what they interrupt, and count what was lost by them."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import tyro
from case import Case, Part, Setting
from diverging import diverging
from generated import generated
from inputs import inputs
from kills import kills
from publish import publish

PARTS: Mapping[str, Part] = {
    "kills": kills,
    "inputs": inputs,
    "generated": generated,
    "diverging": diverging,
}
"""What can be injected, in the order of the table."""

Name = Literal[tuple(PARTS)]


@dataclass(frozen=True)
class Faults:
    """What to inject."""

    only: tuple[Name, ...] = ()
    """parts to inject; all where none is named"""
    seed: int = 0
    """of every choice: who, when, which byte"""
    quick: bool = False
    """a minute's worth of each part"""
    keep: Path | None = None
    """an empty folder for the cases, which are removed otherwise"""
    out: Path = Path("artifacts/faults")
    """where the tables go"""


def main() -> int:
    """Inject, print the table, and return 1 where something is not as it must be."""
    faults = tyro.cli(Faults)
    cases: list[Case] = []
    began = time.monotonic()
    with TemporaryDirectory(prefix="faults-") as temporary:
        for name in faults.only or PARTS:
            folder = (faults.keep or Path(temporary)) / name
            folder.mkdir(parents=True)
            for case in PARTS[name](Setting(faults.seed, faults.quick, folder)):
                cases.append(case)
                if case.failed:
                    print(f"{case.fault}: {case.note}", file=sys.stderr, flush=True)
            print(f"{name}: {len(cases)} cases so far, {time.monotonic() - began:.0f} s", flush=True)
    return 0 if publish(cases, faults.out) else 1


if __name__ == "__main__":
    sys.exit(main())
