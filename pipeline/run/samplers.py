"""Which values a stage tries and which seeds it uses: pure functions of the configuration, never of an order of events.

Values are proposed on a log scale and rounded to 4 significant digits, so that a value in a table is the value that
was run. TPE, which looks at earlier rounds, is Optuna's (proposals.py); here it has only its place in the table of
names.
"""

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError, one_of, require
from pipeline.spec import positive_integer

DIGITS = 4
"""Significant digits of a proposed value."""

PATIENCE = 8
"""How often the draws are doubled in search of distinct values before the range is called too narrow."""


WHAT_COUNT = "settings (trials per replicate)"


@dataclass(frozen=True)
class LogRange:
    """The interval [low, high] of a positive parameter, searched on a log scale; `of` names it in refusals."""

    low: float
    high: float
    of: str = field(default="lambda", compare=False)

    def __post_init__(self) -> None:
        ordered = math.isfinite(self.low) and math.isfinite(self.high) and 0 < self.low < self.high
        require(ordered, f"{self.of} range", "must be two positive numbers, the lower first", (self.low, self.high))

    def at(self, fraction: float) -> float:
        """Return the rounded value at `fraction` of the way from low (0) to high (1), on the log scale."""
        start, end = math.log(self.low), math.log(self.high)
        return round_significant(math.exp(start + fraction * (end - start)))

    def value(self, told: float) -> float | None:
        """Return the rounded value that is run for `told`; None where it rounds out of the range."""
        value = round_significant(told)
        return value if self.low <= value <= self.high else None

    def told(self, value: float) -> float:
        """Return what a sampler is told of `value`."""
        return min(max(value, self.low), self.high)

    def off_middle(self, value: float) -> float:
        """Return where `value` lies on the log scale: 0 in the middle, -1 and 1 at the ends."""
        low, high = math.log(self.low), math.log(self.high)
        return (2 * math.log(value) - low - high) / (high - low)


def round_significant(value: float, digits: int = DIGITS) -> float:
    """Return the float nearest to `value` written with `digits` significant digits."""
    return float(f"{value:.{digits}g}")


def grid(searched: LogRange, count: int, _seed: int = 0) -> tuple[float, ...]:
    """Return `count` increasing values at equal steps on the log scale, both ends included; for 1, the middle.

    Raises:
        ConfigError: count < 1, or two values round to the same.
    """
    _check_count(searched, count)
    fractions = np.linspace(0, 1, count) if count > 1 else [0.5]
    values = tuple(dict.fromkeys(searched.at(float(fraction)) for fraction in fractions))
    if len(values) < count:
        raise _too_narrow(searched, count)
    return values


def random(searched: LogRange, count: int, seed: int) -> tuple[float, ...]:
    """Return `count` distinct log-uniform values in draw order; a larger count only appends.

    Raises:
        ConfigError: count < 1, or the range holds too few distinct values.
    """
    return _distinct(searched, count, lambda draws: np.random.default_rng(seed).random(draws))


def sobol(searched: LogRange, count: int, seed: int) -> tuple[float, ...]:
    """Return `count` distinct values of a scrambled Sobol' sequence in its order; a larger count only appends.

    Raises:
        ConfigError: count < 1, or the range holds too few distinct values.
    """
    from scipy.stats import qmc  # noqa: PLC0415  (a second to load; most sweeps and every refusal do without)

    return _distinct(searched, count, lambda draws: qmc.Sobol(d=1, rng=seed).random(draws)[:, 0])


Sampler: TypeAlias = Callable[[LogRange, int, int], tuple[float, ...]]
"""(range, count, seed) -> values."""

SAMPLERS: Mapping[str, Sampler | None] = {"grid": grid, "random": random, "sobol": sobol, "tpe": None}
"""Every sampler a user may name; None for the one that needs results of earlier rounds and so cannot enumerate."""


def adaptive(name: str) -> bool:
    """Return whether the sampler called `name` proposes from the results of earlier rounds.

    Raises:
        ConfigError: no sampler has this name.
    """
    return SAMPLERS[one_of("sampler", name, SAMPLERS)] is None


def enumerated(name: str, searched: LogRange, count: int, seed: int) -> tuple[float, ...]:
    """Return the values that the sampler called `name` proposes, all at once.

    Raises:
        ConfigError: no sampler has this name, or the sampler refuses range or count.
        ValueError: the sampler is adaptive.
    """
    sampler = SAMPLERS[one_of("sampler", name, SAMPLERS)]
    if sampler is None:
        raise ValueError(f"an adaptive sampler proposes round by round, got {name!r}")
    return sampler(searched, count, seed)


def replicate_seeds(root: int, stage: str, replicate: int) -> tuple[int, int]:
    """Return (init_seed, order_seed) of a replicate: 32-bit, shared by all its settings, fresh in every stage.

    Raises:
        ConfigError: `root` is negative.
    """
    init_seed, order_seed = _state(root, "replicate", stage, replicate, words=2)
    return init_seed, order_seed


def sampler_seed(root: int, stage: str, round_: int = 0) -> int:
    """Return the 32-bit seed with which `stage` proposes the values of its round `round_`.

    Raises:
        ConfigError: `root` is negative.
    """
    return _state(root, "sampler", stage, round_, words=1)[0]


def _state(root: int, purpose: str, stage: str, index: int, words: int) -> list[int]:
    """Return 32-bit words that belong to (root, purpose, stage, index) alone; names enter by their CRC-32."""
    require(root >= 0, "seed", "must be an integer >= 0", root)
    names = (zlib.crc32(name.encode()) for name in (purpose, stage))
    sequence = np.random.SeedSequence(root, spawn_key=(*names, index))
    return [int(word) for word in sequence.generate_state(words, np.uint32)]


def _distinct(searched: LogRange, count: int, uniforms: Callable[[int], NDArray[np.float64]]) -> tuple[float, ...]:
    """Return the first `count` distinct values at `uniforms(n)`, whose first draws must not depend on n.

    Draws come in powers of two, which is what a Sobol' sequence is balanced for.
    """
    _check_count(searched, count)
    power = (count - 1).bit_length()
    for draws in (2**p for p in range(power, power + PATIENCE)):
        values = dict.fromkeys(searched.at(float(fraction)) for fraction in uniforms(draws))
        if len(values) >= count:
            return tuple(values)[:count]
    raise _too_narrow(searched, count)


def _check_count(searched: LogRange, count: int) -> None:
    """Refuse a count that no such range holds, before anybody draws that many values."""
    positive_integer(WHAT_COUNT, count)
    decades = math.ceil(math.log10(searched.high)) - math.floor(math.log10(searched.low)) + 1
    if count > decades * 9 * 10 ** (DIGITS - 1):
        raise _too_narrow(searched, count)


def _too_narrow(searched: LogRange, count: int) -> ConfigError:
    return ConfigError(
        f"{searched.of} range must hold {count} values that differ in {DIGITS} significant digits, "
        f"got {(searched.low, searched.high)}"
    )
