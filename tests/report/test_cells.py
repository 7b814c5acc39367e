"""Which cells of a comparison stand beside which in its figures, how each looks, and when it has a mean."""

import dataclasses

import pytest
from drawn import texts
from studies import (
    KEPT,
    MANY,
    NORMS,
    ONE,
    OPTIMIZERS,
    SIGMAS,
    STUDIES,
    WIDTHS,
    figure_of,
    study,
)

from pipeline.report import cells, style
from pipeline.spec import Factor, Level


def test_levels_that_are_asked_for_stand_side_by_side_the_last_of_them_else_the_last_that_varies():
    quiet = dataclasses.replace(NORMS, asked=False)
    assert cells.asked(study(KEPT, quiet, seeds=1)) == 0
    assert cells.asked(study(SIGMAS, NORMS, seeds=1)) == 1
    assert cells.asked(study(KEPT, OPTIMIZERS, ONE, seeds=1)) == 1
    assert cells.asked(study(quiet, ONE, seeds=1)) == 0
    assert cells.asked(study(ONE, seeds=1)) == 0


def test_up_to_eight_cells_share_a_panel_and_more_are_parted_by_the_other_factors():
    assert [part.heading for part in cells.parts(STUDIES["two factors"])] == [""]
    three = cells.parts(study(OPTIMIZERS, KEPT, seeds=1))
    assert [(part.heading, len(part.names)) for part in three] == [("sgd", 3), ("adam", 3), ("rmsprop", 3)]
    many = cells.parts(STUDIES["forty cells"])
    assert [part.heading for part in many] == ["σ = 0.0001", "σ = 0.00183", "σ = 0.0546", "σ = 1"]
    (alone,) = cells.parts(STUDIES["twenty levels"])
    assert len(alone.names) == 12
    assert alone.names[0] == ("λ = 1",)
    assert alone.names[-1] == ("λ = 20",)
    assert "12 of 20 settings shown" in texts(figure_of("curves", "twenty levels")).replace("\n", " ")
    assert "settings shown" not in texts(figure_of("accuracy", "twenty levels"))


def test_batch_norm_has_the_colours_that_it_has_everywhere_and_no_two_levels_look_alike():
    seen = cells.looks(NORMS.levels)
    assert {name: look.color for name, look in seen.items()} == {
        "no batch norm": style.LOOKS["none"].color,
        "batch norm": style.LOOKS["before"].color,
    }
    for factor in (OPTIMIZERS, KEPT, MANY, SIGMAS):
        looks = cells.looks(factor.levels).values()
        assert len({(look.color, look.marker) for look in looks}) == len(factor.levels)
    twice = (Level("a", {"batch_norm": "none"}), Level("b", {"batch_norm": "none", "layer_norm": "before"}))
    assert len({look.color for look in cells.looks(twice).values()}) == 2


@pytest.mark.parametrize("kind", ["two factors", "three factors", "one cell, one seed", "forty cells"])
@pytest.mark.parametrize("look", [cells.lines, cells.colours])
def test_no_two_lines_of_a_panel_look_alike(kind, look):
    told = STUDIES[kind]
    for part in cells.parts(told):
        found = look(told, cells.parts(told))
        assert len({(found[name]["color"], str(found[name]["linestyle"])) for name in part.names}) == len(part.names)


def test_a_mean_tells_only_of_cells_all_of_whose_seeds_completed_and_lie_in_one_heap():
    mixed, lost = STUDIES["mixed"], STUDIES["diverged"]
    assert [cells.has_mean(mixed, name) for name in mixed.groups] == [False, False, True, True, True, True]
    assert [cells.has_mean(lost, name) for name in lost.groups] == [True, True, False, False, False, False]


@pytest.mark.parametrize(
    ("factor", "numbers"),
    [
        (KEPT, (1.0, 0.75, 0.5)),
        (ONE, (100.0,)),
        (WIDTHS, ()),
        (OPTIMIZERS, ()),
        (
            Factor("σ", (Level("a", {"init": "normal", "sigma": 0.1}), Level("b", {"init": "normal", "sigma": 1.0}))),
            (0.1, 1),
        ),
        (Factor("two", (Level("a", {"step_size": 1, "cycles": 2}), Level("b", {"step_size": 2, "cycles": 1}))), ()),
        (Factor("switch", (Level("a", {"skip_norm": True}), Level("b", {"skip_norm": False}))), ()),
    ],
    ids=lambda value: value.name if isinstance(value, Factor) else "",
)
def test_a_factor_has_numbers_where_each_level_sets_one_of_the_same_parameter(factor, numbers):
    assert factor.numbers == numbers
