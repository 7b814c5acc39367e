"""What may be said from the numbers: hand-worked tables, an independent fit, and what must not matter."""

import math

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.inference import (
    SHARE,
    SHARE_DIFFERENCE,
    binomial_half_width,
    interval_rule,
    mean_interval,
    one_standard_error,
    paired_difference,
    predicted_half_width,
    range_threshold,
    two_way,
    widened,
)

REPEATABLE = hypothesis.settings(deadline=None, derandomize=True, database=None)
NAN = math.nan
GRID = (1.0, 2.0, 3.0, 4.0, 5.0)

# Two replicates that differ by .02 for every setting, and +-.01 of noise in a fixed pattern: each setting's mean is the
# number given, every residual is +-.01 or 0, and s can be worked by hand (see the test below).
SIGNS = np.array([1.0, -1.0, 1.0, -1.0, 0.0])


def table(*means):
    """Return (5, 2) scores with these means; nan marks a setting whose second replicate diverged."""
    means = np.array(means)
    noise = 0.01 * SIGNS[: len(means), None] * [1, -1]
    scores = np.nan_to_num(means)[:, None] + noise + [0.01, -0.01]
    scores[np.isnan(means), 1] = NAN
    return scores


# The residuals are +-.01 (eight cells) and 0 (two): sum of squares .0008, df = 4, s = sqrt(.0008 / 4) = .014142.
# t(.95, 4) = 2.1318, so the threshold is 2.1318 * .014142 * sqrt(2 / 2) = .030149.
S = math.sqrt(0.0002)
THRESHOLD = 2.1318467863 * S

COARSE = {
    #                means                        best  kept        padded      edge
    "flat": ((0.50, 0.50, 0.50, 0.50, 0.50), (4.0, (1.0, 5.0), (1.0, 5.0), None)),
    "peak": ((0.40, 0.48, 0.50, 0.45, 0.40), (3.0, (2.0, 3.0), (1.0, 4.0), None)),
    "sharp peak": ((0.40, 0.42, 0.50, 0.42, 0.40), (3.0, (3.0, 3.0), (2.0, 4.0), None)),
    "edge left": ((0.50, 0.48, 0.40, 0.30, 0.20), (1.0, (1.0, 2.0), (1.0, 3.0), "low")),
    "edge right": ((0.20, 0.30, 0.40, 0.44, 0.50), (5.0, (5.0, 5.0), (4.0, 5.0), "high")),
    "two peaks, the better wins": ((0.49, 0.40, 0.40, 0.50, 0.40), (4.0, (4.0, 4.0), (3.0, 5.0), None)),
    "plateau that reaches an end": ((0.48, 0.49, 0.50, 0.40, 0.40), (3.0, (1.0, 3.0), (1.0, 4.0), None)),
    "just inside and just outside": ((0.4698, 0.40, 0.4699, 0.50, 0.4698), (4.0, (3.0, 4.0), (2.0, 5.0), None)),
    "two equal inner peaks": ((0.40, 0.50, 0.40, 0.50, 0.40), (4.0, (4.0, 4.0), (3.0, 5.0), None)),
    "an end ties with an inner value": ((0.50, 0.50, 0.40, 0.40, 0.40), (2.0, (1.0, 2.0), (1.0, 3.0), None)),
    "both ends tie": ((0.50, 0.40, 0.40, 0.40, 0.50), (5.0, (5.0, 5.0), (4.0, 5.0), "high")),
}


@pytest.mark.parametrize(("means", "expected"), COARSE.values(), ids=COARSE)
def test_the_interval_of_a_hand_made_coarse_table(means, expected):
    interval = interval_rule(GRID, table(*means), on_grid=True)
    assert (interval.best, interval.kept, interval.padded, interval.edge) == expected
    assert interval.s == pytest.approx(S, rel=1e-9)
    assert interval.threshold == pytest.approx(THRESHOLD, rel=1e-9)
    assert (interval.df, interval.replicates) == (4, 2)
    assert interval.best_mean == pytest.approx(0.5)


