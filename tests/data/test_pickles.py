"""The restricted reader: reads what the official files are made of, and runs nothing."""

import contextlib
import os
import pickle
import random

import numpy as np
import pytest
from cifar_files import batch, python2, python3

from pipeline.data.pickles import read_batch
from pipeline.errors import DataError

PIXELS, LABELS = batch(1)


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


class Evil:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def mkdir(path: str) -> bytes:
    return b"cos\nmkdir\n(X" + _text(path) + b"tR."


def malicious(path: str) -> dict[str, bytes]:
    """Return pickles that would make the folder `path` if anything in them ran."""
    return {
        "os.mkdir by REDUCE": pickle.dumps({b"data": Evil(os.mkdir, path), b"labels": []}, protocol=2),
        "by protocol 4's STACK_GLOBAL": pickle.dumps(Evil(os.mkdir, path), protocol=4),
        "by INST": b"(X" + _text(path) + b"ios\nmkdir\n.",
        "by OBJ": b"(cos\nmkdir\nX" + _text(path) + b"o.",
        "eval": b"\x80\x02c__builtin__\neval\nX" + _text(f"__import__('os').mkdir({path!r})") + b"\x85R.",
        "a name beside the allowed one": b"\x80\x02cnumpy.core.multiarray\nfromfile\n" + mkdir(path),
        "a dotted name": b"\x80\x02cnumpy\nndarray.tofile\n" + mkdir(path),
        "an extension code": b"\x80\x02\x82\x01.",
        "a persistent id": b"Pevil\n.",
        "after a valid batch": python2(PIXELS, LABELS)[:-1] + mkdir(path),
    }


def _text(text: str) -> bytes:
    return len(text).to_bytes(4, "little") + text.encode()


@pytest.mark.parametrize("kind", malicious("x"))
def test_a_malicious_pickle_is_refused_and_does_nothing(kind, tmp_path):
    target = tmp_path / "made"
    with pytest.raises(DataError, match=r"data_batch_1 must .*, got "):
        read_batch(malicious(str(target))[kind], "data_batch_1", 4)
    assert not target.exists()


def test_the_malicious_pickles_would_work_elsewhere(tmp_path):
    target = tmp_path / "made"
    for kind in ("os.mkdir by REDUCE", "by INST", "by OBJ", "eval", "after a valid batch"):
        content = malicious(str(target))[kind].replace(b"numpy.core.", b"numpy._core.")
        pickle.loads(content, encoding="bytes")  # noqa: S301 - our own bytes
        assert target.is_dir()
        target.rmdir()


def test_hanging_state_on_an_allowed_function_does_not_outlive_the_pickle():
    state = b"\x80\x02c_codecs\nencode\n}X" + _text("__call__") + b"K\x01sb."
    for _ in range(2):
        with pytest.raises(DataError):
            read_batch(state, "data_batch_1", 4)
    assert read_batch(python3(PIXELS, LABELS), "data_batch_1", 4)[1] == LABELS.tolist()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a pickle",
        python2(PIXELS, LABELS)[:500],
        pickle.dumps([1, 2], protocol=2),
        pickle.dumps({b"data": PIXELS}, protocol=2),
        pickle.dumps({b"data": 3, b"labels": []}, protocol=2),
        pickle.dumps({b"data": PIXELS.astype(np.float64), b"labels": []}, protocol=2),
        pickle.dumps({b"data": PIXELS, b"labels": 7}, protocol=2),
        pickle.dumps({b"data": PIXELS, b"labels": ["cat"]}, protocol=2),
        b"\x80\x02}r\xff\xff\xff\x7f.",  # a memo of 2 ** 31 entries
    ],
)
def test_what_is_not_a_batch_is_damaged_data(content):
    with pytest.raises(DataError, match=r"data_batch_1 must .*, got "):
        read_batch(content, "data_batch_1", 4)


@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")  # pickletools, of damaged names
def test_flipped_bytes_give_a_batch_or_one_error_and_nothing_else():
    rng = random.Random(0)  # noqa: S311 - no secret
    whole = python2(PIXELS[:, :8], LABELS)
    for _ in range(2000):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        with contextlib.suppress(DataError):
            pixels, _ = read_batch(bytes(damaged), "data_batch_1", 4)
            assert pixels.dtype == np.uint8
