"""Standardised rows on disk: right to the last bit, whole or absent, reused, repaired, and without closed test rows."""

import errno
import hashlib
import json
import multiprocessing
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.data import cache, digits
from pipeline.data import standardise as module
from pipeline.data.cache import check_rows, is_whole, open_split, prepare
from pipeline.data.dataset import Dataset
from pipeline.data.split import data_spec
from pipeline.data.standardise import moments, standardise
from pipeline.errors import ConfigError, DataError, HostError


def toy(n=40) -> Dataset:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (n, 12), np.uint8)
    x[:, 3] = 77  # never changes
    test = {"x_test": rng.integers(0, 256, (6, 12), np.uint8), "y_test": np.arange(6) % 2}
    return Dataset("toy", ("a", "b"), x, np.arange(n) % 2, shape=(3, 2, 2), **test)


DATASET = toy()
SPEC = data_spec(DATASET, 0.25, opens_test=True)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_moments_by_hand():
    x = np.array([[9.0, 1.0], [1.0, 1.0], [3.0, 1.0], [5.0, 1.0]])
    mean, std = moments(x, np.array([1, 2, 3]))  # 1, 3, 5: the variance is 8 / 3
    np.testing.assert_allclose(mean, [3, 1])
    np.testing.assert_allclose(std, [np.sqrt(8 / 3), 0])


def test_features_that_never_change_become_zero_even_where_rounding_bites():
    x = np.full((1000, 1), 0.1)
    mean, std = moments(x, np.arange(1000))
    assert (mean.item(), std.item()) == (0.1, 0.0)
    assert standardise(np.array([[0.1], [5.0]]), mean, std).tolist() == [[0.0], [0.0]]