DIVERGED = {
    "a diverged neighbour ends the run": ((0.49, NAN, 0.50, 0.49, 0.40), (3.0, (3.0, 4.0), (2.0, 5.0), None)),
    "beside a diverged end is no edge": ((0.40, 0.40, 0.40, 0.50, NAN), (4.0, (4.0, 4.0), (3.0, 5.0), None)),
    "the only one that is left, inside": ((NAN, NAN, 0.50, NAN, NAN), (3.0, (3.0, 3.0), (2.0, 4.0), None)),
    "the only one that is left, at an end": ((0.50, NAN, NAN, NAN, NAN), (1.0, (1.0, 1.0), (1.0, 2.0), "low")),
}


@pytest.mark.parametrize(("means", "expected"), DIVERGED.values(), ids=DIVERGED)
def test_a_setting_with_one_diverged_replicate_counts_as_outside(means, expected):
    interval = interval_rule(GRID, table(*means), on_grid=True)
    assert (interval.best, interval.kept, interval.padded, interval.edge) == expected
    assert interval.df == max(0, np.isfinite(means).sum() - 1)


@pytest.mark.parametrize("hole", [NAN, math.inf, -math.inf])
def test_nothing_is_kept_where_every_setting_diverged(hole):
    scores = np.full((5, 2), 0.5)
    scores[:, 0] = hole
    assert interval_rule(GRID, scores, on_grid=True) is None
    assert one_standard_error(GRID, scores) is None


def test_one_replicate_says_nothing_about_noise_so_the_best_is_kept_alone_with_its_padding():
    interval = interval_rule(GRID, [[0.40], [0.50], [0.50], [0.51], [0.50]], on_grid=True)
    assert (interval.best, interval.kept, interval.padded) == (4.0, (4.0, 4.0), (3.0, 5.0))
    assert (interval.s, interval.threshold, interval.df) == (None, None, 0)
    assert "df = 0" in interval.words


def test_a_search_of_one_value_is_its_own_interval_without_an_edge():
    interval = interval_rule([0.005], [[0.5, 0.6]], on_grid=True)
    assert (interval.kept, interval.padded, interval.edge) == ((0.005, 0.005), (0.005, 0.005), None)


def test_the_words_of_an_interval_carry_its_rule_and_its_numbers():
    grid = interval_rule(GRID, table(0.50, 0.48, 0.40, 0.30, 0.20), on_grid=True).words
    for part in ("t(0.95, df = 4)", "2.132 * 0.0141 * sqrt(2 / 2) = 0.0301", "1 to 2", "2 of 5", "one grid step"):
        assert part in grid
    assert grid.endswith("within the range searched: 1 to 3. The best lies at the low end of the range.")
    assert "next evaluated value" in interval_rule(GRID, table(0.50, 0.48, 0.40, 0.30, 0.20), on_grid=False).words


@pytest.mark.parametrize("grid", [(1, 2, 3), (1, 2, 2, 3, 4), (5, 4, 3, 2, 1)])
def test_values_that_do_not_increase_or_do_not_match_the_scores_are_refused(grid):
    for rule in (lambda: interval_rule(grid, np.ones((5, 2)), True), lambda: one_standard_error(grid, np.ones((5, 2)))):
        with pytest.raises(ValueError, match="increase and match the 5 rows"):
            rule()


@pytest.mark.parametrize("shape", [(5,), (0, 2), (5, 0)])
def test_scores_without_settings_and_replicates_are_refused(shape):
    with pytest.raises(ValueError, match="settings, replicates"):
        two_way(np.ones(shape))


@pytest.mark.parametrize(
    ("low", "high", "edge", "expected"),
    [(1e-5, 1e-1, "low", (1e-6, 1e-2)), (1e-5, 1e-1, "high", (1e-4, 1.0)), (0.003, 0.07, "low", (0.0003, 0.007))],
)
def test_widening_moves_the_range_one_decade_toward_the_edge(low, high, edge, expected):
    assert widened(low, high, edge) == expected


