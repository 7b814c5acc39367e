"""Bad input, by the real command: exit code 2, the line of the table, under a second, and nothing is touched."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

from case import Case, Setting
from refused import Refusal, earlier_results, forget_results, furnish, photograph, refusals
from scenes import in_turn

FAULT = "bad input"
COUNT, QUICK = 64, 4
LIMIT = 1.0
"""Seconds of a processor within which bad input is refused, whoever else uses the machine meanwhile."""


def inputs(setting: Setting) -> Iterator[Case]:
    """Yield a case per command line, chosen from the table at random; before every second one there are results."""
    rows = Random(f"{setting.seed} {FAULT}").sample(refusals(), QUICK if setting.quick else COUNT)
    scenes = [
        partial(_typed, row, setting.folder / str(index), index % 2 == 1, timed=not setting.quick)
        for index, row in enumerate(rows)
    ]
    yield from in_turn(FAULT, scenes)


def _typed(row: Refusal, folder: Path, results: bool, timed: bool) -> Iterator[Case]:
    """Type a line; whether it takes too long is not for CI, whose machine may be any."""
    furnish(folder)
    if results:
        earlier_results(folder)
    before, command = photograph(folder), [sys.executable, "-m", "sweeps", *row.words]
    with (
        (folder.parent / f"{folder.name}.out").open("w+") as out,
        (folder.parent / f"{folder.name}.err").open("w+") as err,
    ):
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said, complained = (stream.seek(0) or stream.read() for stream in (out, err))
    seconds = usage.ru_utime + usage.ru_stime
    wrong = row.wrong(process.returncode, complained, said)
    if photograph(folder) != before:
        wrong = f"something was touched; {wrong}"
    if timed and seconds >= LIMIT:
        wrong = f"it took {seconds:.2f} s; {wrong}"
    traceback = "Traceback" in said + complained
    forget_results(folder)
    note = f"{row.line}: {wrong}" if wrong else ""
    yield Case(FAULT, wrong=int(bool(wrong)), tracebacks=int(traceback), took=seconds, note=note)
