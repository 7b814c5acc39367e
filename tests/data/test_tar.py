"""The reader of archives: what tar writes in any of its formats is read; see test_damaged_cifar10 for what is not."""

import tarfile
import tracemalloc

import pytest
from cifar_files import batch, binary
from members import FIRST, FOLDER, packed

from pipeline.data.cifar10 import BINARY, most_bytes
from pipeline.data.tar import members
from pipeline.errors import DataError

NAMES = [f"{FOLDER}/{file}" for file in BINARY.files]


def annotated(archive: tarfile.TarFile) -> None:
    """Write a folder and a file with a long name that say more of themselves, as some tars do."""
    folder = tarfile.TarInfo(FOLDER)
    folder.type, folder.mtime = tarfile.DIRTYPE, 1.5
    archive.addfile(folder)
    archive.addfile(tarfile.TarInfo(f"{FOLDER}/{'long' * 60}.html"))


@pytest.mark.parametrize("format_", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_members_are_read_in_every_format_whatever_is_said_of_others(format_, tmp_path):
    path = tmp_path / "x.tar.gz"
    path.write_bytes(packed(before=annotated, after=annotated, format=format_))
    found = dict(members(path, NAMES, most_bytes(4)))
    assert list(found) == NAMES
    assert found[FIRST] == binary(*batch(0))


def test_a_member_may_have_as_many_bytes_as_are_allowed_and_no_more(tmp_path):
    path = tmp_path / "x.tar.gz"
    path.write_bytes(packed())
    size = len(binary(*batch(0)))
    assert len(dict(members(path, NAMES, size))) == 6
    with pytest.raises(DataError, match=rf"must be an archive of plain files, got {size:,} bytes in '{FIRST}'$"):
        dict(members(path, NAMES, size - 1))


def test_members_come_one_at_a_time(tmp_path):
    path = tmp_path / "x.tar.gz"
    path.write_bytes(packed())
    tracemalloc.start()
    try:
        for _ in members(path, NAMES, 1 << 20):
            assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()