# One standard error. s and R as above: s / sqrt(2) = .01.
ONE_SE = {
    #                                    means                        best  chosen
    "a larger one within .01": ((0.40, 0.495, 0.50, 0.492, 0.40), 3.0, 4.0),
    "the larger is just too bad": ((0.40, 0.495, 0.50, 0.4899, 0.40), 3.0, 3.0),
    "never a smaller one": ((0.499, 0.499, 0.50, 0.40, 0.40), 3.0, 3.0),
    "beyond a dip inside the run": ((0.40, 0.50, 0.48, 0.495, 0.40), 2.0, 4.0),
    "not beyond the end of the run": ((0.40, 0.50, 0.40, 0.495, 0.40), 2.0, 2.0),
    "flat": ((0.50, 0.50, 0.50, 0.50, 0.50), 4.0, 5.0),
    "best at the end": ((0.40, 0.40, 0.40, 0.495, 0.50), 5.0, 5.0),
}


@pytest.mark.parametrize(("means", "best", "chosen"), ONE_SE.values(), ids=ONE_SE)
def test_one_standard_error_takes_the_largest_of_the_run_that_is_as_good(means, best, chosen):
    choice = one_standard_error(GRID, table(*means))
    assert (choice.best, choice.one_se) == (best, chosen)
    assert choice.standard_error == pytest.approx(0.01, rel=1e-9)
    assert choice.one_se_mean == pytest.approx(means[GRID.index(chosen)])
    assert choice.best_mean == pytest.approx(0.5)
    assert "= 0.0100 (df = 4)" in choice.words


def test_one_standard_error_stops_at_a_diverged_setting():
    choice = one_standard_error(GRID, table(0.40, 0.50, NAN, 0.50, 0.40) - [[0], [0], [0], [0.001], [0]])
    assert (choice.best, choice.one_se) == (2.0, 2.0)


def test_one_standard_error_without_replicates_is_the_best_itself():
    choice = one_standard_error(GRID, [[0.1], [0.5], [0.4999], [0.2], [0.1]])
    assert (choice.best, choice.one_se, choice.standard_error) == (2.0, 2.0, None)
    assert "df = 0" in choice.words


def random_scores(settings=6, replicates=4, seed=0):
    return np.random.default_rng(seed).normal(0.5, 0.02, (settings, replicates))


@pytest.mark.parametrize(("settings", "replicates"), [(2, 2), (6, 4), (16, 2), (3, 7)])
def test_the_two_way_layout_equals_least_squares_on_indicator_columns(settings, replicates):
    scores = random_scores(settings, replicates)
    row, column = (index.ravel() for index in np.indices(scores.shape))
    design = np.hstack([row[:, None] == np.arange(settings), column[:, None] == np.arange(replicates)]).astype(float)
    coefficients, _, rank, _ = np.linalg.lstsq(design, scores.ravel())
    residual = scores.ravel() - design @ coefficients
    df = scores.size - rank
    layout = two_way(scores)
    assert layout.df == df == (settings - 1) * (replicates - 1)
    assert layout.s == pytest.approx(math.sqrt(residual @ residual / df), rel=1e-10)
    np.testing.assert_allclose(layout.means, scores.mean(axis=1), rtol=1e-14)


def test_a_diverged_setting_leaves_the_layout_as_if_it_had_never_been():
    scores = random_scores()
    holed = np.insert(scores, 2, [0.9, NAN, 0.9, 0.9], axis=0)
    layout, without = two_way(holed), two_way(scores)
    assert (layout.s, layout.df) == (without.s, without.df)
    assert math.isnan(layout.means[2])
    np.testing.assert_array_equal(np.delete(layout.means, 2), without.means)


def outcome(scores):
    """Return what the rules decide, by position."""
    grid = range(1, len(scores) + 1)
    interval, choice = interval_rule(grid, scores, on_grid=True), one_standard_error(grid, scores)
    return interval.best, interval.kept, interval.padded, interval.edge, choice.best, choice.one_se


