"""The restricted reader: reads what the official files are made of, and runs nothing."""

import contextlib
import pickle
import random

import numpy as np
import pytest
from cifar_files import batch, python2, python3
from hypothesis import given
from hypothesis import strategies as st
from pickle_table import VALID, harmless, running
from pickles import flipped, read_or_refused, refused

from pipeline.data.pickles import read_batch

PIXELS, LABELS = batch(1)

WORDS = [bytes([code]) for code in range(256)] + [
    b"K\x01",
    b"U\x04data",
    b"U\x06labels",
    b"cnumpy\ndtype\n",
    b"q\x00",
    b"h\x00",
]
"""What random programs are made of: every instruction, and some with what they are given."""


@pytest.mark.parametrize("writer", [python2, python3])
def test_batches_of_python_2_and_of_today_read_the_same(writer):
    pixels, labels = read_batch(writer(PIXELS, LABELS), "data_batch_1", 4)
    np.testing.assert_array_equal(pixels, PIXELS)
    assert labels == LABELS.tolist()


def test_the_hand_made_python_2_pickle_is_what_pickle_itself_understands():
    loaded = pickle.loads(  # noqa: S301 - our own bytes
        python2(PIXELS, LABELS).replace(b"numpy.core.multiarray", b"numpy._core.multiarray"), encoding="bytes"
    )
    np.testing.assert_array_equal(loaded[b"data"], PIXELS)
    assert b"T" + (PIXELS.size).to_bytes(4, "little") in python2(PIXELS, LABELS)  # BINSTRING


def test_an_array_stored_column_by_column_keeps_its_rows():
    pixels, _ = read_batch(python3(np.asfortranarray(PIXELS), LABELS), "data_batch_1", 4)
    np.testing.assert_array_equal(pixels, PIXELS)


def test_the_table_is_long_enough_and_its_names_are_different():
    ran, harmed = running("x"), harmless()
    assert len(ran) >= 30
    assert len(harmed) >= 150
    assert not ran.keys() & harmed.keys()


@pytest.mark.parametrize("name", harmless())
def test_a_malformed_pickle_is_refused_in_one_line_and_little_memory(name, tmp_path):
    assert refused(harmless()[name], tmp_path / "made") == ""


@pytest.mark.parametrize("name", running("x"))
def test_a_malicious_pickle_does_nothing_here_and_would_have_run_elsewhere(name, tmp_path):
    target = tmp_path / "made"
    content = running(str(target))[name]
    assert refused(content, target) == ""
    with contextlib.suppress(Exception):  # of what follows the payload
        pickle.loads(content.replace(b"numpy.core.", b"numpy._core."), encoding="bytes")  # noqa: S301 - our own bytes
    assert target.is_dir()


@given(st.integers(1, 5), st.integers(1, 9), st.randoms(use_true_random=False), st.sampled_from([python2, python3]))
def test_what_was_written_is_read(rows, columns, rng, writer):
    pixels = np.array([rng.randrange(256) for _ in range(rows * columns)], np.uint8).reshape(rows, columns)
    labels = np.array([rng.randrange(10) for _ in range(rows)], np.uint8)
    read, read_labels = read_batch(writer(pixels, labels), "data_batch_1", rows)
    np.testing.assert_array_equal(read, pixels)
    assert read_labels == labels.tolist()


@given(st.binary(max_size=300) | st.lists(st.sampled_from(WORDS), max_size=60).map(b"".join))
def test_any_bytes_are_a_batch_or_one_error(content):
    assert read_or_refused(content) == ""


def test_flipped_bytes_give_a_batch_or_one_error_and_nothing_else():
    rng = random.Random(0)  # noqa: S311 - no secret
    for _ in range(2000):
        assert read_or_refused(flipped(VALID, rng)) == ""
