"""What networks are worth on given rows, by hand."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from pipeline import evaluate
from pipeline.core.affine import laid_wide
from pipeline.core.network import Network
from pipeline.evaluate import measure, predict
from pipeline.spec import NetworkSpec

# Two linear classifiers: e to a score is 2 to the row's entry for the first, 4 to it for the second.
WEIGHTS = np.log(2) * np.stack([np.eye(3), 2 * np.eye(3)])
NETWORK = Network(NetworkSpec((), dtype="float64"), {"W1": laid_wide(WEIGHTS), "b1": np.zeros((2, 3))}, {})
ROWS = np.array([[1.0, 0, 0], [0, 2, 1], [0, 1, 0], [0, 0, 3]])
LABELS = np.array([0, 1, 2, 2])


def test_losses_costs_and_accuracies_are_means_over_all_rows():
    measured = measure(NETWORK, ROWS, LABELS, {}, np.array([0.5, 7.0]))
    # -log of the probability of the label: 2/(2+1+1), 4/(1+4+2), 1/(1+2+1), 8/(1+1+8); then with squares
    expected = -np.log([[2 / 4, 4 / 7, 1 / 4, 8 / 10], [4 / 6, 16 / 21, 1 / 6, 64 / 66]]).mean(axis=1)
    assert_allclose(measured.loss, expected)
    assert_allclose(measured.cost, expected + np.array([0.5, 7.0]))
    assert_array_equal(measured.accuracy, [0.75, 0.75])


def test_a_prediction_is_the_likeliest_class_and_its_probability():
    predicted = predict(NETWORK, ROWS, {})
    assert_array_equal(predicted.classes, [[0, 1, 1, 2]] * 2)
    assert_allclose(predicted.confidence, [[2 / 4, 4 / 7, 2 / 4, 8 / 10], [4 / 6, 16 / 21, 4 / 6, 64 / 66]])


def test_huge_scores_are_certain():
    assert_allclose(predict(NETWORK, 1e4 * ROWS[:1], {}).confidence, 1.0)


def test_parts_of_the_rows_are_put_together_in_order(monkeypatch):
    whole = predict(NETWORK, ROWS, {})
    monkeypatch.setattr(evaluate, "CHUNK", 3)
    parts = predict(NETWORK, ROWS, {})
    assert_array_equal(parts.classes, whole.classes)
    assert_allclose(parts.confidence, whole.confidence)
