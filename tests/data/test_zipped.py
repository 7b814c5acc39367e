"""Arrays of an .npz: what NumPy wrote comes back, and no header is believed that does not fit its bytes."""

import errno
import io
import os
import struct
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipeline.data.zipped import DamagedError, read_arrays
from pipeline.errors import HostError

PLAIN = ("?", "u1", "i2", "<i8", ">i4", "f2", "<f4", ">f8", "<U3")


@given(
    st.dictionaries(
        st.text("abcxyz_ ", min_size=1, max_size=5),
        st.sampled_from(PLAIN).flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0, min_side=0))),
        max_size=3,
    ),
    st.booleans(),
)
def test_what_numpy_writes_is_read(tmp_path_factory, written, compressed):
    path = tmp_path_factory.mktemp("zipped") / "x.npz"
    (np.savez_compressed if compressed else np.savez)(path, **{f"{name}!": array for name, array in written.items()})
    found = read_arrays(path)
    assert found.keys() == {f"{name}!" for name in written}
    for name, array in written.items():
        np.testing.assert_array_equal(found[f"{name}!"], array)
        assert found[f"{name}!"].dtype == array.dtype


def member(header: str, content: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    """Return an .npy file with a header of our own, worked by hand from NumPy's description of the format."""
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H" if version[0] == 1 else "<I", len(text)) + text + content


def shaped(shape: str, kind: str = "|u1") -> str:
    return f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"


def zipped(*members: tuple[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names given twice
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


RIGHT = member(shaped("(3,)"), b"abc")
WRONG = {
    "a shape of more": member(shaped("(4,)"), b"abc"),
    "a shape of less": member(shaped("(2,)"), b"abc"),
    "a shape that is huge": member(shaped(f"({2**60},)"), b"abc"),
    "a shape whose product overflows": member(shaped(f"({2**40}, {2**40})"), b"abc"),
    "a shape below 0": member(shaped("(-3,)"), b"abc"),
    "a shape below 0 twice": member(shaped("(-1, -3)"), b"abc"),
    "a shape of text": member(shaped("('3',)"), b"abc"),
    "no shape": member("{'descr': '|u1', 'fortran_order': False}", b"abc"),
    "numbers of no bytes": member(shaped(f"({2**60},)", "|V0")),
    "text of no letters": member(shaped(f"({2**60},)", "<U0")),
    "objects": member(shaped("(1,)", "|O"), b"cos\nsystem\n(X\x02\x00\x00\x00lstR."),
    "a type that is none": member(shaped("(3,)", "nonsense"), b"abc"),
    "a type of a gigabyte": member(shaped("(3,)", f"|V{2**30}"), b"abc"),
    "a header that is code": member("__import__('os').mkdir('x')", b"abc"),
    "a header that nests": member(5000 * "[", b"abc"),
    "a header of many digits": member(shaped(f"({5000 * '9'},)"), b"abc"),
    "a header that is cut off": RIGHT[:30],
    "a version that is none": b"\x93NUMPY\x09\x00" + RIGHT[8:],
    "version 3": member(shaped("(3,)"), b"abc", version=b"\x03\x00"),
    "a pickle": b"cos\nsystem\n(X\x02\x00\x00\x00lstR.",
    "nothing": b"",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_member_that_is_no_array_is_one_line_and_takes_no_memory(name, tmp_path):
    assert refusal(tmp_path, zipped(("x.npy", WRONG[name])))


FLAGS, METHOD = 6, 8
"""Where a local header has them; that of the archive's directory has them two bytes later."""


def with_field(at: int, value: int) -> bytes:
    """Return an archive whose only member says otherwise how it is stored."""
    content = bytearray(zipped(("x.npy", RIGHT)))
    for start in (content.index(b"PK\x03\x04") + at, content.index(b"PK\x01\x02") + at + 2):
        content[start : start + 2] = struct.pack("<H", value)
    return bytes(content)


ARCHIVES = {
    "two of one name": zipped(("x.npy", RIGHT), ("x.npy", RIGHT)),
    "two of one name but for its end": zipped(("x.npy", RIGHT), ("x", RIGHT)),
    "encrypted": with_field(FLAGS, 1),
    "of an unknown method": with_field(METHOD, 77),
    **{f"of the method {method}, which it is not": with_field(METHOD, method) for method in (8, 12, 14)},
    "cut off": zipped(("x.npy", RIGHT))[:-1],
    "a tar": b"x".ljust(512, b"\0"),
    "nothing": b"",
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_what_is_no_archive_of_arrays_is_one_line(name, tmp_path):
    assert refusal(tmp_path, ARCHIVES[name])


def test_a_changed_byte_of_a_member_never_reaches_its_reader(tmp_path):
    content = zipped(("x.npy", RIGHT))
    start = content.index(b"\x93NUMPY")
    for place in range(start, start + len(RIGHT)):
        changed = bytearray(content)
        changed[place] ^= 1
        assert "Bad CRC-32" in refusal(tmp_path, bytes(changed))


def test_an_unknown_version_of_the_format_is_named(tmp_path):
    assert refusal(tmp_path, zipped(("x.npy", WRONG["version 3"]))) == "x.npy of the version 3.0"


def test_a_member_that_is_shorter_than_it_claims_is_damage_and_takes_no_memory(tmp_path):
    size, claimed = len(RIGHT) + 97, 2**31
    shape = shaped(f"({claimed - 128},)")
    content = bytearray(zipped(("x.npy", member(shape.ljust(117), bytes(size - 128))), how=zipfile.ZIP_DEFLATED))
    assert content.count(struct.pack("<I", size)) == 2
    content = content.replace(struct.pack("<I", size), struct.pack("<I", claimed))
    assert refusal(tmp_path, bytes(content)) == f"x.npy of {size:,} bytes instead of {claimed:,}"


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_disk_that_does_not_give_it_back_is_not_called_damage(how, tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    path.write_bytes(zipped(("x.npy", RIGHT), how=how))

    def refuse(_member, _size):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(zipfile.ZipExtFile, "read", refuse)
    with pytest.raises(OSError, match="Input/output error"):
        read_arrays(path)


def test_an_array_that_is_whole_but_does_not_fit_in_memory_is_the_hosts_fault(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    path.write_bytes(zipped(("x.npy", RIGHT)))

    def refuse(*_args, **_how):
        raise MemoryError

    monkeypatch.setattr("numpy.lib.format.read_array", refuse)
    with pytest.raises(HostError, match=r"x\.npz must fit in memory, got 3 bytes of x\.npy$"):
        read_arrays(path)


def refusal(folder, content: bytes) -> str:
    path = folder / "x.npz"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(DamagedError) as caught:
            read_arrays(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    return str(caught.value)
