"""The pages of examples: which images are shown, where, and that they are what training and testing see."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from drawn import texts
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.data import Split, data_spec, digits, open_split, prepare
from pipeline.data.augment import PixelScale, augment
from pipeline.data.shifts import SHIFTS
from pipeline.errors import ConfigError
from pipeline.report import style
from pipeline.report.augmented import SEED, augmented_images, shifted_images
from pipeline.spec import AugmentSpec

ROWS = (4, 9)
SPEC = AugmentSpec(mirror=True, shift=2, rotation=15, zoom=0.4, brightness=0.2, contrast=0.4)


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    dataset = digits.load()
    return open_split(prepare(dataset, data_spec(dataset, 0.1, opens_test=False), tmp_path_factory.mktemp("cache")))


def lines(figure: Figure, columns: int) -> list[list[np.ndarray]]:
    """Return the pixels of the images, line by line."""
    pixels = [np.asarray(axes.get_images()[0].get_array()) for axes in figure.axes]
    return [pixels[start : start + columns] for start in range(0, len(pixels), columns)]


def test_every_kind_of_change_has_a_line_and_the_last_is_all_together(split: Split) -> None:
    figure = augmented_images(split, ROWS, SPEC, draws=3, subtitle="digits")
    shown = lines(figure, 8)
    assert len(shown) == 7
    labels = ["mirror", "shift\n±2 pixels", "rotation\n±15°", "zoom\n±40 %", "brightness\n±20 %", "contrast\n±40 %"]
    assert [
        label
        for label in [*labels, "all together"]
        if label not in texts(figure).replace("all\ntogether", "all together")
    ] == []
    originals = split.images(split.x_train[list(ROWS)])[..., 0]
    for line in shown:
        assert_allclose(line[0], originals[0])
        assert_allclose(line[4], originals[1])
    rng, scale = np.random.default_rng(SEED), PixelScale.of(split)
    for draw in (1, 2, 3):
        seen = split.images(augment(split.x_train[list(ROWS)], SPEC, scale, rng))[..., 0]
        assert_array_equal(shown[-1][draw], seen[0])
        assert_array_equal(shown[-1][4 + draw], seen[1])


def test_a_line_shows_its_own_change_alone(split: Split) -> None:
    """An image of the first line is the one as it is or its mirror image, and there are both."""
    shown = lines(augmented_images(split, ROWS, SPEC), 8)
    varies = (split.std > 0).reshape(8, 8)  # what never changes in training is never changed
    found = set()
    for original, *draws in (shown[0][:4], shown[0][4:]):
        for pixels in draws:
            near = [np.abs(pixels - each)[varies].max() < 1e-5 for each in (original, original[:, ::-1])]
            assert sum(near) == 1
            found.add(near.index(True))
    assert found == {0, 1}
    assert all(np.abs(pixels - line[0]).max() > 0.01 for line in shown[1:] for pixels in [sum(line[1:4]) / 3])


def test_one_change_is_not_repeated_as_all_and_none_is_said(split: Split) -> None:
    one = augmented_images(split, ROWS, AugmentSpec(shift=2), draws=1)
    assert len(lines(one, 4)) == 1
    assert "together" not in texts(one)
    none = augmented_images(split, ROWS, AugmentSpec(), draws=1)
    assert "no change" in texts(none)
    ((before, after, *_),) = lines(none, 4)
    assert_allclose(before, after)


def test_shifts_stand_beside_the_image_as_it_is_under_their_names(split: Split) -> None:
    figure = shifted_images(split, ROWS, subtitle="digits")
    titles = [axes.get_title(loc="center") for axes in figure.axes]
    assert titles[:5] == ["as it is", *SHIFTS]
    assert not any(titles[5:])
    for row, line in zip(ROWS, lines(figure, 5), strict=True):
        assert_allclose(line[0], split.images(split.x_train[[row]])[0, ..., 0])
        assert all(np.abs(pixels - line[0]).max() > 0.05 for pixels in line[1:])
        assert split.classes[split.y_train[row]] in texts(figure)


def test_two_images_of_one_class_are_two_lines(split: Split) -> None:
    first, second = np.flatnonzero(split.y_train == 3)[:2].tolist()
    assert len(lines(shifted_images(split, (first, second)), 5)) == 2


def test_rows_that_are_no_images_are_refused(split: Split) -> None:
    plain = dataclasses.replace(split, shape=(), spec=dataclasses.replace(split.spec, shape=()))
    with pytest.raises(ConfigError, match="must be images"):
        augmented_images(plain, ROWS, SPEC)
    with pytest.raises(ConfigError, match="must be images"):
        shifted_images(plain, ROWS)


def test_the_same_page_has_the_same_bytes_and_names_stay_clear_of_the_images(split: Split, tmp_path: Path) -> None:
    for name in ("one", "two"):
        style.save(augmented_images(split, ROWS, SPEC), tmp_path, name, ("png",))
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    figure = augmented_images(split, ROWS, SPEC)
    figure.draw_without_rendering()
    first = min(axes.get_window_extent().x0 for axes in figure.axes)
    names = [text for text in figure.texts if text.get_fontsize() == 9 and "±" in text.get_text()]
    assert len(names) == 5
    assert max(text.get_window_extent().x1 for text in names) < first
