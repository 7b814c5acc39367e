"""Augmentation: each change worked by hand, and what a batch of changed images keeps."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.data import augment as module
from pipeline.data.augment import Changes, PixelScale, augment, changed
from pipeline.data.split import Split
from pipeline.spec import AugmentSpec, DataSpec

C, H, W = 3, 6, 6
D = C * H * W
LOW, HIGH = 10.0, 265.0  # black is not zero
EVERYTHING = AugmentSpec(mirror=True, shift=2, rotation=20, zoom=0.2, brightness=0.2, contrast=0.4)
EACH = {
    "mirror": AugmentSpec(mirror=True),
    "shift": AugmentSpec(shift=2),
    "rotation": AugmentSpec(rotation=30),
    "zoom": AugmentSpec(zoom=0.5),
    "brightness": AugmentSpec(brightness=0.3),
    "contrast": AugmentSpec(contrast=0.5),
}


def split_of(pixels: np.ndarray, mean: np.ndarray | None = None, std: np.ndarray | None = None) -> Split:
    """Return a split that trains on `pixels` (B, D), standardised by their own moments, or as given."""
    mean = pixels.mean(axis=0) if mean is None else mean
    std = pixels.std(axis=0) if std is None else std
    x = np.divide(pixels - mean, std, out=np.zeros_like(pixels), where=std > 0).astype(np.float32)
    y = np.zeros(len(x), int)
    spec = DataSpec("images", "d", D, 2, len(x), len(x), 0, (C, H, W))
    return Split(x, y, x, y, None, None, mean, std, (C, H, W), ("a", "b"), (LOW, HIGH), spec)


@pytest.fixture(scope="module")
def split() -> Split:
    pixels = np.random.default_rng(0).uniform(LOW + 60, HIGH - 60, (47, D))
    return split_of(pixels, std=np.random.default_rng(1).uniform(20, 60, D))


def raw(rows: np.ndarray, split: Split) -> np.ndarray:
    """Return standardised rows as pixels (B, C, H, W)."""
    return (rows * split.std + split.mean).reshape(-1, C, H, W)


def changes(B: int, **given: object) -> Changes:
    """Return changes of B images that change nothing but what is given."""
    still = dict.fromkeys(("down", "right", "angle", "brightness"), np.zeros(B))
    values = still | {"mirrored": np.zeros(B, bool), "zoom": np.ones(B), "contrast": np.ones(B)}
    return Changes(**(values | {name: np.broadcast_to(value, B) for name, value in given.items()}))


def after(split: Split, **given: object) -> np.ndarray:
    """Return the training images as pixels (B, C, H, W) after these changes to every one."""
    return raw(changed(split.x_train, changes(len(split.x_train), **given), PixelScale.of(split)), split)


def assert_pixels(one: np.ndarray, other: np.ndarray) -> None:
    assert_allclose(one, other, atol=1e-3)  # of 255, in float32


def test_a_mirrored_image_is_the_image_from_right_to_left_and_twice_mirrored_the_image(split: Split) -> None:
    assert_pixels(after(split, mirrored=True), raw(split.x_train, split)[..., ::-1])
    scale, mirrored = PixelScale.of(split), changes(47, mirrored=True)
    assert_allclose(changed(changed(split.x_train, mirrored, scale), mirrored, scale), split.x_train, atol=1e-5)


@pytest.mark.parametrize(("down", "right"), [(1, 2), (-2, 0), (0, -1), (-1, 3)])
def test_a_shifted_image_is_rolled_inside_and_repeats_its_edge_outside(split: Split, down: int, right: int) -> None:
    images = raw(split.x_train, split)
    expected = np.roll(images, (down, right), axis=(2, 3))
    rows = np.clip(np.arange(H) - down, 0, H - 1)
    columns = np.clip(np.arange(W) - right, 0, W - 1)
    moved = after(split, down=down, right=right)
    inside = np.s_[:, :, max(down, 0) : H + min(down, 0), max(right, 0) : W + min(right, 0)]
    assert_pixels(moved[inside], expected[inside])
    assert_pixels(moved, images[:, :, rows][..., columns])


@pytest.mark.parametrize("quarters", [1, 2, 3, -1])
def test_a_turn_by_quarters_is_that_of_numpy(split: Split, quarters: int) -> None:
    turned = np.rot90(raw(split.x_train, split), quarters, axes=(2, 3))
    assert_pixels(after(split, angle=quarters * np.pi / 2), turned)


def test_zoom_enlarges_about_the_centre(split: Split) -> None:
    """By 2 a pixel at -2.5, -1.5, -.5 from the middle shows what was at -1.25, -.75, -.25: pixels 1, 2, 2."""
    images, twice = raw(split.x_train, split), [1, 2, 2, 3, 3, 4]
    assert_pixels(after(split, zoom=2.0), images[:, :, twice][..., twice])
    third = [0, 0, 1, 4, 5, 5]  # by 1/3: from 7.5, 4.5 and 1.5 on either side, the outer two beyond the edge
    assert_pixels(after(split, zoom=1 / 3), images[:, :, third][..., third])


def test_changes_come_in_their_order_turned_then_moved_then_mirrored(split: Split) -> None:
    turned = np.rot90(raw(split.x_train, split), axes=(2, 3))
    moved = turned[..., np.clip(np.arange(W) - 1, 0, W - 1)]
    assert_pixels(after(split, angle=np.pi / 2, right=1, mirrored=True), moved[..., ::-1])


def test_brightness_and_contrast_as_worked_by_hand() -> None:
    """An image of 110 and 210 has the mean 160; halved contrast gives 135 and 185; a tenth of 255 brighter, 25.5."""
    pixels = np.tile([110.0, 210.0], (3, D // 2))
    split = split_of(pixels, mean=np.full(D, 100.0), std=np.full(D, 50.0))
    images = after(split, contrast=0.5, brightness=0.1).reshape(3, -1)
    assert_pixels(images, np.tile([160.5, 210.5], (3, D // 2)))
    brighter = after(split, brightness=0.5).reshape(3, -1)
    assert_pixels(brighter, np.tile([237.5, HIGH], (3, D // 2)))  # 337.5 is whiter than white
    darker = after(split, brightness=-0.5).reshape(3, -1)
    assert_pixels(darker, np.tile([LOW, 82.5], (3, D // 2)))


def test_every_image_has_changes_of_its_own_whatever_part_it_is_in(split: Split) -> None:
    drawn = Changes.draw(EVERYTHING, 47, np.random.default_rng(3))
    scale = PixelScale.of(split)
    together = changed(split.x_train, drawn, scale)
    assert 0 < drawn.mirrored.sum() < 47
    for index in range(47):
        one = slice(index, index + 1)
        assert_array_equal(together[one], changed(split.x_train[one], drawn.of(one), scale))


def test_nothing_to_change_draws_nothing_and_gives_the_very_rows(split: Split) -> None:
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    assert augment(split.x_train, AugmentSpec(), PixelScale.of(split), rng) is split.x_train
    assert rng.bit_generator.state == before


@pytest.mark.parametrize("spec", [*EACH.values(), EVERYTHING], ids=[*EACH, "everything"])
def test_the_same_generator_gives_the_same_bits_another_other_images_and_rows_stay(split: Split, spec) -> None:
    scale, rows = PixelScale.of(split), split.x_train.copy()
    one, again, other = (augment(rows, spec, scale, np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert_array_equal(one, again)
    assert (one != other).any()
    assert_array_equal(rows, split.x_train)
    assert one.dtype == np.float32


def test_the_first_images_are_changed_alike_in_a_batch_of_any_size_and_every_part_by_itself(split: Split) -> None:
    drawn = {B: Changes.draw(EVERYTHING, B, np.random.default_rng(3)) for B in (4, 40)}
    for name, values in vars(drawn[4]).items():
        assert_array_equal(values, getattr(drawn[40], name)[:4])
    for name, spec in EACH.items():
        alone = Changes.draw(spec, 40, np.random.default_rng(3))
        stronger = dataclasses.replace(EVERYTHING, **{name: getattr(spec, name)})
        among = Changes.draw(stronger, 40, np.random.default_rng(3))
        for field in {"mirror": ["mirrored"], "shift": ["down", "right"], "rotation": ["angle"]}.get(name, [name]):
            assert_array_equal(getattr(alone, field), getattr(among, field))


def test_draws_fill_the_ranges_that_are_asked_for_evenly() -> None:
    drawn = Changes.draw(EVERYTHING, 5000, np.random.default_rng(0))
    assert 0.45 < drawn.mirrored.mean() < 0.55
    for moved in (drawn.down, drawn.right):
        values, counts = np.unique(moved, return_counts=True)
        assert values.tolist() == [-2, -1, 0, 1, 2]
        assert counts.min() > 900
    for values, low, high in (
        (np.rad2deg(drawn.angle), -20, 20),
        (drawn.zoom, 0.8, 1.2),
        (drawn.brightness, -0.2, 0.2),
        (drawn.contrast, 0.6, 1.4),
    ):
        assert_allclose([values.min(), values.mean(), values.max()], [low, (low + high) / 2, high], atol=0.05 * high)
        assert low <= values.min() <= values.max() <= high
    assert abs(np.corrcoef(np.stack(list(vars(drawn).values())))[~np.eye(7, dtype=bool)]).max() < 0.06


def test_constant_features_stay_zero_whatever_moves_there() -> None:
    pixels = np.random.default_rng(0).uniform(LOW, HIGH, (30, D))
    pixels[:, ::5] = 77.0
    split = split_of(pixels)
    rows = augment(split.x_train, EVERYTHING, PixelScale.of(split), np.random.default_rng(0))
    assert_array_equal(rows[:, ::5], 0)
    assert (rows[:, 1] != 0).all()


def test_images_of_one_channel_and_of_another_height_than_width() -> None:
    base = split_of(np.random.default_rng(0).uniform(LOW, HIGH, (30, D)))
    shape = (1, 4, 27)
    tall = dataclasses.replace(base, shape=shape, spec=dataclasses.replace(base.spec, shape=shape))
    both = changes(30, mirrored=True, down=1)
    rows = changed(tall.x_train, both, PixelScale.of(tall)) * tall.std + tall.mean
    images = (tall.x_train * tall.std + tall.mean).reshape(30, *shape[1:])
    assert_pixels(rows.reshape(images.shape), images[:, [0, 0, 1, 2], ::-1])


def test_parts_are_put_together_whatever_their_size(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    scale = PixelScale.of(split)
    whole = augment(split.x_train, EVERYTHING, scale, np.random.default_rng(0))
    monkeypatch.setattr(module, "PART", 7)
    assert_array_equal(augment(split.x_train, EVERYTHING, scale, np.random.default_rng(0)), whole)
