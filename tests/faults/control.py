"""The negative control: the script that people write suffers the same SIGKILLs, and must be seen to fail.

If these figures were zero too, the checks would not be able to see anything.
"""

import csv
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random

from case import CONTROL, NOT_KILLED, Case, Setting
from command import PATIENCE
from control_script import TRIALS
from invariants import broken
from scenes import in_turn

SCRIPT = Path(__file__).with_name("control_script.py")
COUNT, QUICK, KILLS = 5, 1, 3
"""Searches, and how often each is killed."""
IGNORED = ("datetime_start", "datetime_complete", "duration")
"""Columns that say when."""


def control(setting: Setting) -> Iterator[Case]:
    """Yield a case per kill."""
    whole = setting.folder / "uninterrupted"
    _script(whole).wait()
    if not setting.quick:
        again = setting.folder / "again"
        _script(again).wait()
        yield Case(NOT_KILLED, identical=_table(again) == _table(whole), note=_told(again))
    count = QUICK if setting.quick else COUNT
    kills = 1 if setting.quick else KILLS
    seeds = [f"{setting.seed} {index}" for index in range(count)]
    scenes = [partial(_killed, setting.folder / seed.replace(" ", "-"), whole, seed, kills) for seed in seeds]
    yield from in_turn(CONTROL, scenes)


def _script(folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    with (folder / "said.txt").open("ab") as said:
        return subprocess.Popen([sys.executable, str(SCRIPT), str(folder)], stdout=said, stderr=said)


def _killed(folder: Path, whole: Path, seed: str, kills: int) -> Iterator[Case]:
    random = Random(seed)
    torn = 0
    for kill in range(kills + 1):
        process = _script(folder)
        if kill < kills:
            aim = random.randrange(1, TRIALS // (kills + 1)) + len(_rows(folder))
            while process.poll() is None and len(_rows(folder)) < aim:
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
        torn += sum(bool(broken(path)) for path in folder.iterdir())
    rows = _rows(folder)
    states = [state for _, state, _ in rows]
    values = [value for _, state, value in rows if state == "COMPLETE"]
    stale, more = len(rows) - states.count("COMPLETE"), max(states.count("COMPLETE") - TRIALS, 0)
    identical = _table(folder) == _table(whole)
    yield from [Case(CONTROL)] * (kills - 1)
    yield Case(
        CONTROL,
        duplicated=len(values) - len(set(values)) + more,
        torn=torn,
        wrong=stale,
        identical=identical,
        note=f"{_told(folder)}; {stale} trials for ever RUNNING; {more} more trials than asked for",
    )


def _rows(folder: Path) -> list[tuple[int, str, str | None]]:
    """Return number, state and suggested value of every trial."""
    if not (folder / "study.db").exists():
        return []
    with closing(sqlite3.connect(f"file:{folder / 'study.db'}?mode=ro", uri=True, timeout=10)) as connection:
        try:
            return connection.execute(
                "SELECT number, state, param_value FROM trials LEFT JOIN trial_params USING (trial_id)"
            ).fetchall()
        except sqlite3.Error:  # of a file that is just being made
            return []


def _table(folder: Path) -> list[dict[str, str]]:
    """Return the CSV less the columns that say when."""
    with (folder / "trials.csv").open() as file:
        return [{name: cell for name, cell in row.items() if name not in IGNORED} for row in csv.DictReader(file)]


def _told(folder: Path) -> str:
    return json.dumps({"folder": str(folder), "rows": len(_rows(folder))})
