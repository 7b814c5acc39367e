"""Rules that several specs share."""

import math

from pipeline.errors import require


def positive(what: str, value: float) -> None:
    """Raise ConfigError unless `value` is a finite number above zero."""
    require(math.isfinite(value) and value > 0, what, "must be a positive number", value)


def positive_integer(what: str, value: int) -> None:
    """Raise ConfigError unless `value` is an integer of at least 1."""
    require(isinstance(value, int) and value >= 1, what, "must be a positive integer", value)
