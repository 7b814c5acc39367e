"""What a sweep costs beside training: overhead per trial, planning, the re-run of a complete sweep, memory of workers.

Every figure is that of a command in a process of its own, from its start to its end.
"""

import csv
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from private_memory import private_memory
from spread import Spread

from pipeline.report.document import Bullets, Section, Table, Text

HERE = Path(__file__).parent
MODULE = (sys.executable, "-m", "sweeps")

GOALS = {"overhead": 15.0, "planning": 5.0, "re-run": 3.0, "memory": 150.0}
"""Milliseconds per trial, seconds for 10,000 trials, seconds for 1,000 trials, megabytes per worker."""

NAMES = {
    "overhead per trial, of 1,002 on digits, by wall clock": "a trial (clock)",
    "overhead per trial, of 1,002 on digits, by CPU time": "a trial (CPU)",
    "planning 9,999 trials on CIFAR-10": "10,000 planned",
    "re-run of 1,002 complete trials on CIFAR-10": "1,000 re-run",
}
"""What has a goal beside memory, in words, and in short."""

SHORT = tuple(f"--{stage}.{name}=1" for stage in ("coarse", "refine", "final") for name in ("step-size", "cycles"))
"""Two epochs per trial, wherever it stands."""

THOUSAND = (
    *("--low=1e-4", "--high=1e1", "--coarse.count=100", "--coarse.replicates=4", "--refine.count=100"),
    *("--refine.replicates=5", "--final.replicates=34"),
)
"""A search of 1,002 trials whose best lambda lies within its range: 400, 500 and 3 x 34."""

TEN_THOUSAND = (
    *("--coarse.count=1000", "--coarse.replicates=5", "--refine.count=1000", "--refine.replicates=4"),
    "--final.replicates=333",
)
"""A search of 9,999 trials."""

NARROW = ("--network.hidden=2",)
"""Networks that learn little and train fast on CIFAR-10: only how many there are matters."""

FEW_SEEDS = ("--coarse.replicates=2", "--refine.replicates=1", "--final.replicates=2")
"""The packs of the default search, fewer of them."""

HOW = (
    "Overhead per trial is the wall clock of a whole command (process start, imports, data, plan, start of workers, "
    "recording, tables, figures), less the seconds of all packs spread over the workers, and the CPU time of all its "
    "processes less that of training. Planning and re-run are counted from the start of the process to its end, "
    "refusals included, with the data set on disk. All commands run in the environment as found, with whatever it sets."
)

LOOK = 0.05
"""Seconds between two looks at the memory of a run."""


@dataclass(frozen=True)
class Command:
    """What a command took: wall and CPU seconds (children included), and what it printed."""

    wall: float
    cpu: float
    output: str


def timed(*words: str) -> Command:
    """Run a command to its end."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    output = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
    return Command(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, output)


@dataclass(frozen=True)
class Overhead:
    """What a sweep took beside training, per trial in milliseconds.

    `by_wall` is the time of the command, less the seconds of all packs spread over the workers: process start,
    imports, data, plan, start of the workers, sending, recording, tables and figures are all in it. `by_cpu` is the
    CPU time of all its processes, less that of training.
    """

    by_wall: float
    by_cpu: float


def overhead(command: Command, timings: Sequence[dict[str, str]], workers: int) -> Overhead:
    """Return the overhead of a command that has computed the trials of `timings` (rows of timings.csv)."""

    def trained(column: str) -> float:  # every trial has the seconds of its whole pack
        return sum(float(row[column]) / int(row["trials"]) for row in timings)

    wall, cpu = command.wall - trained("seconds") / workers, command.cpu - trained("cpu_seconds")
    return Overhead(1e3 * wall / len(timings), 1e3 * cpu / len(timings))


def of_tiny_trials(out: Path, workers: int) -> Overhead:
    """Run a search of 1,002 networks on digits, whose training takes a few milliseconds each."""
    where = ("--dataset=digits", f"--artifacts={out}", f"--jobs={workers}")
    command = timed(*MODULE, "lambda", *where, *THOUSAND, *SHORT)
    with (out / "lambda" / "digits" / "timings.csv").open(newline="") as file:
        return overhead(command, list(csv.DictReader(file)), workers)


def planning(where: Sequence[str]) -> Command:
    """Plan 9,999 trials as a run does before anything is written: refusals included, prices not."""
    return timed(sys.executable, str(HERE / "planned.py"), *where, *TEN_THOUSAND)


def again(where: Sequence[str], workers: int, rounds: int) -> list[Command]:
    """Run a search of 1,002 trials, then time the same command over what is stored, `rounds` times.

    Raises:
        ValueError: the second run computed something.
    """
    words = (*MODULE, "lambda", *where, f"--jobs={workers}", *THOUSAND, *SHORT, *NARROW)
    timed(*words)
    commands = [timed(*words) for _ in range(rounds)]
    if not all("all trials are present; nothing to run" in command.output for command in commands):
        raise ValueError("a complete sweep must have nothing to run")
    return commands


@dataclass(frozen=True)
class Held:
    """The largest private memory (bytes) of a run's driver and of each of its workers, rows of data aside."""

    workers: int
    driver: int
    each: tuple[int, ...]


