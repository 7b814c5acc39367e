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


ALIKE = 0.65
"""The share of the longer name's letters from which on two names are alike: sdg and sgd are, prune and run are not."""


def nearest(name: str, names: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the name closest to `name`, or nothing where none is close.

    The last part of a dotted name will do: ``--prune`` is close to ``--coarse.prune``.
    """
    likeness, best = max(((_likeness(name, each), each) for each in names), key=lambda pair: pair[0], default=(0.0, ""))
    return f"; did you mean {best!r}?" if likeness >= ALIKE else ""


def _likeness(name: str, known: str) -> float:
    """Return how alike two names are, 1 where they are the same; of dotted ones the whole counts more than a part."""
    one, other = (each.lower().strip("-") for each in (name, known))
    last, last_known = (each.rpartition(".")[2] for each in (one, other))
    return max(_shared(one, other), 0.99 * _shared(last, last_known))


def _shared(name: str, known: str) -> float:
    """Return the share of the longer name's letters that are those of the other in the same order."""
    if known.startswith(name) and len(name) >= 3:  # an abbreviation
        return max(ALIKE, len(name) / len(known))
    blocks = difflib.SequenceMatcher(None, name, known, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / max(len(name), len(known), 1)


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
