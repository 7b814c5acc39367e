"""What must hold of a run folder, looked at with the standard library and NumPy alone: the product is not asked."""

import csv
import hashlib
import io
import json
import shutil
import sqlite3
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

PENDING = ".pending"
TIMED = {"timings.csv", ".drawn.json", ".lock", "study.db"}
"""Files that say when, how long or by which process: other bytes in every run. Of the study, records are compared."""

Trial = tuple[str, int]
"""Stage and number, which the plan of a configuration fixes."""


@dataclass(frozen=True)
class Seen:
    """A run folder at a moment when no driver is at work on it; workers of a killed one may be for half a second.

    Attributes:
        records: by trial what it came to, as JSON without times and machines; a list, for there could be several.
        unfinished: rows of the study that are no finished record.
        ended: keys of the packs whose outcome waits in a file.
        stand: by key of a pack the epoch at which its checkpoint stands.
        torn: files that are half written, and why.
    """

    records: Mapping[Trial, list[str]] = field(default_factory=dict)
    unfinished: int = 0
    ended: frozenset[str] = frozenset()
    stand: Mapping[str, int] = field(default_factory=dict)
    torn: tuple[str, ...] = ()


def see(artifacts: Path, whole: Path | None = None) -> Seen:
    """Look at a folder of results in which one sweep has been at work.

    Where there is a `whole` run folder, files must be those that are there: all but the study is written after the last
    trial, so what was never interrupted has no other version of them.
    """
    torn = _others(artifacts, whole) if whole else []
    torn += filter(None, map(broken, sorted(artifacts.rglob("*"))))
    if torn:
        return Seen(torn=tuple(torn))
    records: dict[Trial, list[str]] = {}
    unfinished = 0
    for path in artifacts.rglob("study.db"):
        records, unfinished = _records(path)
    ended = {_task_key(path) for path in artifacts.rglob(f"{PENDING}/*.json")}
    stand = dict(map(_stand, artifacts.rglob(f"{PENDING}/*.npz")))
    return Seen(records, unfinished, frozenset(ended), stand)


def broken(path: Path) -> str:
    """Return what shows that a file is half written; nothing where it is whole, unfinished by name, or no file."""
    if not path.is_file() or (path.name.startswith(".") and path.name.endswith(".tmp")):
        return ""
    try:
        CHECKS.get(path.suffix, _anything)(path)
    except Exception as error:
        return f"{path.name}: {type(error).__name__}: {error}"
    return ""


def _others(artifacts: Path, whole: Path) -> list[str]:
    """Return which files of a run folder have other bytes than those of a whole one."""
    files = [path for path in whole.rglob("*") if path.is_file() and path.name not in TIMED]
    found = artifacts / whole.relative_to(whole.parents[1])
    pairs = [(found / path.relative_to(whole), path) for path in files]
    return [
        f"{ours.name}: other bytes" for ours, path in pairs if ours.exists() and ours.read_bytes() != path.read_bytes()
    ]


def _records(path: Path) -> tuple[dict[Trial, list[str]], int]:
    """Return the records of the study by trial, and how many rows are something else."""
    with _copied(path) as connection:
        rows = connection.execute(
            "SELECT studies.study_name, trials.state, trial_user_attributes.value_json FROM trials"
            " JOIN studies USING (study_id) LEFT JOIN trial_user_attributes"
            " ON trial_user_attributes.trial_id = trials.trial_id AND trial_user_attributes.key = 'row'"
        ).fetchall()
    records: dict[Trial, list[str]] = {}
    unfinished = 0
    for stage, state, value in rows:
        if value is None or state not in ("COMPLETE", "PRUNED", "FAIL"):
            unfinished += 1
            continue
        record = json.loads(json.loads(value))["record"]
        records.setdefault((stage, record["number"]), []).append(json.dumps(record, sort_keys=True))
    return records, unfinished


