"""What sections say in common: one cell of a table for every kind of estimate, and what intervals leave out."""

import pytest

from pipeline.inference import mean_interval
from pipeline.report.escape import Cell, Effect, Seed
from pipeline.spec import InitSpec
from sweeps.answers.wording import attained, changed, counted, intervals, reached


def cell(*accuracies: float) -> Cell:
    seeds = tuple(Seed(place, accuracy, accuracy > 0.1, None) for place, accuracy in enumerate(accuracies))
    return Cell(InitSpec(), "none", seeds, 0, 0, 450, windowed=False)


@pytest.mark.parametrize(
    ("accuracies", "shown"),
    [
        ((0.52, 0.54), "53.00 (40.29 to 65.71)"),  # t(.975, 1) = 12.706 times .01
        ((0.1, 0.1), "10.00 (all alike)"),
        ((0.1, 0.54), "10.00, 54.00"),
        ((0.5,), "50.00"),
        ((), "–"),
    ],
)
def test_a_table_shows_an_interval_only_where_there_is_one(accuracies: tuple[float, ...], shown: str) -> None:
    assert attained(cell(*accuracies)) == shown
    if not cell(*accuracies).mixed:
        assert reached(mean_interval(accuracies)) == shown


@pytest.mark.parametrize(
    ("differences", "mixed", "shown"),
    [
        ((0.01, -0.01), False, "+0.00 (-12.71 to +12.71)"),
        ((0.01, 0.01), False, "+1.00 (all alike)"),
        ((0.01, 0.43), True, "two heaps"),
        ((-0.01,), True, "-1.00"),
        ((), False, "–"),
    ],
)
def test_a_table_shows_no_mean_of_differences_in_two_heaps(
    differences: tuple[float, ...], mixed: bool, shown: str
) -> None:
    assert changed(Effect(differences, mixed)) == shown


def test_what_the_choice_of_test_rows_adds_is_that_of_the_share_nearest_to_one_half() -> None:
    text = intervals([cell(), cell(0.1), cell(0.5), cell(0.9)], 10_000)  # 1.96 sqrt(.25 / 10000) = .0098
    assert text.endswith("1 in 20 misses); the choice of these 10,000 test rows adds about ±1.0 points.")
    assert "test rows" not in intervals([cell()], 10_000)


def test_things_are_counted_in_words() -> None:
    assert [counted(count, "seed") for count in (1, 2)] == ["1 seed", "2 seeds"]
