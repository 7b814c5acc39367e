"""What comparisons say: every sentence follows from the numbers, each branch of each rule with numbers of its own."""

import pytest
from comparisons import BOTH, FAILED, LOST, ONE, many, records, study
from grids import CHANCE

from pipeline.records import Spread
from pipeline.report.comparison import Study
from pipeline.report.comparison_findings import (
    EACH,
    chance_findings,
    contrast_findings,
    counted_contrasts,
    findings,
    flow_findings,
    lost_findings,
    measured_findings,
)
from pipeline.spec import InitSpec

# In all of these, three seeds .01 apart: t(.975, 2) = 4.302653 times .01 / sqrt(3) = .0248.
EIGHT, NINE = many(4), many(5)


def places(design, norm, without=(0.5, 0.5)):
    """Return what a design came to where batch norm does the same in all places but those that `norm` names."""
    return {name: norm.get(name[0], (0.6, 0.6)) if name[1] == "norm" else without for name, _ in design.cells()}


def test_few_cells_have_a_sentence_each_with_mean_and_interval():
    found = study(ONE, {("no norm",): (0.43, 0.44, 0.45), ("norm",): (0.5, 0.5)})
    assert list(measured_findings(found)) == [
        "The test accuracy was 44.00 % (95 % interval 41.52 to 46.48, n = 3) with no norm.",
        "The test accuracy was 50.00 % (the same with both seeds) with norm.",
    ]


def test_one_seed_has_no_interval_and_a_cell_without_any_no_sentence():
    assert list(measured_findings(study(ONE, {("no norm",): [0.5], ("norm",): [LOST]}))) == [
        "The test accuracy was 50.00 % (n = 1) with no norm."
    ]


def test_of_a_mixed_cell_every_seed_is_said():
    assert list(measured_findings(study(ONE, {("no norm",): (0.1, 0.5, 0.52)}))) == [
        "The test accuracy was 10.00, 50.00 and 52.00 %, seed by seed, with no norm."
    ]


def test_a_gap_is_said_in_points():
    found = study(ONE, {("no norm",): [(0.5, 0.125)], ("norm",): [(0.1, 0.25), (0.5, -0.0625)]}, ("gap",))
    assert list(measured_findings(found)) == [
        "The gap between training and validation accuracy was 12.50 points (n = 1) with no norm.",
        "The gap between training and validation accuracy was 25.00 and -6.25 points, seed by seed, with norm.",
    ]


def test_of_many_cells_the_extremes_are_said_and_those_in_two_heaps_are_none():
    cells = places(NINE, {"place 2": (0.7, 0.7), "place 3": (0.4, 0.4), "place 4": (0.1, 0.9)})
    assert list(measured_findings(study(NINE, cells))) == [
        "Of 10 settings, not counting 1 whose seeds lie in two heaps, the highest test accuracy was 70.00 % (the same "
        "with both seeds) with place 2, norm, and the lowest 40.00 % (the same with both seeds) with place 3, norm."
    ]
    assert len(list(measured_findings(study(EIGHT, places(EIGHT, {}))))) == EACH == 8


def test_where_all_of_many_cells_are_mixed_none_is_the_highest():
    cells = {name: (0.1, 0.5) for name, _ in NINE.cells()}
    assert list(measured_findings(study(NINE, cells))) == [
        "In all 10 settings some seeds escaped chance level and others did not."
    ]


def test_of_further_metrics_the_extremes_are_said_where_all_metrics_together_have_many_values():
    cells = {name: [(0.5, 0.01 * place)] for place, (name, _) in enumerate(BOTH.cells())}
    said = list(measured_findings(study(BOTH, cells, ("test_accuracy", "gap"))))
    assert len(said) == 6 + 1
    assert said[-1] == (
        "Of 6 settings, the largest gap between training and validation accuracy was 5.00 points (n = 1) with batches "
        "of 20, norm, and the smallest 0.00 points (n = 1) with batches of 5, no norm."
    )


