"""What may be said of shares: intervals, Fisher's test, and what guessing explains, each against its source."""

import math

import pytest
from scipy import stats

from pipeline.inference import above_chance, share_interval, shares_differ


@pytest.mark.parametrize(
    ("a", "n", "b", "m", "p"),
    [
        (3, 4, 1, 4, 34 / 70),  # the lady tasting tea (Fisher 1935): (16 + 1) / 70 on either side
        (5, 10, 1, 10, 0.1409),
        (1, 10, 0, 10, 1.0),
        (5, 10, 0, 10, 2 * 252 / 15504),  # C(10, 5) / C(20, 5)
        (16, 16, 16, 16, 1.0),
    ],
)
def test_two_shares_differ_by_fishers_exact_test_which_has_no_side(a, n, b, m, p):
    assert shares_differ(a, n, b, m) == pytest.approx(p, rel=1e-3)
    assert shares_differ(b, m, a, n) == pytest.approx(p, rel=1e-3)


def test_more_counted_than_there_are_cases_is_refused():
    with pytest.raises(ValueError, match="nonnegative"):
        shares_differ(3, 2, 0, 2)


@pytest.mark.parametrize(
    ("successes", "n", "expected"),
    [
        (0, 5, (0.0, 0.4345)),  # 1.95996^2 / (5 + 1.95996^2) = 3.8415 / 8.8415
        (5, 5, (0.5655, 1.0)),
        (2, 5, (0.1176, 0.7693)),  # centre (2 + 1.9207) / 8.8415 = .44345, half 1.95996 sqrt(1.2 + .9604) / 8.8415
        (81, 263, (0.2553, 0.3662)),  # Newcombe 1998, table I, method 3
        (1, 29, (0.0061, 0.1718)),
        (0, 20, (0.0, 0.1611)),
    ],
)
def test_the_interval_of_a_share_is_that_of_wilson(successes, n, expected):
    assert share_interval(successes, n) == pytest.approx(expected, abs=5e-5)


def test_the_interval_of_a_share_solves_the_equation_that_defines_it():
    """Wilson's bounds p are those whose own standard error puts the share z = 2.575829 of them away, for 99 %."""
    for p in share_interval(7, 31, level=0.99):
        assert abs(7 / 31 - p) / math.sqrt(p * (1 - p) / 31) == pytest.approx(2.575829, rel=1e-6)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_a_share_of_nothing_or_of_more_than_all_is_refused(successes, n):
    with pytest.raises(ValueError, match=f"successes must lie .*, got {successes} of {n}"):
        share_interval(successes, n)


@pytest.mark.parametrize("n", [10, 300, 10_000])
@pytest.mark.parametrize("chance", [0.1, 0.25, 0.5])
def test_an_escape_is_what_guessing_reaches_once_in_a_thousand(n, chance):
    first = next(right for right in range(n + 1) if above_chance(right / n, chance, n))
    by_guessing = [math.comb(n, k) * chance**k * (1 - chance) ** (n - k) for k in range(n + 1)] if n < 1000 else None
    tail = math.fsum(by_guessing[first:]) if by_guessing else stats.binom.sf(first - 1, n, chance)
    before = math.fsum(by_guessing[first - 1 :]) if by_guessing else stats.binom.sf(first - 2, n, chance)
    assert tail <= 0.001 < before
    assert not above_chance(chance, chance, n)
    assert [above_chance(right / n, chance, n) for right in range(n + 1)] == [right >= first for right in range(n + 1)]


@pytest.mark.parametrize(
    ("correct", "n", "escaped"),
    [
        (1093, 10_000, False),  # 3.1 standard deviations, sqrt(10000 * .1 * .9) = 30, above chance: P = .00109
        (1095, 10_000, True),
        (1000, 10_000, False),
        (0, 10_000, False),
        (4, 4, True),  # P = .0001
        (2, 2, False),  # P = .01
    ],
)
def test_the_line_of_an_escape_from_a_chance_of_one_in_ten(correct, n, escaped):
    assert above_chance(correct / n, 0.1, n) is escaped


def test_where_guessing_is_always_right_or_always_wrong():
    assert not above_chance(1.0, 1.0, 50)
    assert not above_chance(0.0, 0.0, 50)
    assert above_chance(0.02, 0.0, 50)
