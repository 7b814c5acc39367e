"""``python -m sweeps``: run one sweep by name, and end with the exit code that says whose turn it is."""

import atexit
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn, TextIO

from sweeps import SWEEPS
from sweeps.stopping import Stopping, Terminated, stoppable

# All that takes time to import is imported within main's try, where Ctrl-C has its one line.
if TYPE_CHECKING:
    from sweeps.cli import Entry

BUG = 1
GARBAGE = 10_000
"""Objects made between two searches for garbage: what a run reads stays to its end, and is searched in vain."""
STDOUT, STDERR = 1, 2
STOPPED = 128  # plus the signal's number, as shells do


def main(argv: Sequence[str] | None = None, sweeps: Mapping[str, "Entry"] = SWEEPS, *, to_the_end: bool = False) -> int:
    """Run the sweep that `argv` (without it: the command line) asks for and return the exit code.

    0 done, 1 a bug of ours, 2 bad input or configuration, 3 the surroundings, 4 damaged data, 130, 141 and 143 stopped
    by SIGINT, SIGPIPE and SIGTERM. What went wrong is the first line on stderr; --debug adds the traceback.

    `to_the_end` says that nothing comes after it in this process: see `stoppable`.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    _open_closed_streams()
    stopping = Stopping()
    try:
        with stoppable(stopping, to_the_end=to_the_end), _seldom_searched_for_garbage():
            return _answered(arguments, sweeps, stopping)
    except (KeyboardInterrupt, Terminated):
        return _stopped(stopping)


def _answered(arguments: Sequence[str], sweeps: Mapping[str, "Entry"], stopping: Stopping) -> int:
    try:
        _command(arguments, sweeps)
        sys.stdout.flush()  # a reader who has left is noticed here, not after the exit code is fixed
    except Exception as error:
        if stopping.by:  # what is unwound may break in ways of its own, such as joining a thread that never began
            return _stopped(stopping)
        return _explained(error, debug="--debug" in arguments)
    return 0


def _explained(error: Exception, debug: bool) -> int:
    """Say what went wrong, and return its exit code."""
    from pipeline.errors import HostError, PipelineError  # noqa: PLC0415

    if isinstance(error, PipelineError):
        return _failed(str(error), error, debug, error.exit_code)
    if isinstance(error, OSError) and (refusal := _refusal_of_stdout()):
        if isinstance(refusal, BrokenPipeError):
            return STOPPED + signal.SIGPIPE
        message = f"standard output must be writable, got {refusal.strerror}"
        return _failed(message, error, debug, HostError.exit_code)
    advice = "" if debug else " (run again with --debug for the traceback)"
    return _failed(f"internal: {type(error).__name__}: {error}{advice}", error, debug, BUG)


def _command(arguments: Sequence[str], sweeps: Mapping[str, "Entry"]) -> None:
    from pipeline.errors import one_of  # noqa: PLC0415
    from sweeps.cli import execute, overview  # noqa: PLC0415

    if not arguments or arguments[0] in {"-h", "--help"}:
        print(overview(sweeps))
        return
    name, *rest = arguments
    execute(name, sweeps[one_of("sweep", name, sweeps)], rest)


def _open_closed_streams() -> None:
    """Let what is said on a stream that the shell closed (``>&-``) go nowhere.

    Python leaves None in the place of such a stream, and the next file to be opened, a database perhaps, would get its
    number and whatever a library writes there.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdout = sys.stdout or os.fdopen(STDOUT, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(STDERR, "w", encoding="utf-8", closefd=False)


def _failed(message: str, error: Exception, debug: bool, code: int) -> int:
    _complain(f"error: {' '.join(message.splitlines())}")
    if debug:
        import traceback  # noqa: PLC0415

        _complain("".join(traceback.format_exception(error)).rstrip())
    return code


def _stopped(stopping: Stopping) -> int:
    by = stopping.by or signal.SIGINT
    with stopping.aloud():
        _complain(f"stopped by {by.name}; the same command continues from here")
    return STOPPED + by


@contextlib.contextmanager
def _seldom_searched_for_garbage() -> Iterator[None]:
    """Let the block make GARBAGE objects before they are searched."""
    before = gc.get_threshold()
    gc.set_threshold(GARBAGE)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _complain(text: str) -> None:
    """Say it on stderr; where that is full or has nobody to read it, the exit code has to do."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        _silence(sys.stderr)


def _refusal_of_stdout() -> OSError | None:
    """Return why our stdout takes no more, such as a reader who left; if so, what is left to be said goes nowhere."""
    try:
        print(flush=True)
    except OSError as error:
        _silence(sys.stdout)
        return error
    return None


def _silence(stream: TextIO) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def command() -> NoReturn:
    """Run main as a process of its own."""
    code = 0

    def leave() -> None:
        """Leave a stopped process as it is: Python has died of taking half-made imports apart."""
        if code > STOPPED:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
            os._exit(code)

    atexit.register(leave)  # the first one, so that it is called last: joblib has things to give back
    code = main(to_the_end=True)
    sys.exit(code)


if __name__ == "__main__":
    command()
