"""Malicious and malformed pickles against the reader of CIFAR-10's python version; none may run, all are one line."""

import random
import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from case import Case, Setting
from pickle_table import VALID, harmless, running

from pipeline.data.pickles import read_batch
from pipeline.errors import DataError

FAULT = "pickle: malicious or malformed"
FLIPPED = "pickle: a byte changed"
ROWS = 4
PATIENCE = 20
"""Seconds after which a pickle counts as one that never ends: none needs a tenth of one."""


def pickles(setting: Setting) -> Iterator[Case]:
    """Yield a case per pickle of the table, and per changed byte."""
    target = setting.folder / "made"
    for name, content in (harmless() | running(str(target))).items():
        trouble = refused(content, target)
        yield Case(FAULT, wrong=int(bool(trouble)), note=f"{name}: {trouble}" * bool(trouble))
    rng = random.Random(setting.seed)
    for number in range(200 if setting.quick else 3000):
        trouble = read_or_refused(flipped(VALID, rng))
        yield Case(FLIPPED, wrong=int(bool(trouble)), note=f"number {number}: {trouble}" * bool(trouble))


def refused(content: bytes, target: Path) -> str:
    """Return what is wrong with how a pickle that would make the folder `target` is refused."""
    tracemalloc.start()
    try:
        with limited(PATIENCE):
            read_batch(content, "data_batch_1", ROWS)
    except DataError as error:
        if target.exists():
            return "its payload ran"
        if tracemalloc.get_traced_memory()[1] > 4 * len(content) + 1_000_000:
            return f"{tracemalloc.get_traced_memory()[1]:,} bytes of memory for {len(content):,}"
        return unlike_a_line(str(error), "data_batch_1 must be ")
    except BaseException as error:  # whatever it is, it must be counted, not end the count
        return f"{type(error).__name__}: {error}"[:200]
    finally:
        tracemalloc.stop()
    return "it was read"


def read_or_refused(content: bytes) -> str:
    """Return what is wrong with how a damaged pickle is read, if not refused."""
    try:
        with limited(PATIENCE):
            pixels, labels = read_batch(content, "data_batch_1", ROWS)
    except DataError as error:
        return unlike_a_line(str(error), "data_batch_1 must be ")
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:200]
    right = pixels.ndim == 2 and pixels.dtype.str == "|u1" and all(isinstance(label, int) for label in labels)
    return "" if right else "neither rows nor an error"


def unlike_a_line(message: str, start: str = "") -> str:
    """Return what keeps `message` from being one line that says rule and finding."""
    if "\n" in message or not message.startswith(start) or ", got " not in message:
        return f"another message: {message[:200]!r}"
    return ""


def flipped(content: bytes, rng: random.Random) -> bytes:
    """Return `content` with one of its first or last 200 bytes, where the instructions are, changed."""
    place = rng.choice([rng.randrange(200), -rng.randrange(1, 200)])
    damaged = bytearray(content)
    damaged[place] ^= rng.randrange(1, 256)
    return bytes(damaged)


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in a block that takes longer; for the main thread."""

    def late(*_: object) -> None:
        raise TimeoutError(f"no answer within {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
