"""MNIST in every layout it comes in, whole or its test images alone: the same data, by its own name, or one error."""

import errno
import itertools
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from idx_files import STEMS, TEST_ROWS, TRAIN_ROWS, compressed, edition, idx, images, labels
from server import nothing, running, serve

from pipeline import data
from pipeline.data import mnist
from pipeline.data.entry import NotDownloadedError, Request
from pipeline.errors import ConfigError, DataError, HostError
from pipeline.spec import DataSpec

TINY = edition()
TRAIN, TEST = STEMS[:2], STEMS[2:]
NOWHERE = "http://127.0.0.1:9/"  # the discard port: nobody answers


def load(folder, which=mnist.whole, of=TINY, *, url=NOWHERE, download=True, progress=None, neighbours=()):
    """Return the data set in `folder`, and what was said about it."""
    parts = (of.train, of.test) if which is mnist.whole else (of.test,)
    said = []
    dataset = which(*parts, url).load(Request(folder, download, progress, said.append, neighbours))
    return dataset, said


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.mark.parametrize("place", ["", "mnist", "mnist/raw", "MNIST", "MNIST/raw"])
@pytest.mark.parametrize(("packed", "dotted"), list(itertools.product([False, True], repeat=2)))
def test_every_layout_is_found_and_is_the_same_data_set(place, packed, dotted, tmp_path):
    TINY.write(tmp_path / place, packed=packed, dotted=dotted)
    dataset, said = load(tmp_path)
    assert (dataset.name, dataset.folder_name, said) == ("mnist", "mnist", [])
    assert (dataset.shape, dataset.pixel_range) == ((1, 28, 28), (0, 255))
    assert dataset.classes == tuple("0123456789")
    found = (dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test)
    for array, written in zip(found, TINY.arrays, strict=True):
        np.testing.assert_array_equal(array, written.reshape(array.shape))
    assert dataset.x_train.shape == (TRAIN_ROWS, 784)
    assert dataset.digest == load(TINY.write(tmp_path / "plain"))[0].digest


def test_pixels_lie_row_by_row_from_the_top_left(tmp_path):
    first = images(TRAIN_ROWS, 1)
    first[0] = 0
    first[0, 3, 5] = 200
    dataset, _ = load(edition(train_images=first).write(tmp_path), of=edition(train_images=first))
    assert np.flatnonzero(dataset.x_train[0]).tolist() == [3 * 28 + 5]
    assert data.as_images(dataset.x_train[:1], dataset.shape)[0, 3, 5, 0] == 200


def test_files_may_be_spelt_and_compressed_each_in_its_way(tmp_path):
    for stem, packed, dotted in zip(STEMS, (False, True, True, False), (True, True, False, False), strict=True):
        TINY.write(tmp_path, [stem], packed=packed, dotted=dotted)
    assert load(tmp_path)[0].name == "mnist"


def test_the_folder_that_holds_most_is_read(tmp_path):
    TINY.write(tmp_path, TEST)
    TINY.write(tmp_path / "MNIST" / "raw")
    assert load(tmp_path)[0].name == "mnist"


@pytest.mark.parametrize("place", ["", "MNIST/raw"])
def test_where_only_test_images_are_they_are_split_under_a_name_of_their_own(place, tmp_path):
    TINY.write(tmp_path / place, TEST, packed=True)
    dataset, (warning,) = load(tmp_path)
    assert (dataset.name, dataset.folder_name) == ("mnist-t10k", "mnist-t10k")
    assert re.fullmatch(
        rf"{tmp_path / place} holds no training images of MNIST; using its 20 .* as the data set mnist-t10k", warning
    )
    assert dataset.digest == load(tmp_path, mnist.test_images)[0].digest


def test_test_images_asked_for_by_name_are_no_surprise_even_beside_training_images(tmp_path):
    dataset, said = load(TINY.write(tmp_path), mnist.test_images)
    assert (dataset.name, said) == ("mnist-t10k", [])


