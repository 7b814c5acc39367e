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

AGAIN = 1.0
"""Seconds after which it is looked whether a command is still being unwound; if it is not, it is stopped once more."""

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
    """What a block is being unwound `by`: a signal, or None where none has come.

    An exception can be raised anywhere, but not everywhere does it get far: Python drops it where it cleans up behind
    an object, and libraries have an ``except:`` of their own, about imports above all. So it is looked again.
    """

    def __init__(self) -> None:
        self.by: signal.Signals | None = None
        self.when = -math.inf
        self.over = False
        self.looking = False
        self.raised: BaseException | None = None
        self.otherwise = sys.unraisablehook
        self.stderr = sys.stderr

    def arrived(self, number: int, _: FrameType | None) -> None:
        """Unwind what is being done, or end the process if that is being unwound already."""
        if self.over:
            return
        if self.looking:
            self.looking = False
            if self.is_unwinding():
                self.look_again(AGAIN)
                return
        elif self.by is None:
            self.by, self.when = signal.Signals(number), time.monotonic()
            # What is unwound may break in ways of its own: a thread whose work was taken away, half a connection.
            sys.stderr = io.StringIO()
        elif time.monotonic() < self.when + ECHO:
            return
        else:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.raised = KeyboardInterrupt() if self.by == signal.SIGINT else Terminated()
        self.look_again(AGAIN)
        raise self.raised

    def is_unwinding(self) -> bool:
        """Whether what was raised is being handled, or led to what is."""
        error = sys.exception()
        while error is not None and error is not self.raised:
            error = error.__context__
        return error is not None

    def look_again(self, seconds: float) -> None:
        """Interrupt the main thread once more, after a while, to see how it gets on."""

        def interrupt() -> None:
            main = threading.main_thread().ident
            if not self.over and self.by is not None and main is not None:
                self.looking = True
                signal.pthread_kill(main, self.by)

        timer = threading.Timer(seconds, interrupt)
        timer.daemon = True
        timer.start()

    @contextmanager
    def aloud(self) -> Iterator[None]:
        """Let the block say on stderr what is to be said, though the rest of the unwinding is silent."""
        silent, sys.stderr = sys.stderr, self.stderr
        try:
            yield
        finally:
            sys.stderr = silent

    def swallowed(self, what: "UnraisableHookArgs") -> None:
        """Say nothing of our own exceptions where they cannot be raised."""
        if what.exc_value is None or what.exc_value is not self.raised:
            self.otherwise(what)
