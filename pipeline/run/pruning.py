"""Which settings go on after a cycle: those with the best means over their replicates, never chosen in mid-cycle."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DIGITS = 9
"""Of a count that a share gives, so that 0.29 of 100 are 29."""

PLACES = 12
"""Of a mean: accuracies are counts / n, and equal ones stay so in whatever order they are added."""


@dataclass(frozen=True)
class Cut:
    """What the end of a cycle leaves: the settings that go on, in plan order, and why each of the others does not."""

    kept: tuple[int, ...]
    reasons: Mapping[int, str]


def dropped(count: int, share: float) -> int:
    """Return how many of `count` settings a share in [0, 1) drops: whole ones, and never the last one."""
    return min(math.floor(round(share * count, DIGITS)), count - 1)


def cut(scores: NDArray[np.float64], share: float, cycle: int, losses: NDArray[np.float64] | None = None) -> Cut:
    """Drop the worst `share` of the settings, as many as `dropped` says.

    Settings are ranked by their mean score over the replicates, of equals (few rows give many) that with the smaller
    mean loss first, then the earlier one. One that has no score in some replicate ranks behind all others and never
    goes on; one at least of the others does.

    Args:
        scores: (L, R), larger is better; nan where a trial diverged or failed.
        share: in [0, 1).
        cycle: the one that has ended, for the words.
        losses: (L, R), of the same trials.
    """
    count = len(scores)
    means = scores.mean(axis=1).round(PLACES)
    lost = np.isnan(means)
    then = np.zeros(count) if losses is None else losses.mean(axis=1).round(PLACES)
    ranked = [int(setting) for setting in np.lexsort((then, -means))]  # nan last
    staying = min(count - dropped(count, share), int((~lost).sum()))
    reasons = {}
    for rank, setting in enumerate(ranked, start=1):
        if lost[setting]:
            where = ", ".join(map(str, np.flatnonzero(np.isnan(scores[setting]))))
            reasons[setting] = f"not ranked after cycle {cycle}: lost in replicate {where}"
        elif rank > staying:
            mean = f"mean validation accuracy {means[setting]:.4f}"
            reasons[setting] = f"rank {rank} of {count} after cycle {cycle}: {mean}"
    return Cut(tuple(sorted(ranked[:staying])), reasons)
