"""What can go wrong on a user's side, and the exit code that each kind of mistake ends with."""

import difflib
from collections.abc import Iterable


class PipelineError(Exception):
    """A mistake that is explained to the user in one line: what, rule, got."""

    exit_code = 1


class ConfigError(PipelineError):
    """Bad input or configuration."""

    exit_code = 2


class HostError(PipelineError):
    """The surroundings refuse: lock, disk, permission, network, a missing extra."""

    exit_code = 3


class DataError(PipelineError):
    """Stored or downloaded data is not what it must be."""

    exit_code = 4


def nearest(name: str, names: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the name closest to `name`, or nothing where none is close."""
    known = {each.lower(): each for each in names}
    close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    return f"; did you mean {known[close[0]]!r}?" if close else ""


def one_of(what: str, name: str, names: Iterable[str]) -> str:
    """Return `name` if it is one of `names`.

    Raises:
        ConfigError: it is not; the message lists the names and offers the nearest.
    """
    known = list(names)
    if name not in known:
        raise ConfigError(f"{what} must be one of {', '.join(known)}, got {name!r}{nearest(name, known)}")
    return name


def require(condition: bool, what: str, rule: str, got: object) -> None:
    """Raise ConfigError ``what rule, got ...`` unless `condition` holds."""
    if not condition:
        raise ConfigError(f"{what} {rule}, got {got!r}")
