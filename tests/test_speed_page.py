"""What the README says of speed is what the stored race and the stored cost curves say."""

from pathlib import Path

import pandas as pd
import pytest
from costs import Point
from costs_table import costs
from peers import CONTESTANTS
from race_table import Standing, standings
from spread import Spread

ROOT = Path(__file__).resolve().parents[1]
RACE, COSTS = ROOT / "docs" / "race-cifar10", ROOT / "docs" / "costs-cifar10"
README = (ROOT / "README.md").read_text()
SAMPLES = pd.read_csv(RACE / "race.csv")
UNPINNED = "without OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE"
STANDINGS = standings(SAMPLES, UNPINNED)


def words() -> str:
    return " ".join(README.split())


@pytest.mark.parametrize("standing", STANDINGS, ids=lambda standing: standing.name)
def test_the_readme_has_the_row_of_every_contestant(standing: Standing) -> None:
    assert (
        f"| {standing.label} | {standing.rate:.2f} ({standing.low:.2f} to {standing.high:.2f}) "
        f"| {standing.ratio:.2f} ({standing.ratio_low:.2f} to {standing.ratio_high:.2f}) | {standing.memory_mb:.0f} "
        f"| {100 * (standing.val_accuracy or 0):.2f} |"
    ) in README


def test_everybody_raced_as_often_as_the_readme_says() -> None:
    assert {standing.name for standing in STANDINGS} == set(CONTESTANTS)
    assert {standing.n for standing in STANDINGS} == {3}
    assert "Medians and ranges of 3 rounds" in words()


def test_the_whole_searches_took_as_long_as_the_readme_says() -> None:
    ours, halved, peer = (round(seconds) for seconds in pd.read_csv(RACE / "whole-search.csv")["seconds"])
    assert f"took {ours} s from start to end, {halved} s where the worse half was dropped after a cycle" in words()
    assert f"Optuna with PyTorch in 2 processes {peer} s for the same trials (one run each)" in words()


def test_jax_is_faster_only_where_openblas_is_pinned() -> None:
    def faster(environment: str) -> bool:
        rate = {standing.name: standing.rate for standing in standings(SAMPLES, environment)}
        return rate["jax"] > rate["packed"]

    assert faster("as found")
    assert not faster(UNPINNED)


def test_openblas_is_half_as_fast_where_it_is_pinned() -> None:
    peaks = SAMPLES.groupby("environment")["sgemm"].median()
    assert round(peaks["as found"] / peaks[UNPINNED], 1) == 0.5


def test_the_shares_of_sgemm_are_those_of_the_cost_curves() -> None:
    found = costs(pd.read_csv(COSTS / "costs.csv"))
    alone, busy, single = (found[point.key].share for point in (Point(8), Point(8, workers=2), Point(1, workers=2)))

    def share(of: Spread) -> str:
        return f"{of.median:.0f} % ({of.low:.0f} to {of.high:.0f})"

    assert (
        f"Packs of 8 train at {share(alone)} of what SGEMM does on one core, at {share(busy)} with both cores busy; "
        f"single networks at {share(single)}."
    ) in words()
