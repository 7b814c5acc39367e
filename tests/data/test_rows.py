"""Rows of bytes: standardised the same whenever and beside whichever others, and read like the array that they make."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pipeline.data.cache import open_split, prepare
from pipeline.data.dataset import Dataset
from pipeline.data.rows import BLOCK, ByteRows, gather
from pipeline.data.split import data_spec
from pipeline.data.standardise import moments, standardise, standardised

N, D, CONSTANT = 2 * BLOCK + 7, 12, 5


def pixels():
    """Return bytes (N, D), of which a column never changes."""
    x = np.random.default_rng(3).integers(0, 256, (N, D), np.uint8)
    x[:, CONSTANT] = 9
    return x


RAW = pixels()
MEAN, STD = moments(RAW, np.arange(N))
ROWS = ByteRows.of(RAW, MEAN, STD)
ARRAY = np.asarray(ROWS)


def test_a_byte_is_standardised_in_float32_one_operation_after_the_other():
    mean, scale = np.float32(MEAN), np.float32([0 if std == 0 else 1 / std for std in STD])
    for row, column in itertools.product(range(0, N, 13), range(D)):
        expected = np.float32(np.float32(np.float32(RAW[row, column]) - mean[column]) * scale[column])
        assert ARRAY[row, column] == expected


def test_by_hand():
    rows = ByteRows.of(np.array([[0, 7], [4, 7], [8, 9]], np.uint8), np.array([4.0, 7.0]), np.array([2.0, 0.0]))
    assert np.asarray(rows).tolist() == [[-2, 0], [0, 0], [2, 0]]
    assert (rows.shape, rows.dtype, len(rows)) == ((3, 2), np.float32, 3)


INDICES = [np.arange(N), np.random.default_rng(0).permutation(N), np.array([5, 5, 0]), np.array([], int)]


@pytest.mark.parametrize("indices", INDICES, ids=["all", "in any order", "some, one twice", "none"])
def test_rows_are_the_same_whenever_they_are_standardised_and_in_any_batch(indices):
    for batch in (1, 4, BLOCK, N):
        for start in range(0, max(1, len(indices)), batch):
            some = indices[start : start + batch]
            at_once = np.asarray(standardise(RAW[some], MEAN, STD))
            kept = gather(ROWS, some, np.full((len(some), D), np.nan, np.float32))
            floats = gather(ARRAY, some, np.full((len(some), D), np.nan, np.float32))
            assert at_once.dtype == kept.dtype == ROWS[some].dtype == np.float32
            for found in (at_once, kept, floats, ROWS[some], ROWS[some.tolist()], np.asarray(ROWS)[some]):
                assert_array_equal(found, ARRAY[some])
    for size in (1, 3, 512):
        assert_array_equal(np.concatenate(list(standardised(RAW, np.arange(N), MEAN, STD, size))), ARRAY)


SLICES = [
    slice(None),
    slice(3),
    slice(4, 50),
    slice(50, 4),
    slice(N, None),
    slice(-5, None),
    slice(0, 999),
    slice(2, 90, 7),
]


@pytest.mark.parametrize("part", SLICES, ids=str)
def test_a_slice_is_that_of_the_array_and_a_view_of_the_bytes(part):
    found = ROWS[part]
    assert isinstance(found, ByteRows)
    assert found.pixels.base is not None
    assert np.may_share_memory(found.pixels, RAW) or not len(found)
    assert (len(found), found.shape, found.dtype) == (len(ARRAY[part]), ARRAY[part].shape, ARRAY.dtype)
    assert_array_equal(found, ARRAY[part])
    assert_array_equal(np.asarray(found[1:][:2]), ARRAY[part][1:][:2])


@pytest.mark.parametrize(
    "part",
    [np.arange(N) % 2 == 0, [True, False], np.array([0.0, 1.0]), ["1"]],
    ids=["a mask", "a list of truths", "fractions", "words"],
)
def test_what_is_no_slice_and_no_indices_is_refused(part):
    with pytest.raises(IndexError, match="by a slice or by whole numbers, got "):
        ROWS[part]


def test_it_becomes_an_array_of_any_precision_and_always_a_copy():
    double = np.asarray(ROWS, np.float64)
    assert double.dtype == np.float64
    assert_array_equal(double, ARRAY.astype(np.float64))  # of the float32 numbers
    first, second = np.asarray(ROWS), np.array(ROWS)
    first[...] = 0
    assert_array_equal(second, ARRAY)
    with pytest.raises(ValueError, match="by a copy alone"):
        np.asarray(ROWS, copy=False)


def test_gathering_writes_into_what_it_is_given_and_returns_it():
    for rows in (ROWS, ARRAY):
        out = np.zeros((4, D), np.float32)
        assert gather(rows, np.array([1, 3, 5]), out[:3]).base is out
        assert_array_equal(out, [*ARRAY[[1, 3, 5]], np.zeros(D)])


def test_rows_that_a_split_keeps_are_those_that_standardising_the_data_set_gives(tmp_path: Path):
    dataset = Dataset("toy", ("a", "b"), RAW, np.arange(N) % 2, x_test=RAW[:9], y_test=np.arange(9) % 2)
    split = open_split(prepare(dataset, data_spec(dataset, 0.25, opens_test=True), tmp_path))
    assert_array_equal(split.x_test, standardise(RAW[:9], split.mean, split.std))
    assert dataclasses.is_dataclass(split.x_train)
    assert_array_equal(split.x_train[::2], standardise(split.x_train.pixels, split.mean, split.std)[::2])
