"""What was typed, flag by flag; and that a refusal names no more flags than it takes."""

from collections.abc import Sequence

import pytest

from pipeline.errors import ConfigError, require
from sweeps.typed import blamed, by_flag, check


@pytest.mark.parametrize(
    ("line", "groups"),
    [
        ("", []),
        ("3 --a", [("3",), ("--a",)]),
        ("--a 1 -2 -1e-3 -inf --b=4 5 -c", [("--a", "1", "-2", "-1e-3", "-inf"), ("--b=4", "5"), ("-c",)]),
    ],
)
def test_negative_numbers_are_values_and_all_else_with_a_hyphen_is_a_flag(line: str, groups: list[object]) -> None:
    assert by_flag(line.split()) == groups


@pytest.mark.parametrize("line", ["--a 1 --b 1", "--a 1 1 --aa 1", "3 3"])
def test_what_is_said_once_is_taken(line: str) -> None:
    check(line.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--a", "1", "--b", "--a=2"], "--a must be given once, got '1 and 2'"),
        (["--a-b", "1", "--a_b", "1"], "--a-b must be given once, got '1 and 1'"),
        (["--a", ""], "--a must not be empty, got ''"),
        (["--a="], "--a must not be empty, got ''"),
    ],
)
def test_what_would_be_ignored_or_is_empty_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        check(words)
    assert str(refusal.value) == message


def attempt(words: Sequence[str]) -> None:
    """Refuse --low above --high, which without them are 1 and 10, and any --bad."""
    given = {flag: int(values[0]) if values else 0 for flag, *values in by_flag(words)}
    low, high = given.get("--low", 1), given.get("--high", 10)
    require(low <= high, "range", "must be ordered", (low, high))
    require("--bad" not in given, "it", "must be good", "bad")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--seed 3 --low 20 --jobs 4", "--low: range must be ordered, got (20, 10)"),
        ("--low 7 --seed 3 --high 5", "--low, --high: range must be ordered, got (7, 5)"),
        ("--bad --seed 3", "--bad: it must be good, got 'bad'"),
        ("--bad --low 20", "--low: range must be ordered, got (20, 10)"),  # the first that is found
        ("--seed 3", "of something else"),  # which no flags bring back
    ],
)
def test_a_refusal_names_the_fewest_flags_that_are_refused_likewise(line: str, message: str) -> None:
    error = ConfigError("of something else")
    try:
        attempt(line.split())
    except ConfigError as found:
        error = found
    assert str(blamed(error, line.split(), attempt)) == message
