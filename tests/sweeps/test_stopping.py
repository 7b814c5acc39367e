"""Signals: the first unwinds, wherever it comes; a second one ends the process without a word."""

import contextlib
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator

import pytest

from sweeps import stopping
from sweeps.stopping import SIGNALS, Terminated, stoppable

RAISED = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_unwinds_the_block_and_what_was_before_holds_after_it(number: int) -> None:
    before, hook = [signal.getsignal(each) for each in SIGNALS], sys.unraisablehook
    with pytest.raises(RAISED[number]), stoppable():
        signal.raise_signal(number)
    assert [signal.getsignal(each) for each in SIGNALS] == before
    assert sys.unraisablehook is hook


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks again at once."""
    monkeypatch.setattr(stopping, "AGAIN", 0.02)


class Dying:
    """An object at whose death a signal comes; Python raises nothing there."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_comes_while_an_object_is_cleaned_up_is_not_lost(
    number: int, capsys: pytest.CaptureFixture[str], impatient: None
) -> None:
    def die_and_wait() -> None:
        Dying(number)
        time.sleep(60)  # is cut short by the signal

    with pytest.raises(RAISED[number]), stoppable():
        die_and_wait()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_library_that_catches_everything_catches_no_signal_for_long(number: int, impatient: None) -> None:
    caught = []

    def careless() -> None:
        while len(caught) < 3:
            try:
                if not caught:
                    signal.raise_signal(number)
                time.sleep(60)
            except:  # noqa: E722 - what a library would do
                caught.append(True)
        time.sleep(60)

    with pytest.raises(RAISED[number]), stoppable():
        careless()
    assert len(caught) == 3


def test_an_unwinding_that_takes_its_time_is_not_disturbed(impatient: None) -> None:
    done = []

    def slow() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            with contextlib.closing(steps()) as each:
                next(each)
                time.sleep(0.1)
            done.append("all")

    def steps() -> Iterator[None]:
        try:
            yield
        finally:
            time.sleep(0.1)
            done.append("of a generator")

    with pytest.raises(KeyboardInterrupt), stoppable():
        slow()
    assert done == ["of a generator", "all"]


def test_other_errors_of_cleaning_up_are_told_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)

    class Broken:
        pass

    with stoppable():
        broken = Broken()
        weakref.finalize(broken, int, "no number").atexit = False
        callback = weakref.ref(broken, lambda _: int("no number"))
        del broken
    assert callback() is None
    assert any(what.exc_type is ValueError for what in told)


@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
def test_a_second_signal_ends_the_process_at_once_and_without_a_word(first: int, second: int) -> None:
    script = f"""
import signal
from sweeps import stopping
stopping.ECHO = 0
with stopping.stoppable():
    try:
        signal.raise_signal({int(first)})
    finally:
        print("unwinding", flush=True)
        signal.raise_signal({int(second)})
        print("still here", flush=True)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-second, "unwinding\n", "")


def test_a_signal_that_is_sent_to_a_process_and_to_its_group_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "ECHO", 60)
    unwound = []

    def stopped_twice_at_once() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGINT)
            unwound.append(True)

    with pytest.raises(KeyboardInterrupt), stoppable():
        stopped_twice_at_once()
    assert unwound == [True]


@pytest.mark.parametrize("number", SIGNALS)
def test_after_a_block_that_was_all_there_was_a_signal_ends_the_process(number: int) -> None:
    script = f"""
import signal
from sweeps import stopping
from sweeps.stopping import stoppable
with stoppable(to_the_end=True):
    print("done", flush=True)
signal.raise_signal({int(number)})
print("still here", flush=True)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-number, "done\n", "")