@pytest.mark.parametrize(
    ("with_norm", "said"),
    [
        (
            (0.59, 0.6, 0.61),
            "Norm instead of no norm raised the test accuracy by 10.00 points (95 % interval 7.52 to 12.48, 3 pairs of "
            "seeds).",
        ),
        (
            (0.39, 0.4, 0.41),
            "Norm instead of no norm lowered the test accuracy by 10.00 points (95 % interval 7.52 to 12.48, 3 pairs "
            "of seeds).",
        ),
        (
            (0.49, 0.5, 0.51),
            "The effect of norm instead of no norm on the test accuracy is within noise: +0.00 points (95 % interval "
            "-2.48 to +2.48, 3 pairs of seeds).",
        ),
        (
            (0.6, 0.6, 0.6),
            "The effect of norm instead of no norm on the test accuracy was the same, +10.00 points, in all 3 pairs of "
            "seeds.",
        ),
        (
            (0.1, 0.6, 0.6),
            "Some seeds escaped chance level and others did not, so that the effect of norm instead of no norm on the "
            "test accuracy lies in two heaps: seed by seed -40.00, +10.00 and +10.00 points.",
        ),
        (
            (0.6, LOST, LOST),
            "The effect of norm instead of no norm on the test accuracy is known from one pair of seeds, which "
            "differed by +10.00 points.",
        ),
        (
            (LOST, LOST, LOST),
            "No pair of seeds completed to show the effect of norm instead of no norm on the test accuracy.",
        ),
    ],
)
def test_few_effects_have_a_sentence_each(with_norm, said):
    found = study(ONE, {("no norm",): (0.5, 0.5, 0.5), ("norm",): with_norm})
    assert list(contrast_findings(found)) == [said]
    assert counted_contrasts(found) == []


def test_a_sentence_says_at_which_levels_of_the_other_factors_an_effect_was_found():
    cells = {("batches of 5", "no norm"): (0.5, 0.5, 0.5), ("batches of 5", "norm"): (0.59, 0.6, 0.61)}
    [said] = contrast_findings(study(BOTH, cells))
    assert said.startswith("Norm instead of no norm raised the test accuracy with batches of 5 by 10.00 points")


def test_many_effects_are_counted_by_what_they_show_and_few_of_a_kind_are_listed():
    design = many(9)
    cells = places(
        design,
        {
            **{"place 1": (0.59, 0.6, 0.61), "place 2": (0.39, 0.4, 0.41), "place 3": (0.49, 0.5, 0.51)},
            **{"place 4": (0.1, 0.6, 0.6), "place 5": (0.6, LOST, LOST), "place 6": (LOST, LOST, LOST)},
            **dict.fromkeys(("place 7", "place 8", "place 9"), (0.6, 0.6, 0.6)),
        },
        (0.5, 0.5, 0.5),
    )
    found = study(design, cells)
    assert list(contrast_findings(found)) == [
        "Of 9 effects of norm instead of no norm on the test accuracy, 1 raises it beyond noise (place 1: +10.00 "
        "points), 1 lowers it beyond noise (place 2: -10.00 points), 1 is within noise, 3 do not vary with the seeds "
        "(place 7: +10.00 points; place 8: +10.00 points; place 9: +10.00 points), 1 has seeds in two heaps (place 4), "
        "1 is known from one pair of seeds alone (place 5: +10.00 points) and 1 has no pair of seeds."
    ]
    assert counted_contrasts(found) == list(found.contrasts)


def test_of_many_effects_of_a_kind_the_smallest_and_the_largest_are_said():
    design = many(9)
    cells = {
        name: (0.2, 0.2, 0.2) if name[1] == "no norm" else (0.01 * place + 0.3,) * 2 + (0.01 * place + 0.303,)
        for place, (name, _) in enumerate(design.cells())
    }
    [said] = contrast_findings(study(design, cells))
    assert said == (
        "All 9 effects of norm instead of no norm on the test accuracy raise it beyond noise (from +11.10 points, "
        "place 1, to +27.10 points, place 9)."
    )


def test_effects_on_further_metrics_are_counted_together_where_there_are_many_of_all_metrics():
    cells = {name: [(0.5, 0.25)] * 2 if name[1] == "norm" else [(0.5, 0.5)] * 2 for name, _ in many(5).cells()}
    found = study(many(5), cells, ("test_accuracy", "gap"))
    *each, last = contrast_findings(found)
    assert len(each) == 5
    assert last == (
        "All 5 effects of norm instead of no norm on the gap between training and validation accuracy do not vary with "
        "the seeds (from -25.00 points, place 1, to -25.00 points, place 5)."
    )
    assert {one.metric for one in counted_contrasts(found)} == {"gap"}


