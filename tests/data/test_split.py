"""The split: the same rows for every run, stratified, nested, and without overlap."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.cifar10 import PUBLISHED
from pipeline.data.dataset import Dataset
from pipeline.data.split import as_images, data_spec, rows_of, stratified_permutation
from pipeline.errors import ConfigError


def toy(n=100, classes=4, **parts) -> Dataset:
    labels = np.arange(n) % classes
    x = np.arange(3.0 * n).reshape(n, 3)
    return Dataset("toy", tuple("abcdefghij"[:classes]), x, labels, **parts)


TEST = {"x_test": np.zeros((7, 3)), "y_test": np.zeros(7, int)}
VAL = {"x_val": np.ones((5, 3)), "y_val": np.ones(5, int)}


def rows(dataset, fraction, opens_test=True):
    """Return the indices of each part."""
    spec = data_spec(dataset, fraction, opens_test)
    return {part: indices for part, _, _, indices in rows_of(dataset, spec)}


def test_the_permutation_is_this_one_on_every_machine_and_for_ever():
    order = stratified_permutation(np.arange(12) % 3)
    assert sorted(order) == list(range(12))
    assert order.tolist() == [10, 5, 6, 4, 8, 0, 1, 11, 3, 7, 9, 2]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=300), st.data())
def test_every_stretch_of_the_permutation_holds_the_classes_in_proportion(labels, data):
    y = np.array(labels)
    order = stratified_permutation(y)
    assert sorted(order) == list(range(len(y)))
    first = data.draw(st.integers(0, len(y)))
    last = data.draw(st.integers(first, len(y)))
    classes, counts = np.unique(y, return_counts=True)
    for label, count in zip(classes, counts, strict=True):
        share = count / len(y)
        expected = share * (last - first)
        bound = 1 + share * len(classes)  # the class's own rounding, and its share of everyone's
        assert abs(np.sum(y[order[first:last]] == label) - expected) <= bound + 1e-9


def test_balanced_classes_stay_balanced_to_a_row():
    y = np.repeat(np.arange(10), 500)
    order = stratified_permutation(y)
    for n in (1, 57, 1000, 4999):
        counts = np.bincount(y[order[:n]], minlength=10)
        assert counts.max() - counts.min() <= 1


def test_rare_classes_come_in_proportion_too():
    order = stratified_permutation(np.repeat([0, 1, 2], [900, 90, 10]))
    for n in (100, 300, 500):
        counts = np.bincount(np.repeat([0, 1, 2], [900, 90, 10])[order[:n]], minlength=3)
        np.testing.assert_allclose(counts, [0.9 * n, 0.09 * n, 0.01 * n], atol=1)


@pytest.mark.parametrize("parts", [{}, TEST])
def test_the_parts_cover_all_rows_without_overlap(parts):
    found = rows(toy(**parts), 0.1)
    from_train = [found["train"], found["val"]] + ([] if parts else [found["test"]])
    assert sorted(np.concatenate(from_train)) == list(range(100))


def test_a_smaller_validation_set_is_part_of_a_larger_one():
    large, small = rows(toy(**TEST), 0.3)["val"], rows(toy(**TEST), 0.1)["val"]
    assert set(small) < set(large)


def test_test_rows_are_the_same_for_every_fraction_and_never_trained_on():
    dataset = toy()
    test = rows(dataset, 0.1)["test"]
    assert len(test) == 20
    for fraction in (0.05, 0.5):
        np.testing.assert_array_equal(rows(dataset, fraction)["test"], test)
        closed = rows(dataset, fraction, opens_test=False)
        assert "test" not in closed
        assert not set(test) & (set(closed["train"]) | set(closed["val"]))


def test_validation_fractions_count_the_rows_that_are_not_test_rows():
    spec = data_spec(toy(), 0.1, opens_test=True)
    assert (spec.n_train, spec.n_val, spec.n_test) == (72, 8, 20)
    spec = data_spec(toy(**TEST), 0.1, opens_test=True)
    assert (spec.n_train, spec.n_val, spec.n_test) == (90, 10, 7)
    assert data_spec(toy(**TEST), 0.1, opens_test=False) == replace(spec, n_test=0)
    assert (spec.inputs, spec.classes, spec.name, spec.digest) == (3, 4, "toy", toy(**TEST).digest)


@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_validation_rows_of_the_user_are_used_as_they_are(fraction):
    dataset = toy(**TEST, **VAL)
    spec = data_spec(dataset, fraction, opens_test=True)
    assert (spec.n_train, spec.n_val, spec.n_test) == (100, 5, 7)
    parts = {part: x[indices] for part, x, _, indices in rows_of(dataset, spec)}
    np.testing.assert_array_equal(parts["val"], VAL["x_val"])
    assert len(parts["train"]) == 100


def test_held_out_rows_of_a_data_set_with_validation_rows_are_not_trained_on():
    found = rows(toy(**VAL), 0.1)
    assert sorted(np.concatenate([found["train"], found["test"]])) == list(range(100))
    assert len(found["test"]) == 20


@pytest.mark.parametrize("fraction", [0, 1, -0.1, float("nan"), 2])
def test_a_fraction_outside_0_to_1_is_refused(fraction):
    with pytest.raises(ConfigError, match="validation fraction must lie between 0 and 1, got"):
        data_spec(toy(), fraction, opens_test=False)


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_a_fraction_that_leaves_no_row_is_refused(fraction):
    with pytest.raises(ConfigError, match=f"^validation fraction must leave rows .* of the 80 .*, got {fraction}$"):
        data_spec(toy(), fraction, opens_test=False)


def test_the_nominal_split_of_cifar10_is_that_of_the_papers():
    spec = data_spec(PUBLISHED.outline, 0.1, opens_test=False)
    assert (spec.n_train, spec.n_val, spec.n_test) == (45_000, 5_000, 0)
    spec = data_spec(PUBLISHED.outline, 0.02, opens_test=True)
    assert (spec.n_train, spec.n_val, spec.n_test) == (49_000, 1_000, 10_000)
    assert (spec.name, spec.inputs, spec.classes) == ("cifar10", 3072, 10)


@pytest.mark.parametrize("parts", [{}, TEST, VAL, {**TEST, **VAL}])
@pytest.mark.parametrize("opens_test", [False, True])
def test_which_rows_a_stage_sees_does_not_depend_on_the_rows_being_here(parts, opens_test):
    dataset = toy(**parts)
    assert data_spec(dataset.outline, 0.1, opens_test, 7) == data_spec(dataset, 0.1, opens_test, 7)
    assert (dataset.outline.name, dataset.outline.digest) == ("toy", dataset.digest)


def test_rows_become_images_with_the_channels_last():
    image = as_images(np.arange(24)[None], (2, 3, 4))[0]
    assert image.shape == (3, 4, 2)
    assert image[0, 1].tolist() == [1, 13]  # pixel 1 of either channel
    with pytest.raises(ConfigError, match="must be images to be drawn"):
        as_images(np.arange(24)[None], ())