@contextmanager
def _copied(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy of an SQLite file and its journal, in which SQLite takes back what a killed process had half written.

    To do so in the folder itself would spare the next command the work that is to be tried.
    """
    with TemporaryDirectory() as folder:
        for name in (path.name, f"{path.name}-journal"):
            if path.with_name(name).exists():
                shutil.copy(path.with_name(name), folder)
        with closing(sqlite3.connect(Path(folder) / path.name)) as connection:
            yield connection


def _task_key(path: Path) -> str:
    """Return the key of the pack whose outcome a file holds."""
    _, _, text = path.read_text().partition("\n")
    [key] = {record["pack_key"] for record in json.loads(text)["records"]}
    return str(key)


def _stand(path: Path) -> tuple[str, int]:
    """Return the key of the pack of a checkpoint, and its epoch."""
    with np.load(path, allow_pickle=False) as file:
        about = json.loads(str(file["about"]))
    return about["key"], about["epoch"]


# Whole files


def _csv(path: Path) -> None:
    text = path.read_text()
    rows = list(csv.reader(io.StringIO(text)))
    if not text.endswith("\n") or len({len(row) for row in rows}) != 1:
        raise ValueError("a line is missing or short")


def _json(path: Path) -> None:
    text = path.read_text()
    if path.parent.name == PENDING:
        digest, _, rest = text.partition("\n")
        text = rest.removesuffix("\n")
        if hashlib.sha256(text.encode()).hexdigest() != digest:
            raise ValueError("another digest")
    json.loads(text)


def _ends(ending: bytes) -> Any:
    def check(path: Path) -> None:
        if not path.read_bytes().rstrip().endswith(ending):
            raise ValueError("no end")

    return check


def _npz(path: Path) -> None:
    with zipfile.ZipFile(path) as file:
        if bad := file.testzip():
            raise ValueError(bad)


def _db(path: Path) -> None:
    with _copied(path) as connection:
        [(verdict,)] = connection.execute("PRAGMA integrity_check").fetchall()
    if verdict != "ok":
        raise ValueError(verdict)


def _anything(path: Path) -> None:
    pass


CHECKS = {
    ".csv": _csv,
    ".json": _json,
    ".png": _ends(b"IEND\xaeB`\x82"),
    ".svg": _ends(b"</svg>"),
    ".pdf": _ends(b"%%EOF"),
    ".npz": _npz,
    ".npy": np.load,
    ".db": _db,
}


# Between a fault and the end


@dataclass(frozen=True)
class Verdict:
    """What was found of one fault, by what was seen after it and what was done and seen later."""

    lost: int
    duplicated: int
    note: str


def judge(before: Seen, begun: Iterable[Mapping[str, Any]], after: Seen) -> Verdict:
    """Hold a run folder `after` later starts to what it was `before`, by what those starts told of their work.

    Lost is a trial that was recorded and is gone or changed. Duplicated is one that is recorded twice, one that was
    recorded and was trained again, a pack whose outcome waited and was trained again, and an epoch before a checkpoint.
    """
    log = list(begun)
    lost = [trial for trial, records in before.records.items() if after.records.get(trial, [None])[0] != records[0]]
    twice = [trial for trial, records in after.records.items() if len(records) > 1]
    trained = {(line["stage"], number) for line in log if line["event"] == "begin" for number in line["numbers"]}
    again = sorted(trained & set(before.records))
    waited = {line["key"] for line in log if line["event"] == "begin"} & before.ended
    passed = [
        (line["key"], line["epoch"])
        for line in log
        if line["event"] == "epoch" and line["epoch"] <= before.stand.get(line["key"], -1)
    ]
    found = {"lost": lost, "twice": twice, "run again": again, "ended and run again": waited, "epochs again": passed}
    note = "; ".join(f"{name}: {what}" for name, what in found.items() if what)
    return Verdict(len(lost), len(twice) + len(again) + len(waited) + len(passed), note)


def repeated(killed: Iterable[Mapping[str, Any]], later: Iterable[Mapping[str, Any]]) -> int:
    """Return how many packs were running when a start was killed and were begun again later."""
    counts = Counter()
    for line in killed:
        counts[line["key"]] += {"begin": 1, "end": -1}.get(line["event"], 0)
    running = {key for key, count in counts.items() if count > 0}
    return len(running & {line["key"] for line in later if line["event"] == "begin"})


def run_again(log: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the keys of the packs that one start began again after their outcome had been written."""
    ended, again = set(), []
    for line in log:
        if line["event"] == "begin" and line["key"] in ended:
            again.append(line["key"])
        if line["event"] == "end":
            ended.add(line["key"])
    return again


def same(folder: Path, reference: Path, *, retried: bool = False) -> str:
    """Return where a finished run folder differs from another one; nothing where all is the same, byte for byte.

    Where failed trials were retried, their first records may be there too.
    """
    ours, theirs = _contents(folder), _contents(reference)
    names = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    study = folder / "study.db"
    if study.exists() and broken(study):
        names.append(broken(study))
    elif study.exists() != (reference / "study.db").exists():
        names.append("study.db")
    elif study.exists():
        (found, unfinished), wanted = _records(study), _records(reference / "study.db")
        last = {trial: records[-1:] for trial, records in found.items()} if retried else found
        if (last, unfinished) != wanted:
            names.append("the records of study.db")
    return f"other than uninterrupted: {', '.join(names)}" if names else ""


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in TIMED
    }
