"""Standard streams that are closed, full, or have a reader who leaves: the exit code says so, and results are kept."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from case import Case, Setting
from command import Place, Start
from recovery import Attempt, Faults, done, recovered
from scenes import Scene
from trials import Sweeps

FLAVOUR = "legs"


def _ends(code: int, err: str) -> Callable[[Start], Faults]:
    """Return what says whether a command has ended so."""
    return lambda start: {f"exit {start.wait()}: {start.err.strip()}": (start.wait(), start.err) != (code, err)}


FULL = "error: standard output must be writable, got No space left on device\n"
SHELLS: Mapping[str, tuple[str, Callable[[Start], Faults]]] = {
    "stdout full": ('exec "$@" >/dev/full', _ends(3, FULL)),
    "stdout without a reader": ('"$@" | head -1; exit ${PIPESTATUS[0]}', _ends(141, "")),
    "stdout closed": ('exec "$@" >&-', done),
    "stderr closed": ('exec "$@" 2>&-', done),
    "stdin, stdout and stderr closed": ('exec "$@" <&- >&- 2>&-', done),
}
"""What a shell makes of the streams, and how the command must end. Those who do not mind come last: they complete."""


def streams(sweeps: Sweeps, setting: Setting) -> Iterator[Scene]:
    """Yield what is tried."""
    yield partial(_streamed, sweeps, list(SHELLS))


def _streamed(sweeps: Sweeps, faults: Sequence[str]) -> Iterator[Case]:
    attempts = []
    for fault in faults:
        shell, check = SHELLS[fault]
        attempts.append(Attempt(fault, {"prefix": ["bash", "-c", shell, "bash"]}, check))
    yield from recovered(sweeps, FLAVOUR, Place(sweeps.folder / "streams"), attempts)
