"""Reads a batch of CIFAR-10's python version without giving the pickle any power.

A pickle is a program for a stack machine. Python's own machine calls whatever it names; and even where it may name
nothing, a few bytes make it hash a tuple of tuples in 2**60 steps, or nest tuples until the process dies. So this is
another machine: it has the few instructions that a batch needs, carries out no more of them than its rows need, and
makes nothing but numbers, text and containers; stand-ins take the places of NumPy's constructors.

The official files were written by Python 2 (BINSTRING, ``numpy.core.multiarray``); a file written today with protocol 2
says ``numpy._core.multiarray`` and spells bytes as ``_codecs.encode(text, "latin1")``.
"""

import pickle
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.errors import DataError

_PROTOCOL = 2

_INSTRUCTIONS_PER_ROW = 24
"""A row is a label and the name of a file: 3 in the official files; 9 where the name is bytes, written today."""


class _Name(Enum):
    """What a pickle may name, and its stand-in."""

    RECONSTRUCT = "numpy.core.multiarray _reconstruct"
    ARRAY = "numpy ndarray"  # only ever an argument of _reconstruct
    DTYPE = "numpy dtype"
    ENCODE = "_codecs encode"


_NAMES = {each.value: each for each in _Name} | {"numpy._core.multiarray _reconstruct": _Name.RECONSTRUCT}


def read_batch(raw: bytes, where: str, rows: int) -> tuple[npt.NDArray[np.uint8], list[int]]:
    """Return the pixels (B, D) and the labels of the pickled batch `raw`, which came from the file `where`.

    Args:
        raw: the pickle.
        where: the file, for messages.
        rows: how many there should be, which says how long the program may be; they are not counted.

    Raises:
        DataError: the pickle asks for more than a batch needs, or is not a batch.
    """
    try:
        batch = _Machine(raw, most=_INSTRUCTIONS_PER_ROW * rows + 1000).run()
        if not (isinstance(batch, dict) and batch.keys() >= {b"data", b"labels"}):
            raise _RefusedError("something without data and labels")
        return _pixels(batch[b"data"]), _labels(batch[b"labels"])
    except _RefusedError as refused:
        raise DataError(f"{where} must be a pickled CIFAR-10 batch, got {refused}") from refused


class _RefusedError(Exception):
    """Says what was found that no batch has."""


@dataclass
class _Array:
    """Stands in for numpy.ndarray: keeps what the pickle says, and calls nothing."""

    state: tuple[Any, ...] = ()


@dataclass(frozen=True)
class _Dtype:
    """Stands in for numpy.dtype; of the state, byte order and alignment, single bytes have no use."""

    code: str | bytes


def _pixels(data: Any) -> npt.NDArray[np.uint8]:
    """Return the pixels of the stand-in `data` as a read-only array."""
    match data:
        case _Array((_, (int() as rows, int() as columns), _Dtype("u1" | b"u1"), int() as fortran, bytes() as pixels)):
            if min(rows, columns) < 0 or rows * columns != len(pixels):
                raise _RefusedError(f"{len(pixels):,} bytes of pixels for another shape")
            return np.frombuffer(pixels, np.uint8).reshape(rows, columns, order="F" if fortran else "C")
    raise _RefusedError("data that are no array of bytes with two axes")


def _labels(labels: Any) -> list[int]:
    if not isinstance(labels, list):
        raise _RefusedError(f"{type(labels).__name__} instead of a list of labels")
    for label in labels:
        if not (isinstance(label, int) and label in range(-(2**31), 2**31)):
            raise _RefusedError(f"{type(label).__name__} instead of a whole number for a label")
    return labels


