"""Rank tests: whether scores go with one thing that was varied, whatever the others were; and of how many at once.

Thirds of the values are compared, not a correlation taken: what a search is after is often an optimum in the middle.
"""

from collections.abc import Hashable, Sequence

from pipeline.inference import SIGNIFICANCE

BOUND = f"{SIGNIFICANCE:g}".removeprefix("0")
"""What is beyond noise has a p below it, as sentences and figures write it: ".05"."""


def difference(groups: Sequence[Hashable], scores: Sequence[float]) -> float:
    """Return the p of `scores` (n) that differ between `groups` (n), each the group of a score, as much as these do.

    It is that of Kruskal and Wallis 1952, by chi squared; 1 for one group alone, or scores that are all the same.
    """
    from scipy.stats import kruskal  # noqa: PLC0415  (loads slowly)

    members: dict[Hashable, list[float]] = {}
    for group, score in zip(groups, scores, strict=True):
        members.setdefault(group, []).append(score)
    if len(members) < 2 or len(set(scores)) == 1:
        return 1.0
    return float(kruskal(*members.values()).pvalue)


def thirds(values: Sequence[float]) -> list[int]:
    """Return which third of `values` each lies in, from 0, the lowest; equal values lie in the same, the lower one."""
    from scipy.stats import rankdata  # noqa: PLC0415  (loads slowly)

    below = rankdata(values, method="min") - 1
    thirds: list[int] = (3 * below // len(values)).astype(int).tolist()
    return thirds


def adjusted(ps: Sequence[float]) -> list[float]:
    """Return at least one p, adjusted for their number (Benjamini and Hochberg 1995).

    Of those below a bound, at most that share are false discoveries in the long run.
    """
    from scipy.stats import false_discovery_control  # noqa: PLC0415  (loads slowly)

    return [float(p) for p in false_discovery_control(ps, method="bh")]


def in_words(p: float) -> str:
    """Return a p as sentences and figures write it: "p < .001", "p = .0234", "p = 1"."""
    if p < 0.001:
        return "p < .001"
    return f"p = {f'{p:.4f}'.removeprefix('0') if p < 1 else 1}"
