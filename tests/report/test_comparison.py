"""Comparisons: which cells are held against which, seed by seed, and the tables, with numbers worked by hand."""

from dataclasses import replace

import pytest
from comparisons import BOTH, CHAIN, FAILED, LOST, ONE, PLACES, many, records, study
from grids import CHANCE

from pipeline.inference import SHARE
from pipeline.records import Spread
from pipeline.report.comparison import CLEAN, PHRASES, SHIFTED, Study, Verdict, effects, measures
from pipeline.report.tables import metric
from pipeline.spec import Design, Factor, InitSpec

HALF = 0.0496828  # .02, .04, .06: sd .02; t(.975, 2) = 4.302653 times .02 / sqrt(3)


def test_every_metric_that_sentences_have_words_for_can_be_measured():
    [record] = records(ONE, {("no norm",): [0.5]})
    record = replace(
        record, shifted_accuracy=dict.fromkeys((name.removeprefix("test_accuracy_") for name in SHIFTED), 0.4)
    )
    assert {CLEAN, *SHIFTED} <= set(PHRASES)
    assert all(metric(record, what) is not None for what in PHRASES)


def test_an_effect_is_the_paired_difference_worked_by_hand():
    found = study(ONE, {("no norm",): (0.40, 0.50, 0.30), ("norm",): (0.42, 0.54, 0.36)})
    [one] = found.contrasts
    assert (one.factor, one.level, one.baseline, one.where, one.metric) == (
        *("batch norm", "norm", "no norm", (), "test_accuracy"),
    )
    [row] = effects(found).to_dict("records")
    assert (row["factor"], row["where"], row["compared"], row["n"]) == ("batch norm", "", "norm - no norm", 3)
    numbers = [row[name] for name in ("mean", "sd", "low", "high")]
    assert numbers == pytest.approx([0.04, 0.02, 0.04 - HALF, 0.04 + HALF], abs=1e-6)


def test_measures_are_means_with_the_interval_worked_by_hand():
    found = study(ONE, {("no norm",): (0.42, 0.44, 0.46), ("norm",): ((0.5, 0.25),)}, ("test_accuracy", "gap"))
    rows = measures(found).set_index(["setting", "metric"])
    low, high = rows.loc[("no norm", "test_accuracy"), ["low", "high"]]
    assert (low, high) == pytest.approx((0.44 - HALF, 0.44 + HALF), abs=1e-6)
    assert rows.loc[("norm", "gap"), "mean"] == 0.25
    assert rows.loc[("norm", "gap"), ["sd", "low", "high"]].isna().all()
    assert list(rows["n"]) == [3, 1, 3, 1]


def test_a_gap_may_be_negative_and_its_interval_too_where_that_of_a_share_may_not():
    found = study(ONE, {("no norm",): ((0.2, -0.1), (0.3, 0.1))}, ("test_accuracy", "gap"))
    share, gap = (found.estimate(("no norm",), what) for what in found.metrics)
    assert share.low == SHARE[0] == 0.0
    assert gap.low is not None
    assert gap.low < -0.5


def test_seeds_pair_by_replicate_whatever_order_they_come_in_and_only_where_both_completed():
    trials = records(ONE, {("no norm",): (0.1, 0.9, 0.5, 0.7), ("norm",): (0.2, LOST, 0.6, 0.8)})
    for arrived in (trials, trials[::-1]):
        [one] = Study.of(arrived, ONE, ["test_accuracy"], CHANCE).contrasts
        assert one.effect.differences == pytest.approx((0.1, 0.1, 0.1))


def test_a_level_is_held_against_the_first_of_its_factor_or_against_the_one_it_names():
    found = study(CHAIN, {("no norm",): [0.5, 0.5], ("norm",): [0.6, 0.6], ("precise",): [0.7, 0.7]})
    assert [(one.level, one.baseline) for one in found.contrasts] == [("norm", "no norm"), ("precise", "norm")]
    assert [one.effect.estimate.mean for one in found.contrasts] == pytest.approx([0.1, 0.1])


def test_a_level_whose_baseline_was_not_run_is_held_against_none():
    found = study(CHAIN, {("no norm",): [0.5], ("precise",): [0.7]})
    assert found.contrasts == ()
    assert list(found.groups) == [("no norm",), ("precise",)]


def test_a_level_may_be_held_against_several() -> None:
    *others, last = CHAIN.factors[0].levels
    design = Design((Factor("norm", (*others, replace(last, against=("no norm", "norm")))),))
    found = study(design, {("no norm",): [0.5, 0.5], ("norm",): [0.6, 0.6], ("precise",): [0.7, 0.7]})
    assert [(one.level, one.baseline) for one in found.contrasts] == [
        *[("norm", "no norm"), ("precise", "no norm"), ("precise", "norm")]
    ]
    assert [one.effect.estimate.mean for one in found.contrasts] == pytest.approx([0.1, 0.2, 0.1])