def test_moments_agree_with_numpy_across_chunks_and_far_from_zero(monkeypatch):
    x = 1e6 + np.random.default_rng(1).standard_normal((1000, 5))
    mean, std = moments(x, np.arange(1000))
    np.testing.assert_allclose(mean, x.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(std, x.std(axis=0), rtol=1e-10)
    monkeypatch.setattr(module, "CHUNK", 7)
    np.testing.assert_allclose(moments(x, np.arange(1000))[1], std, rtol=1e-12)


def test_every_part_is_standardised_with_the_training_rows_alone(tmp_path):
    split = open_split(prepare(DATASET, SPEC, tmp_path))
    assert split.x_train.dtype == split.x_val.dtype == np.float32
    assert split.y_train.dtype == np.int64
    x = np.asarray(split.x_train)
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(np.delete(x.std(axis=0), 3), 1, atol=1e-6)
    assert not x[:, 3].any()
    for part in (split.x_train, split.x_val, split.x_test):
        raw = np.asarray(part) * split.std + split.mean
        np.testing.assert_allclose(raw, np.rint(raw), atol=1e-4)
    np.testing.assert_allclose(
        np.asarray(split.x_test) * split.std + split.mean, np.where(split.std, DATASET.x_test, 77), atol=1e-4
    )
    np.testing.assert_array_equal(split.y_test, DATASET.y_test)


def test_rows_keep_their_labels(tmp_path):
    split = open_split(prepare(DATASET, SPEC, tmp_path))
    label_of = {tuple(row): label for row, label in zip(DATASET.x_train.tolist(), DATASET.y_train, strict=True)}
    x, y = np.concatenate([split.x_train, split.x_val]), np.concatenate([split.y_train, split.y_val])
    raw = np.rint(x * split.std + split.mean).astype(int)
    assert [label_of[tuple(row)] for row in raw.tolist()] == y.tolist()
    assert len({tuple(row) for row in raw.tolist()}) == 40


def test_a_split_says_what_it_is_and_cannot_be_written_to(tmp_path):
    split = open_split(prepare(DATASET, SPEC, tmp_path))
    assert (split.spec, split.shape, split.classes) == (SPEC, (3, 2, 2), ("a", "b"))
    assert (len(split.x_train), len(split.x_val), len(split.x_test)) == (SPEC.n_train, SPEC.n_val, SPEC.n_test)
    with pytest.raises(ValueError, match="read-only"):
        split.x_train.pixels[0, 0] = 1


FLOATS = replace(DATASET, **{name: getattr(DATASET, name).astype(np.float64) for name in ("x_train", "x_test")})


def test_bytes_are_kept_as_they_are_and_other_rows_as_standardised_floats(tmp_path):
    """The two of the same numbers differ by rounding alone: bytes are standardised in float32, others in float64."""
    spec = data_spec(FLOATS, 0.25, opens_test=True)
    bytes_, floats = (prepare(*what, tmp_path) for what in ((DATASET, SPEC), (FLOATS, spec)))
    for part, rows in (("train", 30), ("val", 10), ("test", 6)):
        raw, standard = (np.load(folder / f"x_{part}.npy") for folder in (bytes_, floats))
        assert (raw.dtype, raw.shape, standard.dtype, standard.shape) == (np.uint8, (rows, 12), np.float32, (rows, 12))
        np.testing.assert_allclose(getattr(open_split(bytes_), f"x_{part}"), standard, atol=2e-6)
        assert type(getattr(open_split(floats), f"x_{part}")) is np.ndarray
    np.testing.assert_array_equal(np.load(bytes_ / "x_test.npy"), DATASET.x_test)
    with pytest.raises(ValueError, match="read-only"):
        open_split(floats).x_train[0, 0] = 1


def test_rows_of_an_earlier_version_are_not_taken_for_bytes_but_rewritten(tmp_path):
    """They were float32 ones under the same name, and their description did not speak of a type."""
    folder = prepare(DATASET, SPEC, tmp_path)
    before = contents(folder)
    description = json.loads(before["split.json"])
    np.save(folder / "x_train.npy", np.asarray(open_split(folder).x_train))
    content = (folder / "x_train.npy").read_bytes()
    description["files"]["x_train.npy"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    del description["dtype"]
    (folder / "split.json").write_text(json.dumps(description))
    with pytest.raises(DataError, match="must be a whole cached split"):
        open_split(folder)
    prepare(DATASET, SPEC, tmp_path)
    assert contents(folder) == before


def test_a_closed_test_set_is_not_on_disk(tmp_path):
    spec = data_spec(DATASET, 0.25, opens_test=False)
    folder = prepare(DATASET, spec, tmp_path)
    assert folder.name == f"{spec.digest[:16]}-n{spec.n_train}-v10-t0"
    assert not any("test" in name for name in contents(folder))
    split = open_split(folder)
    assert split.x_test is None
    assert split.y_test is None
    opened = open_split(prepare(DATASET, SPEC, tmp_path))
    np.testing.assert_array_equal(opened.x_train, split.x_train)


def test_images_are_drawn_in_0_to_1_as_they_were(tmp_path):
    split = open_split(prepare(DATASET, SPEC, tmp_path))
    images = split.images(split.x_test)
    assert images.shape == (6, 2, 2, 3)
    expected = np.where(split.std, DATASET.x_test, 77).reshape(6, 3, 2, 2).transpose(0, 2, 3, 1) / 255
    np.testing.assert_allclose(images, expected, atol=1e-6)
    rows = replace(DATASET, shape=())
    rows = open_split(prepare(rows, data_spec(rows, 0.25, opens_test=True), tmp_path))
    with pytest.raises(ConfigError, match="must be images"):
        rows.images(rows.x_test)


def test_digits_white_is_sixteen(tmp_path):
    dataset = digits.load()
    split = open_split(prepare(dataset, data_spec(dataset, 0.1, opens_test=True), tmp_path))
    assert len(split.x_test) == 359
    assert split.images(split.x_train).max() == pytest.approx(1)


def test_a_whole_folder_is_reused_and_not_touched(tmp_path, monkeypatch):
    folder = prepare(DATASET, SPEC, tmp_path)
    monkeypatch.setattr(cache, "_write", None)  # would fail if it were called
    assert prepare(DATASET, SPEC, tmp_path) == folder


@pytest.mark.parametrize("name", ["x_train.npy", "y_val.npy", "std.npy", "split.json"])
@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_damaged_folder_is_noticed_and_rewritten(name, damage, tmp_path):
    folder = prepare(DATASET, SPEC, tmp_path)
    before = contents(folder)
    if damage == "missing":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(before[name][:-1])
    assert not is_whole(folder)
    with pytest.raises(DataError, match="must be a whole cached split"):
        open_split(folder)
    prepare(DATASET, SPEC, tmp_path)
    assert contents(folder) == before


def damage(path, at, content):
    with path.open("r+b") as file:
        file.seek(at)
        assert file.read(len(content)) != content
        file.seek(at)
        file.write(content)


@pytest.mark.parametrize(
    ("name", "at", "content"),
    [("x_train.npy", 200, bytes(59)), ("y_val.npy", 136, b"\1\1"), ("mean.npy", 0, b"\0"), ("std.npy", 60, b"(((")],
    ids=["zeros in the rows", "a label", "no array", "a header"],
)
def test_wrong_bytes_in_a_file_of_the_right_size_are_noticed_and_the_true_rows_written(name, at, content, tmp_path):
    folder = prepare(DATASET, SPEC, tmp_path)
    before = contents(folder)
    damage(folder / name, at, content)
    assert is_whole(folder)  # all that workers look at
    prepare(DATASET, SPEC, tmp_path)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("true", "false"), [('"a","b"', '"b","a"'), ('"n_val":10', '"n_val":11')], ids=["classes", "rows"]
)
def test_a_description_of_something_else_is_noticed_and_rewritten(true, false, tmp_path):
    folder = prepare(DATASET, SPEC, tmp_path)
    before = (folder / "split.json").read_text()
    (folder / "split.json").write_text(before.replace(true, false))
    assert (folder / "split.json").read_text() != before
    prepare(DATASET, SPEC, tmp_path)
    assert (folder / "split.json").read_text() == before


def test_files_that_nobody_touched_are_read_once_per_process(tmp_path, monkeypatch):
    folder = prepare(DATASET, SPEC, tmp_path)
    read, digest = [], hashlib.file_digest

    def watched(file, kind):
        read.append(Path(file.name))
        return digest(file, kind)

    monkeypatch.setattr(hashlib, "file_digest", watched)
    for _ in range(3):
        prepare(DATASET, SPEC, tmp_path)
    assert sorted(read) == sorted(folder.glob("*.npy"))


@pytest.mark.parametrize(
    ("at", "content", "reason"),
    [
        (0, b"?", "pickled"),  # np.load takes anything without its magic string for a pickle
        (6, b"\7", "format version"),
        (67, b" ", None),  # a bracket that never closes: a TokenError, in words that depend on the version
        (60, b"(10, 99)", "length|size"),
    ],
    ids=["magic", "version", "text", "shape"],
)
def test_a_damaged_header_is_damaged_data_told_in_one_line(at, content, reason, tmp_path):
    folder = prepare(DATASET, SPEC, tmp_path)
    damage(folder / "x_val.npy", at, content)
    assert is_whole(folder)
    with pytest.raises(DataError, match=reason) as refusal:
        open_split(folder)
    assert str(refusal.value).startswith(f"{folder / 'x_val.npy'} must be a whole array, got ")
    assert str(refusal.value).endswith("; run again to rewrite it")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("owner", "call"), [(Path, "read_bytes"), (Path, "stat"), (np, "load")])
