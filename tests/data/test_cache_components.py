"""Rows along principal axes on disk: of the right rows, once, whole, repaired, refused where there are not so many."""

from dataclasses import replace

import numpy as np
import pytest
from test_cache import contents, damage

from pipeline.data import cache, check_rows
from pipeline.data.cache import folder_of, is_whole, open_split, prepare
from pipeline.data.dataset import Dataset
from pipeline.data.split import data_spec
from pipeline.errors import ConfigError

CONSTANT = 3


def toy() -> Dataset:
    rng = np.random.default_rng(0)
    x = (60 * rng.standard_normal((90, 12)) @ rng.standard_normal((12, 12)) / 3 + 128).clip(0, 255).astype(np.uint8)
    x[:, CONSTANT] = 77
    test = {"x_test": x[:6], "y_test": np.arange(6) % 2}
    return Dataset("toy", ("a", "b"), x, np.arange(90) % 2, shape=(3, 2, 2), **test)


@pytest.fixture(autouse=True)
def _forgotten():
    """Let no test find the axes that another one left in memory."""
    cache._rotation.cache_clear()


DATASET = toy()
FULL = data_spec(DATASET, 0.2, opens_test=False)
SPEC = FULL.on_components(5)


def test_every_part_is_standardised_and_rotated_by_the_training_rows_alone(tmp_path):
    whole, split = (open_split(prepare(DATASET, spec, tmp_path)) for spec in (FULL, SPEC))
    axes = split.rotation.axes
    for part in ("train", "val"):
        rows, rotated = (getattr(each, f"x_{part}") for each in (whole, split))
        assert rotated.shape == (len(rows), 5)
        assert rotated.dtype == np.float32
        np.testing.assert_allclose(rotated, np.asarray(rows, np.float64) @ axes, atol=1e-5)
        np.testing.assert_array_equal(getattr(split, f"y_{part}"), getattr(whole, f"y_{part}"))
    np.testing.assert_allclose(split.x_train.var(axis=0), split.rotation.variances, rtol=1e-5)
    squares = np.linalg.svd(np.asarray(whole.x_train, np.float64), compute_uv=False) ** 2
    assert split.rotation.share == pytest.approx(squares[:5].sum() / squares.sum(), rel=1e-5)
    np.testing.assert_allclose(axes[CONSTANT], 0, atol=1e-12)


def test_such_a_split_says_so_and_has_no_images_and_no_test_rows(tmp_path):
    split = open_split(prepare(DATASET, SPEC, tmp_path))
    assert (split.spec, split.shape, split.x_test) == (SPEC, (), None)
    with pytest.raises(ConfigError, match="must be images"):
        split.images(split.x_train)
    assert open_split(prepare(DATASET, FULL, tmp_path)).rotation is None


def test_every_number_of_components_has_a_folder_of_its_own(tmp_path):
    folders = {prepare(DATASET, spec, tmp_path) for spec in (FULL, SPEC, FULL.on_components(6))}
    assert len(folders) == 3
    assert {part for folder in folders for part in folder.name.split("-")[4:5]} == {"c5", "c6"}
    assert all(map(is_whole, folders))


def test_the_axes_are_found_once_for_the_check_and_the_rows_and_never_again(tmp_path, monkeypatch):
    calls, found = [], cache.principal_axes

    def counted(*arguments):
        calls.append(arguments)
        return found(*arguments)

    monkeypatch.setattr(cache, "principal_axes", counted)
    check_rows(DATASET, SPEC, tmp_path)
    assert not list(tmp_path.iterdir())
    prepare(DATASET, SPEC, tmp_path)
    assert len(calls) == 1
    cache._rotation.cache_clear()
    check_rows(DATASET, SPEC, tmp_path)
    prepare(DATASET, SPEC, tmp_path)
    check_rows(DATASET, FULL, tmp_path)
    assert len(calls) == 1


@pytest.mark.parametrize("name", ["x_train.npy", "axes.npy", "variances.npy", "total.npy"])
def test_a_damaged_rotation_is_noticed_and_the_same_bytes_written(name, tmp_path):
    folder = prepare(DATASET, SPEC, tmp_path)
    before = contents(folder)
    cache._rotation.cache_clear()
    damage(folder / name, len(before[name]) - 2, b"\7\7")
    prepare(DATASET, SPEC, tmp_path)
    assert contents(folder) == before
    (folder / name).unlink()
    prepare(DATASET, SPEC, tmp_path)
    assert contents(folder) == before


def test_rows_of_another_kernel_are_rotated_beside_those_that_somebody_may_be_training_on(tmp_path, monkeypatch):
    folder, full = prepare(DATASET, SPEC, tmp_path), prepare(DATASET, FULL, tmp_path)
    before = contents(folder)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(cache, "kernels", lambda: "another")
        other = prepare(DATASET, SPEC, tmp_path)
        assert prepare(DATASET, FULL, tmp_path) == full  # whose bits no BLAS decides
    assert other != folder
    assert b"another" in (other / "split.json").read_bytes()
    assert contents(folder) == before
    assert prepare(DATASET, SPEC, tmp_path) == folder


def test_a_run_that_is_killed_while_it_rotates_leaves_no_folder_and_the_next_writes_the_same(tmp_path, monkeypatch):
    before = contents(prepare(DATASET, SPEC, tmp_path / "whole"))

    class Killed(BaseException):
        pass

    def dies(*_):
        raise Killed

    for name in ("principal_axes", "_write_rows", "_save", "write_text"):
        cache._rotation.cache_clear()
        with monkeypatch.context() as killed:
            killed.setattr(cache, name, dies)
            with pytest.raises(Killed):
                prepare(DATASET, SPEC, tmp_path / name)
        assert not folder_of(SPEC, tmp_path / name).exists()
        assert contents(prepare(DATASET, SPEC, tmp_path / name)) == before


def test_more_components_than_the_training_rows_have_are_refused_and_nothing_is_written(tmp_path):
    for refused in (check_rows, prepare):
        cache._rotation.cache_clear()
        with pytest.raises(ConfigError, match=r"^components must not exceed 11, .* got 12$"):
            refused(DATASET, FULL.on_components(12), tmp_path)
        assert [path for path in tmp_path.iterdir() if path.suffix != ".lock" and not path.name.endswith(".tmp")] == []
    assert prepare(DATASET, FULL.on_components(11), tmp_path).is_dir()


def test_axes_of_other_training_rows_are_others(tmp_path):
    one, other = (
        open_split(prepare(DATASET, spec, tmp_path)).rotation.axes
        for spec in (SPEC, replace(SPEC, n_train=SPEC.n_train - 20))
    )
    assert not np.array_equal(one, other)
