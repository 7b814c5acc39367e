"""What the figures of a network promise: its first layer, its confusions, its mistakes."""

import numpy as np
import pytest
from drawn import texts
from specimens import NAMES, PIXELS, TRUE, P, mistakes_figure

from pipeline.report import images, style
from pipeline.report.images import confusion_matrix, first_layer, misclassified


def test_plain_features_have_no_first_layer_images():
    assert first_layer(np.ones((64, 5)), ()) is None


def test_first_layer_units_are_tiled_by_norm_and_scaled_over_all_channels():
    W = np.zeros((12, 2))
    W[:, 0] = np.linspace(-1, 1, 12)  # (3, 2, 2): red, then green, then blue
    W[:, 1] = 10 * np.linspace(1, -1, 12)
    figure = first_layer(W, (3, 2, 2))
    (sheet,) = (np.asarray(image.get_array()) for image in figure.axes[0].get_images())
    assert sheet.shape == (2, 5, 3)
    scaled = np.linspace(0, 1, 12).reshape(3, 2, 2).transpose(1, 2, 0)
    np.testing.assert_allclose(sheet[:, :2], 1 - scaled)  # the larger norm comes first
    np.testing.assert_allclose(sheet[:, 2], 1)
    np.testing.assert_allclose(sheet[:, 3:], scaled)


def test_grey_and_dead_and_very_many_units_are_drawn(tmp_path):
    figure = first_layer(np.zeros((64, 512)), (1, 8, 8))
    assert f"the {images.MOST_UNITS} strongest of 512 units" in texts(figure)
    style.save(figure, tmp_path, "layer")


def test_the_confusion_matrix_shows_shares_of_each_true_class_and_counts():
    """True cats: one right, one taken for a dog; no bird occurs, so its row stays blank."""
    figure = confusion_matrix([0, 0, 1], [0, 1, 1], ["cat", "dog", "bird"])
    cells = [text.get_text() for text in figure.axes[0].texts]
    assert cells == ["50.0", "1", "50.0", "1", "0.0", "0", "0.0", "0", "100.0", "1", "0.0", "0"]
    np.testing.assert_array_equal(figure.axes[0].get_images()[0].get_array(), [[50, 50, 0], [0, 100, 0], [0, 0, 0]])
    assert "66.67 % of 3 correct" in texts(figure)


@pytest.mark.parametrize("classes", [2, 20])
def test_two_and_twenty_classes_with_long_names_fit(classes, tmp_path):
    names = [f"a class with a very long name, number {index}" for index in range(classes)]
    figure = confusion_matrix(np.arange(classes), np.arange(classes), names)
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert len(set(labels)) == classes  # the shortened names still differ
    assert max(map(len, labels)) <= images.LONGEST_NAME
    style.save(figure, tmp_path, "confusion")


def test_mistakes_come_by_falling_confidence_with_their_own_images(search, final):
    figure = mistakes_figure(search, final)
    shown = [axes for axes in figure.axes if axes.get_images()]
    assert [axes.get_title() for axes in shown] == [
        "dog →\ncat, 0.95",
        "cat →\ndog, 0.60",
        "a class…g name →\ncat, 0.50",
    ]
    for axes, index in zip(shown, (3, 1, 5), strict=True):
        np.testing.assert_array_equal(axes.get_images()[0].get_array(), PIXELS[index])


def test_no_mistakes_are_said_to_be_none():
    assert "all 6 images are classified correctly" in texts(misclassified(PIXELS.__getitem__, TRUE, TRUE, P, NAMES))
