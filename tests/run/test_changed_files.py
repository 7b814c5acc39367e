"""Stored files with bytes changed, and files of others in their place: as they were, or one line."""

import random
from pathlib import Path

import pytest
import rig
import stored
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored import FOREIGN_TEXTS, Stored, foreign_checkpoints, mutated, outcome_of, trouble_with

from pipeline.data import open_split
from pipeline.errors import DataError
from pipeline.run import checkpoints
from pipeline.run.worker import compute, read_outcome

NAMES = (
    *("plain.npz", "packed.npz", "images", "images.gz", "MNIST's labels", "checkpoint", "outcome", "network"),
    *("cached split.json", "cached x_train.npy", "cached y_val.npy", "cached mean.npy"),
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Stored, bytes, object]]:
    """Every kind of file, its bytes, and what is read from it."""
    found = stored.files(tmp_path_factory.mktemp("stored"))
    return {name: (file, file.path.read_bytes(), file.read()) for name, file in found.items()}


def test_every_kind_of_file_is_tried(files: dict) -> None:
    assert tuple(files) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_file_is_read_as_it_was_or_refused_in_one_line(name: str, files: dict) -> None:
    file, whole, truth = files[name]
    try:
        for seed in range(4 if file.slow else 60):
            assert trouble_with(file, mutated(whole, random.Random(seed)), truth) == "", seed  # noqa: S311 - no secret
    finally:
        file.path.write_bytes(whole)


FAST = [name for name in NAMES if not name.startswith("cached")]


@settings(suppress_health_check=list(HealthCheck))
@given(st.sampled_from(FAST), st.binary(max_size=200), st.floats(0, 1), st.floats(0, 1))
def test_any_bytes_in_the_place_of_some_are_read_as_they_were_or_refused_in_one_line(
    files: dict, name: str, bytes_: bytes, start: float, length: float
) -> None:
    file, whole, truth = files[name]
    at = round(start * len(whole))
    end = at + round(length * (len(whole) - at))
    try:
        assert trouble_with(file, whole[:at] + bytes_ + whole[end:], truth) == ""
    finally:
        file.path.write_bytes(whole)


def test_the_harness_notices_other_values_and_other_errors(tmp_path: Path) -> None:
    path = tmp_path / "x"
    assert trouble_with(Stored(path, path.read_bytes), b"b", b"a") == "something else was read, without a word"
    assert trouble_with(Stored(path, path.read_bytes), b"a", b"a") == ""
    assert trouble_with(Stored(path, lambda: 1 / 0), b"", None).startswith("ZeroDivisionError")
    kinds = {len(mutated(bytes(500), random.Random(seed))) for seed in range(50)}  # noqa: S311 - no secret
    assert min(kinds) < 500 < max(kinds)


@pytest.mark.parametrize("name", FOREIGN_TEXTS)
def test_a_text_with_its_digest_that_is_no_outcome_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / "outcome.json"
    path.write_bytes(outcome_of(FOREIGN_TEXTS[name]))
    with pytest.raises(DataError) as caught:
        read_outcome(path)
    assert "\n" not in str(caught.value)
    assert ", got " in str(caught.value)


def test_a_foreign_file_in_the_place_of_a_checkpoint_is_refused_in_one_line_and_not_gone_on_from(
    tmp_path: Path,
) -> None:
    item = rig.task(tmp_path / "run", cycles=2)
    split = open_split(rig.split_of(item, tmp_path / "cache"))
    expected = compute(item, split)
    foreign = foreign_checkpoints(tmp_path, stored.about(item.checkpoint))
    for name, path in foreign.items():
        item.checkpoint.write_bytes(path.read_bytes())
        with pytest.raises(DataError) as caught:
            checkpoints.read(item)
        assert "\n" not in str(caught.value), name
        assert ", got " in str(caught.value), name
    assert compute(item, split).records == expected.records
