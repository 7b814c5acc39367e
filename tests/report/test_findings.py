"""Sentences about effects and accuracies, each in each of its directions."""

import math

import pytest

from pipeline.inference import SHARE_DIFFERENCE, Estimate, mean_interval, paired_difference
from pipeline.report.escape import Effect
from pipeline.report.findings import accuracy, effect, seen, trained


def test_an_interval_above_zero_is_a_rise_in_points() -> None:
    assert effect("batch norm", "at σ = 0.1", Estimate(5, 0.0052, 0.0025, 0.0021, 0.0083)) == (
        "Batch norm raised the test accuracy at σ = 0.1 by 0.52 points (95 % interval 0.21 to 0.83, 5 pairs of seeds)."
    )


def test_the_same_interval_below_zero_is_a_fall_of_the_same_size() -> None:
    assert effect("batch norm", "at σ = 0.1", Estimate(5, -0.0052, 0.0025, -0.0083, -0.0021)) == (
        "Batch norm lowered the test accuracy at σ = 0.1 by 0.52 points (95 % interval 0.21 to 0.83, 5 pairs of seeds)."
    )


@pytest.mark.parametrize("ends", [(-0.003, 0.005), (0.0, 0.005), (-0.005, 0.0)])
def test_an_interval_that_holds_zero_is_within_noise(ends: tuple[float, float]) -> None:
    assert effect("batch norm", "at σ = 0.1", Estimate(5, 0.001, 0.002, *ends)) == (
        "The effect of batch norm on the test accuracy at σ = 0.1 is within noise: +0.10 points "
        f"(95 % interval {100 * ends[0]:+.2f} to {100 * ends[1]:+.2f}, 5 pairs of seeds)."
    )


def test_one_pair_gives_its_difference_and_no_verdict() -> None:
    assert effect("batch norm", "at σ = 0.1", paired_difference([0.5], [0.1])) == (
        "The effect of batch norm on the test accuracy at σ = 0.1 is known from one pair of seeds, which differed by "
        "+40.00 points."
    )


@pytest.mark.parametrize(("before", "points"), [((0.3914, 0.4914), "-10.86"), ((0.6, 0.7), "+10.00")])
def test_pairs_that_differ_by_the_same_have_no_interval(before: tuple[float, float], points: str) -> None:
    assert effect("batch norm", "at σ = 0.1", paired_difference(before, [0.5, 0.6])) == (
        f"The effect of batch norm on the test accuracy at σ = 0.1 was the same, {points} points, in both pairs of "
        "seeds."
    )


def test_a_mean_of_several_pairs_without_an_interval_is_never_worded() -> None:
    with pytest.raises(ValueError, match="must have an interval"):
        effect("batch norm", "at σ = 0.1", Estimate(3, -0.2, 0.1))


def test_differences_in_two_heaps_are_listed() -> None:
    assert seen("batch norm", "at σ = 0.1", Effect((0.43, -0.002), mixed=True)) == (
        "Some seeds escaped chance level and others did not, so that the effect of batch norm on the test accuracy at "
        "σ = 0.1 lies in two heaps: seed by seed +43.00 and -0.20 points."
    )
    assert "one pair of seeds, which differed by +43.00" in seen("batch norm", "", Effect((0.43,), mixed=True))
    assert seen("batch norm", "x", Effect((0.1, 0.12), mixed=False)) == effect(
        "batch norm", "x", paired_difference([0.1, 0.12], [0, 0], SHARE_DIFFERENCE)
    )


def test_an_accuracy_has_an_interval_where_seeds_differ() -> None:
    assert accuracy(mean_interval([0.52, 0.54])) == "53.00 % (95 % interval 40.29 to 65.71, n = 2)"
    assert accuracy(mean_interval([0.1, 0.1])) == "10.00 % (the same with both seeds)"
    assert accuracy(mean_interval([0.5])) == "50.00 % (n = 1)"


def test_batch_norm_is_named_by_its_place_where_there_are_several() -> None:
    assert [trained(norm, ("none", "after")) for norm in ("none", "after")] == ["without batch norm", "with batch norm"]
    assert trained("after", ("before", "after")) == "with batch norm after the activation"


def test_without_a_pair_there_is_nothing_to_say() -> None:
    sentence = effect("batch norm", "at σ = 0.1", Estimate(0, math.nan))
    assert sentence == "No pair of seeds completed to show the effect of batch norm on the test accuracy at σ = 0.1."
