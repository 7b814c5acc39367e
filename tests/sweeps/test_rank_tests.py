"""Rank tests, by numbers worked by hand: Kruskal and Wallis over choices and thirds; Benjamini and Hochberg."""

import math
import warnings

import pytest

from sweeps.answers.rank_tests import adjusted, difference, in_words, thirds


def test_two_groups_by_hand() -> None:
    """Ranks 1, 2 and 3, 4: H = 12 / (4 * 5) * (3^2 / 2 + 7^2 / 2) - 3 * 5 = 2.4, whose p with one degree is erfc."""
    expected = pytest.approx(math.erfc(math.sqrt(2.4 / 2)))
    assert difference(["a", "a", "b", "b"], [0.1, 0.2, 0.3, 0.4]) == expected
    assert difference(["b", "a", "b", "a"], [0.3, 0.1, 0.4, 0.2]) == expected  # whatever they are called, in any order


def test_three_groups_by_hand() -> None:
    """Ranks 1, 2 and 3, 4 and 5, 6: H = 12 / (6 * 7) * (9 + 49 + 121) / 2 - 3 * 7 = 32 / 7; p = exp(-H / 2)."""
    assert difference([2, 0, 1, 0, 2, 1], [60, 10, 30, 20, 50, 40]) == pytest.approx(math.exp(-16 / 7))


def test_groups_that_do_not_differ_or_are_one_show_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert difference(["a"] * 6, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]) == 1
        assert difference(list("ababab"), [0.5] * 6) == 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([60, 10, 30, 20, 50, 40], [2, 0, 1, 0, 2, 1]),
        ([1, 2, 3, 4, 5, 6, 7], [0, 0, 0, 1, 1, 2, 2]),  # what is left over goes to the lower ones
        ([5.0, 5.0, 5.0, 7.0], [0, 0, 0, 2]),  # equal values stay together
    ],
)
def test_thirds_by_hand(values: list[float], expected: list[int]) -> None:
    assert thirds(values) == expected


def test_p_are_adjusted_for_their_number_by_hand() -> None:
    """Sorted p times n / rank, from the largest down never rising: .01 * 4, .03 * 2, .04 * 4 / 3, .8."""
    assert adjusted([0.04, 0.01, 0.8, 0.03]) == pytest.approx([0.16 / 3, 0.04, 0.8, 0.16 / 3])


@pytest.mark.parametrize(
    ("p", "said"), [(0.0004, "p < .001"), (0.0499, "p = .0499"), (0.5, "p = .5000"), (1.0, "p = 1")]
)
def test_p_in_words(p: float, said: str) -> None:
    assert in_words(p) == said
