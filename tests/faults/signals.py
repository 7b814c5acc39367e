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
from scenes import side_by_side
from trials import FLAVOURS, Sweeps

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
ORDER = ("planning", "running", "recording", "drawing")
"""Where a sweep is stopped, one start after the other."""
COUNT = 10
"""Sweeps that are stopped so, by each signal, once and twice each time."""
TO_STOP, TO_LEAVE = 10.0, 2.0
"""Seconds that a command may take after the first signal, and after the second."""
BETWEEN = (0.06, 0.4)
"""The second signal comes so many seconds after the first, from and to; sooner, it counts as the first once more."""


def signals(setting: Setting) -> Iterator[Case]:
    """Yield a case per command that is stopped."""
    sweeps = Sweeps(setting.folder)
    for flavour in FLAVOURS:
        sweeps.uninterrupted(flavour)
    scenes = []
    for times, number, index in product((1, 2), CODES, range(1 if setting.quick else COUNT)):
        flavour = list(FLAVOURS)[(index + times) % len(FLAVOURS)]
        place = Place(sweeps.folder / f"{number.name}-{times}-{index}")
        random = Random(f"{setting.seed} {number.name} {times} {index}")
        stops = [_Stop(number, times, target, Moments(place, random)) for target in ORDER[:: 2 if setting.quick else 1]]
        attempts = [Attempt(stop.fault, check=stop.check, act=stop.act) for stop in stops]
        scenes.append(partial(recovered, sweeps, flavour, place, attempts))
    yield from side_by_side("SIGINT and SIGTERM", scenes)


@dataclass
class _Stop:
    """A command that is stopped in a phase, by so many signals of a kind."""

    number: signal.Signals
    times: int
    target: str
    moments: Moments
    seconds: float = field(default=0.0, init=False)

    @property
    def fault(self) -> str:
        return f"{self.number.name} {('once', 'twice')[self.times - 1]}"

    def act(self, start: Start) -> str:
        """Send the signals, SIGINT to everybody as a terminal does; return the phase that they came in."""
        self.moments.reach(start, self.target)
        phase = self.moments.phase(start)
        for again in range(self.times):
            if again:
                time.sleep(self.moments.random.uniform(*BETWEEN))
            sent = time.monotonic()
            start.signal(self.number, all_of_them=self.number == signal.SIGINT)
        start.wait()
        self.seconds = time.monotonic() - sent
        return phase

    def check(self, start: Start) -> Faults:
        """Return what is wrong with its end; one that came on its last lines may end as it would have."""
        code = start.wait()
        stopped = [f"stopped by {self.number.name}; the same command continues from here"]
        may_say = ([], stopped) if self.times == 2 or code == 0 else (stopped,)
        return {
            f"exit {code}": code not in (0, CODES[self.number]),
            f"{self.seconds:.1f} s to stop": self.seconds > (TO_LEAVE if self.times == 2 else TO_STOP),
            f"said {start.err}": start.err.splitlines() not in may_say,
        }
