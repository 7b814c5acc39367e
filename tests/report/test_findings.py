"""Findings are made from numbers alone: turn the numbers round and the sentences turn with them."""

import math

import pytest

from pipeline.inference import Estimate, paired_difference
from pipeline.report.findings import effect


def test_an_interval_above_zero_is_a_rise_in_points() -> None:
    assert effect("Batch norm", "at σ = 0.1", Estimate(5, 0.0052, 0.0025, 0.0021, 0.0083)) == (
        "Batch norm raised the test accuracy at σ = 0.1 by 0.52 points (95 % interval 0.21 to 0.83, 5 pairs of seeds)."
    )


def test_the_same_interval_below_zero_is_a_fall_of_the_same_size() -> None:
    assert effect("Batch norm", "at σ = 0.1", Estimate(5, -0.0052, 0.0025, -0.0083, -0.0021)) == (
        "Batch norm lowered the test accuracy at σ = 0.1 by 0.52 points (95 % interval 0.21 to 0.83, 5 pairs of seeds)."
    )


@pytest.mark.parametrize("ends", [(-0.003, 0.005), (0.0, 0.005), (-0.005, 0.0)])
def test_an_interval_that_holds_zero_is_within_noise(ends: tuple[float, float]) -> None:
    assert effect("Batch norm", "at σ = 0.1", Estimate(5, 0.001, 0.002, *ends)) == (
        "The effect of batch norm on the test accuracy at σ = 0.1 is within noise: +0.10 points "
        f"(95 % interval {100 * ends[0]:+.2f} to {100 * ends[1]:+.2f}, 5 pairs of seeds)."
    )


def test_one_pair_gives_no_interval_and_so_no_verdict() -> None:
    sentence = effect("Batch norm", "at σ = 0.1", paired_difference([0.5], [0.1]))
    assert sentence == (
        "Batch norm changed the test accuracy at σ = 0.1 by +40.00 points; one pair of seeds gives no interval."
    )


def test_pairs_whose_interval_would_mislead_give_none() -> None:
    sentence = effect("Batch norm", "at σ = 0.1", Estimate(3, -0.2, 0.1))
    assert "by -20.00 points; these 3 pairs of seeds give no interval." in sentence


def test_without_a_pair_there_is_nothing_to_say() -> None:
    sentence = effect("Batch norm", "at σ = 0.1", Estimate(0, math.nan))
    assert sentence == "No pair of seeds completed to show the effect of batch norm on the test accuracy at σ = 0.1."