def test_a_split_that_a_process_may_not_open_now_is_not_called_damaged(owner, call, tmp_path, monkeypatch):
    folder = prepare(DATASET, SPEC, tmp_path)

    def refuse(*_args, **_how):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(owner, call, refuse)
        with pytest.raises(HostError, match=f"^{folder} must be readable, got Too many open files$"):
            open_split(folder)
    (folder / "x_val.npy").unlink()
    with pytest.raises(DataError, match="must be a whole cached split"):
        open_split(folder)


def test_a_killed_run_leaves_no_folder_and_the_next_one_cleans_up(tmp_path):
    def die_halfway(path, text):
        os._exit(9)

    def child():
        cache.write_text = die_halfway
        prepare(DATASET, SPEC, tmp_path)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == 9
    (leftover,) = tmp_path.glob(".*.tmp")
    assert (leftover / "x_train.npy").is_file()
    folder = prepare(DATASET, SPEC, tmp_path)
    assert is_whole(folder)
    assert not leftover.exists()


def test_processes_that_want_the_same_split_write_it_once(tmp_path, monkeypatch):
    write = cache._write

    def counted(dataset, wanted, folder):
        (tmp_path / f"written-{os.getpid()}").touch()
        write(dataset, wanted, folder)

    monkeypatch.setattr(cache, "_write", counted)
    start = multiprocessing.get_context("fork").Process
    processes = [start(target=prepare, args=(DATASET, SPEC, tmp_path)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len(list(tmp_path.glob("written-*"))) == 1


def test_a_mapped_split_outlives_its_folder(tmp_path):
    folder = prepare(DATASET, SPEC, tmp_path)
    split = open_split(folder)
    before = np.array(split.x_train)
    shutil.rmtree(folder)
    np.testing.assert_array_equal(split.x_train, before)


def test_a_spec_of_other_data_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="must be one of data set"):
        prepare(DATASET, replace(SPEC, digest="0" * 64), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_cache_that_cannot_be_written_is_the_hosts_fault(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(HostError, match="must be writable"):
        prepare(DATASET, SPEC, tmp_path / "file")


def test_a_row_that_is_not_finite_once_standardised_is_refused_with_its_feature_and_nothing_is_left(tmp_path):
    x = np.random.default_rng(0).normal(size=(8, 3))
    x[:, 1] *= 1e-30
    far = np.array([[0.0, 0.0, 0.0], [0.0, 1e30, 0.0]])
    dataset = Dataset("toy", ("a", "b"), x, np.arange(8) % 2, x_val=far, y_val=np.arange(2))
    spec = data_spec(dataset, 0.5, opens_test=False)
    for refused in (check_rows, prepare):
        with pytest.raises(DataError, match=r"^rows must be finite once standardised .*, got 1e\+30 in feature 1$"):
            refused(dataset, spec, tmp_path)
        assert [path for path in tmp_path.iterdir() if path.is_dir() and not path.name.startswith(".")] == []


def test_rows_are_checked_once_and_bytes_not_at_all(tmp_path, monkeypatch):
    passes = []
    monkeypatch.setattr(cache, "standardised", lambda *arguments: passes.append(arguments) or iter(()))
    check_rows(DATASET, SPEC, tmp_path)
    assert passes == []
    floats = replace(DATASET, x_train=DATASET.x_train.astype(np.float64), x_test=DATASET.x_test.astype(np.float64))
    for _ in range(2):
        check_rows(floats, data_spec(floats, 0.25, opens_test=True), tmp_path)
    assert len(passes) == 3  # train, val, test