@pytest.mark.parametrize("seed", range(5))
def test_an_effect_of_the_replicates_changes_nothing(seed):
    scores = random_scores(seed=seed)
    shifted = scores + np.array([0.3, -0.1, 0.05, 0.0])
    assert two_way(shifted).s == pytest.approx(two_way(scores).s, rel=1e-9)
    assert outcome(shifted) == outcome(scores)


@pytest.mark.parametrize("seed", range(5))
def test_the_unit_of_the_scores_changes_only_the_unit_of_s(seed):
    scores = random_scores(seed=seed)
    assert two_way(100 * scores).s == pytest.approx(100 * two_way(scores).s, rel=1e-12)
    assert outcome(100 * scores) == outcome(scores)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_replicates_changes_nothing(seed):
    scores = random_scores(seed=seed)
    assert two_way(scores[:, [2, 0, 3, 1]]).s == pytest.approx(two_way(scores).s, rel=1e-12)
    assert outcome(scores[:, [2, 0, 3, 1]]) == outcome(scores)


def test_replicates_that_differ_by_a_constant_leave_no_noise_and_only_true_ties_are_kept():
    scores = np.array([[0.1], [0.7], [0.7], [0.3]]) + np.array([0.1, 0.2, 0.7])
    assert outcome(scores)[:2] == (3, (2, 3))


def test_equal_means_tie_whatever_dust_their_sums_left():
    up, down = [0.1, 0.2, 0.3], [0.3, 0.2, 0.1]
    assert np.mean(up) > np.mean(down)  # by one unit in the last place
    scores = [[0, 0, 0], up, down, [0, 0, 0]]
    assert interval_rule([1, 2, 3, 4], scores, on_grid=True).best == one_standard_error([1, 2, 3, 4], scores).best == 3


cells = st.one_of(st.integers(0, 20).map(lambda hits: hits / 20), st.just(NAN))


@REPEATABLE
@given(st.integers(1, 4).flatmap(lambda r: st.lists(st.lists(cells, min_size=r, max_size=r), min_size=1, max_size=8)))
def test_best_lies_in_kept_lies_in_padded_lies_in_the_range(scores):
    grid = [10.0**k for k in range(len(scores))]
    interval, choice = interval_rule(grid, scores, on_grid=True), one_standard_error(grid, scores)
    averages = [float(np.mean(row)) for row in scores]
    if np.isnan(averages).all():
        assert interval is None
        assert choice is None
        return
    assert grid[0] <= interval.padded[0] <= interval.kept[0] <= interval.best
    assert interval.best <= interval.kept[1] <= interval.padded[1] <= grid[-1]
    inside = [a for g, a in zip(grid, averages, strict=True) if interval.kept[0] <= g <= interval.kept[1]]
    assert not np.isnan(inside).any()
    assert interval.best_mean == pytest.approx(np.nanmax(averages))
    assert choice.best == interval.best <= choice.one_se <= interval.kept[1]


def test_the_interval_of_a_mean_is_the_one_worked_by_hand():
    # 1, 2, 3: mean 2, sd 1, t(.975, 2) = 4.302653, half width 4.302653 / sqrt(3) = 2.484138
    estimate = mean_interval([1.0, 2.0, 3.0])
    assert (estimate.n, estimate.mean, estimate.sd) == (3, 2.0, 1.0)
    assert estimate.low == pytest.approx(2 - 2.484138, abs=1e-6)
    assert estimate.high == pytest.approx(2 + 2.484138, abs=1e-6)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_the_interval_of_a_mean_equals_that_of_scipy(level):
    values = [0.531, 0.536, 0.529, 0.541, 0.533, 0.535]
    estimate = mean_interval(values, level)
    expected = stats.ttest_1samp(values, 0).confidence_interval(level)
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_one_value_has_a_mean_and_no_interval_and_no_value_not_even_a_mean():
    one, none = mean_interval([0.5]), mean_interval([])
    assert (one.n, one.mean, one.sd, one.low, one.high) == (1, 0.5, None, None, None)
    assert (none.n, none.sd, none.low, none.high) == (0, None, None, None)
    assert math.isnan(none.mean)


