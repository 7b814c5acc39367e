"""Designs: which cells factors make, in which order, and in which of them a trial lies."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.spec import DataSpec, Design, Factor, Level, TrialSpec, levels, with_setting

TRIAL = TrialSpec(DataSpec("digits", "d" * 16, 64, 10, 1000, 200, 300))
NORM = Factor("batch norm", levels("batch_norm", ("none", "before"), {"none": "no batch norm"}))
KEEP = Factor("dropout", levels("keep", (1.0, 0.5), {1.0: "no dropout"}, template="keep {:g}"))
SCALE = Factor(
    "σ", (Level("He", {"init": "he", "sigma": None}), Level("σ = 0.1", {"init": "normal", "sigma": 0.1})), asked=False
)
DESIGN = Design((NORM, SCALE, KEEP))


def test_levels_are_called_as_said_or_by_the_template_or_as_they_are() -> None:
    assert [level.label for level in KEEP.levels] == ["no dropout", "keep 0.5"]
    assert [level.label for level in NORM.levels] == ["no batch norm", "before"]
    assert [level.setting for level in KEEP.levels] == [{"keep": 1.0}, {"keep": 0.5}]


def test_cells_are_all_combinations_the_last_factor_varying_fastest() -> None:
    cells = list(DESIGN.cells())
    assert [name for name, _ in cells[:3]] == [
        ("no batch norm", "He", "no dropout"),
        ("no batch norm", "He", "keep 0.5"),
        ("no batch norm", "σ = 0.1", "no dropout"),
    ]
    assert len(cells) == len({name for name, _ in cells}) == 8
    assert cells[-1] == (
        ("before", "σ = 0.1", "keep 0.5"),
        {"batch_norm": "before", "init": "normal", "sigma": 0.1, "keep": 0.5},
    )


def test_the_parameters_are_those_that_any_level_sets_once_each_in_order() -> None:
    assert DESIGN.parameters == ("batch_norm", "init", "sigma", "keep")


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(1, 3), st.integers(1, 3), st.floats(0, 1))
def test_a_trial_lies_in_the_cell_whose_setting_it_has_whatever_else_it_is(n: int, m: int, lambda_: float) -> None:
    design = Design(
        (
            Factor("batch", levels("batch_size", range(1, n + 1))),
            Factor("layers", levels("hidden", [(5,) * layers for layers in range(m)])),
        )
    )
    for name, setting in design.cells():
        assert design.labels(with_setting(TRIAL, {**setting, "lambda": lambda_})) == name


def test_a_trial_of_another_experiment_is_refused() -> None:
    with pytest.raises(ValueError, match=f"must lie in a cell of its design, got {TRIAL.key}"):
        Design((Factor("batch", levels("batch_size", (5, 10))),)).labels(TRIAL)


@pytest.mark.parametrize("named", [(), ("a", "a"), ("a", "b", "a")])
def test_a_factor_without_levels_or_with_one_name_twice_is_refused(named: tuple[str, ...]) -> None:
    made = tuple(Level(label, {"batch_size": place + 1}) for place, label in enumerate(named))
    with pytest.raises(ConfigError, match="batch must be different, and at least one, got"):
        Factor("batch", made)


def test_levels_that_set_different_parameters_are_refused_since_a_trial_could_lie_in_two() -> None:
    with pytest.raises(ValueError, match=r"levels of norm must set the same parameters, got \['norm', 'precise'\]"):
        Factor("norm", (Level("norm", {"batch_norm": "before"}), Level("precise", {"statistics": "precise"})))


def test_levels_of_one_setting_are_refused_whatever_they_are_called() -> None:
    with pytest.raises(ConfigError, match=r"batch must have levels that differ, got \('a', 'b'\)"):
        Factor("batch", (Level("a", {"batch_size": 5}), Level("b", {"batch_size": 5})))


def test_a_factor_may_have_one_level_which_has_nothing_to_be_compared_with() -> None:
    one = Factor("batch", levels("batch_size", (5,)))
    assert one.baselines(one.levels[0]) == ()
    assert list(Design((one,)).cells()) == [(("5",), {"batch_size": 5})]


@pytest.mark.parametrize("against", [None, (), ("before",), ("no batch norm", "before")])
def test_a_level_is_measured_against_the_first_unless_it_names_others_or_none(against: tuple[str, ...] | None) -> None:
    factor = Factor("place", (*NORM.levels, Level("after", {"batch_norm": "after"}, against)))
    last = ("no batch norm",) if against is None else against
    assert [factor.baselines(level) for level in factor.levels] == [(), ("no batch norm",), last]
    assert factor.level("after") is factor.levels[2]


@pytest.mark.parametrize("against", [("befor",), ("before", "nowhere"), ("after",)])
def test_a_level_is_measured_against_others_of_its_factor_alone(against: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"after must be measured against others of \['no batch norm', 'before', 'af"):
        Factor("place", (*NORM.levels, Level("after", {"batch_norm": "after"}, against)))


@pytest.mark.parametrize(
    ("factor", "numbers"),
    [
        (KEEP, (1.0, 0.5)),
        (Factor("batch", levels("batch_size", (5, 10))), (5.0, 10.0)),
        (
            Factor("σ", (Level("a", {"init": "normal", "sigma": 0.1}), Level("b", {"init": "normal", "sigma": 1}))),
            (0.1, 1.0),
        ),
        (NORM, ()),
        (SCALE, ()),  # He has no sigma
        (Factor("hidden", levels("hidden", [(50,), (100,)])), ()),
        (Factor("yes", levels("skip_norm", [False, True])), ()),
        (Factor("long", tuple(Level(str(n), {"step_size": n, "cycles": n}) for n in (1, 2))), ()),
    ],
    ids=["keep", "batch", "with init", "names", "one without", "tuples", "booleans", "two each"],
)
def test_an_axis_of_numbers_is_one_where_every_level_is_one_number_of_one_parameter(
    factor: Factor, numbers: tuple[float, ...]
) -> None:
    assert factor.numbers == numbers
