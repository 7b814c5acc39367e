"""Reads a batch of CIFAR-10's python version without giving the pickle any power.

A pickle is a program. Before one is run here, every opcode and every name that it asks for is held against a list;
then harmless stand-ins take the place of NumPy's constructors, so that it can make nothing but numbers, bytes and
containers.

The official files were written by Python 2 (BINSTRING, ``numpy.core.multiarray``); a file written today with protocol 2
says ``numpy._core.multiarray`` and spells bytes as ``_codecs.encode(text, "latin1")``.
"""

import io
import pickle
import pickletools
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import DataError

_OPCODES = frozenset(
    (
        *("PROTO", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1"),
        *("SHORT_BINSTRING", "BINSTRING", "BINUNICODE", "EMPTY_DICT", "SETITEM", "SETITEMS"),
        *("EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
        *("BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET", "GLOBAL", "REDUCE", "BUILD"),
    )
)
_NAMES = frozenset(
    {
        "numpy.core.multiarray _reconstruct",
        "numpy._core.multiarray _reconstruct",
        "numpy ndarray",
        "numpy dtype",
        "_codecs encode",
    }
)
_MALFORMED = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    OverflowError,
    TypeError,
    ValueError,
)
"""What `pickle` raises on bytes that make no sense."""


def read_batch(raw: bytes, where: str) -> tuple[npt.NDArray[np.uint8], list[int]]:
    """Return the pixels (B, D) and the labels of the pickled batch `raw`, which came from the file `where`.

    Raises:
        DataError: the pickle asks for more than a batch needs, or is not a batch.
    """
    _inspect(raw, where)
    try:
        batch = _Reader(io.BytesIO(raw), encoding="bytes").load()
        data, labels = batch[b"data"], batch[b"labels"]
        pixels = data.array()
    except _MALFORMED as error:
        raise DataError(f"{where} must be a pickled CIFAR-10 batch, got {type(error).__name__}: {error}") from error
    if not isinstance(labels, list) or not all(isinstance(label, int) for label in labels):
        raise DataError(f"{where} must hold a list of integer labels, got {type(labels).__name__}")
    return pixels, labels


def _inspect(raw: bytes, where: str) -> None:
    """Refuse, before anything runs, a pickle with an opcode or a name that no batch needs."""
    try:
        for opcode, argument, _ in pickletools.genops(raw):
            if opcode.name not in _OPCODES:
                raise DataError(f"{where} must use the opcodes of a plain batch, got {opcode.name}")
            if opcode.name == "GLOBAL" and argument not in _NAMES:
                raise DataError(f"{where} must name nothing but NumPy arrays, got {argument!r}")
            if opcode.name == "LONG_BINPUT" and int(argument or 0) > len(raw):  # would make the memo eat all memory
                raise DataError(f"{where} must number its objects from 0, got {argument}")
    except _MALFORMED as error:
        raise DataError(f"{where} must be a whole pickle, got {type(error).__name__}: {error}") from error


class _Array:
    """Stands in for numpy.ndarray: keeps what the pickle says, and calls nothing."""

    def __init__(self, *_: Any) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def array(self) -> npt.NDArray[np.uint8]:
        """Return the pixels as a read-only array."""
        _, shape, dtype, fortran, content = self.state
        if dtype.code not in ("u1", b"u1"):
            raise ValueError(f"pixels of type {dtype.code}")
        return np.frombuffer(content, np.uint8).reshape(shape, order="F" if fortran else "C")


class _Dtype:
    """Stands in for numpy.dtype."""

    def __init__(self, code: Any, *_: Any) -> None:
        self.code = code

    def __setstate__(self, state: Any) -> None:
        """Ignore byte order and alignment, which single bytes do not have."""


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        match name:
            case "_reconstruct":
                return _Array
            case "ndarray":
                return None  # only ever an argument of _reconstruct
            case "dtype":
                return _Dtype
            case "encode":
                # A new function each time: whatever a pickle hangs on it dies with it.
                return lambda text, _encoding: text.encode("latin1")
        raise pickle.UnpicklingError(f"{module}.{name}")
