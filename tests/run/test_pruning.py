"""Which settings go on: the best by their means over replicates, ranked as one would by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.run.pruning import cut

NAN = np.nan


def test_the_worse_half_by_the_mean_over_replicates_is_dropped_with_its_rank():
    """Means .5, .4, .6, .3: the third and the first go on."""
    found = cut(np.array([[0.4, 0.6], [0.5, 0.3], [0.7, 0.5], [0.3, 0.3]]), 0.5, 1)
    assert found.kept == (0, 2)
    assert found.reasons == {
        1: "rank 3 of 4 after cycle 1: mean validation accuracy 0.4000",
        3: "rank 4 of 4 after cycle 1: mean validation accuracy 0.3000",
    }


@pytest.mark.parametrize(
    ("count", "share", "staying"),
    [
        (16, 0.5, 8),
        (5, 0.5, 3),  # two whole settings are at most half of five
        (3, 0.5, 2),
        (2, 0.5, 1),
        (1, 0.5, 1),
        (1, 0.99, 1),
        (100, 0.29, 71),  # 0.29 * 100 is a little less than 29 in floating point
        (10, 0.7, 3),
        (10, 0.05, 10),
        (10, 0.0, 10),
        (16, 0.999999999999, 1),  # which rounds to all of them
    ],
)
def test_as_many_whole_settings_go_as_the_share_holds(count, share, staying):
    scores = np.arange(count, dtype=float)[:, None] / 100
    assert cut(scores, share, 1).kept == tuple(range(count - staying, count))


def test_of_equal_means_the_smaller_mean_loss_goes_on():
    scores, losses = (
        np.array([[0.5, 0.5], [0.9, 0.9], [0.4, 0.6], [0.5, 0.5]]),
        np.array([[2, 1], [9, 9], [1, 1], [3, 3]]),
    )
    assert cut(scores, 0.5, 1, losses / 2).kept == (1, 2)
    assert cut(scores, 0.25, 1, losses / 2).kept == (0, 1, 2)
    assert cut(scores, 0.5, 1, np.ones((4, 2))).kept == (0, 1)


def test_of_equal_means_the_earlier_setting_goes_on_in_whatever_order_its_seeds_were():
    """.1 + .2 + .3 and .3 + .2 + .1 differ in the last bit."""
    assert 0.1 + 0.2 + 0.3 != 0.3 + 0.2 + 0.1
    for first, second in (((0.1, 0.2, 0.3), (0.3, 0.2, 0.1)), ((0.3, 0.2, 0.1), (0.1, 0.2, 0.3))):
        assert cut(np.array([first, second]), 0.5, 1).kept == (0,)


def test_a_setting_with_a_lost_replicate_never_goes_on_however_good_the_other_was():
    scores = np.array([[0.9, NAN], [0.1, 0.2], [NAN, NAN], [0.2, 0.3]])
    found = cut(scores, 0.0, 2)
    assert found.kept == (1, 3)
    assert found.reasons == {
        0: "not ranked after cycle 2: lost in replicate 1",
        2: "not ranked after cycle 2: lost in replicate 0, 1",
    }


def test_lost_settings_count_among_the_worst():
    """Of four, half goes: the lost one and the worst of the others."""
    found = cut(np.array([[0.9], [0.1], [NAN], [0.5]]), 0.5, 1)
    assert found.kept == (0, 3)
    assert found.reasons[1] == "rank 3 of 4 after cycle 1: mean validation accuracy 0.1000"


def test_where_most_are_lost_one_at_least_goes_on_as_long_as_one_is_whole():
    assert cut(np.array([[NAN], [0.1], [NAN], [NAN]]), 0.9, 1).kept == (1,)
    assert cut(np.full((3, 2), NAN), 0.5, 1).kept == ()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    scores=st.lists(
        st.lists(st.one_of(st.integers(0, 4).map(lambda n: n / 4), st.just(NAN)), min_size=2, max_size=2), min_size=1
    ),
    share=st.floats(0, 1, exclude_max=True),
)
def test_whoever_goes_on_is_whole_and_no_worse_than_whoever_is_dropped(scores, share):
    x = np.array(scores)
    found, means = cut(x, share, 1), x.mean(axis=1)
    whole = [setting for setting in range(len(x)) if np.isfinite(means[setting])]
    dropped = [setting for setting in whole if setting not in found.kept]
    assert set(found.kept) <= set(whole)
    assert set(found.reasons) == set(range(len(x))) - set(found.kept)
    assert bool(found.kept) == bool(whole)
    assert not [1 for kept in found.kept for lost in dropped if (means[lost], -lost) > (means[kept], -kept)]
