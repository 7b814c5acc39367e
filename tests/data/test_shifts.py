"""Shifted test sets: what each does by hand, and rows that do not depend on how they are asked for."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline import spec
from pipeline.data import digits, shifts
from pipeline.data.cache import open_split, prepare
from pipeline.data.shifts import SHIFTS, ShiftedRows, shift
from pipeline.data.split import Split, data_spec
from pipeline.errors import ConfigError

IMAGES = np.random.default_rng(0).uniform(0.3, 0.6, (20, 8, 9, 3))


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    dataset = digits.load()
    return open_split(prepare(dataset, data_spec(dataset, 0.1, opens_test=True), tmp_path_factory.mktemp("cache")))


def shifted(name: str) -> np.ndarray:
    return shift(IMAGES, name, np.random.default_rng(1))


def test_the_table_has_the_names_that_a_specification_may_ask_for() -> None:
    assert tuple(SHIFTS) == spec.SHIFTS


def test_brightness_adds_a_quarter_and_stops_at_white() -> None:
    assert_allclose(shifted("brightness"), IMAGES + 0.25)
    assert_array_equal(shift(np.full((1, 2, 2, 1), 0.9), "brightness", np.random.default_rng(0)), 1)


def test_contrast_is_halved_about_the_mean_of_each_image() -> None:
    means = IMAGES.mean(axis=(1, 2, 3))
    assert_allclose(shifted("contrast").mean(axis=(1, 2, 3)), means)
    assert_allclose(np.ptp(shifted("contrast"), axis=(1, 2, 3)), np.ptp(IMAGES, axis=(1, 2, 3)) / 2)


def test_blur_spreads_a_point_as_a_gaussian_of_three_pixels_within_its_image_and_channel() -> None:
    point = np.zeros((2, 25, 25, 2))
    point[0, 12, 12, 1] = 1
    blurred = shift(point, "blur", np.random.default_rng(0))
    bell = np.exp(-(np.arange(-12, 13) ** 2) / (2 * 3**2))
    assert_allclose(blurred[0, :, :, 1], np.outer(bell, bell) / bell.sum() ** 2, atol=1e-12)
    assert blurred[1].max() == blurred[0, :, :, 0].max() == 0


def test_noise_is_normal_of_three_tenths_and_independent_and_stops_at_black_and_white() -> None:
    noise = SHIFTS["noise"](IMAGES, np.random.default_rng(1)) - IMAGES
    assert_allclose([noise.mean(), noise.std()], [0, 0.3], atol=0.012)
    assert_allclose(shifted("noise"), np.clip(IMAGES + noise, 0, 1))
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.1


def test_an_unknown_shift_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'blur'"):
        shift(IMAGES, "blurr", np.random.default_rng(0))


@pytest.mark.parametrize("name", SHIFTS)
def test_shifted_rows_are_those_of_shifted_images_standardised_as_training_rows(name: str, split: Split) -> None:
    rows = ShiftedRows(split.x_test, name, split)
    assert len(rows) == len(split.x_test) == 359
    first = shift(split.images(split.x_test[: shifts.BLOCK]), name, np.random.default_rng([shifts.SEED, 0]))
    varies = split.std > 0
    pixels = (rows[: shifts.BLOCK] * split.std + split.mean).reshape(-1, 1, 8, 8)
    expected = (16 * first).transpose(0, 3, 1, 2)
    keep = np.broadcast_to(varies.reshape(1, 1, 8, 8), pixels.shape)
    assert_allclose(pixels[keep], expected[keep], atol=1e-4)
    assert_array_equal(rows[:10][:, ~varies], 0)
    assert rows[:10].dtype == np.float32
    assert np.abs(rows[:10] - split.x_test[:10]).max() > 0.1


@pytest.mark.parametrize("name", SHIFTS)
def test_rows_are_the_same_bits_however_they_are_cut(name: str, split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shifts, "BLOCK", 50)
    rows = ShiftedRows(split.x_test, name, split)
    whole = rows[:]
    assert whole.shape == split.x_test.shape
    for size in (1, 7, 50, 120, 1000):
        parts = [rows[start : start + size] for start in range(0, len(rows), size)]
        assert_array_equal(np.concatenate(parts), whole)
    assert rows[359:400].shape == rows[5:5].shape == (0, 64)
    assert_array_equal(ShiftedRows(split.x_test, name, split)[40:60], whole[40:60])


def test_noise_is_another_in_every_image_whatever_block_it_is_in(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shifts, "BLOCK", 2)
    same = np.repeat(split.x_test[:1], 6, axis=0)
    assert len(np.unique(ShiftedRows(same, "noise", split)[:], axis=0)) == 6
