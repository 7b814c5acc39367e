"""Where packs are computed: behind one small protocol, so that a cluster can take the place of the local cores.

The local engine is joblib on loky. What loky leaves open is settled here: workers end when their driver ends, the
terminal's Ctrl-C reaches the driver only, and a dead worker costs only what was running, until the guilty item is
found and given up.
"""

import multiprocessing.resource_tracker
import os
import re
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from pipeline.blas import single_thread
from pipeline.errors import HostError, PipelineError
from pipeline.files import unwritable
from pipeline.spec import positive_integer

STRIKES = 3
"""So many deaths of a worker that has an item for itself, and the item is given up."""

HEARTBEAT = 0.5
"""Seconds between two looks of a worker at its driver."""

NOISE = (
    r"Failed to kill subprocesses",  # loky on machines without pgrep: the workers, which have no children, are killed
    r"A worker stopped while some jobs",  # loky replaces a worker that grew or idled; nothing is lost
    r"\d+ tasks (have been successfully executed|which were still being processed)",  # joblib, when closed early
)
"""Openings of the warnings of joblib and loky that tell a user nothing."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Failure:
    """An item without a result, and why in one line."""

    reason: str


class Engine(Protocol):
    """Whatever can apply a function to many items at once."""

    def run(
        self, function: Callable[[Item], Result], items: Mapping[str, Item]
    ) -> Generator[tuple[str, Result | Failure], None, None]:
        """Yield (name, result) for every item, each once, in the order of finishing.

        Close the generator (`contextlib.closing`) to stop the workers when leaving early.
        """
        ...


@dataclass(frozen=True)
class LokyEngine:
    """Computes on `jobs` processes of this machine, with one BLAS thread each.

    With jobs=1 the items run in the driver's own process, under the same pinning; a death there is the driver's own.
    With more, workers stay warm between runs and are killed when a run is closed early.
    """

    jobs: int

    def __post_init__(self) -> None:
        positive_integer("jobs", self.jobs)

    def run(
        self, function: Callable[[Item], Result], items: Mapping[str, Item]
    ) -> Generator[tuple[str, Result | Failure], None, None]:
        """Yield (name, result) for every item, each once, in the order of finishing.

        An exception of `function` becomes the Failure of its item and the others go on, except for a PipelineError:
        that is not about the item (a full disk, damaged data) and passes, as do KeyboardInterrupt and SystemExit.
        When a worker dies, what has no result is dispatched again; items that were running then are run one at a
        time, alone, and become a Failure after three deaths.

        Args:
            function: picklable; also called for an item whose worker died on the first try, so it may start over.
            items: picklable and small; they are sent to the workers a few at a time.

        Raises:
            PipelineError: `function` raised it.
            HostError: workers die before they start anything, BLAS cannot be pinned, or the folder for temporary files
                cannot be written.
        """
        waiting = dict(items)
        barren = 0
        with _scratch() as scratch:
            while waiting:
                before = len(waiting)
                try:
                    with closing(_parallel(function, waiting, scratch, self.jobs)) as outcomes:
                        for name, outcome in outcomes:
                            del waiting[name]
                            yield name, outcome
                except TerminatedWorkerError as death:
                    suspects = _unfinished(waiting, scratch)
                    barren = 0 if suspects or len(waiting) < before else barren + 1
                    if barren == STRIKES:
                        rule = f"workers must live to start a pack, got {barren} deaths ({_cause(death)})"
                        raise HostError(rule) from death
                    for name in suspects:
                        yield name, _alone(function, name, waiting.pop(name), scratch)


def _parallel(
    function: Callable[[Item], Result], items: Mapping[str, Item], scratch: Path, jobs: int
) -> Generator[tuple[str, Result | Failure], None, None]:
    """Yield the outcomes of one pool, which lives until a worker dies; closing it early kills the workers.

    Raises:
        TerminatedWorkerError: a worker died; the others are gone too, and results not yet yielded are lost.
    """
    for opening in NOISE:  # for the whole process: loky warns from its own threads, at any time
        warnings.filterwarnings("ignore", message=opening, category=UserWarning)
    # joblib reads the items from another thread while the caller strikes them off its own list, hence the copy.
    calls = [
        delayed(_attempt)(function, name, item, scratch / str(index))
        for index, (name, item) in enumerate(items.items())
    ]
    with parallel_config(
        backend="loky", inner_max_num_threads=1, initializer=_begin_worker, initargs=(os.getpid(),), max_nbytes=None
    ):
        parallel = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs")
    with _interrupts_held() if jobs > 1 else nullcontext():
        outcomes = parallel(calls)
    yield from outcomes


def _alone(function: Callable[[Item], Result], name: str, item: Item, scratch: Path) -> Result | Failure:
    """Return the outcome of an item that is suspected of killing workers, from a pool that holds nothing else."""
    cause = ""
    for _ in range(STRIKES):
        try:
            # Two workers, one of them idle: joblib would run a pool of one in the driver itself.
            [(_, outcome)] = _parallel(function, {name: item}, scratch, jobs=2)
            return outcome
        except TerminatedWorkerError as death:
            cause = _cause(death)
    return Failure(f"worker died {STRIKES} times ({cause})")


def _attempt(function: Callable[[Item], Result], name: str, item: Item, marker: Path) -> tuple[str, Result | Failure]:
    """Apply `function` in the worker; `marker` exists while it runs, and stays if the worker dies of it."""
    outcome: Result | Failure
    with single_thread():
        with _explained():
            marker.write_text(name)
        try:
            outcome = function(item)
        except PipelineError:
            raise
        except Exception as error:
            message = " ".join(str(error).split())
            outcome = Failure(f"{type(error).__name__}: {message}" if message else type(error).__name__)
        with _explained():
            marker.unlink()
    return name, outcome


def _unfinished(waiting: Mapping[str, Item], scratch: Path) -> list[str]:
    """Return the names of the waiting items that had begun and not ended, and clear their markers."""
    begun = set()
    with _explained():
        for marker in scratch.iterdir():
            begun.add(marker.read_text())
            marker.unlink()
    return [name for name in waiting if name in begun]


def _cause(death: TerminatedWorkerError) -> str:
    """Return the exit codes, such as SIGKILL(-9), that loky hides in its message."""
    found = re.search(r"exit codes of the workers are \{(.+?)\}", str(death))
    return found[1] if found else "exit code unknown"


@contextmanager
def _scratch() -> Iterator[Path]:
    """Open a folder for the markers, which is gone at the end."""
    with _explained():
        folder = tempfile.TemporaryDirectory(prefix="sweep-", ignore_cleanup_errors=True)
    with folder as name:
        yield Path(name)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn an OSError about the markers into the HostError that it is."""
    try:
        yield
    except OSError as error:
        raise unwritable(Path("the folder for temporary files"), error) from error


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Keep Ctrl-C waiting while workers are started: they inherit the mask, so that only the driver ever decides.

    (A handler installed by the worker itself would leave it half a second, while it imports, to die with a traceback.)
    """
    multiprocessing.resource_tracker.ensure_running()  # else started below, where it lifts the mask (until 3.12)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _begin_worker(driver: int) -> None:
    """Make a new worker follow the process `driver` to its end.

    PR_SET_PDEATHSIG would be quicker, but it fires when the *thread* that started the worker ends, and loky replaces
    workers from a thread of its own.
    """
    threading.Thread(target=_watch, args=(driver,), daemon=True).start()


def _watch(driver: int) -> None:
    """End this process, in whatever state, once its parent is no longer `driver`."""
    while os.getppid() == driver:
        time.sleep(HEARTBEAT)
    os._exit(1)
