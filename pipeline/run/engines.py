"""Where packs are computed: behind one small protocol, so that a cluster can take the place of the local cores.

The local engine is joblib on loky. What loky leaves open is settled here: workers end when their driver ends, the
terminal's Ctrl-C reaches the driver only, and a dead worker costs only what was running, until the guilty item is
found and given up.
"""

import faulthandler
import math
import multiprocessing.resource_tracker
import os
import re
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Generic, Protocol, TypeVar

from pipeline.blas import single_thread
from pipeline.errors import HostError, PipelineError
from pipeline.files import writing
from pipeline.run.deadline import Item, Overdue, Result, within
from pipeline.spec import positive, positive_integer

with warnings.catch_warnings():  # of a system without semaphores, which is refused below where they are needed
    warnings.filterwarnings("ignore", message=".*joblib will operate in serial mode", category=UserWarning)
    from joblib import Parallel, delayed, parallel_config
    from joblib._multiprocessing_helpers import mp as semaphores
    from joblib.externals.loky.process_executor import TerminatedWorkerError

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

MARKERS = Path("the folder for temporary files")
"""Where it is told what is running, as refusals name it."""

TRACKER = "ignore:resource_tracker"
"""Python's option for the process that gives back the semaphores of a driver which stops early, and tells of it."""