def memory(where: Sequence[str], workers: int) -> Held:
    """Run packs of the size of the default search, and look at what processes keep for themselves meanwhile.

    With one worker the packs run in the driver.
    """
    words = (*MODULE, "lambda", *where, f"--jobs={workers}", *FEW_SEEDS, *SHORT)
    run = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    seen: dict[int, int] = {}
    while run.poll() is None:
        for process in (run.pid, *_children(run.pid)):
            seen[process] = max(seen.get(process, 0), private_memory(process))
        time.sleep(LOOK)
    if run.returncode:
        raise ValueError(f"the search must end well, got exit code {run.returncode}")
    children = sorted((size for process, size in seen.items() if process != run.pid), reverse=True)
    return Held(workers, seen[run.pid], tuple(children[:workers] if workers > 1 else ()))  # the others train nothing


def _children(process: int) -> list[int]:
    """Return the child processes of a process, none where the system does not say."""
    try:
        tasks = Path(f"/proc/{process}/task").iterdir()
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


@dataclass(frozen=True)
class Reached:
    """What came of a goal, by its short name and in words: the values of all rounds, in the unit of the goal."""

    name: str
    label: str
    unit: str
    goal: float
    rounds: tuple[float, ...]

    @property
    def values(self) -> Spread:
        """Median and range."""
        return Spread.of(self.rounds)

    @property
    def sentence(self) -> str:
        """Whether the goal is reached."""
        verb = "reached" if self.values.median <= self.goal else "missed"
        return f"{self.label}: {self.values.text()} {self.unit}; the goal of {self.goal:g} {self.unit} is {verb}."


def goals(where: Sequence[str], out: Path, workers: int, rounds: int) -> list[Reached]:
    """Measure everything that has a goal but memory; runs go to folders in `out`."""
    tiny = [of_tiny_trials(out / f"tiny-{number}", workers) for number in range(rounds)]
    plans = [planning(where).wall for _ in range(rounds)]
    reruns = [command.wall for command in again(where, workers, rounds)]
    measured = (
        ("ms", "overhead", [one.by_wall for one in tiny]),
        ("ms", "overhead", [one.by_cpu for one in tiny]),
        ("s", "planning", plans),
        ("s", "re-run", reruns),
    )
    return [
        Reached(name, label, unit, GOALS[goal], tuple(values))
        for (label, name), (unit, goal, values) in zip(NAMES.items(), measured, strict=True)
    ]


def section(reached: Sequence[Reached], held: Sequence[Held]) -> Section:
    """Return what came of the goals in sentences, and the memory as a table."""
    sentences = [one.sentence for one in reached]
    largest = max((size for one in held for size in one.each), default=None)
    if largest is not None:
        verb = "reached" if largest / 1e6 <= GOALS["memory"] else "missed"
        sentences.append(
            f"Private memory of the largest worker: {largest / 1e6:.0f} MB; the goal of {GOALS['memory']:g} MB is "
            f"{verb}."
        )
    rows = tuple(
        (str(one.workers), f"{one.driver / 1e6:.0f}", ", ".join(f"{size / 1e6:.0f}" for size in one.each) or "–")
        for one in held
    )
    table = Table(
        "Largest private memory (MB) beyond the rows that processes share.", ("workers", "driver", "each"), rows
    )
    return Section("Orchestration", (Text(HOW), Bullets(tuple(sentences)), table))
