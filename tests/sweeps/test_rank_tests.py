"""Rank tests, by numbers worked by hand: Kruskal and Wallis over choices and thirds; Benjamini and Hochberg."""

import math
import warnings

import pytest

from sweeps.answers.rank_tests import DIPS, FALLS, PEAKS, RISES, RankTest, across_choices, across_thirds, adjusted


def test_two_choices_by_hand() -> None:
    """Ranks 1, 2 and 3, 4: H = 12 / (4 * 5) * (3^2 / 2 + 7^2 / 2) - 3 * 5 = 2.4, whose p with one degree is erfc."""
    found = across_choices(["a", "a", "b", "b"], [0.1, 0.2, 0.3, 0.4])
    assert found == RankTest(None, pytest.approx(math.erfc(math.sqrt(2.4 / 2))))
    assert across_choices(["b", "a", "b", "a"], [0.3, 0.1, 0.4, 0.2]) == found  # whatever they are called, in any order


def test_thirds_by_hand() -> None:
    """Ranks 1, 2 and 3, 4 and 5, 6: H = 12 / (6 * 7) * (9 + 49 + 121) / 2 - 3 * 7 = 32 / 7; p = exp(-H / 2)."""
    values = [60, 10, 30, 20, 50, 40]
    expected = pytest.approx(math.exp(-16 / 7))
    assert across_thirds(values, values) == RankTest(RISES, expected)
    assert across_thirds(values, [-value for value in values]) == RankTest(FALLS, expected)


@pytest.mark.parametrize(("middle", "shape"), [(1, PEAKS), (-1, DIPS)])
def test_an_optimum_in_the_middle_is_seen(middle: int, shape: str) -> None:
    values = list(range(30))
    found = across_thirds(values, [value % 10 / 100 + middle * (10 <= value < 20) for value in values])
    assert found.shape == shape
    assert not found.is_noise


@pytest.mark.parametrize("scores", [[0.5] * 6, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]])
def test_what_does_not_vary_shows_nothing(scores: list[float]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert across_choices(["a"] * 6, scores) == RankTest(None, 1.0)
        assert across_thirds([3.0] * 6, scores) == RankTest(None, 1.0)
        assert across_thirds([1.0, 2.0], [0.1, 0.9]).p == 1
        assert across_choices(list("ababab"), [0.5] * 6).p == 1
        assert across_thirds([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [0.5] * 6).p == 1


def test_p_are_adjusted_for_their_number_by_hand() -> None:
    """Sorted p times n / rank, from the largest down never rising: .01 * 4, .03 * 2, .04 * 4 / 3, .8."""
    tests = [RankTest(None, 0.04), RankTest(RISES, 0.01), RankTest(FALLS, 0.8), RankTest(PEAKS, 0.03)]
    assert [each.p for each in adjusted(tests)] == pytest.approx([0.16 / 3, 0.04, 0.8, 0.16 / 3])
    assert [each.shape for each in adjusted(tests)] == [None, RISES, FALLS, PEAKS]
    assert [each.is_noise for each in adjusted(tests)] == [True, False, True, True]
