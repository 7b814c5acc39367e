"""An end for what does not end: a limit of time, kept by the process that computes.

At the limit an alarm raises Overdue as soon as Python code runs: sleeping, waiting for a file and looping end at once,
a product of matrices when it has been formed. What does not come back to Python has another GRACE seconds; then a
thread of faulthandler's, which needs no lock of the interpreter, ends the process, if that is a worker. What is left
are a driver that computes by itself in such a way, and a process that is stopped (SIGSTOP): these only the user ends.
"""

import faulthandler
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import IO, TypeVar

GRACE = 2.0
"""Seconds between the alarm and the end of the process."""

AGAIN = 1.0
"""Seconds until the alarm sounds once more, should somebody have caught and dropped the first one."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Overdue(BaseException):
    """The time is over; like KeyboardInterrupt, not for any ``except Exception`` on the way up."""


def within(seconds: float | None, last_words: IO[str] | None, function: Callable[[Item], Result], item: Item) -> Result:
    """Return `function(item)`, called in the main thread, if that takes no longer than `seconds` (None: any time).

    Args:
        seconds: of the wall's clock; the time that the machine sleeps does not count.
        last_words: an open file that something is written to before the process is ended; None where it may not be.
        function: whatever it raises passes.
        item: its argument.

    Raises:
        Overdue: the time was over first.
    """
    if seconds is None:
        return function(item)
    running = True

    def ring(_number: int, _frame: FrameType | None) -> None:
        if running:
            signal.setitimer(signal.ITIMER_REAL, AGAIN)
            raise Overdue

    def unraisable(found: "sys.UnraisableHookArgs") -> None:
        if found.exc_type is not Overdue:  # which comes again where it can be raised
            tell(found)

    before, tell = signal.signal(signal.SIGALRM, ring), sys.unraisablehook
    try:
        try:
            sys.unraisablehook = unraisable
            if last_words is not None:
                faulthandler.dump_traceback_later(seconds + GRACE, exit=True, file=last_words)
            signal.setitimer(signal.ITIMER_REAL, seconds)
            return function(item)
        finally:
            running = False
    finally:  # in a block of its own, as the alarm may sound in the line above
        running = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        sys.unraisablehook = tell
        if last_words is not None:
            faulthandler.cancel_dump_traceback_later()
