"""Pickles that no reader of CIFAR-10 may fall for, by name: those that run something, and those that make no sense."""

import pickle
import struct
from functools import cache
from pathlib import Path

from cifar_files import batch, python2

VALID = python2(*batch(1))
"""A batch as Python 2 wrote it, from which most are made."""

LABELS = VALID.index(b"]q") + 4
"""Where its first label is."""
DATA = VALID.index(b"cnumpy.core.multiarray\n")
DTYPE = VALID.index(b"cnumpy\ndtype\n")
CONTENT = VALID.index(b"T" + struct.pack("<I", 4 * 3072))
SHAPE = VALID.index(b"K\x04M\x00\x0c\x86")

MARK, STOP = b"(", b"."


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def short(value: bytes) -> bytes:
    return b"U" + bytes([len(value)]) + value


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + MARK + b"".join(arguments) + b"tR"


def with_label(value: bytes) -> bytes:
    """Return the batch with another instruction in the place of its first label."""
    return VALID[:LABELS] + value + VALID[LABELS + 2 :]


def with_data(value: bytes) -> bytes:
    return VALID[:DATA] + value + b"u."


def with_dtype(code: bytes) -> bytes:
    return VALID.replace(short(b"u1"), code, 1)


def with_shape(value: bytes) -> bytes:
    return VALID[:SHAPE] + value + VALID[SHAPE + 6 :]


def with_content(value: bytes) -> bytes:
    end = CONTENT + 5 + 4 * 3072
    return VALID[:CONTENT] + value + VALID[end:]


