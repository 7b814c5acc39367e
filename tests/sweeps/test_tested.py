"""What final networks are worth: differences seed by seed, of the seeds whose networks completed."""

import pytest

from sweeps.answers.tested import differences


def test_differences_are_means_over_the_pairs_that_completed() -> None:
    found = differences({"a - b": ([0.5, None, 0.75], [0.25, 0.5, 0.25])})
    assert list(found) == ["a - b"]
    assert (found["a - b"]["n"], found["a - b"]["mean"]) == (2, pytest.approx(0.375))


def test_where_no_pair_completed_the_difference_has_no_mean_that_a_file_could_not_hold() -> None:
    assert differences({"a - b": ([0.5, None], [None, 0.25]), "a - c": ([0.5, None], [0.25, None])}) == {
        "a - b": {"n": 0, "mean": None, "sd": None, "low": None, "high": None},
        "a - c": {"n": 1, "mean": 0.25, "sd": None, "low": None, "high": None},
    }
