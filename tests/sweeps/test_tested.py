"""What final networks are worth: differences seed by seed, of the seeds whose networks completed."""

import json
import math

import pytest

from sweeps.answers.tested import differences, estimated


def test_differences_are_means_over_the_pairs_that_completed() -> None:
    found = differences({"a - b": ([0.5, None, 0.75], [0.25, 0.5, 0.25])})
    assert list(found) == ["a - b"]
    assert (found["a - b"]["n"], found["a - b"]["mean"]) == (2, pytest.approx(0.375))


def test_where_no_pair_completed_there_is_no_difference_and_json_has_a_word_for_it() -> None:
    found = differences({"a - b": ([0.5, None], [None, 0.25]), "a - c": ([0.5, None], [0.25, None])})
    none = {"sd": None, "low": None, "high": None}
    assert found == {"a - b": {"n": 0, "mean": None} | none, "a - c": {"n": 1, "mean": 0.25} | none}
    json.dumps(found, allow_nan=False)
    assert math.isnan(estimated(found["a - b"]).mean)