Result_co = TypeVar("Result_co", covariant=True)


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

    Attributes:
        jobs: so many.
        timeout: seconds that an item may take; None for as long as it likes. `deadline` says what cannot be stopped.
    """

    jobs: int
    timeout: float | None = None

    def __post_init__(self) -> None:
        positive_integer("jobs", self.jobs)
        if self.timeout is not None:
            positive("the timeout", self.timeout)

    def run(
        self, function: Callable[[Item], Result], items: Mapping[str, Item]
    ) -> Generator[tuple[str, Result | Failure], None, None]:
        """Yield (name, result) for every item, each once, in the order of finishing.

        An exception of `function` becomes the Failure of its item and the others go on, except for a PipelineError:
        that is not about the item (a full disk, damaged data) and passes, as do KeyboardInterrupt and SystemExit.
        When a worker dies, what has no result is dispatched again; items that were running then are run one at a
        time, alone, and become a Failure after three deaths. One whose time is over becomes a Failure at once.

        Args:
            function: picklable; also called for an item whose worker died on the first try, so it may start over.
            items: picklable and small; they are sent to the workers a few at a time.

        Raises:
            PipelineError: `function` raised it.
            HostError: workers cannot be started, or die before they start anything; BLAS cannot be pinned; or the
                folder for temporary files cannot be written.
        """
        attempt = _Attempt(function, self.timeout, in_worker=self.jobs > 1)
        waiting = dict(items)
        barren = 0
        with _scratch() as scratch:
            while waiting:
                before = len(waiting)
                try:
                    with closing(_parallel(attempt, waiting, scratch, self.jobs)) as outcomes:
                        for name, outcome in outcomes:
                            del waiting[name]
                            yield name, outcome
                except TerminatedWorkerError as death:
                    suspects = _unfinished(waiting, scratch)
                    barren = 0 if suspects or len(waiting) < before else barren + 1
                    if barren == STRIKES:
                        rule = f"workers must live to start a pack, got {barren} deaths ({_cause(death)})"
                        raise HostError(rule) from death
                    for name, overdue in suspects.items():
                        item = waiting.pop(name)
                        yield name, attempt.late if overdue else _alone(attempt, name, item, scratch)


@dataclass(frozen=True)
class _Attempt(Generic[Item, Result_co]):
    """Applies `function` to items, for `timeout` seconds at most each; a worker that does not end then is ended."""

    function: Callable[[Item], Result_co]
    timeout: float | None
    in_worker: bool

    def __call__(self, name: str, item: Item, marker: Path) -> tuple[str, Result_co | Failure]:
        """Return what comes of an item; the file `marker` is there meanwhile, and stays if the worker dies of it."""
        outcome: Result_co | Failure
        with single_thread(), _marked(name, marker) as last_words:
            try:
                outcome = within(self.timeout, last_words if self.in_worker else None, self.function, item)
            except Overdue:
                outcome = self.late
            except PipelineError:
                raise
            except Exception as error:
                message = " ".join(str(error).split())
                outcome = Failure(f"{type(error).__name__}: {message}" if message else type(error).__name__)
        return name, outcome

    @property
    def late(self) -> Failure:
        """What becomes of an item that takes too long."""
        return Failure(f"no end within {self.timeout or math.inf:g} s (--trial-timeout)")


def _parallel(
    attempt: _Attempt[Item, Result], items: Mapping[str, Item], scratch: Path, jobs: int
) -> Generator[tuple[str, Result | Failure], None, None]:
    """Yield the outcomes of one pool, which lives until a worker dies; closing it early kills the workers.

    Raises:
        TerminatedWorkerError: a worker died; the others are gone too, and results not yet yielded are lost.
    """
    if semaphores is None and jobs > 1:  # joblib tried when it was imported
        rule = "processes must be able to share semaphores"
        raise HostError(f"{rule}, got none (/dev/shm must be there and writable; or run with --jobs 1)")
    for opening in NOISE:  # for the whole process: loky warns from its own threads, at any time
        warnings.filterwarnings("ignore", message=opening, category=UserWarning)
    # joblib reads the items from another thread while the caller strikes them off its own list, hence the copy.
    calls = [delayed(attempt)(name, item, scratch / str(index)) for index, (name, item) in enumerate(items.items())]
    own = {"inner_max_num_threads": 1, "initializer": _begin_worker, "initargs": (os.getpid(),), "max_nbytes": None}
    with parallel_config("loky", **own) if jobs > 1 else parallel_config("sequential"):
        parallel = Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs")
    with _started(), _interrupts_held() if jobs > 1 else nullcontext():
        outcomes = parallel(calls)
    yield from outcomes


def _alone(attempt: _Attempt[Item, Result], name: str, item: Item, scratch: Path) -> Result | Failure:
    """Return the outcome of an item that is suspected of killing workers, from a pool that holds nothing else."""
    cause = ""
    for _ in range(STRIKES):
        try:
            # Two workers, one of them idle: joblib would run a pool of one in the driver itself.
            [(_, outcome)] = _parallel(attempt, {name: item}, scratch, jobs=2)
            return outcome
        except TerminatedWorkerError as death:
            cause = _cause(death)
            if any(_unfinished([name], scratch).values()):
                return attempt.late
    return Failure(f"worker died {STRIKES} times ({cause})")


@contextmanager
def _marked(name: str, marker: Path) -> Iterator[IO[str]]:
    """Open the file `marker` for last words while the block runs; it holds the name of the item, and a line break."""
    with writing(MARKERS):
        marker.write_text(f"{name}\n")
        file = marker.open("a")
    with file:
        yield file
    with writing(MARKERS):
        marker.unlink()


def _unfinished(waiting: Collection[str], scratch: Path) -> dict[str, bool]:
    """Return the names of the waiting items that had begun and not ended, and clear their markers.

    Of each also whether there are last words: then its worker was ended because it took too long.
    """
    begun = {}
    with writing(MARKERS):
        for marker in scratch.iterdir():
            name, _, last_words = marker.read_text().partition("\n")
            begun[name] = bool(last_words)
            marker.unlink()
    return {name: begun[name] for name in waiting if name in begun}


def _cause(death: TerminatedWorkerError) -> str:
    """Return the exit codes, such as SIGKILL(-9), that loky hides in its message, and what the likeliest one means."""
    found = re.search(r"exit codes of the workers are \{(.+?)\}", str(death))
    codes = found[1] if found else "exit code unknown"
    return f"{codes}, perhaps out of memory" if "SIGKILL" in codes else codes


@contextmanager
def _scratch() -> Iterator[Path]:
    """Open a folder for the markers, which is gone at the end."""
    with writing(MARKERS):
        folder = tempfile.TemporaryDirectory(prefix="sweep-", ignore_cleanup_errors=True)
    with folder as name:
        yield Path(name)


@contextmanager
def _started() -> Iterator[None]:
    """Turn the refusal of the system to start workers into the HostError that it is."""
    try:
        yield
    except TerminatedWorkerError:
        raise
    except (OSError, RuntimeError) as error:  # semaphores, pipes, processes; "can't start new thread"
        first = error.__context__ or error  # joblib trips over the pieces
        raise HostError(
            f"the system must let workers start, got {getattr(first, 'strerror', None) or first}"
        ) from error


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Keep Ctrl-C waiting while workers are started: they inherit the mask, so that only the driver ever decides.

    (A handler installed by the worker itself would leave it half a second, while it imports, to die with a traceback.)
    """
    if TRACKER not in sys.warnoptions:
        sys.warnoptions.append(TRACKER)
    multiprocessing.resource_tracker.ensure_running()  # else started below, where it lifts the mask (until 3.12)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _begin_worker(driver: int) -> None:
    """Make a new worker follow the process `driver` to its end, and say nothing at its own.

    PR_SET_PDEATHSIG would be quicker, but it fires when the *thread* that started the worker ends, and loky replaces
    workers from a thread of its own.
    """
    threading.Thread(target=_watch, args=(driver,), daemon=True).start()
    if "PYTHONFAULTHANDLER" not in os.environ:  # or loky would have a page on stderr for every worker that crashes
        faulthandler.enable(os.open(os.devnull, os.O_WRONLY))


def _watch(driver: int) -> None:
    """End this process, in whatever state, once its parent is no longer `driver`."""
    while os.getppid() == driver:
        time.sleep(HEARTBEAT)
    os._exit(1)
