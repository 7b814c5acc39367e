"""Which values a stage tries and which seeds it uses: functions of the configuration and of nothing else."""

import math

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.errors import ConfigError
from pipeline.run.samplers import (
    SAMPLERS,
    LogRange,
    adaptive,
    enumerated,
    grid,
    random,
    replicate_seeds,
    round_significant,
    sampler_seed,
    sobol,
)

REPEATABLE = hypothesis.settings(deadline=None, derandomize=True, database=None)
WIDE = LogRange(1e-5, 1e-1)
ENUMERATED = [name for name in SAMPLERS if not adaptive(name)]
DRAWN = [random, sobol]


def test_the_coarse_grid_of_the_contract_is_the_one_worked_by_hand():
    # 10 ** (-5 + 4 k / 15), k = 0 .. 15
    assert grid(WIDE, 16) == (
        0.00001, 0.00001848, 0.00003415, 0.0000631, 0.0001166, 0.0002154, 0.0003981, 0.0007356,
        0.001359, 0.002512, 0.004642, 0.008577, 0.01585, 0.02929, 0.05412, 0.1,
    )  # fmt: skip


def test_a_grid_of_one_is_the_geometric_middle_and_of_two_the_ends():
    assert grid(WIDE, 1) == (0.001,)
    assert grid(WIDE, 2) == (1e-5, 1e-1)


ranges = st.tuples(st.floats(-8, 3), st.floats(0.05, 6)).map(lambda x: LogRange(10 ** x[0], 10 ** (x[0] + x[1])))


@pytest.mark.parametrize("name", ENUMERATED)
@REPEATABLE
@given(searched=ranges, count=st.integers(1, 20), seed=st.integers(0, 2**32 - 1))
def test_values_are_distinct_rounded_inside_the_range_and_as_many_as_asked(name, searched, count, seed):
    values = enumerated(name, searched, count, seed)
    assert len(values) == len(set(values)) == count
    assert all(value == float(f"{value:.3e}") for value in values)
    assert round_significant(searched.low) <= min(values)
    assert max(values) <= round_significant(searched.high)
    assert enumerated(name, searched, count, seed) == values


@REPEATABLE
@given(searched=ranges, count=st.integers(2, 20))
def test_a_grid_increases_by_equal_factors_from_end_to_end(searched, count):
    values = grid(searched, count)
    assert (values[0], values[-1]) == (round_significant(searched.low), round_significant(searched.high))
    steps = np.diff(np.log(values))
    assert (steps > 0).all()
    np.testing.assert_allclose(steps, math.log(searched.high / searched.low) / (count - 1), atol=1.1e-3)


@pytest.mark.parametrize("sampler", DRAWN)
@pytest.mark.parametrize("searched", [WIDE, LogRange(1.0, 1.03)], ids=["wide", "so narrow that draws collide"])
def test_more_draws_keep_the_earlier_ones_as_a_prefix(sampler, searched):
    longest = sampler(searched, 25, 7)
    assert all(sampler(searched, count, 7) == longest[:count] for count in range(1, 25))


@pytest.mark.parametrize("sampler", DRAWN)
def test_another_seed_draws_other_values(sampler):
    assert set(sampler(WIDE, 8, 1)).isdisjoint(sampler(WIDE, 8, 2))


def test_random_values_are_uniform_on_the_log_scale():
    exponents = np.log10(random(WIDE, 500, 3))
    assert stats.kstest(exponents, stats.uniform(-5, 4).cdf).pvalue > 0.01


def test_sobol_puts_one_value_into_each_of_sixteen_equal_parts():
    fractions = (np.log10(sobol(WIDE, 16, 3)) + 5) / 4
    assert sorted((16 * fractions).astype(int)) == list(range(16))


@pytest.mark.parametrize("name", ENUMERATED)
def test_a_range_with_too_few_distinct_values_is_refused(name):
    with pytest.raises(ConfigError) as refusal:
        enumerated(name, LogRange(1.0, 1.002), 10, 0)
    assert str(refusal.value) == (
        "lambda range must hold 10 values that differ in 4 significant digits, got (1.0, 1.002)"
    )


@pytest.mark.parametrize("name", ENUMERATED)
@pytest.mark.parametrize("count", [0, -1])
def test_zero_trials_are_refused(name, count):
    with pytest.raises(ConfigError) as refusal:
        enumerated(name, WIDE, count, 0)
    assert str(refusal.value) == f"settings (trials per replicate) must be a positive integer, got {count}"


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.1, 1e-5), (0.1, 0.1), (-1e-5, 0.1), (0.0, 0.1), (math.nan, 0.1), (1e-5, math.nan), (1e-5, math.inf)],
)
def test_a_range_that_is_reversed_empty_negative_or_no_number_is_refused(low, high):
    with pytest.raises(ConfigError) as refusal:
        LogRange(low, high)
    assert str(refusal.value) == f"lambda range must be two positive numbers, the lower first, got {(low, high)}"


def test_an_unknown_sampler_is_answered_with_the_nearest_name():
    for call in (lambda: adaptive("sobl"), lambda: enumerated("sobl", WIDE, 4, 0)):
        with pytest.raises(ConfigError) as refusal:
            call()
        assert str(refusal.value) == (
            "sampler must be one of grid, random, sobol, tpe, got 'sobl'; did you mean 'sobol'?"
        )


def test_only_tpe_cannot_be_enumerated():
    assert [name for name in SAMPLERS if adaptive(name)] == ["tpe"]
    with pytest.raises(ValueError, match="round by round"):
        enumerated("tpe", WIDE, 4, 0)


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(0.00046415888, 0.0004642), (1234.5678, 1235.0), (0.1, 0.1), (9.99996, 10.0), (0.0, 0.0), (-2.71828, -2.718)],
)
def test_rounding_keeps_four_significant_digits(value, rounded):
    assert round_significant(value) == rounded


def test_seeds_are_pinned_because_every_stored_study_holds_them():
    assert replicate_seeds(0, "coarse", 0) == (1682061590, 3353227224)
    assert sampler_seed(0, "coarse") == 2443695057


def test_seeds_differ_between_roots_stages_replicates_rounds_and_purposes():
    stages, indices = ("coarse", "coarse-2", "refine", "final"), range(20)
    seeds = [seed for root in range(3) for s in stages for i in indices for seed in replicate_seeds(root, s, i)]
    seeds += [sampler_seed(root, stage, i) for root in range(3) for stage in stages for i in indices]
    assert len(set(seeds)) == len(seeds) == 3 * 4 * 20 * 3
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_a_negative_root_seed_is_refused():
    for call in (lambda: replicate_seeds(-1, "coarse", 0), lambda: sampler_seed(-1, "coarse")):
        with pytest.raises(ConfigError) as refusal:
            call()
        assert str(refusal.value) == "seed must be an integer >= 0, got -1"
