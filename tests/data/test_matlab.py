"""The reader of MATLAB files: what SciPy writes and reads, from small files; nothing of what makes SciPy's fail."""

import io
import math
import struct
import zlib

import numpy as np
import pytest
from cifar_files import batch, matlab
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pickles import unlike_a_line
from scipy.io import loadmat, savemat

from pipeline.data.matlab import read_arrays
from pipeline.errors import DataError

MOST = 1 << 20
LITTLE = b"MATLAB 5.0 MAT-file".ljust(116) + bytes(8) + b"\x00\x01IM"


def element(kind: int, content: bytes) -> bytes:
    return struct.pack("<2I", kind, len(content)) + content + bytes(-len(content) % 8)


def array(name: bytes, rows: int, columns: int, numbers: bytes, *, kind: int = 9, stored: int = 2) -> bytes:
    """Return an array's element, worked by hand from MathWorks' description."""
    parts = element(6, struct.pack("<2I", kind, 0)) + element(5, struct.pack("<2i", rows, columns)) + element(1, name)
    return element(14, parts + element(stored, numbers))


def packed(content: bytes) -> bytes:
    content = zlib.compress(content)
    return struct.pack("<2I", 15, len(content)) + content


def refusal(raw: bytes, *names: str, most: int = MOST) -> str:
    with pytest.raises(DataError) as caught:
        read_arrays(raw, "x.mat", names or ("a",), most)
    assert unlike_a_line(str(caught.value), "x.mat must be a MATLAB 5 file with ") == ""
    return str(caught.value).partition(", got ")[2]


def test_a_file_worked_by_hand():
    raw = LITTLE + array(b"a", 2, 3, b"\x01\x02\x03\x04\x05\xff") + packed(array(b"longer name", 1, 1, b"\x07"))
    found = read_arrays(raw, "x.mat", ("a", "longer name"), MOST)
    assert found["a"].tolist() == [[1, 3, 5], [2, 4, 255]]
    assert found["longer name"].tolist() == [[7]]
    assert {array.dtype.str for array in found.values()} == {"|u1"}


TYPES = ("u1", "i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f4", "<f8")


@given(
    st.sampled_from(TYPES).flatmap(lambda kind: arrays.arrays(kind, st.tuples(st.integers(0, 5), st.integers(0, 5)))),
    st.booleans(),
)
def test_what_scipy_writes_is_read_as_scipy_reads_it(written, compressed):
    file = io.BytesIO()
    savemat(file, {"text": "a batch", "a": written, "cell": np.array([written, 1], object)}, do_compression=compressed)
    found = read_arrays(file.getvalue(), "x.mat", ("a",), MOST)["a"]
    expected = loadmat(io.BytesIO(file.getvalue()))["a"]
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


def test_a_file_of_the_other_byte_order_is_read():
    numbers = struct.pack(">2I", 4, 4) + struct.pack(">2H", 1, 1000) + bytes(4)
    parts = struct.pack(">2I2I", 6, 8, 11, 0) + struct.pack(">2I2i", 5, 8, 1, 2) + b"\x00\x01\x00\x01a\0\0\0" + numbers
    raw = LITTLE[:124] + b"\x01\x00MI" + struct.pack(">2I", 14, len(parts)) + parts
    assert read_arrays(raw, "x.mat", ("a",), MOST)["a"].tolist() == [[1, 1000]]


def test_numbers_stored_in_fewer_bytes_than_their_class_has_are_widened():
    raw = LITTLE + array(b"a", 1, 2, b"\x01\xff", kind=6)
    found = read_arrays(raw, "x.mat", ("a",), MOST)["a"]
    assert (found.dtype, found.tolist()) == (np.float64, [[1.0, 255.0]])


