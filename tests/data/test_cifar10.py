"""CIFAR-10 in its three layouts, as folders and as archives: the same data; and no damage goes unnoticed."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cifar_files import ROWS, WRITERS, batch, binary, matlab, python3, write_archive, write_folder

from pipeline.data.cifar10 import BINARY, CLASSES, LAYOUTS, MATLAB, PYTHON, Source, find, read
from pipeline.errors import DataError, HostError

EACH = pytest.mark.parametrize(("layout", "writer"), WRITERS, ids=["binary", "python 3", "python 2", "matlab"])


@EACH
def test_a_folder_is_recognised_and_read(layout, writer, tmp_path):
    folder = write_folder(tmp_path / layout.folder, layout, writer)
    source = find(tmp_path)
    assert source == Source(folder, layout)
    dataset = read(source, ROWS)
    np.testing.assert_array_equal(dataset.x_train, np.concatenate([batch(number)[0] for number in range(5)]))
    np.testing.assert_array_equal(dataset.y_train, np.concatenate([batch(number)[1] for number in range(5)]))
    np.testing.assert_array_equal(dataset.x_test, batch(5)[0])
    np.testing.assert_array_equal(dataset.y_test, batch(5)[1])
    assert (dataset.name, dataset.folder_name) == ("cifar10", "cifar10")
    assert (dataset.shape, dataset.classes) == ((3, 32, 32), CLASSES)


@EACH
def test_the_given_folder_may_itself_hold_the_batches(layout, writer, tmp_path):
    folder = write_folder(tmp_path / "of any name", layout, writer)
    assert find(folder) == Source(folder, layout)


def test_all_layouts_and_archives_give_the_same_digest(tmp_path):
    digests = set()
    for number, (layout, writer) in enumerate(WRITERS):
        folder = write_folder(tmp_path / str(number), layout, writer)
        digests.add(read(find(folder), ROWS).digest)
        ours = write_archive(folder.parent, layout, writer)
        digests.add(read(find(folder.parent, [ours]), ROWS).digest)
    assert len(digests) == 1


def test_an_archive_is_read_without_writing_anything(tmp_path):
    ours = write_archive(tmp_path, BINARY, binary)
    before = sorted(tmp_path.rglob("*"))
    read(find(tmp_path, [ours]), ROWS)
    assert sorted(tmp_path.rglob("*")) == before == [tmp_path / BINARY.archive.name]


def test_the_binary_version_is_preferred_and_an_extracted_one_to_its_archive(tmp_path):
    write_folder(tmp_path / PYTHON.folder, PYTHON, python3)
    write_archive(tmp_path, BINARY, binary)
    assert find(tmp_path).path == tmp_path / BINARY.archive.name
    write_folder(tmp_path / BINARY.folder, BINARY, binary)
    assert find(tmp_path).path == tmp_path / BINARY.folder


def test_nothing_is_found_where_nothing_is(tmp_path):
    (tmp_path / "cifar-100-binary.tar.gz").touch()
    assert find(tmp_path) is None
    assert find(tmp_path / "missing") is None


def test_an_official_archive_of_another_size_is_refused_before_it_is_parsed(tmp_path):
    for layout in LAYOUTS:
        write_archive(tmp_path, layout, binary)
        with pytest.raises(DataError, match=rf"{layout.archive.name} must hold {layout.archive.size:,} bytes, got"):
            read(Source(tmp_path / layout.archive.name, layout))


def test_an_archive_with_a_wrong_checksum_is_refused_before_it_is_parsed(tmp_path):
    ours = write_archive(tmp_path, BINARY, binary)
    path = tmp_path / ours.archive.name
    path.write_bytes(bytes(ours.archive.size))  # would be no archive at all
    with pytest.raises(DataError, match=rf"{path.name} must have the md5 {ours.archive.md5}, got"):
        read(find(tmp_path, [ours]), ROWS)


def test_the_sha256_is_compared_where_it_is_known(tmp_path):
    ours = write_archive(tmp_path, BINARY, binary)
    wrong = replace(ours, archive=replace(ours.archive, sha256="0" * 64))
    with pytest.raises(DataError, match="must have the sha256 0000"):
        read(find(tmp_path, [wrong]), ROWS)


@EACH
def test_a_truncated_batch_is_damaged_and_no_reason_to_look_elsewhere(layout, writer, tmp_path):
    file = write_folder(tmp_path / layout.folder, layout, writer) / layout.files[2]
    if layout is not MATLAB:
        write_folder(tmp_path / MATLAB.folder, MATLAB, matlab)  # whole, but not to be fallen back on
    file.write_bytes(file.read_bytes()[:-3000])
    with pytest.raises(DataError, match=rf"{file.name} must .*, got"):
        read(find(tmp_path), ROWS)


@EACH
def test_another_number_of_rows_is_refused(layout, writer, tmp_path):
    source = find(write_folder(tmp_path / layout.folder, layout, writer))
    with pytest.raises(DataError, match=rf"{layout.files[0]} must hold {ROWS + 1} .*, got"):
        read(source, ROWS + 1)


@EACH
def test_a_label_above_nine_is_refused_with_its_file(layout, writer, tmp_path):
    file = write_folder(tmp_path / layout.folder, layout, writer) / layout.files[5]
    pixels, labels = batch(5)
    labels[1] = 10
    file.write_bytes(writer(pixels, labels))
    with pytest.raises(DataError, match=rf"{file.name} must hold labels in 0..9, got 10"):
        read(find(tmp_path), ROWS)


@EACH
def test_a_missing_batch_is_named(layout, writer, tmp_path):
    file = write_folder(tmp_path / layout.folder, layout, writer) / layout.files[3]
    file.unlink()
    with pytest.raises(DataError, match=rf"must hold all 6 batches, got none called {file.name}"):
        read(find(tmp_path), ROWS)


def test_an_archive_without_a_batch_is_refused(tmp_path):
    ours = write_archive(tmp_path, BINARY, binary)
    with pytest.raises(DataError, match="must hold all 6 batches"):
        read(find(tmp_path, [replace(ours, folder="another")]), ROWS)


def test_a_file_that_may_not_be_read_is_the_hosts_fault(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / BINARY.folder, BINARY, binary)

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(HostError, match=r"data_batch_1.bin must be readable, got Permission denied"):
        read(find(folder), ROWS)


@pytest.mark.cifar10
@pytest.mark.skipif("DATA_DIR" not in os.environ, reason="needs DATA_DIR")
def test_real_cifar10_has_the_same_digest_in_every_layout_that_is_there():
    folder = Path(os.environ["DATA_DIR"])
    datasets = [read(source) for layout in LAYOUTS if (source := find(folder, [layout]))]
    assert len({dataset.digest for dataset in datasets}) == 1
    dataset = datasets[0]
    assert np.bincount(dataset.y_test).tolist() == [1000] * 10
    assert np.bincount(dataset.y_train).tolist() == [5000] * 10
    np.testing.assert_allclose(dataset.x_train.mean() / 255, 0.4734, atol=0.002)  # published channel means