def test_every_test_image_is_in_one_part_with_its_label_and_every_class_in_every_part(tmp_path):
    of = edition(test_rows=400)
    dataset, _ = load(of.write(tmp_path, TEST), mnist.test_images, of)
    parts = {part: (x, y) for part, x, y in dataset.parts()}
    assert {part: len(y) for part, (_, y) in parts.items()} == {"train": 320, "val": 40, "test": 40}
    for _, y in parts.values():
        assert np.bincount(y, minlength=10).tolist() == [len(y) // 10] * 10
    written = dict(zip(map(bytes, of.arrays[2]), of.arrays[3], strict=True))
    read = {bytes(row): label for x, y in parts.values() for row, label in zip(x, y, strict=True)}
    assert read == written


@pytest.mark.parametrize("fraction", [0.1, 0.02])
def test_ten_thousand_test_images_are_split_as_8000_1000_and_1000_whatever_fraction_validates(fraction):
    spec = data.data_spec(mnist.TEST_IMAGES.outline, fraction, opens_test=True)
    assert (spec.n_train, spec.n_val, spec.n_test) == (8_000, 1_000, 1_000)


@pytest.mark.parametrize(("which", "stems"), [(mnist.whole, STEMS), (mnist.test_images, TEST)])
def test_a_preview_knows_the_rows_that_a_run_will_have(which, stems, tmp_path):
    with pytest.raises(NotDownloadedError) as caught:
        load(tmp_path, which, download=False)

    def specs(found) -> list[DataSpec]:
        return [data.data_spec(found, 0.1, opens_test, rows) for opens_test in (False, True) for rows in (None, 7)]

    dataset, _ = load(TINY.write(tmp_path, stems), which)
    assert [replace(spec, digest=dataset.digest) for spec in specs(caught.value.outline)] == specs(dataset)


def change(stem, how):
    """Return what damages the file `stem`, compressed or not, in a folder."""

    def damage(folder, packed):
        path = folder / (f"{stem}.gz" if packed else stem)
        content = how(TINY.files()[stem])
        path.write_bytes(compressed(content) if packed else content)

    return damage


DAMAGE = {
    "cut in the header": (change(TEST[0], lambda raw: raw[:9]), r"must hold 15,696 bytes, header included, got 9"),
    "cut in the pixels": (change(TRAIN[0], lambda raw: raw[:-1]), r"must hold 31,376 bytes, .*, got 31,375"),
    "cut in the labels": (change(TEST[1], lambda raw: raw[:20]), r"must hold 28 bytes, header included, got 20"),
    "empty": (change(TEST[1], lambda _: b""), r"must begin with .*, got b''"),
    "too long": (change(TRAIN[1], lambda raw: raw + b"\0"), r"must hold 48 bytes, header included, got more"),
    "a web page": (change(TEST[0], lambda _: b"<html>moved</html>"), r"must begin with .*, got b'<htm'"),
    "labels for images": (change(TEST[0], lambda _: idx(labels(20, 4))), r"must begin with .*x03', .*, got b'.*x01'"),
    "fewer labels than images": (
        change(TEST[1], lambda _: idx(labels(19, 4))),
        r"the header of .* must say 20, got 19",
    ),
    "other images": (
        change(TRAIN[0], lambda _: idx(images(40, 9))),
        r"must be MNIST's, with the sha256 \w{16}\.\.\. .*, got \w{16}\.\.\.; another data set can be given as an .npz",
    ),
    "a label of 10": (
        change(TEST[1], lambda raw: raw[:-1] + b"\x0a"),
        r"must be MNIST's, with the sha256 \w{16}\.\.\. when unpacked, got",
    ),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_one_line_that_names_the_file(damage, message, packed, tmp_path):
    TINY.write(tmp_path, packed=packed)
    damage(tmp_path, packed)
    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path)
    assert re.search(r"(train|t10k)-(images|labels)-idx\d-ubyte", str(caught.value))
    assert "\n" not in str(caught.value)


def test_a_label_of_10_is_refused_by_whoever_published_it(tmp_path):
    of = edition(t10k_labels=np.full(TEST_ROWS, 10, np.uint8))
    with pytest.raises(DataError, match=r"mnist: test: labels must lie in 0\.\.9, got \[10\]"):
        load(of.write(tmp_path), of=of)


def test_damage_is_no_reason_to_download_or_to_look_elsewhere(tmp_path):
    TINY.write(tmp_path)
    TINY.write(tmp_path, packed=True)
    (tmp_path / STEMS[0]).write_bytes(b"")
    with running(content=b"") as server, pytest.raises(DataError, match=f"{STEMS[0]} must"):
        load(tmp_path, url=server.url)
    assert server.asked == []


@pytest.mark.parametrize("missing", STEMS)
def test_a_file_that_is_missing_is_named_where_it_cannot_be_had(missing, tmp_path):
    TINY.write(tmp_path / "mnist", [stem for stem in STEMS if stem != missing])
    with pytest.raises(HostError, match=rf"mnist must hold {missing}.gz, got no such file \(http.* reachable, got"):
        load(tmp_path)
    with pytest.raises(NotDownloadedError, match=rf"got no {missing}.gz; a run would download .* MB from .*{missing}"):
        load(tmp_path, download=False)


def test_test_images_without_labels_are_not_all_that_is_wanted(tmp_path):
    TINY.write(tmp_path, TEST[:1])
    with pytest.raises(NotDownloadedError, match=r"got no train-images.*, train-labels.*, t10k-labels[^,]*; "):
        load(tmp_path, download=False)


def test_a_folder_of_something_else_is_a_mistake_but_other_data_sets_may_lie_beside(tmp_path):
    (tmp_path / "cifar-10-binary.tar.gz").touch()
    with pytest.raises(ConfigError, match=r"data folder must hold MNIST or be empty, got .* with cifar-10-binary"):
        load(tmp_path, download=False)
    with pytest.raises(NotDownloadedError, match="a run would download"):
        load(tmp_path, download=False, neighbours=("cifar-10-",))
    (tmp_path / "cat.jpg").touch()
    with pytest.raises(ConfigError, match=r"with cat.jpg$"):
        load(tmp_path, download=False, neighbours=("cifar-10-",))
    with pytest.raises(ConfigError, match="data folder must exist, got"):
        load(tmp_path / "typo", download=False)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_a_folder_that_may_not_or_cannot_be_entered_is_the_hosts_fault(number, tmp_path, monkeypatch):
    def refuse(path):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(HostError, match=f"idx3-ubyte must be readable, got {os.strerror(number)}"):
        load(tmp_path)


def each(server, handler):
    """Serve the file that is asked for."""
    server.content = TINY.served()[handler.path.rpartition("/")[2]]
    serve(server, handler)


def served(server):
    return f"{server.url.rpartition('/')[0]}/"


@pytest.mark.parametrize(("which", "stems"), [(mnist.whole, STEMS), (mnist.test_images, TEST)])
def test_what_is_not_there_is_downloaded_with_one_progress_for_all_files(which, stems, tmp_path):
    told = []
    with running(*[each] * len(stems)) as server:
        dataset, said = load(tmp_path, which, url=served(server), progress=lambda *now: told.append(now))
    assert {path.name for path in tmp_path.iterdir()} - {".lock"} == {f"{stem}.gz" for stem in stems}
    total = sum(len(content) for name, content in TINY.served().items() if name.removesuffix(".gz") in stems)
    assert told[-1] == (total, total)
    assert sorted(told) == told
    assert {size for _, size in told} == {total}
    assert dataset.digest == load(tmp_path, which)[0].digest
    assert said == []


def test_only_what_is_missing_is_downloaded_beside_the_rest(tmp_path):
    TINY.write(tmp_path / "MNIST" / "raw", [STEMS[0], STEMS[3]])
    with running(each, each) as server:
        assert load(tmp_path, url=served(server))[0].name == "mnist"
    assert len(server.asked) == 2
    names = {path.name for path in (tmp_path / "MNIST" / "raw").iterdir()} - {".lock"}
    assert names == {STEMS[0], f"{STEMS[1]}.gz", f"{STEMS[2]}.gz", STEMS[3]}


def test_an_interrupted_download_goes_on_with_the_file_where_it_stopped(tmp_path):
    def stopped(server, handler):
        server.content = TINY.served()[f"{STEMS[1]}.gz"]
        nothing(server, handler)

    with running(each, stopped) as server:
        with pytest.raises(HostError, match=r"train-labels-idx1-ubyte.gz must arrive whole, .* run again to resume"):
            load(tmp_path, url=served(server))
        server.script = [each] * 3
        assert load(tmp_path, url=served(server))[0].name == "mnist"
    assert len(server.asked) == 5


def test_a_download_of_something_else_gets_no_name(tmp_path):
    def forged(server, handler):
        content = TINY.served()[f"{STEMS[0]}.gz"]
        server.content = content[:-1] + bytes([content[-1] ^ 1])
        serve(server, handler)

    with (
        running(forged) as server,
        pytest.raises(DataError, match=r"train-images-.*gz.part must have the md5"),
    ):
        load(tmp_path, url=served(server))
    assert {path.name for path in tmp_path.iterdir()} == {".lock"}


def test_the_official_archives_are_described_as_they_unpack():
    for part, rows in ((mnist.TRAIN, 60_000), (mnist.TEST, 10_000)):
        assert (part.images.shape, part.labels.shape, part.rows) == ((rows, 28, 28), (rows,), rows)
    names = [archive.name.removesuffix(".gz") for archive in mnist.WHOLE.archives]
    assert names == list(STEMS)
    assert mnist.TEST_IMAGES.archives == mnist.WHOLE.archives[2:]