def test_of_many_settings_the_only_one_whose_seeds_lie_in_one_heap_is_said_once():
    cells = {name: (0.1, 0.6) for name, _ in many(5).cells()} | {("place 3", "norm"): (0.5, 0.5)}
    assert list(measured_findings(study(many(5), cells))) == [
        "Of 10 settings, not counting 9 whose seeds lie in two heaps, one is left, whose test accuracy was 50.00 % "
        "(the same with both seeds) with place 3, norm."
    ]


def test_that_all_escaped_chance_level_is_said_once():
    assert list(chance_findings(study(ONE, {("no norm",): (0.5,), ("norm",): (0.6, LOST)}))) == [
        "Every network that completed escaped chance level (10.00 %)."
    ]
    assert list(chance_findings(study(ONE, {("no norm",): [LOST], ("norm",): [FAILED]}))) == []


def test_who_stayed_at_chance_level_is_said_together_where_all_seeds_did():
    cells = places(BOTH, {"batches of 5": (0.1, 0.1), "batches of 10": (0.1, 0.1), "batches of 20": (0.1, 0.6)})
    assert list(chance_findings(study(BOTH, cells))) == [
        "Every seed that completed stayed at chance level (10.00 %) with batches of 5, norm and with batches of 10, "
        "norm.",
        "With batches of 20, norm, 1 of 2 seeds stayed at chance level (10.00 %).",
    ]


def test_many_cells_at_chance_level_are_counted():
    nine = {f"place {place}": (0.1, 0.1) for place in range(1, 10)}
    mixed = {f"place {place}": (0.1, 0.6) for place in range(10, 19)}
    assert list(chance_findings(study(many(18), places(many(18), nine | mixed)))) == [
        "Every seed that completed stayed at chance level (10.00 %) in 9 of 36 settings, which summary.csv lists.",
        "Some seeds stayed at chance level (10.00 %) and others did not in 9 of 36 settings, which summary.csv lists.",
    ]


def test_what_diverged_or_failed_is_said_with_where():
    cells = {("no norm",): (0.5, LOST, FAILED), ("norm",): (0.5, LOST, LOST)}
    assert list(lost_findings(study(ONE, cells))) == [
        "3 of 6 trials diverged: 1 with no norm and 2 with norm.",
        "1 of 6 trials failed: 1 with no norm.",
    ]
    assert list(lost_findings(study(ONE, {("no norm",): (0.5,)}))) == []
    nine = study(many(9), places(many(9), {f"place {place}": (LOST, 0.6) for place in range(1, 10)}))
    assert list(lost_findings(nine)) == ["9 of 36 trials diverged in 9 of 18 settings, which summary.csv lists."]


def test_findings_are_what_was_reached_changed_stuck_and_lost_in_this_order():
    found = study(ONE, {("no norm",): (0.1, 0.1), ("norm",): (0.6, LOST)})
    rules = (measured_findings, contrast_findings, chance_findings, lost_findings)
    assert findings(found) == [said for rule in rules for said in rule(found)]
    assert all(said[0].isupper() or said[0].isdigit() for said in findings(found))
    assert all(said.endswith(".") for said in findings(found))


def test_gradients_by_the_first_weights_are_told_as_a_part_of_those_by_the_last() -> None:
    made = records(ONE, {("no norm",): [0.5, 0.5], ("norm",): [0.5, 0.5]})
    flows = {"none": [(0.01, 0.1), (0.03, 0.1)], "before": [(0.2, 0.4), (0.1, 0.0)]}
    spreads = [
        Spread(InitSpec(), norm, record.replicate, (1.0, 1.0), flows[norm][record.replicate], record.spec.key)
        for record in made
        for norm in (record.spec.network.batch_norm,)
    ]
    told = Study.of(made, ONE, ("test_accuracy",), CHANCE, spreads)
    assert list(flow_findings(told)) == [
        "Before training, the gradient of the loss by the first layer's weights was this part of the last's (root "
        "mean squares, median over pairs of seeds): 0.2 with no norm and 0.5 with norm."
    ]
    assert list(flow_findings(Study.of(made, ONE, ("test_accuracy",), CHANCE))) == []