@pytest.mark.parametrize("bad", [NAN, math.inf])
def test_a_diverged_value_is_never_averaged_in(bad):
    with pytest.raises(ValueError, match="finite"):
        mean_interval([0.5, bad])


def test_the_half_width_that_seeds_will_buy_is_the_half_width_they_give():
    values = [0.531, 0.536, 0.529, 0.541, 0.533, 0.535]
    estimate = mean_interval(values, 0.9)
    assert predicted_half_width(np.std(values, ddof=1), 6, 0.9) == pytest.approx((estimate.high - estimate.low) / 2)
    # .0042 with 6 seeds: t(.975, 5) = 2.570582, so 2.570582 * .0042 / sqrt(6) = .004408
    assert predicted_half_width(0.0042, 6) == pytest.approx(0.004408, abs=5e-7)
    assert predicted_half_width(0.0042, 1) == math.inf


def test_a_paired_difference_counts_pairs_that_have_both():
    """Differences .01 and .03: mean .02, sd .01414; t(.975, 1) = 12.7062 times .01 is .12706."""
    estimate = paired_difference([0.51, 0.55, None, 0.9], [0.5, 0.52, 0.4, None])
    assert (estimate.n, estimate.mean) == (2, pytest.approx(0.02))
    assert (estimate.low, estimate.high) == (
        pytest.approx(0.02 - 0.127062, rel=1e-5),
        pytest.approx(0.147062, rel=1e-5),
    )


def test_what_all_pairs_share_does_not_widen_a_paired_difference():
    assert paired_difference([0.1, 0.5, 0.9], [0.0, 0.4, 0.8]).sd == pytest.approx(0, abs=1e-15)


def test_an_interval_ends_where_its_values_must():
    """From .9 and 1 the t interval would be .95 -+ .635."""
    estimate = mean_interval([0.9, 1.0], bounds=SHARE)
    assert (estimate.low, estimate.high) == (pytest.approx(0.95 - 0.63531, rel=1e-4), 1.0)
    assert mean_interval([0.0, 0.1], bounds=SHARE).low == 0.0
    difference = paired_difference([0.9, 1.0], [0.0, 0.3], bounds=SHARE_DIFFERENCE)
    assert (difference.low, difference.high) == (pytest.approx(0.8 - 1.27062, rel=1e-4), 1.0)


def test_the_width_of_a_share_is_worked_by_hand():
    """sqrt(.25 / 10000) = .005, times 1.95996."""
    assert binomial_half_width(0.5, 10_000) == pytest.approx(0.0097998, rel=1e-5)


@pytest.mark.parametrize(
    ("values", "constant"),
    [((0.3, 0.3), True), ((0.1 + 0.2, 0.3), True), ((0.3, 0.3001), False), ((0.3,), False), ((), False)],
)
def test_values_that_are_all_the_same_but_for_rounding_are_constant(values, constant):
    assert mean_interval(values).constant is constant


# q(.95; L, df) as tables of the studentized range print it
@pytest.mark.parametrize(("settings", "replicates", "q"), [(2, 2, 17.97), (3, 3, 5.040), (3, 6, 3.877), (5, 2, 6.287)])
def test_the_range_of_equal_settings_is_that_of_tukeys_tables(settings, replicates, q):
    layout = two_way(random_scores(settings, replicates))
    assert range_threshold(layout) == pytest.approx(q * layout.s / math.sqrt(replicates), rel=3e-4)


def test_equal_settings_exceed_the_range_in_one_of_twenty_runs_however_many_they_are():
    draws = np.random.default_rng(5).normal(size=(400, 8, 3)) + np.array([0.0, 5.0, -3.0])
    layouts = [two_way(scores) for scores in draws]
    beyond = [np.ptp(layout.means) > range_threshold(layout) for layout in layouts]
    assert 8 <= sum(beyond) <= 34  # 20 expected, sd 4.4


@pytest.mark.parametrize("scores", [[[0.1], [0.5]], [[0.1, 0.2, 0.7], [0.3, 0.4, 0.9]]])
def test_where_no_noise_was_seen_there_is_no_range(scores):
    assert range_threshold(two_way(scores)) is None
