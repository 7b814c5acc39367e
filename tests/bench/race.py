"""The race: contestants take turns inside every round, each in a process of its own, on the same job.

In turns, so that a machine whose speed drifts, or that is shared, is unfair to none. What is compared are medians over
rounds. Raw samples are written after every turn, so that a race that is stopped has lost nothing.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from peers import CONTESTANTS
from peers.__main__ import Answer
from peers.clock import memory
from peers.job import REFERENCE, Job, lambdas
from throughput import PINS, flops, kernel, pack_of, pool, sgemm_peak

from pipeline.blas import single_thread
from pipeline.data import open_split
from pipeline.report.tables import write_csv
from pipeline.spec import NetworkSpec

HERE = Path(__file__).parent

LOOK = 1.0
"""Seconds between two looks at the memory of a contestant, each of which takes about 10 ms a gigabyte."""

PATIENCE = 900
"""Seconds that a turn may take."""

FOUND = "as found"


@dataclass(frozen=True)
class Turn:
    """Who races, and in which environment: its label, and the variables that it lacks."""

    round: int
    environment: str
    removed: tuple[str, ...]
    contestant: str


def environments(which: str, found: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the environments to race in by label, with the variables to remove: `both`, `found` or `unpinned`.

    Where no variable pins OpenBLAS, the environment as found is the unpinned one.
    """
    pins = tuple(name for name in PINS if name in found)
    both = {FOUND: ()} | ({f"without {' and '.join(pins)}": pins} if pins else {})
    chosen = {"both": list(both), "found": [FOUND], "unpinned": list(both)[-1:]}[which]
    return {label: both[label] for label in chosen}


def turns(rounds: int, environments: Mapping[str, tuple[str, ...]], names: Sequence[str]) -> Iterator[Turn]:
    """Yield the turns: every round begins with another contestant, so that none always follows the same warm machine.

    A contestant that the variables do not concern races in the last environment only.
    """
    for number in range(rounds):
        start = number % len(names)
        for name in (*names[start:], *names[:start]):
            labels = list(environments) if CONTESTANTS[name].openblas else list(environments)[-1:]
            for label in labels:
                yield Turn(number + 1, label, environments[label], name)


def gauge(_: int) -> tuple[float, str]:
    """Return the GFLOP/s of SGEMM on one core, by CPU time, and the kernel; for a worker of its own."""
    with single_thread():
        return sgemm_peak(), kernel()


def race(
    job: Job, out: Path, rounds: int, environments: Mapping[str, tuple[str, ...]], names: Sequence[str]
) -> pd.DataFrame:
    """Race and return the samples, a row per turn; ``race.csv`` in `out` has them too.

    Args:
        job: without lambdas and seed, which depend on the contestant and on the round.
        out: where the samples go.
        rounds: in each of which every contestant has its turn.
        environments: as `environments` returns them.
        names: the contestants.
    """
    work = flops(pack_of(1, open_split(Path(job.split)), NetworkSpec()).trials[0]) / 1e9
    samples: list[dict[str, object]] = []
    gauged: dict[tuple[int, tuple[str, ...]], dict[str, object]] = {}
    pins = tuple(name for name in PINS if name in os.environ)
    for turn in turns(rounds, environments, names):
        if (turn.round, pins) not in gauged:
            for removed in {pins, *environments.values()}:
                gauged[turn.round, removed] = _gauged(removed, job.cores, work)
        mine = replace(job, lambdas=lambdas(CONTESTANTS[turn.contestant].trials_on(job.cores)), seed=turn.round)
        answer, peak = take_turn(turn, mine)
        limit = {"limit": gauged[turn.round, pins]["limit"]}  # the machine's, whatever the contestant may use of it
        row = sample(turn, mine, answer, peak) | gauged[turn.round, turn.removed] | limit
        row["pinned"] = turn.removed != pins
        samples.append(row)
        write_csv(out / "race.csv", pd.DataFrame(samples))
        print(_progress(row, rounds, CONTESTANTS[turn.contestant].label_on(job.cores)), flush=True)
    return pd.DataFrame(samples)


def _gauged(removed: tuple[str, ...], cores: int, work: float) -> dict[str, object]:
    """Measure all cores at once; `limit` is how many trial-epochs per second of `work` GFLOP their products allow."""
    with pool(cores, removed) as executor:
        measured = list(executor.map(gauge, range(cores)))
    peaks = [peak for peak, _ in measured]
    return {
        "sgemm": sum(peaks) / cores,
        "kernel": measured[0][1],
        "limit": sum(peaks) / work,
        "load": os.getloadavg()[0],
    }


def take_turn(turn: Turn, job: Job) -> tuple[Answer, int]:
    """Run a contestant in a process of its own; return its answer and the peak of its memory (PSS, bytes)."""
    environment = {name: value for name, value in os.environ.items() if name not in turn.removed}
    environment["PYTHONPATH"] = str(HERE)
    with tempfile.TemporaryDirectory() as name:
        request, answer, log = (Path(name) / file for file in ("job.json", "answer.json", "log"))
        job.write(request)
        command = [sys.executable, "-m", "peers", turn.contestant, str(request), str(answer), str(time.time())]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=output, start_new_session=True, cwd=name
            )
            peak = _watch(process)
        if answer.exists():
            fields = json.loads(answer.read_text())
            return Answer(**fields), peak
        said = log.read_text(errors="replace").strip().splitlines()
        return Answer("failed", f"exit code {process.returncode}: {said[-1] if said else 'it said nothing'}"), peak


def _watch(process: subprocess.Popen[bytes]) -> int:
    """Return the most memory that was seen until the process ends, or is ended after PATIENCE seconds."""
    peak, end = 0, time.monotonic() + PATIENCE
    try:
        while process.poll() is None and time.monotonic() < end:
            peak = max(peak, memory(process.pid))
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOK)
    finally:  # whatever it has left behind, too
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return peak


def sample(turn: Turn, job: Job, answer: Answer, peak: int) -> dict[str, object]:
    """Return the row of a turn; what was not measured is None."""
    ok = answer.status == "ok"
    done = len(job.lambdas) * job.epochs
    accuracy = next((value for lambda_, value in answer.accuracies if abs(lambda_ / REFERENCE - 1) < 1e-6), None)
    return {
        "round": turn.round,
        "environment": turn.environment,
        "contestant": turn.contestant,
        "status": answer.status,
        "reason": answer.reason,
        "trials": len(job.lambdas),
        "epochs": job.epochs,
        "wall": answer.wall if ok else None,
        "cpu": answer.cpu if ok else None,
        "rate": done / answer.wall if ok else None,
        "cpu_rate": job.cores * done / answer.cpu if ok else None,
        "start_up": answer.start_up if ok else None,
        "memory_mb": peak / 1e6 if ok and peak else None,
        "val_accuracy": accuracy,
        "versions": ", ".join(f"{name} {version}" for name, version in answer.versions.items()),
    }


def _progress(row: Mapping[str, object], rounds: int, label: str) -> str:
    who = f"round {row['round']} of {rounds}, {row['environment']}, {label}"
    if row["status"] != "ok":
        return f"{who}: {row['status']} ({row['reason']})"
    return f"{who}: {row['rate']:.2f} trial-epochs/s by wall, {row['cpu_rate']:.2f} by CPU"