def test_further_metrics_that_no_trial_has_are_no_part_of_a_comparison():
    cells = {("no norm",): [0.5, 0.5], ("norm",): [0.6, LOST]}
    asked = ("test_accuracy", "test_accuracy_blur", "test_accuracy_noise")  # of which the records have no noise
    found = study(ONE, cells, asked)
    assert found.metrics == asked[:2]
    assert {one.metric for one in found.contrasts} == set(measures(found)["metric"]) == set(asked[:2])
    lost = study(ONE, {("no norm",): [LOST], ("norm",): [LOST]}, asked)
    assert lost.metrics == asked[:1]
    assert [one.verdict for one in lost.contrasts] == [Verdict.NONE]


def test_factors_that_are_not_asked_for_say_where_effects_were_found():
    cells = {(place.label, norm): [0.5] for place in PLACES.levels for norm in ("no norm", "norm")}
    found = study(BOTH, cells, ("test_accuracy", "gap"))
    assert [(one.where, one.metric) for one in found.contrasts] == [
        ((place.label,), what) for what in ("test_accuracy", "gap") for place in PLACES.levels
    ]
    assert {one.factor for one in found.contrasts} == {"batch norm"}
    assert set(effects(found)["where"]) == {place.label for place in PLACES.levels}


def test_a_factor_of_one_level_is_not_named_where_another_varies():
    one_place = Design((replace(PLACES, levels=PLACES.levels[:1]), *ONE.factors))
    found = study(one_place, {("batches of 5", "no norm"): [0.5], ("batches of 5", "norm"): [0.6]})
    assert [found.called(name) for name in found.groups] == ["no norm", "norm"]
    assert found.contrasts[0].where == ()
    alone = study(Design((one_place.factors[0],)), {("batches of 5",): [0.5]})
    assert alone.called(("batches of 5",)) == "batches of 5"


def test_where_some_seeds_stayed_at_chance_level_there_is_no_interval_neither_of_means_nor_of_effects():
    found = study(ONE, {("no norm",): (0.1, 0.5), ("norm",): (0.5, 0.6)}, ("test_accuracy", "gap"))
    assert found.cells[("no norm",)].mixed
    assert measures(found).set_index("setting").loc["no norm", ["low", "high"]].isna().all(axis=None)
    assert effects(found)[["low", "high"]].isna().all(axis=None)
    assert [one.verdict for one in found.contrasts] == [Verdict.HEAPS] * 2


@pytest.mark.parametrize(
    ("with_norm", "verdict", "beyond"),
    [
        ((0.6, 0.61, 0.62), Verdict.RAISED, True),
        ((0.4, 0.41, 0.42), Verdict.LOWERED, True),
        ((0.4, 0.51, 0.62), Verdict.NOISE, False),
        ((0.6, 0.6, 0.6), Verdict.ALIKE, False),
        ((0.5, 0.5, 0.5), Verdict.ALIKE, False),
        ((0.1, 0.6, 0.6), Verdict.HEAPS, False),
        ((0.6, LOST, FAILED), Verdict.SINGLE, False),
        ((LOST, LOST, LOST), Verdict.NONE, False),
    ],
)
def test_a_verdict_says_what_the_pairs_of_seeds_show_and_beyond_noise_is_only_what_has_an_interval(
    with_norm, verdict, beyond
):
    [one] = study(ONE, {("no norm",): (0.5, 0.5, 0.5), ("norm",): with_norm}).contrasts
    assert (one.verdict, one.beyond_noise) == (verdict, beyond)


def test_spreads_lie_in_the_cells_of_their_trials():
    trials = records(ONE, {("no norm",): [0.5, 0.5], ("norm",): [0.6]})
    spreads = [Spread(InitSpec(), "none", 0, (1.0,), (1.0,), trial.spec.key) for trial in trials]
    found = Study.of(trials, ONE, ["test_accuracy"], CHANCE, spreads)
    assert {name: len(group) for name, group in found.spreads.items()} == {("no norm",): 2, ("norm",): 1}


def test_tables_of_nothing_have_all_their_columns():
    alone = study(Design((replace(PLACES, levels=PLACES.levels[:1]),)), {("batches of 5",): [0.5]})
    assert list(effects(alone)) == ["factor", "where", "compared", "metric", "n", "mean", "sd", "low", "high"]
    assert len(effects(alone)) == 0


def test_rows_come_metric_by_metric_in_the_order_of_the_design():
    cells = {name: [0.5] for name, _ in many(2).cells()}
    frame = measures(study(many(2), cells, ("test_accuracy", "gap")))
    names = ["place 1, no norm", "place 1, norm", "place 2, no norm", "place 2, norm"]
    assert list(frame["setting"]) == names * 2
    assert list(frame["metric"]) == ["test_accuracy"] * 4 + ["gap"] * 4
