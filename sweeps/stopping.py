"""How a command stops: the first SIGINT or SIGTERM unwinds it from wherever it is, a second one ends it at once."""

import io
import math
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

SIGNALS = (signal.SIGINT, signal.SIGTERM)

AGAIN = 0.01
"""Seconds after which a signal is sent again that came where nothing can be raised."""

ECHO = 0.05
"""Seconds within which a second signal is the first one once more: timeout(1) sends it to the command and its group."""


class Terminated(BaseException):
    """SIGTERM arrived; like KeyboardInterrupt, not for any ``except Exception`` on the way up."""


@contextmanager
def stoppable(stopping: "Stopping | None" = None, *, to_the_end: bool = False) -> Iterator[None]:
    """Let the first signal of SIGNALS unwind the block, as KeyboardInterrupt or Terminated; for the main thread.

    Afterwards all is as before; or, where the block is all that the process has to do, every signal ends it: nothing
    is left to be unwound, and Python's own way out takes its time.

    Args:
        stopping: is told which signal came.
        to_the_end: whether there is nothing to do after the block.
    """
    stopping = stopping or Stopping()
    before = {number: signal.signal(number, stopping.arrived) for number in SIGNALS}
    hook, sys.unraisablehook = sys.unraisablehook, stopping.swallowed
    try:
        yield
    finally:
        stopping.over = True
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if to_the_end else handler)
        sys.unraisablehook = hook
        if not to_the_end:
            sys.stderr = stopping.stderr


class Stopping:
    """What a block is being unwound `by`: a signal, or None where none has come."""

    def __init__(self) -> None:
        self.by: signal.Signals | None = None
        self.when = -math.inf
        self.over = False
        self.otherwise = sys.unraisablehook
        self.stderr = sys.stderr

    def arrived(self, number: int, _: FrameType | None) -> None:
        """Unwind what is being done, or end the process if that is being unwound already."""
        if self.over or time.monotonic() < self.when + ECHO:
            return
        if self.by is not None:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.by, self.when = signal.Signals(number), time.monotonic()
        # What is unwound may break in ways of its own: a thread whose work was taken away, a connection half closed.
        sys.stderr = io.StringIO()
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    @contextmanager
    def aloud(self) -> Iterator[None]:
        """Let the block say on stderr what is to be said, though the rest of the unwinding is silent."""
        silent, sys.stderr = sys.stderr, self.stderr
        try:
            yield
        finally:
            sys.stderr = silent

    def swallowed(self, what: "UnraisableHookArgs") -> None:
        """Send a signal again that came while Python was cleaning up behind an object, where nothing is raised."""
        if self.by is None or not isinstance(what.exc_value, KeyboardInterrupt | Terminated):
            self.otherwise(what)
            return
        number, self.by, self.when = self.by, None, -math.inf
        threading.Timer(AGAIN, signal.pthread_kill, (threading.main_thread().ident, number)).start()
