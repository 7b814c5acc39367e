"""The idx reader: what a file holds, or one line that says what is wrong with it; never more bytes than asked for."""

import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from idx_files import compressed, idx

from pipeline.data.idx import parse, size, unpacked
from pipeline.errors import DataError, HostError

ARRAY = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
WHOLE = idx(ARRAY)


def test_a_file_worked_by_hand():
    raw = bytes.fromhex("00000802 00000002 00000003 010203 0405ff")
    assert parse(raw, "x", (2, 3)).tolist() == [[1, 2, 3], [4, 5, 255]]
    assert size((2, 3)) == len(raw) == 18


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.randoms())
def test_what_was_written_is_read(shape, random):
    array = np.array([random.randrange(256) for _ in range(int(np.prod(shape)))], np.uint8).reshape(shape)
    np.testing.assert_array_equal(parse(idx(array), "x", tuple(shape)), array)


def test_a_file_cut_anywhere_or_too_long_is_one_error():
    for length in range(len(WHOLE)):
        with pytest.raises(DataError, match=r"^x must .*, got ") as caught:
            parse(WHOLE[:length], "x", ARRAY.shape)
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=r"^x must hold 40 bytes, header included, got more$"):
        parse(WHOLE + b"\0", "x", ARRAY.shape)


@pytest.mark.parametrize(
    ("start", "got"),
    [
        (struct.pack(">I", 0x0D03), "b'\\\\x00\\\\x00\\\\r\\\\x03'"),  # floats
        (struct.pack(">I", 0x0801), "b'\\\\x00\\\\x00\\\\x08\\\\x01'"),  # labels
        (struct.pack("<I", 0x0803), "b'\\\\x03\\\\x08\\\\x00\\\\x00'"),  # the other byte order
        (b"<!DO", "b'<!DO'"),  # a web page
    ],
)
def test_another_magic_number_is_refused(start, got):
    with pytest.raises(DataError, match=rf"^x must begin with b'.x00.x00.x08.x03', as .*, got {got}$"):
        parse(start + WHOLE[4:], "x", ARRAY.shape)


@pytest.mark.parametrize("shape", [(3, 3, 4), (2, 4, 3), (2, 3, 2**32 - 1), (0, 3, 4)])
def test_a_header_of_another_shape_is_refused_whatever_follows_it(shape):
    raw = WHOLE[:4] + struct.pack(">3I", *shape) + WHOLE[16:]
    said = " x ".join(f"{n:,}" for n in shape)
    with pytest.raises(DataError, match=rf"^the header of x must say 2 x 3 x 4, got {said}$"):
        parse(raw, "x", ARRAY.shape)


@pytest.mark.parametrize("name", ["file", "file.gz"])
@pytest.mark.parametrize(
    "content",
    [WHOLE, compressed(WHOLE), compressed(WHOLE[:7]) + compressed(WHOLE[7:])],
    ids=["plain", "packed", "in two members"],
)
def test_whether_it_is_compressed_is_told_by_what_it_holds(name, content, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    assert unpacked(path, 1000) == WHOLE
    assert unpacked(path, 10) == WHOLE[:10]


def test_a_small_file_that_unpacks_to_a_large_one_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(compressed(bytes(100_000_000)))
    tracemalloc.start()
    try:
        assert len(unpacked(path, 1000)) == 1000
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_compressed_file_cut_anywhere_is_one_error(tmp_path):
    path, whole = tmp_path / "x.gz", compressed(WHOLE)
    for length in range(2, len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"x.gz must be a whole gzip file, got ") as caught:
            unpacked(path, 1000)
        assert "\n" not in str(caught.value)


def test_a_flipped_bit_never_changes_what_is_read(tmp_path):
    path, whole = tmp_path / "x.gz", compressed(WHOLE)
    noticed = 0
    bits = range(0, 8 * len(whole), 3)
    for bit in bits:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            content = parse(unpacked(path, size(ARRAY.shape) + 1), "x", ARRAY.shape)
        except DataError:
            noticed += 1
        else:
            np.testing.assert_array_equal(content, ARRAY)  # such as a bit of the time stamp
    assert noticed > 0.8 * len(bits)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([b"", b"\x1f\x8b", b"\x1f\x8b\x08\0\0\0\0\0\0\0", WHOLE[:4], WHOLE[:16]]), st.binary())
def test_any_bytes_are_read_or_one_error(tmp_path, start, rest):
    path = tmp_path / "any"
    path.write_bytes(start + rest)
    complaint = ""
    try:
        assert parse(unpacked(path, size(ARRAY.shape) + 1), str(path), ARRAY.shape).shape == ARRAY.shape
    except DataError as error:
        complaint = str(error)
    assert "\n" not in complaint
    assert not complaint or str(path) in complaint


def test_a_file_that_cannot_be_read_is_the_hosts_fault(tmp_path):
    with pytest.raises(HostError, match=r"gone must be readable, got No such file or directory"):
        unpacked(tmp_path / "gone", 10)
    with pytest.raises(HostError, match="must be readable, got Is a directory"):
        unpacked(tmp_path, 10)
