"""The one JSON text of a frozen value, and the name that its digest gives."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from types import NoneType
from typing import Any, TypeVar

import msgspec

from pipeline.errors import ConfigError, DataError

Value = TypeVar("Value")

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)

_NESTED = dict, list, tuple
_LEAVES = float, int, str, NoneType

_LATER = frozenset({"components"})
"""Keys that trials were stored without: left out where they are None, which says what was done before they came."""


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a frozen value: sorted keys, shortest floats, ``lambda_`` written ``lambda``.

    What came later and says nothing new is left out of it, so that no stored trial changes its key.
    """
    plain = _renamed(msgspec.to_builtins(value), "lambda_", "lambda")
    return _ENCODER.encode(plain)


def plain(value: Any) -> Any:
    """Return a frozen value as nested dictionaries and lists, with its public names."""
    return json.loads(canonical_json(value))


def from_json(text: str, kind: type[Value]) -> Value:
    """Return the `kind` that `text` describes; the inverse of canonical_json.

    Raises:
        DataError: the text is not such a value.
    """
    try:
        value = msgspec.convert(_renamed(json.loads(text), "lambda", "lambda_"), kind)
    except (ValueError, RecursionError, ConfigError) as error:
        raise DataError(f"stored {kind.__name__} must match its schema, got {error}") from error
    _complete(value)
    return value


def digest(value: Any) -> str:
    """Return the first 16 hex digits of the SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


def _complete(value: Any) -> None:
    """Let every dataclass in `value` hold the defaults that msgspec left to its class: only what it holds is written.

    Tuples are of one kind, so that those of numbers are told by their last one.
    """
    items: Iterable[Any]
    if hasattr(value, "__dataclass_fields__"):
        held = vars(value)
        for name, default in _defaults(value.__class__):
            held.setdefault(name, default)
        items = held.values()
    elif isinstance(value, dict):
        items = value.values()
    else:
        items = value if isinstance(value, list | tuple) and value and not isinstance(value[-1], _LEAVES) else ()
    for item in items:
        if not isinstance(item, _LEAVES):
            _complete(item)


@cache
def _defaults(kind: Any) -> tuple[tuple[str, Any], ...]:
    missing = dataclasses.MISSING
    return tuple((each.name, each.default) for each in dataclasses.fields(kind) if each.default is not missing)


def _renamed(value: Any, old: str, new: str) -> Any:
    """Return `value` with the keys `old` of all mappings in it called `new`, and without those of _LATER that are None.

    The many leaves cost no call each.
    """
    if isinstance(value, dict):
        return {
            new if key == old else key: _renamed(item, old, new) if isinstance(item, _NESTED) else item
            for key, item in value.items()
            if item is not None or key not in _LATER
        }
    if isinstance(value, list | tuple):
        return [_renamed(item, old, new) if isinstance(item, _NESTED) else item for item in value]
    return value