@pytest.mark.parametrize(
    ("kind", "stored", "numbers", "got"),
    [
        (9, 9, struct.pack("<d", 300.7), "float64 in an array of uint8"),  # which would be 44
        (9, 9, struct.pack("<d", math.nan), "float64 in an array of uint8"),
        (9, 3, struct.pack("<h", 300), "int16 in an array of uint8"),
        (9, 1, b"\xff", "int8 in an array of uint8"),
        (7, 9, struct.pack("<d", 1e300), "float64 in an array of float32"),
    ],
)
def test_numbers_that_their_class_may_not_hold_are_refused_rather_than_changed(kind, stored, numbers, got):
    raw = LITTLE + array(b"a", 1, 1, numbers, kind=kind, stored=stored)
    assert refusal(raw) == f"numbers stored as {got}"


ONE = array(b"a", 1, 1, b"\x01")


@pytest.mark.parametrize(
    ("raw", "got"),
    [
        (b"", "another header"),
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM", "another header"),
        (LITTLE, "no numbers called 'a'"),
        (LITTLE + b"1234", "4 bytes after its last element"),
        (LITTLE + ONE + ONE, "two arrays called 'a'"),
        (LITTLE + array(b"b", 1, 1, b"\x01"), "no numbers called 'a'"),
        (LITTLE + array(b"a", 1, 1, b"\x01", kind=4), "no numbers called 'a'"),  # characters
        (LITTLE + array(b"a", 1, 1, b"\x01", stored=99), "no numbers called 'a'"),
        (LITTLE + array(b"a", 2, 1, b"\x01"), "1 bytes of numbers for the shape (2, 1)"),
        (LITTLE + array(b"a", -1, -1, b"\x01"), "1 bytes of numbers for the shape (-1, -1)"),
        (LITTLE + array(b"a", 2**31 - 1, 2**31 - 1, b""), "0 bytes of numbers for the shape (2147483647, 2147483647)"),
        (LITTLE + struct.pack("<2I", 14, 2**31), "an element of 2,147,483,648 bytes that is cut off"),
        (LITTLE + struct.pack("<2I", 15, 3) + b"abc", "an element that cannot be unpacked"),
        (LITTLE + packed(ONE)[:-3], "an element of "),
        (LITTLE + packed(packed(ONE)), "no numbers called 'a'"),  # as MATLAB never does
    ],
)
def test_what_is_no_such_file_is_one_line(raw, got):
    assert refusal(raw).startswith(got)


def test_no_more_is_unpacked_than_may_be(tmp_path):
    bomb = LITTLE + packed(array(b"a", 1 << 12, 1 << 12, bytes(1 << 24)))
    assert len(bomb) < 20_000
    assert refusal(bomb, most=10_000) == "an element that is cut off, or unpacks to more than 10,000 bytes"


def test_cells_in_cells_in_cells_are_not_followed():
    head = element(6, struct.pack("<2I", 1, 0)) + element(5, struct.pack("<2i", 1, 1)) + element(1, b"a")
    content = b""
    for _ in range(500):  # SciPy's reader takes the whole process with it at a hundred thousand
        content = element(14, head + content)
    assert refusal(LITTLE + content) == "no numbers called 'a'"


@given(st.integers(0, 12_700), st.integers(1, 255), st.booleans())
def test_a_changed_byte_gives_rows_or_one_error(place, change, compressed):
    file = io.BytesIO()
    pixels, labels = batch(0)
    savemat(file, {"labels": labels[:, None], "data": pixels}, do_compression=compressed)
    damaged = bytearray(file.getvalue())
    damaged[min(place % (500 if place % 2 else 12_700), len(damaged) - 1)] ^= change
    complaint, found = "", {}
    try:
        found = read_arrays(bytes(damaged), "x.mat", ("data", "labels"), MOST)
    except DataError as error:
        complaint = str(error)
    assert not complaint or unlike_a_line(complaint, "x.mat must be a MATLAB 5 file with data and labels, got ") == ""
    assert all(each.ndim == 2 for each in found.values())


def test_cut_anywhere_it_is_one_error():
    whole = matlab(*batch(0))
    for length in range(0, len(whole), 97):
        refusal(whole[:length], "data", "labels")
