"""How a command stops: the first SIGINT or SIGTERM unwinds it from wherever it is, a second one ends it at once."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

SIGNALS = (signal.SIGINT, signal.SIGTERM)

AGAIN = 0.01
"""Seconds after which a signal is sent again that came where nothing can be raised."""


class Terminated(BaseException):
    """SIGTERM arrived; like KeyboardInterrupt, not for any ``except Exception`` on the way up."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Let the first signal of SIGNALS unwind the block, as KeyboardInterrupt or Terminated; for the main thread."""
    stopping = _Stopping()
    before = {number: signal.signal(number, stopping.arrived) for number in SIGNALS}
    hook, sys.unraisablehook = sys.unraisablehook, stopping.swallowed
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


def end_at_once() -> None:
    """Let every further signal end the process: nothing is left to be unwound, and Python's way out takes its time."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


class _Stopping:
    """Which signal a block is being unwound by, if it is."""

    def __init__(self) -> None:
        self.by: int | None = None
        self.otherwise = sys.unraisablehook

    def arrived(self, number: int, _: FrameType | None) -> None:
        if self.by is not None:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.by = number
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    def swallowed(self, what: "UnraisableHookArgs") -> None:
        """Send a signal again that came while Python was cleaning up behind an object, where nothing is raised."""
        if self.by is None or not isinstance(what.exc_value, KeyboardInterrupt | Terminated):
            self.otherwise(what)
            return
        number, self.by = self.by, None
        threading.Timer(AGAIN, signal.pthread_kill, (threading.main_thread().ident, number)).start()