class _Machine:
    """What is left of pickle's: program, stack, marks (heights of the stack) and memo."""

    def __init__(self, raw: bytes, most: int) -> None:
        self.raw, self.most, self.position, self.encoded = raw, most, 0, 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """Return what the program makes, which is all of `raw`, in at most so many instructions."""
        for _ in range(self.most):
            code = self.take(1)
            if code == pickle.STOP:
                break
            if code not in _INSTRUCTIONS:
                raise _RefusedError(f"the instruction {_called(code)}")
            _INSTRUCTIONS[code](self)
        else:
            raise _RefusedError(f"more than {self.most:,} instructions")
        if self.position < len(self.raw):
            raise _RefusedError(f"{len(self.raw) - self.position:,} bytes after its end")
        return self.pop(1)[0]

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes of the program."""
        start, self.position = self.position, self.position + size
        if self.position > len(self.raw):
            raise _RefusedError(f"{len(self.raw) - start:,} of {size:,} bytes, and then its end")
        return self.raw[start : self.position]

    def number(self, size: int, signed: bool = False) -> int:
        return int.from_bytes(self.take(size), "little", signed=signed)

    def text(self) -> str:
        try:
            return self.take(self.number(4)).decode()
        except UnicodeDecodeError as error:
            raise _RefusedError("text that is not UTF-8") from error

    def line(self) -> str:
        end = self.raw.find(b"\n", self.position)
        if end < 0:
            raise _RefusedError("a name without an end")
        return self.take(end + 1 - self.position)[:-1].decode("latin1")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self, count: int) -> list[Any]:
        """Return the `count` values on top, which must lie above the last mark, the lowest first."""
        base = len(self.stack) - count
        if base < (self.marks[-1] if self.marks else 0):
            raise _RefusedError("an instruction without its operands")
        values = self.stack[base:]
        del self.stack[base:]
        return values

    def above_mark(self) -> list[Any]:
        """Return the values above the last mark, which goes with them."""
        if not self.marks:
            raise _RefusedError("an instruction without its mark")
        values = self.pop(len(self.stack) - self.marks[-1])
        self.marks.pop()
        return values

    def put(self, index: int) -> None:
        [self.memo[index]] = values = self.pop(1)
        self.push(values[0])

    def get(self, index: int) -> None:
        if index not in self.memo:
            raise _RefusedError(f"the object {index}, which was never made")
        self.push(self.memo[index])

    def append(self, values: list[Any]) -> None:
        [target] = self.pop(1)
        if not isinstance(target, list):
            raise _RefusedError(f"values appended to {type(target).__name__}")
        target += values
        self.push(target)

    def set_items(self, values: list[Any]) -> None:
        [target] = self.pop(1)
        if not isinstance(target, dict) or len(values) % 2:
            raise _RefusedError(f"items set in {type(target).__name__}")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, bytes | str):  # others take any time to hash
                raise _RefusedError(f"{type(key).__name__} for a key")
            target[key] = value
        self.push(target)

    def name(self) -> None:
        name = f"{self.line()} {self.line()}"
        if name not in _NAMES:
            raise _RefusedError(f"the name {name[:100]!r}")
        self.push(_NAMES[name])

    def call(self) -> None:
        match self.pop(2):
            case [_Name.RECONSTRUCT, tuple()]:
                self.push(_Array())
            case [_Name.DTYPE, (str() | bytes() as code, *_)]:
                self.push(_Dtype(code))
            case [_Name.ENCODE, (str() as text, "latin1")]:
                self.push(self.encode(text))
            case _:
                raise _RefusedError("a call that makes neither array nor bytes")

    def encode(self, text: str) -> bytes:
        """Return the bytes that `text` spells; all calls together make no more than the pickle holds."""
        self.encoded += len(text)
        if self.encoded > len(self.raw):
            raise _RefusedError("the same text encoded again and again")
        try:
            return text.encode("latin1")
        except UnicodeEncodeError as error:
            raise _RefusedError("text that spells no bytes") from error

    def build(self) -> None:
        target, state = self.pop(2)
        if isinstance(target, _Array) and isinstance(state, tuple):
            target.state = state
        elif not isinstance(target, _Dtype):
            raise _RefusedError("state for what has none")
        self.push(target)

    def protocol(self) -> None:
        protocol = self.number(1)
        if protocol > _PROTOCOL:
            raise _RefusedError(f"the protocol {protocol}")


_INSTRUCTIONS: Mapping[bytes, Callable[[_Machine], None]] = {
    pickle.PROTO: _Machine.protocol,
    pickle.MARK: lambda machine: machine.marks.append(len(machine.stack)),
    pickle.NONE: lambda machine: machine.push(None),
    pickle.NEWTRUE: lambda machine: machine.push(True),
    pickle.NEWFALSE: lambda machine: machine.push(False),
    pickle.BININT: lambda machine: machine.push(machine.number(4, signed=True)),
    pickle.BININT1: lambda machine: machine.push(machine.number(1)),
    pickle.BININT2: lambda machine: machine.push(machine.number(2)),
    pickle.LONG1: lambda machine: machine.push(machine.number(machine.number(1), signed=True)),
    pickle.SHORT_BINSTRING: lambda machine: machine.push(machine.take(machine.number(1))),
    pickle.BINSTRING: lambda machine: machine.push(machine.take(machine.number(4))),
    pickle.BINUNICODE: lambda machine: machine.push(machine.text()),
    pickle.EMPTY_DICT: lambda machine: machine.push({}),
    pickle.SETITEM: lambda machine: machine.set_items(machine.pop(2)),
    pickle.SETITEMS: lambda machine: machine.set_items(machine.above_mark()),
    pickle.EMPTY_LIST: lambda machine: machine.push([]),
    pickle.APPEND: lambda machine: machine.append(machine.pop(1)),
    pickle.APPENDS: lambda machine: machine.append(machine.above_mark()),
    pickle.EMPTY_TUPLE: lambda machine: machine.push(()),
    pickle.TUPLE: lambda machine: machine.push(tuple(machine.above_mark())),
    pickle.TUPLE1: lambda machine: machine.push(tuple(machine.pop(1))),
    pickle.TUPLE2: lambda machine: machine.push(tuple(machine.pop(2))),
    pickle.TUPLE3: lambda machine: machine.push(tuple(machine.pop(3))),
    pickle.BINPUT: lambda machine: machine.put(machine.number(1)),
    pickle.LONG_BINPUT: lambda machine: machine.put(machine.number(4)),
    pickle.BINGET: lambda machine: machine.get(machine.number(1)),
    pickle.LONG_BINGET: lambda machine: machine.get(machine.number(4)),
    pickle.GLOBAL: _Machine.name,
    pickle.REDUCE: _Machine.call,
    pickle.BUILD: _Machine.build,
}
"""All that a batch needs."""


def _called(code: bytes) -> str:
    opcodes = {opcode.code: opcode.name for opcode in pickletools.opcodes}
    return opcodes.get(code.decode("latin1"), repr(code))
