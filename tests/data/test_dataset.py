"""A Dataset refuses what does not fit together, and is named by its content."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.data import digits
from pipeline.data.dataset import Dataset
from pipeline.errors import DataError

GOOD = Dataset("toy", ("a", "b"), np.arange(12.0).reshape(3, 4), np.array([0, 1, 1]), shape=(1, 2, 2))


def with_value(value):
    x = GOOD.x_train.copy()
    x[1, 2] = value
    return x


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_train": np.array([0, 1, 2])}, r"toy: train: labels must lie in 0..1, got \[2\]"),
        ({"y_train": np.array([0, 1, -1])}, r"labels must lie in 0..1, got \[-1\]"),
        ({"y_train": np.array([0, 1])}, r"must have 3 integer labels, got \(2,\)"),
        ({"y_train": np.array([0.0, 1.0, 1.0])}, "must have 3 integer labels"),
        ({"x_train": with_value(np.nan)}, "pixels must be finite float32 numbers, got"),
        ({"x_train": with_value(np.inf)}, "pixels must be finite float32 numbers, got"),
        ({"x_train": with_value(-1e39)}, "pixels must be finite float32 numbers, got"),
        ({"x_train": np.zeros(3)}, r"must be rows of features, \(B, D\), got \(3,\)"),
        ({"x_train": np.zeros((0, 4)), "y_train": np.zeros(0, int)}, "must be rows of features"),
        ({"x_train": np.zeros((3, 4), np.int32)}, "must hold uint8 or float pixels, got int32"),
        ({"classes": ("a",)}, "must have at least 2 classes, got 1"),
        ({"shape": (3, 2, 2)}, "must have an image shape of 4 pixels"),
        ({"x_val": np.zeros((1, 4))}, "must have both x_val and y_val, got only x_val"),
        ({"y_test": np.zeros(1, int)}, "must have both x_test and y_test, got only y_test"),
        ({"x_val": np.zeros((1, 5)), "y_val": np.zeros(1, int)}, "x_val must have the 4 features"),
        ({"x_test": np.zeros((1, 4), np.uint8), "y_test": np.zeros(1, int)}, "the dtype float64"),
        ({"x_test": np.full((1, 4), np.nan), "y_test": np.zeros(1, int)}, "toy: test: pixels must be finite"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(DataError, match=message):
        replace(GOOD, **changes)


def test_the_digest_is_of_the_content_not_of_how_it_lies_in_memory():
    assert replace(GOOD, x_train=np.asfortranarray(GOOD.x_train)).digest == GOOD.digest
    assert replace(GOOD, x_train=np.repeat(GOOD.x_train, 2, axis=0)[::2]).digest == GOOD.digest


@pytest.mark.parametrize(
    "changes",
    [
        {"x_train": with_value(0.5)},
        {"y_train": np.array([1, 1, 0])},
        {"shape": ()},
        {"shape": (1, 1, 4)},
        {"name": "other"},
        {"classes": ("a", "c")},
        {"x_train": GOOD.x_train.astype(np.float32)},
        {"x_val": GOOD.x_train, "y_val": GOOD.y_train},
    ],
)
def test_any_change_of_content_changes_the_digest(changes):
    assert replace(GOOD, **changes).digest != GOOD.digest


def test_validation_rows_and_test_rows_are_not_confused_by_the_digest():
    as_val = replace(GOOD, x_val=GOOD.x_train, y_val=GOOD.y_train)
    as_test = replace(GOOD, x_test=GOOD.x_train, y_test=GOOD.y_train)
    assert as_val.digest != as_test.digest


def test_folders_of_a_users_file_carry_its_digest_and_no_odd_letters():
    assert GOOD.folder_name == "toy"
    own = replace(GOOD, name="../my data", from_file=True)
    assert own.folder_name == f"-my-data-{own.digest[:8]}"


def test_the_bundled_digits_are_what_scikit_learn_documents():
    dataset = digits.load()
    assert dataset.x_train.shape == (1797, 64)
    assert (dataset.x_train.min(), dataset.x_train.max(), dataset.pixel_range) == (0, 16, (0, 16))
    assert np.bincount(dataset.y_train).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert dataset.x_test is None
    assert dataset.folder_name == "digits"
