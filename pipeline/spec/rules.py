"""Rules that several specs share."""

import math

from pipeline.errors import require

LARGEST = 2**62
"""The largest integer that anybody may ask for: NumPy counts in 64 bits, with a sign."""


def positive(what: str, value: float) -> None:
    """Raise ConfigError unless `value` is a finite number above zero."""
    require(math.isfinite(value) and value > 0, what, "must be a positive number", value)


def positive_integer(what: str, value: int) -> None:
    """Raise ConfigError unless `value` is an integer of at least 1 that sizes and files can hold."""
    require(isinstance(value, int) and value >= 1, what, "must be a positive integer", value)
    require(value <= LARGEST, what, "must be at most 2^62", value)


def validation_fraction(value: float) -> None:
    """Raise ConfigError unless `value` is a share of the training rows that leaves some to train on."""
    require(0 < value < 1, "validation fraction", "must lie between 0 and 1", value)
