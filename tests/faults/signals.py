"""SIGINT and SIGTERM at random times: once, and twice by somebody in a hurry. Then the same command again."""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from random import Random

from case import Case, Setting
from command import Place, Start
from moments import Moments
from recovery import Attempt, Faults, recovered
from scenes import in_turn
from trials import FLAVOURS, Sweeps

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
ORDER = (
    ("planning", False),
    *[("running", True), ("recording", True)] * 2,
    ("opening", True),
    *[("drawing", True)] * 2,
)
"""Where a sweep is stopped, one start after the other, and whether it starts warm."""
COUNT = 5
"""Sweeps that are stopped so, by each signal, once and twice each time."""
QUICK = ((1, signal.SIGINT, 0), (2, signal.SIGTERM, 1))
QUICK_ORDER = (("running", True), ("drawing", True))
COMMAND, EVERYBODY, BOTH = "kill", "a terminal", "timeout"
"""Who sends a signal: to the command alone, to all of its group, or, as timeout(1) does, to one after the other."""
TO_STOP, TO_LEAVE = 10.0, 2.0
"""Seconds that a command may take after the first signal, and after the second."""
LAST_LINES = 0.3
"""Seconds within which a command that has said its last word is through."""
BETWEEN = (0.06, 0.4)
"""The second signal comes so many seconds after the first, from and to; sooner, it counts as the first once more."""


def signals(setting: Setting) -> Iterator[Case]:
    """Yield a case per command that is stopped."""
    sweeps = Sweeps(setting.folder)
    scenes = []
    every = QUICK if setting.quick else product((1, 2), CODES, range(COUNT))
    for times, number, index in every:
        flavour = list(FLAVOURS)[(index + times + 1) % len(FLAVOURS)]
        place = Place(sweeps.folder / f"{number.name}-{times}-{index}")
        random = Random(f"{setting.seed} {number.name} {times} {index}")
        other = next(each for each in CODES if each != number)
        numbers = (number, other if index % 3 == 2 else number)[:times]
        attempts = []
        for target, warm in QUICK_ORDER if setting.quick else ORDER:
            to = EVERYBODY if number == signal.SIGINT else (COMMAND, BOTH)[index % 2]
            stop = _Stop(numbers, target, Moments(place, random), to)
            attempts.append(Attempt(stop.fault, {"warm": warm}, stop.check, act=stop.act, took=stop.took))
        scenes.append(partial(recovered, sweeps, flavour, place, attempts))
    yield from in_turn("SIGINT and SIGTERM", scenes)


@dataclass
class _Stop:
    """A command that is stopped in a phase, by one signal or by two.

    `to` whom, see COMMAND, EVERYBODY and BOTH.
    """

    numbers: tuple[signal.Signals, ...]
    target: str
    moments: Moments
    to: str
    phase: str = field(default="", init=False)
    seconds: float = field(default=0.0, init=False)

    @property
    def fault(self) -> str:
        return f"{self.numbers[0].name} {('once', 'twice')[len(self.numbers) - 1]}"

    def act(self, start: Start) -> str:
        """Send the signals; return the phase that they came in."""
        self.moments.reach(start, self.target)
        self.phase = self.moments.phase(start)
        for index, number in enumerate(self.numbers):
            if index:
                time.sleep(self.moments.random.uniform(*BETWEEN))
            sent = time.monotonic()
            self.send(start, number)
        start.wait()
        self.seconds = time.monotonic() - sent
        return self.phase

    def send(self, start: Start, number: signal.Signals) -> None:
        if self.to != EVERYBODY:
            start.signal(number)
        if self.to != COMMAND:
            start.signal(number, all_of_them=True)

    def took(self, _: Start) -> float:
        return self.seconds

    def check(self, start: Start) -> Faults:
        """Return what is wrong with its end; one that was on its last lines may end as it would have."""
        code, twice = start.wait(), len(self.numbers) == 2
        was_done = self.phase == "ended" or ("results in" in start.out and self.seconds < LAST_LINES)
        stopped = [f"stopped by {self.numbers[0].name}; the same command continues from here"]
        return {
            f"exit {code}": code not in {CODES[number] for number in self.numbers} and not (code == 0 and was_done),
            f"{self.seconds:.1f} s to stop": self.seconds > (TO_LEAVE if twice else TO_STOP),
            f"said {start.err}": start.err.splitlines() != stopped and not (not start.err and (twice or was_done)),
        }
