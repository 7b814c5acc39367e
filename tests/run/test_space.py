"""Where a search looks: ranges and lists of values, what is run of them, what samplers are told of them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.run.samplers import LogRange, round_significant
from pipeline.run.space import Choices, Interval, Space

NETWORKS = Choices({"50": (50,), "50-50": (50, 50), "100-50": (100, 50)}, "hidden")
SPACE = Space({"hidden": NETWORKS, "lambda": LogRange(1e-5, 1e-1), "keep": Interval(0.5, 1.0)})


def test_a_setting_is_rounded_and_named_as_trials_take_it() -> None:
    told = {"keep": 0.7123456, "lambda": 0.00123456, "hidden": "50-50"}
    assert SPACE.setting(told) == {"hidden": (50, 50), "lambda": 0.001235, "keep": 0.7123}
    assert SPACE.names == ("hidden", "lambda", "keep")


@settings(deadline=None)
@given(st.sampled_from(list(NETWORKS.values)), st.floats(1e-5, 1e-1), st.floats(0.5, 1))
def test_what_is_told_of_a_setting_is_that_setting(hidden: str, lambda_: float, keep: float) -> None:
    setting = SPACE.setting({"hidden": hidden, "lambda": lambda_, "keep": keep})
    assert setting is not None
    assert SPACE.setting(SPACE.told(tuple(setting.values()))) == setting
    assert 0.5 <= setting["keep"] == round_significant(setting["keep"]) <= 1


def test_a_value_that_rounds_out_of_its_range_is_no_setting() -> None:
    narrow = Space({"lambda": LogRange(0.0012341, 0.0012369)})
    assert narrow.setting({"lambda": 0.00123412}) is None
    assert narrow.setting({"lambda": 0.0012354}) == {"lambda": 0.001235}
    assert Space({"keep": Interval(0.50004, 0.9)}).setting({"keep": 0.500041}) is None


def test_a_value_from_outside_is_told_as_the_nearer_end() -> None:
    assert (LogRange(0.1, 1).told(0.01), LogRange(0.1, 1).told(0.5), Interval(0.5, 1).told(2.0)) == (0.1, 0.5, 1.0)


@pytest.mark.parametrize(
    ("dimension", "value", "place"),
    [
        (LogRange(1e-4, 1e-2), 1e-3, 0),
        (LogRange(1e-4, 1e-2), 1e-4, -1),
        (LogRange(1e-4, 1e-2), 1e-2, 1),
        (Interval(0.5, 1.0), 0.75, 0),
        (Interval(0.5, 1.0), 0.5, -1),
        (Interval(0.5, 1.0), 0.875, 0.5),
        (NETWORKS, (100, 50), 0),
        (NETWORKS, (50,), 2 / 3),
    ],
)
def test_where_a_value_lies_from_the_middle_of_a_range_or_the_last_of_a_list(dimension, value, place: float) -> None:
    assert dimension.off_middle(value) == pytest.approx(place)


def test_a_setting_lies_as_far_out_as_its_outermost_value() -> None:
    assert SPACE.off_middle(((100, 50), 1e-3, 0.75)) == pytest.approx(0)
    assert SPACE.off_middle(((100, 50), 1e-3, 1.0)) == 1
    assert SPACE.off_middle(((100, 50), 1e-5, 0.8)) == pytest.approx(1)


def test_only_lists_of_values_can_be_counted() -> None:
    norms = Choices({"none": "none", "before": "before"})
    assert Space({"hidden": NETWORKS, "batch_norm": norms}).size == 6
    assert SPACE.size == math.inf


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Interval(1.0, 0.5, "keep"), "keep range must be two numbers, the lower first, got (1.0, 0.5)"),
        (lambda: Interval(0.5, 0.5, "keep"), "keep range must be two numbers, the lower first, got (0.5, 0.5)"),
        (lambda: Interval(0.5, math.inf, "keep"), "keep range must be two numbers, the lower first, got (0.5, inf)"),
        (lambda: Choices({}, "hidden"), "hidden choices must be at least one, got ()"),
        (lambda: Space({}), "a search must vary at least one parameter, got ()"),
        (lambda: Space({"lamda": LogRange(0.1, 1)}), "got 'lamda'; did you mean 'lambda'?"),
    ],
)
def test_an_empty_or_unknown_dimension_is_refused_in_one_line(make, message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        make()
    assert str(refusal.value).endswith(message)
