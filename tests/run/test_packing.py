"""How trials are divided into packs: by the specification alone."""

from itertools import product

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.run.packing import into_packs, pack_members, pack_sizes
from pipeline.spec import DataSpec, NetworkSpec, TrialSpec, with_setting

REPEATABLE = hypothesis.settings(deadline=None, derandomize=True, database=None)
DATA = DataSpec("digits", "d1", inputs=64, classes=10, n_train=1000, n_val=100, n_test=0)


def trials(settings, replicates, hidden=(50, 50)):
    """Return settings x replicates trials, the replicates of a setting next to each other."""
    base = TrialSpec(DATA, NetworkSpec(hidden))
    return [
        with_setting(base, {"lambda": 0.001 * (k + 1), "init_seed": r, "order_seed": 100 + r})
        for k, r in product(range(settings), range(replicates))
    ]


@pytest.mark.parametrize(
    ("n", "units", "sizes"),
    [
        (0, 50, ()),
        (1, 50, (1,)),
        (10, 50, (10,)),  # 500 / 500 = 1
        (11, 50, (6, 5)),  # 550 / 500 -> 2
        (12, 50, (6, 6)),
        (16, 50, (8, 8)),
        (21, 50, (7, 7, 7)),  # 1050 / 500 -> 3
        (5, 100, (5,)),
        (6, 100, (3, 3)),
        (3, 255, (2, 1)),  # 765 / 500 -> 2
        (3, 256, (1, 1, 1)),
        (4, 1000, (1, 1, 1, 1)),
        (50, 10, (50,)),
    ],
)
def test_pack_sizes_worked_by_hand(n, units, sizes):
    assert pack_sizes(n, units) == sizes


@REPEATABLE
@given(n=st.integers(0, 300), units=st.integers(1, 600))
def test_packs_hold_everything_differ_by_one_at_most_and_keep_to_500_units(n, units):
    sizes = pack_sizes(n, units)
    assert sum(sizes) == n
    assert all(size >= 1 for size in sizes)
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert all(size == 1 or (units < 256 and (size - 1) * units < 500) for size in sizes)


def test_replicates_never_mix_and_packs_follow_their_first_trial():
    # 12 settings x 2 replicates, plan order 0a 0b 1a 1b ...: two packs of six for each replicate.
    assert pack_members(trials(12, 2)) == [
        (0, 2, 4, 6, 8, 10),
        (1, 3, 5, 7, 9, 11),
        (12, 14, 16, 18, 20, 22),
        (13, 15, 17, 19, 21, 23),
    ]


def test_packs_are_made_of_the_trials_at_their_positions():
    plan = trials(7, 3)
    assert [pack.trials for pack in into_packs(plan)] == [
        tuple(plan[position] for position in members) for members in pack_members(plan)
    ]


def test_different_networks_do_not_share_a_pack_and_each_has_its_own_rule():
    plan = trials(3, 1, hidden=(50, 50)) + trials(3, 1, hidden=(300,)) + trials(3, 1, hidden=())
    assert pack_members(plan) == [(0, 1, 2), (3,), (4,), (5,), (6, 7, 8)]


def test_without_hidden_layers_the_classes_are_the_units():
    assert [len(members) for members in pack_members(trials(51, 1, hidden=()))] == [26, 25]  # 51 * 10 / 500 -> 2


@pytest.mark.parametrize(("width", "sizes"), [(1, [1] * 7), (3, [3, 3, 1]), (7, [7]), (100, [7])])
def test_a_width_cuts_full_packs_and_a_rest(width, sizes):
    assert [len(members) for members in pack_members(trials(7, 1), width)] == sizes


def test_a_width_overrides_the_rule_for_wide_layers_too():
    assert pack_members(trials(4, 1, hidden=(512,)), width=2) == [(0, 1), (2, 3)]


@pytest.mark.parametrize("width", [0, -3])
@pytest.mark.parametrize("count", [0, 2])
def test_a_width_below_one_is_refused(width, count):
    with pytest.raises(ConfigError) as refusal:
        into_packs(trials(count, 1), width)
    assert str(refusal.value) == f"pack width must be a positive integer, got {width}"


@REPEATABLE
@given(
    choice=st.lists(st.tuples(st.integers(1, 3), st.sampled_from([(), (50, 50), (120,), (256,)])), max_size=40),
    width=st.none() | st.integers(1, 9),
)
def test_every_trial_is_in_exactly_one_pack_with_its_like_in_plan_order(choice, width):
    plan = [trials(1, replicates, hidden)[-1] for replicates, hidden in choice]
    packs = pack_members(plan, width)
    assert sorted(position for members in packs for position in members) == list(range(len(plan)))
    assert packs == sorted(packs)
    for members in packs:
        assert list(members) == sorted(members)
        assert len({plan[position].common for position in members}) == 1