def integer(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def laughs(levels: int = 60) -> bytes:
    """Push a tuple of two tuples of two tuples ...: small, until somebody looks at all of it."""
    index = struct.pack("<I", 1000)
    return b")r" + index + levels * (b"j" + index + b"\x86r" + index)


class Evil:
    def __init__(self, function, *arguments) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def running(folder: str) -> dict[str, bytes]:
    """Return pickles that make `folder` where they are unpickled without care."""
    payload = call(name("os", "mkdir"), text(folder))
    code = f"__import__('os').mkdir({folder!r})"
    path = call(name("pathlib", "Path"), text(folder))
    inner = MARK + text(folder) + b"ios\nmkdir\n."
    return {
        "os.mkdir by REDUCE": b"\x80\x02" + payload + STOP,
        "os.mkdir in text alone": f"cos\nmkdir\n(V{folder}\ntR.".encode(),
        "posix.mkdir": call(name("posix", "mkdir"), text(folder)) + STOP,
        "os.system": call(name("os", "system"), text(f"mkdir {folder}")) + STOP,
        "posix.system": call(name("posix", "system"), text(f"mkdir {folder}")) + STOP,
        "os.makedirs": call(name("os", "makedirs"), text(folder)) + STOP,
        "subprocess.check_call": call(name("subprocess", "check_call"), MARK + text("mkdir") + text(folder) + b"t")
        + STOP,
        "Path.mkdir in protocol 3": pickle.dumps(Evil(Path.mkdir, Path(folder)), protocol=3),
        "Path.mkdir in protocol 4": pickle.dumps(Evil(Path.mkdir, Path(folder)), protocol=4),
        "Path.mkdir in protocol 5": pickle.dumps(Evil(Path.mkdir, Path(folder)), protocol=5),
        "STACK_GLOBAL": b"\x80\x04" + text("os") + text("mkdir") + b"\x93(" + text(folder) + b"tR.",
        "a dotted name by STACK_GLOBAL": b"\x80\x04"
        + text("os")
        + text("path.os.mkdir")
        + b"\x93("
        + text(folder)
        + b"tR.",
        "INST": inner,
        "OBJ": MARK + name("os", "mkdir") + text(folder) + b"o.",
        "eval": call(name("__builtin__", "eval"), text(code)) + STOP,
        "eval of builtins": call(name("builtins", "eval"), text(code)) + STOP,
        "exec": call(name("builtins", "exec"), text(code)) + STOP,
        "__import__ and getattr": call(
            call(name("builtins", "getattr"), call(name("builtins", "__import__"), text("os")), text("mkdir")),
            text(folder),
        )
        + STOP,
        "functools.partial": call(name("functools", "partial"), name("os", "mkdir"), text(folder)) + b")R.",
        "operator.methodcaller": call(call(name("operator", "methodcaller"), text("mkdir")), path) + STOP,
        "a pickle in the pickle": call(
            name("pickle", "loads"), call(name("_codecs", "encode"), text(inner.decode()), text("latin1"))
        )
        + STOP,
        "timeit.timeit": call(name("timeit", "timeit"), text(code), text("pass"), name("time", "time"), b"K\x01")
        + STOP,
        "before a batch": b"\x80\x02" + payload + b"0" + VALID[2:],
        "before a batch, dropped with its mark": b"\x80\x02(" + payload + b"1" + VALID[2:],
        "after a batch": VALID[:-1] + payload + STOP,
        "in a label": with_label(payload),
        "in a key": VALID[:-2] + payload + b"N" + b"u.",
        "in the place of the data": with_data(payload),
        "in the code of the dtype": with_dtype(payload + b"0" + short(b"u1")),
        "in the shape": with_shape(payload + b"0" + VALID[SHAPE : SHAPE + 6]),
        "in the content": with_content(payload),
        "in an array of objects": with_dtype(short(b"O8"))[:-1].replace(
            VALID[CONTENT : CONTENT + 5 + 4 * 3072], b"](" + payload + b"e"
        )
        + STOP,
        "kept in the memo": b"\x80\x02" + payload + b"q\x00" + STOP,
        "kept in the memo by its text": b"\x80\x02" + payload + b"p0\n" + STOP,
    }


@cache
def harmless() -> dict[str, bytes]:
    """Return pickles that are no batch, or ask for time, memory or names that no batch needs."""
    names = {
        "numpy": ("fromfile", "load", "NDARRAY", "ndarray ", "ndarray.tofile", "void", "object_"),
        "Numpy": ("ndarray",),
        "numpy ": ("dtype",),
        "numpy.core.multiarray": ("fromfile", "scalar", "_reconstruct.__globals__", "_RECONSTRUCT"),
        "numpy._core.multiarray": ("fromstring",),
        "numpy.core": ("multiarray._reconstruct",),
        "numpy ndarray": ("",),
        "": ("", "numpy ndarray"),
        "_codecs": ("decode", "ENCODE", "lookup"),
        "codecs": ("encode",),
        "copyreg": ("_reconstructor", "add_extension"),
        "builtins": ("bytes", "bytearray", "object"),
        "__main__": ("ndarray",),
        "sys": ("modules",),
    }
    return (
        {f"the name {module!r} {each!r}": name(module, each) + STOP for module in names for each in names[module]}
        | {
            f"encode with {codec}": _encoded(codec)
            for codec in ("rot13", "utf-8", "latin-1", "zlib", "hex", "unicode_escape")
        }
        | {
            f"the instruction {opcode.decode('latin1')!r}": b"\x80\x02" + opcode + argument + STOP
            for opcode, argument in INSTRUCTIONS
        }
        | {f"nothing on the stack for {code!r}": b"\x80\x02" + code + STOP for code in (*UNDERFLOW, b"")}
        | {f"protocol {number}": b"\x80" + bytes([number]) + VALID[2:] for number in (3, 4, 5, 255)}
        | {f"pixels of type {code.decode()}": with_dtype(short(code)) for code in DTYPES}
        | {f"the shape {key}": with_shape(value) for key, value in SHAPES.items()}
        | OTHERS
    )


def _encoded(codec: str) -> bytes:
    return with_content(call(name("_codecs", "encode"), text("x" * 99), text(codec)))


INSTRUCTIONS = (
    *((b"I", b"01\n"), (b"L", b"9" * 100_000 + b"L\n"), (b"F", b"1e9\n"), (b"S", b"'a'\n"), (b"V", b"\\u0041\n")),
    *((b"G", bytes(8)), (b"\x8b", b"\xff\xff\xff\x7f"), (b"C", b"\x01a"), (b"B", b"\xff\xff\xff\xff")),
    *((b"\x8e", b"\xff" * 8), (b"\x8c", b"\x01a"), (b"\x8d", b"\xff" * 8), (b"\x96", b"\xff" * 8)),
    *((b"\x97", b""), (b"\x98", b""), (b"\x95", b"\xff" * 8), (b"\x94", b""), (b"\x8f", b""), (b"\x91", b"")),
    *((b"\x82", b"\x01"), (b"\x83", b"\x01\x00"), (b"\x84", b"\x01\x00\x00\x00"), (b"P", b"evil\n"), (b"Q", b"")),
    *((b"N2", b""), (b"N0", b""), (b"(1", b""), (b"g", b"0\n"), (b"p", b"0\n"), (b"]\x90", b"")),
    *((b"cnumpy\nndarray\n)\x81", b""), (b"cnumpy\nndarray\n)}\x92", b""), (b"l", b""), (b"d", b""), (b"\x00", b"")),
)
"""Instructions of pickle that no batch needs, with what they are given."""

UNDERFLOW = (
    b"R",
    b"b",
    b"s",
    b"a",
    b"t",
    b"e",
    b"u",
    b"\x85",
    b"\x86",
    b"\x87",
    b"q\x00",
    b"h\x00",
    b"(R",
    b"N(\x85",
    b"}(s",
)

DTYPES = (b"O8", b"O", b"f8", b"u2", b"i1", b"S1", b"M8", b"V1", b"b1", b"u1,u1", b"(2,)u1", b"U1", b"")

SHAPES = {
    "of -1 rows": integer(-1) + b"M\x00\x0c\x86",
    "of negative numbers": integer(-4) + integer(-3072) + b"\x86",
    "that is huge": 2 * integer(2**31 - 1) + b"\x86",
    "of long numbers": 2 * (b"\x8a\xfe" + b"\x7f" * 254) + b"\x86",
    "of no rows": b"K\x00M\x00\x0c\x86",
    "of one axis": b"M\x00\x30\x85",
    "of three axes": b"K\x02K\x02M\x00\x0c\x87",
    "of no axes": b")",
    "of text": short(b"4") + short(b"3072") + b"\x86",
    "of None": b"N",
    "of itself": b"]r\xe7\x03\x00\x00j\xe7\x03\x00\x00a",
    "of tuples of tuples": laughs(),
    "of a hundred axes": MARK + 100 * b"K\x01" + b"t",
}

_ENCODE = name("_codecs", "encode")
_ARRAY = call(name("numpy.core.multiarray", "_reconstruct"), name("numpy", "ndarray"), b"K\x00\x85", short(b"b"))

OTHERS = {
    "nothing": b"",
    "no pickle": b"<!DOCTYPE html><html></html>",
    "half of a batch": VALID[: len(VALID) // 2],
    "all but its end": VALID[:-1],
    "two batches": VALID + VALID,
    "bytes after its end": VALID + b"\x00",
    "no dictionary": b"\x80\x02](K\x01K\x02e.",
    "no data": b"\x80\x02}(" + short(b"labels") + b"]u.",
    "no labels": b"\x80\x02}(" + short(b"data") + _ARRAY + b"u.",
    "data that are a number": with_data(b"K\x03"),
    "an array without a state": with_data(_ARRAY),
    "an array whose state is a list": with_data(_ARRAY + b"]b"),
    "an array whose state is a dictionary": with_data(_ARRAY + b"}b"),
    "an array whose state is short": with_data(_ARRAY + b"(K\x01tb"),
    "an array whose state is the array": with_data(_ARRAY + b"q\x63(h\x63h\x63h\x63h\x63h\x63tb"),
    "a dtype without a code": with_data(call(name("numpy", "dtype"))),
    "a dtype of tuples of tuples": with_dtype(laughs()),
    "state for a list": b"\x80\x02]Nb.",
    "state for a dictionary": b"\x80\x02}}b.",
    "state for text": text("a") + b"}b.",
    "state for a name": name("_codecs", "encode") + b"}(" + text("__call__") + b"K\x01ub.",
    "a call of a number": b"\x80\x02K\x01)R.",
    "a call of a list": b"\x80\x02])R.",
    "a call of the class itself": call(name("numpy", "ndarray"), b"K\x01") + STOP,
    "a call with a list": name("numpy.core.multiarray", "_reconstruct") + b"]R.",
    "a call with tuples of tuples": _ENCODE + laughs() + b"R.",
    "encode without a codec": call(_ENCODE, text("a")) + STOP,
    "encode of a number": call(_ENCODE, b"K\x01", text("latin1")) + STOP,
    "encode of what is not latin1": call(_ENCODE, text("€"), text("latin1")) + STOP,
    "encode again and again": b"\x80\x02"
    + call(_ENCODE, text("x" * 100_000) + b"q\x00", text("latin1") + b"q\x01")
    + 200 * call(_ENCODE, b"h\x00h\x01")
    + STOP,
    "labels that are a tuple": with_label(b"")[: LABELS - 4] + b")" + VALID[VALID.index(short(b"data")) :],
    "labels that hold themselves": b"\x80\x02}(" + short(b"labels") + b"]q\x00h\x00a" + short(b"data") + b"Nu.",
    "a label of text": with_label(short(b"cat")),
    "a label of None": with_label(b"N"),
    "a label of 254 bytes": with_label(b"\x8a\xfe" + b"\x7f" * 254),
    "a label of tuples of tuples": with_label(laughs()),
    "a key of tuples of tuples": b"\x80\x02}" + laughs() + b"Ns.",
    "a key of nested tuples": b"\x80\x02})" + 500 * b"\x85" + b"Ns.",
    "a key that is a list": b"\x80\x02}]Ns.",
    "a key that is a dictionary": b"\x80\x02}}Ns.",
    "a key that is a number": b"\x80\x02}K\x01Ns.",
    "a key without a value": b"\x80\x02}(K\x01u.",
    "a dictionary in itself": b"\x80\x02}q\x00" + short(b"data") + b"h\x00s.",
    "a list in itself": b"\x80\x02]q\x00h\x00a.",
    "an item set in a list": b"\x80\x02]" + short(b"a") + b"Ns.",
    "a value appended to a tuple": b"\x80\x02)Na.",
    "tuples nested a million deep": b"\x80\x02)" + 1_000_000 * b"\x85" + STOP,
    "lists nested a million deep": b"\x80\x02" + 1_000_000 * b"]" + 999_999 * b"a" + STOP,
    "a million marks": b"\x80\x02" + 1_000_000 * b"(" + STOP,
    "a million dictionaries": b"\x80\x02" + 1_000_000 * b"}" + STOP,
    "content that is text": with_content(text("a" * 4 * 3072)),
    "content that is a list": with_content(b"]"),
    "content that is None": with_content(b"N"),
    "content that is short": with_content(short(b"a")),
    "content of 2 GiB": with_content(b"T\xff\xff\xff\x7f"),
    "content of a negative length": with_content(b"T\xff\xff\xff\xff"),
    "text of 4 GiB": with_content(b"X\xff\xff\xff\xff"),
    "text that is not UTF-8": with_content(b"X\x02\x00\x00\x00\xff\xff"),
    "text of a lone surrogate": with_content(b"X\x03\x00\x00\x00\xed\xa0\x80"),
    "a short string past the end": VALID[:2] + b"U\xffabc",
    "a long number past the end": VALID[:2] + b"\x8a\xff" + bytes(9),
    "a memo of 2 ** 31 entries": b"\x80\x02}r\xff\xff\xff\x7f" + STOP,
    "an object never kept": b"\x80\x02j\xff\xff\xff\xff" + STOP,
    "a name without an end": b"\x80\x02cnumpy",
    "a name of half a line": b"\x80\x02cnumpy\nndarray",
    "a name in another alphabet": b"\x80\x02cnumpy\n\xff\xfe\n.",
    "a name with an escape": b"\x80\x02cnumpy\nnd\\x61rray\n.",
}
