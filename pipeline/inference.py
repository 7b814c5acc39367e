"""What the numbers allow one to say: intervals, the layout setting + replicate, the interval rule, one standard error.

Scores are arrays of shape (L, R): L settings (values of one parameter, increasing) by R replicates (pairs of seeds),
larger is better. A cell that is not finite is a run that diverged or failed: its whole setting counts as outside and
is left out of every average. All functions are pure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtrc, ndtri, stdtrit

Floats: TypeAlias = NDArray[np.float64]
Edge: TypeAlias = Literal["low", "high"]

INTERVAL_LEVEL = 0.95
"""The quantile of Student's t in the interval rule (one-sided), as in DESIGN, "Statistics"."""

ESCAPE_PROBABILITY = 0.001
"""How often guessing may look like an escape from chance level, at most."""

SIGNIFICANCE = 0.05
"""A difference that chance alone would make more often than this is within noise."""

ROUNDING = 1e-12
"""Means that differ by less than this part of the largest score are equal: accuracies are counts / n."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its spread and its interval; `mean` is nan for n = 0, the others are None for n < 2."""

    n: int
    mean: float
    sd: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def constant(self) -> bool:
        """Whether two or more values are all the same: no spread from which an interval could be made."""
        return self.sd is not None and self.sd <= ROUNDING * max(1.0, abs(self.mean))


UNBOUNDED = (-math.inf, math.inf)
SHARE = (0.0, 1.0)
SHARE_DIFFERENCE = (-1.0, 1.0)
"""The values that anything, an accuracy, and a difference of accuracies can have."""


def mean_interval(values: Sequence[float], level: float = 0.95, bounds: tuple[float, float] = UNBOUNDED) -> Estimate:
    """Return the mean of independent `values` with its two-sided t interval.

    The interval is mean -+ t((1 + level) / 2, n - 1) * sd / sqrt(n), where sd divides by n - 1, cut off at `bounds`:
    from two seeds it would often reach beyond what is possible.

    Raises:
        ValueError: a value is not finite; diverged runs are counted elsewhere, never averaged.
    """
    x = np.asarray(values, dtype=np.float64)
    if not np.isfinite(x).all():
        raise ValueError(f"values to average must be finite, got {x.tolist()}")
    n = len(x)
    if n < 2:
        return Estimate(n, float(x[0]) if n else math.nan)
    mean, sd = float(x.mean()), float(x.std(ddof=1))
    half = predicted_half_width(sd, n, level)
    return Estimate(n, mean, sd, max(mean - half, bounds[0]), min(mean + half, bounds[1]))


def paired_difference(
    a: Sequence[float | None], b: Sequence[float | None], bounds: tuple[float, float] = UNBOUNDED
) -> Estimate:
    """Return the mean difference a - b over the pairs that have both, with its two-sided 95 % t interval.

    The interval is cut off at `bounds`, as in `mean_interval`.
    """
    pairs = zip(a, b, strict=True)
    return mean_interval([x - y for x, y in pairs if x is not None and y is not None], bounds=bounds)


def predicted_half_width(sd: float, n: int, level: float = 0.95) -> float:
    """Return half the width of the t interval of `n` values of standard deviation `sd`; infinite for n < 2."""
    if n < 2:
        return math.inf
    return t_quantile((1 + level) / 2, n - 1) * sd / math.sqrt(n)


def binomial_half_width(share: float, n: int, level: float = 0.95) -> float:
    """Return half the width of the normal interval of a share observed in `n` cases."""
    return float(ndtri((1 + level) / 2)) * math.sqrt(share * (1 - share) / n)


