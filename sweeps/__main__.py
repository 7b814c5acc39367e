"""``python -m sweeps``: run one sweep by name, and end with the exit code that says whose turn it is."""

import gc
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from sweeps import SWEEPS

# All that takes time to import is imported within main's try, where Ctrl-C has its one line.
if TYPE_CHECKING:
    from sweeps.cli import Entry

BUG = 1
GARBAGE = 10_000
"""Objects made between two searches for garbage: what a run reads stays to its end, and is searched in vain."""
STDOUT, STDERR = 1, 2
STOPPED = 128  # plus the signal's number, as shells do


def main(argv: Sequence[str] | None = None, sweeps: Mapping[str, "Entry"] = SWEEPS) -> int:
    """Run the sweep that `argv` (without it: the command line) asks for and return the exit code.

    0 done, 1 a bug of ours, 2 bad input or configuration, 3 the surroundings, 4 damaged data, 130, 141 and 143 stopped
    by SIGINT, SIGPIPE and SIGTERM. What went wrong is the first line on stderr; --debug adds the traceback.
    """
    _open_closed_streams()
    try:
        with _seldom_searched_for_garbage(), _terminable():
            return _explained(list(sys.argv[1:] if argv is None else argv), sweeps)
    except KeyboardInterrupt:
        return _stopped(signal.SIGINT)
    except _Terminated:
        return _stopped(signal.SIGTERM)


def _explained(arguments: Sequence[str], sweeps: Mapping[str, "Entry"]) -> int:
    from pipeline.errors import PipelineError  # noqa: PLC0415

    debug = "--debug" in arguments
    try:
        _command(arguments, sweeps)
        sys.stdout.flush()  # a reader who has left is noticed here, not after the exit code is fixed
    except PipelineError as error:
        return _failed(str(error), error, debug, error.exit_code)
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _reader_left():
            return STOPPED + signal.SIGPIPE
        advice = "" if debug else " (run again with --debug for the traceback)"
        return _failed(f"internal: {type(error).__name__}: {error}{advice}", error, debug, BUG)
    return 0


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
    print("error:", " ".join(message.splitlines()), file=sys.stderr)
    if debug:
        import traceback  # noqa: PLC0415

        traceback.print_exception(error)
    return code


def _stopped(by: signal.Signals) -> int:
    print(f"stopped by {by.name}; the same command continues from here", file=sys.stderr)
    return STOPPED + by


@contextmanager
def _seldom_searched_for_garbage() -> Iterator[None]:
    """Let the block make GARBAGE objects before they are searched."""
    before = gc.get_threshold()
    gc.set_threshold(GARBAGE)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _Terminated(BaseException):
    """SIGTERM arrived; like KeyboardInterrupt, not for any ``except Exception`` on the way up."""


@contextmanager
def _terminable() -> Iterator[None]:
    """Let the first SIGTERM unwind the block as _Terminated; a second one kills."""

    def unwind(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise _Terminated

    before = signal.signal(signal.SIGTERM, unwind)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _reader_left() -> bool:
    """Return whether whoever read our stdout has closed it; if so, what is left to be said goes nowhere."""
    try:
        print(flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
