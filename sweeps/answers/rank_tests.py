"""Rank tests: whether scores go with one thing that was varied, whatever the others were; and of how many at once."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.inference import SIGNIFICANCE

BOUND = f"{SIGNIFICANCE:g}".removeprefix("0")
"""What is beyond noise has a p below it, as sentences and figures write it: ".05"."""

RISES, FALLS, PEAKS, DIPS = "rises", "falls", "peaks", "dips"
"""How scores go from the lowest third of the values over the middle one to the highest."""


@dataclass(frozen=True)
class RankTest:
    """What ranks say of scores and one parameter, whatever the others were.

    Attributes:
        shape: RISES, FALLS, PEAKS or DIPS; None for choices, which have no order.
        p: how often parameter and scores that have nothing to do with each other would go together as much.
    """

    shape: str | None
    p: float

    @property
    def is_noise(self) -> bool:
        """Whether chance alone would give as much too often."""
        return self.p >= SIGNIFICANCE


def across_choices(choices: Sequence[Hashable], scores: Sequence[float]) -> RankTest:
    """Return the test that `scores` (n) are as high with one of the `choices` (n) as with another.

    It is that of Kruskal and Wallis 1952, with the p of chi squared. Where one choice alone was made, or the scores are
    all the same, p = 1.
    """
    from scipy.stats import kruskal  # noqa: PLC0415  (loads slowly)

    groups: dict[Hashable, list[float]] = {}
    for choice, score in zip(choices, scores, strict=True):
        groups.setdefault(choice, []).append(score)
    if len(groups) < 2 or len(set(scores)) == 1:
        return RankTest(None, 1.0)
    return RankTest(None, float(kruskal(*groups.values()).pvalue))


def across_thirds(values: Sequence[float], scores: Sequence[float]) -> RankTest:
    """Return the test that `scores` (n) are as high with the lowest third of `values` (n), the middle and the highest.

    Unlike a correlation it sees an optimum in the middle. Fewer than three values, or all the same, have p = 1.
    """
    from scipy.stats import rankdata  # noqa: PLC0415  (loads slowly)

    if len(values) < 3 or len(set(values)) == 1:
        return RankTest(None, 1.0)
    third = np.empty(len(values), int)
    for number, members in enumerate(np.array_split(np.argsort(values, kind="stable"), 3)):
        third[members] = number
    ranks = rankdata(scores)
    low, middle, high = (float(ranks[third == number].mean()) for number in range(3))
    if middle > max(low, high):
        shape = PEAKS
    elif middle < min(low, high):
        shape = DIPS
    else:
        shape = RISES if high > low else FALLS
    return RankTest(shape, across_choices(third.tolist(), scores).p)


def adjusted(tests: Sequence[RankTest]) -> list[RankTest]:
    """Return the tests with p adjusted for their number, at least one (Benjamini and Hochberg 1995).

    Of those below a bound, at most that share are false discoveries in the long run.
    """
    from scipy.stats import false_discovery_control  # noqa: PLC0415  (loads slowly)

    every = false_discovery_control([each.p for each in tests], method="bh")
    return [replace(each, p=float(p)) for each, p in zip(tests, every, strict=True)]