def share_interval(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of the probability behind `successes` in `n` independent cases (Wilson 1927).

    Unlike the normal interval it has a width when none or all succeed.

    Raises:
        ValueError: there are no cases, or fewer than successes.
    """
    from scipy.stats import binomtest  # noqa: PLC0415  (loads slowly)

    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"successes must lie between 0 and a positive number of cases, got {successes} of {n}")
    interval = binomtest(successes, n).proportion_ci(level, method="wilson")
    return float(interval.low), float(interval.high)


def shares_differ(a: int, n: int, b: int, m: int) -> float:
    """Return the two-sided p of Fisher's exact test that `a` of `n` and `b` of `m` cases have one probability.

    Raises:
        ValueError: a count is negative, or there are fewer cases than counted.
    """
    from scipy.stats import fisher_exact  # noqa: PLC0415  (loads slowly)

    return float(fisher_exact(np.array([[a, n - a], [b, m - b]])).pvalue)


def above_chance(accuracy: float, chance: float, n_test: int) -> bool:
    """Whether an `accuracy` on `n_test` rows is beyond chance level.

    It is, if guesses that are right with probability `chance`, each on its own, would reach as much with probability
    ESCAPE_PROBABILITY at most. To reach exactly `chance` is not.
    """
    correct = round(accuracy * n_test)  # accuracies are counts / n
    return float(bdtrc(correct - 1, n_test, chance)) <= ESCAPE_PROBABILITY


def t_quantile(p: float, df: int) -> float:
    """Return the value that Student's t with `df` degrees of freedom stays below with probability `p`.

    By scipy.special, which loads in a quarter of the time of scipy.stats.
    """
    return float(stdtrit(df, p))


@dataclass(frozen=True)
class TwoWay:
    """The least-squares fit of score = setting + replicate + noise, over the settings that never diverged.

    Attributes:
        means: (L,) mean over the replicates; nan for a setting that is left out.
        s: pooled standard deviation of the noise; None where df = 0.
        df: its degrees of freedom, (L - 1)(R - 1) over the settings that are not left out.
        replicates: R.
    """

    means: Floats
    s: float | None
    df: int
    replicates: int


def two_way(scores: ArrayLike) -> TwoWay:
    """Fit the two-way layout to `scores` (L, R).

    In a complete layout the residual of a cell is score - mean of its setting - mean of its replicate + grand mean.
    """
    x = np.asarray(scores, dtype=np.float64)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"scores must have shape (settings, replicates), got {x.shape}")
    finite = np.isfinite(x).all(axis=1)
    means = np.full(len(x), np.nan)
    means[finite] = x[finite].mean(axis=1)
    inside, replicates = x[finite], x.shape[1]
    df = max(0, len(inside) - 1) * (replicates - 1)
    if df == 0:
        return TwoWay(means, None, 0, replicates)
    residual = inside - inside.mean(axis=1, keepdims=True) - inside.mean(axis=0) + inside.mean()
    return TwoWay(means, math.sqrt(float((residual**2).sum()) / df), df, replicates)


def range_threshold(layout: TwoWay) -> float | None:
    """Return how far the best and the worst mean of equal settings lie apart in 95 of 100 cases, at most.

    q(.95, L, df) * s / sqrt(R), where q is the quantile of the studentized range (Tukey): unlike a t interval it knows
    that best and worst were picked among L. None where the noise is unknown, or no noise was seen.
    """
    from scipy.stats import studentized_range  # noqa: PLC0415  (loads slowly)

    if layout.s is None or layout.s <= ROUNDING * float(np.nanmax(np.abs(layout.means))):
        return None
    settings = int(np.isfinite(layout.means).sum())
    q = float(studentized_range.ppf(1 - SIGNIFICANCE, settings, layout.df))
    return q * layout.s / math.sqrt(layout.replicates)


@dataclass(frozen=True)
class Interval:
    """What a search stage leaves of its range.

    Attributes:
        best: the setting with the best mean, and `best_mean` that mean.
        kept: ends of the contiguous run around the best that the rule cannot tell from it.
        padded: `kept` with one neighbouring value more on each side, inside the searched values.
        edge: the end of the searched values at which the best lies, if any: the range should move that way.
        threshold: the largest difference of means that is still inside; None where s is unknown.
        s, df, replicates: those of the two-way layout.
        words: the rule and its numbers as a sentence.
    """

    best: float
    best_mean: float
    kept: tuple[float, float]
    padded: tuple[float, float]
    edge: Edge | None
    threshold: float | None
    s: float | None
    df: int
    replicates: int
    words: str


def interval_rule(grid: Sequence[float], scores: ArrayLike, on_grid: bool) -> Interval | None:
    """Return the part of `grid` (L, increasing) that a finer search should look at, or None if every setting diverged.

    Kept is the contiguous run around the best with mean(best) - mean(setting) <= t(.95, df) * s * sqrt(2 / R), the
    one-sided bound on a difference of two paired means. A diverged setting ends the run. The padding goes to the next
    evaluated value, which on a grid (`on_grid`) is one step; the parameter only words it. Where s is unknown (one
    replicate, or one setting that did not diverge) the best is kept alone.

    Raises:
        ValueError: the values do not increase, or are not as many as the rows of `scores`.
    """
    layout = _layout(grid, scores)
    best = _best(layout.means)
    if best is None:
        return None
    threshold = _threshold(layout)
    first, last = _run(layout.means, best, threshold)
    padded_first, padded_last = max(first - 1, 0), min(last + 1, len(grid) - 1)
    kept, padded = (grid[first], grid[last]), (grid[padded_first], grid[padded_last])
    step = "one grid step" if on_grid else "the next evaluated value"
    edge = _edge(best, len(grid))
    words = (
        f"{_rule(layout, threshold)}: kept {_span(kept)} ({last - first + 1} of {len(grid)} settings) around the best, "
        f"{grid[best]:g} (mean {layout.means[best]:.4f}); padded by {step} on each side, within the range searched: "
        f"{_span(padded)}."
    )
    if edge:
        words += f" The best lies at the {edge} end of the range."
    return Interval(
        best=grid[best],
        best_mean=float(layout.means[best]),
        kept=kept,
        padded=padded,
        edge=edge,
        threshold=threshold,
        s=layout.s,
        df=layout.df,
        replicates=layout.replicates,
        words=words,
    )


def widened(low: float, high: float, edge: Edge) -> tuple[float, float]:
    """Return the range moved one decade toward `edge`; its width in decades stays."""
    factor = 0.1 if edge == "low" else 10.0
    return _tidy(low * factor), _tidy(high * factor)


@dataclass(frozen=True)
class Choice:
    """The best setting and the simplest one that is as good: the largest within one standard error.

    Attributes:
        best, best_mean: the setting with the best mean.
        one_se, one_se_mean: the largest setting of the contiguous run within one standard error of the best.
        standard_error: s / sqrt(R); None where s is unknown.
        s, df, replicates: those of the two-way layout.
        words: the rule and its numbers as a sentence.
    """

    best: float
    best_mean: float
    one_se: float
    one_se_mean: float
    standard_error: float | None
    s: float | None
    df: int
    replicates: int
    words: str


def one_standard_error(grid: Sequence[float], scores: ArrayLike) -> Choice | None:
    """Return the best lambda of `grid` (L, increasing) and the one-standard-error lambda; None if every one diverged.

    The latter is the largest of the interval rule's contiguous run whose mean is within s / sqrt(R) of the best mean
    (Breiman et al. 1984, section 3.4.3; glmnet's lambda.1se). Where s is unknown it is the best itself. Ties for the
    best go to the larger lambda, an inner one before an end of the range.

    Raises:
        ValueError: the values do not increase, or are not as many as the rows of `scores`.
    """
    layout = _layout(grid, scores)
    means, best = layout.means, _best(layout.means)
    if best is None:
        return None
    if layout.s is None:
        chosen, error = best, None
        words = f"the noise is unknown (df = 0), so the one-standard-error value is the best itself, {grid[best]:g}."
    else:
        error = layout.s / math.sqrt(layout.replicates)
        _, last = _run(means, best, _threshold(layout))
        within = np.flatnonzero(_within(means, best, error))
        chosen = int(within[within <= last].max())
        words = (
            f"best mean {means[best]:.4f} at {grid[best]:g}; the largest value of the contiguous run around it whose "
            f"mean is within one pooled standard error, s / sqrt(R) = {layout.s:.4f} / sqrt({layout.replicates}) = "
            f"{error:.4f} (df = {layout.df}), is {grid[chosen]:g} (mean {means[chosen]:.4f})."
        )
    return Choice(
        best=grid[best],
        best_mean=float(means[best]),
        one_se=grid[chosen],
        one_se_mean=float(means[chosen]),
        standard_error=error,
        s=layout.s,
        df=layout.df,
        replicates=layout.replicates,
        words=words,
    )


def _layout(grid: Sequence[float], scores: ArrayLike) -> TwoWay:
    """Fit the layout once the values are known to increase and to match the rows."""
    layout = two_way(scores)
    if len(grid) != len(layout.means) or not (np.diff(grid) > 0).all():
        raise ValueError(f"settings must increase and match the {len(layout.means)} rows of scores, got {list(grid)}")
    return layout


def _best(means: Floats) -> int | None:
    """Return the index of the best mean: of equals the last, but an inner one before an end that might go on rising."""
    if np.isnan(means).all():
        return None
    ties = np.flatnonzero(_within(means, int(np.nanargmax(means)), 0.0))
    inner = ties[(ties > 0) & (ties < len(means) - 1)]
    return int((inner if len(inner) else ties)[-1])


def _within(means: Floats, best: int, margin: float) -> NDArray[np.bool_]:
    """Return which means are at most `margin` below the best; nan never is."""
    slack = ROUNDING * float(np.nanmax(np.abs(means)))
    within: NDArray[np.bool_] = means[best] - means <= margin + slack
    return within


def _threshold(layout: TwoWay) -> float | None:
    """Return t(.95, df) * s * sqrt(2 / R)."""
    if layout.s is None:
        return None
    return t_quantile(INTERVAL_LEVEL, layout.df) * layout.s * math.sqrt(2 / layout.replicates)


def _run(means: Floats, best: int, threshold: float | None) -> tuple[int, int]:
    """Return first and last index of the contiguous run within `threshold` of the best; the best alone for None."""
    if threshold is None:
        return best, best
    inside = _within(means, best, threshold)
    first = last = best
    while first > 0 and inside[first - 1]:
        first -= 1
    while last < len(means) - 1 and inside[last + 1]:
        last += 1
    return first, last


def _edge(best: int, count: int) -> Edge | None:
    """Return the end at which the best lies; a range of one value has no sides to move to."""
    if count == 1 or 0 < best < count - 1:
        return None
    return "low" if best == 0 else "high"


def _rule(layout: TwoWay, threshold: float | None) -> str:
    if layout.s is None or threshold is None:
        return "the noise is unknown (df = 0), so only the best is kept"
    return (
        f"settings whose mean is within t({INTERVAL_LEVEL:g}, df = {layout.df}) * s * sqrt(2 / R) = "
        f"{t_quantile(INTERVAL_LEVEL, layout.df):.3f} * {layout.s:.4f} * sqrt(2 / {layout.replicates}) = "
        f"{threshold:.4f} of the best are kept while contiguous"
    )


def _tidy(value: float) -> float:
    """Return `value` without the dust of a multiplication: 1e-06, not 1.0000000000000002e-06."""
    return float(f"{value:.12g}")


def _span(ends: tuple[float, float]) -> str:
    return f"{ends[0]:g} to {ends[1]:g}"
