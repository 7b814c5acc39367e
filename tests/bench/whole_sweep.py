"""A whole lambda search, start to finish, against Optuna and PyTorch training the very same list of trials.

40 trials of 2 cycles of 10 epochs at full dimension; ours evaluates after every epoch, the peer after every trial. Both
are timed as commands: imports, workers and files included, no warm-up. Standardised rows are made beforehand.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from peers import CONTESTANTS
from peers.job import Job
from race import Turn, take_turn

from pipeline.report.document import Section, Table

PEER = "optuna-processes"
VAL_FRACTION = 0.1
CYCLES = 2
EPOCHS = 20
"""Of a trial, where nothing else is asked for."""
COUNTS = {"coarse": 10, "refine": 7}
REPLICATES = 2


@dataclass(frozen=True)
class Whole:
    """A whole search: who, how many trials, of them pruned ones, how long in seconds (wall), and what went wrong."""

    label: str
    trials: int
    pruned: int
    seconds: float | None
    reason: str = ""


def whole_sweeps(job: Job, where: list[str], cache: Path, removed: tuple[str, ...]) -> list[Whole]:
    """Time the search, the search with halving (where there is such a flag), and the peer on the same trials.

    Args:
        job: what the peer does, its lambdas aside.
        where: flags that say where the data set is.
        cache: of standardised rows.
        removed: variables that neither sees.
    """
    environment = {name: value for name, value in os.environ.items() if name not in removed}
    flags = ["--jobs", str(job.cores), *where, *arguments(job.step_size)]
    trials, plain = _search("ours", flags, cache, environment)
    done = [plain]
    print(_progress(plain), flush=True)
    halving = pruning(_help(environment))
    if halving:
        label = "ours, the worse half dropped after a cycle"
        done.append(_search(label, [*flags, *halving], cache, environment)[1])
        print(_progress(done[-1]), flush=True)
    if not trials.empty:
        start = time.perf_counter()
        answer, _ = take_turn(Turn(1, "", removed, PEER), replace(job, lambdas=tuple(trials["lambda"])))
        seconds = time.perf_counter() - start if answer.status == "ok" else None
        done.append(Whole(CONTESTANTS[PEER].label_on(job.cores), len(trials), 0, seconds, answer.reason))
        print(_progress(done[-1]), flush=True)
    return done


def arguments(step_size: int) -> list[str]:
    """Return the flags of a search of 2 * (10 + 7) trials and 2 each of up to 3 winners, all of the same schedule."""
    words: list[str] = []
    for stage in ("coarse", "refine", "final"):
        values = {"replicates": REPLICATES, "step-size": step_size, "cycles": CYCLES, "val-fraction": VAL_FRACTION}
        values |= {"count": COUNTS[stage]} if stage in COUNTS else {}
        words += [word for name, value in values.items() for word in (f"--{stage}.{name}", str(value))]
    return words


def _search(label: str, flags: list[str], cache: Path, environment: dict[str, str]) -> tuple[pd.DataFrame, Whole]:
    """Run a search into an empty folder; return its trials and how long it took."""
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        (out / "cache").symlink_to(cache.resolve())
        command = [sys.executable, "-m", "sweeps", "lambda", "--artifacts", name, *flags]
        start = time.perf_counter()
        run = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
        seconds = time.perf_counter() - start
        tables = list(out.glob("lambda/*/trials.csv"))
        if run.returncode or not tables:
            said = (run.stderr or run.stdout).strip().splitlines()
            return pd.DataFrame(), Whole(label, 0, 0, None, said[0] if said else f"exit code {run.returncode}")
        trials = pd.read_csv(tables[0])
    return trials, Whole(label, len(trials), int((trials["status"] == "PRUNED").sum()), seconds)


def pruning(said: str) -> list[str]:
    """Return the flags that drop half of the search stages' trials, as far as a help text knows them."""
    flags = [f"--{stage}.prune" for stage in COUNTS]
    return [word for flag in flags if flag in said.split() for word in (flag, "0.5")]


def _help(environment: dict[str, str]) -> str:
    command = [sys.executable, "-m", "sweeps", "lambda", "--help"]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def _progress(whole: Whole) -> str:
    outcome = f"{whole.seconds:.0f} s" if whole.seconds is not None else f"failed ({whole.reason})"
    return f"whole search, {whole.label}, {whole.trials} trials: {outcome}"


def section(done: list[Whole], epochs: int, environment: str) -> Section:
    """Return the part of the document on whole searches."""
    first = done[0].seconds
    rows = tuple(
        (
            whole.label,
            str(whole.trials),
            str(whole.pruned),
            f"{whole.seconds:.0f}" if whole.seconds else whole.reason,
            f"{whole.seconds / first:.2f}" if whole.seconds and first else "–",
        )
        for whole in done
    )
    caption = (
        f"Wall seconds of a whole lambda search {environment}, {epochs} epochs in {CYCLES} cycles a trial at "
        "full dimension, start to finish, one run each; the peer trains the same trials and does nothing else."
    )
    return Section("A whole search", (Table(caption, ("who", "trials", "pruned", "s", "times ours"), rows),))
