"""The depth study's tables and sentences: numbers worked by hand, and every sentence in each of its directions."""

import math
from collections.abc import Mapping, Sequence

import pytest
from grids import DEEP, trial

from pipeline.records import Chance, Status, TrialRecord
from pipeline.report.depth_findings import Names, Study, findings, layers
from pipeline.report.depth_tables import depth_effects, depth_summary
from pipeline.report.escape import ESCAPE_COLUMNS
from pipeline.report.tables import EFFECT_COLUMNS, SUMMARY_COLUMNS

CHANCE = Chance(0.1, math.log(10))
SHALLOW = (50,)
DEEP_NAME = "-".join(map(str, DEEP))
ENDS = [name for name in SUMMARY_COLUMNS if name.endswith(("_low", "_high"))]
Cells = Mapping[tuple[tuple[int, ...], str], Sequence[float | None]]


def study(cells: Cells) -> list[TrialRecord]:
    """Return the trials of a grid, one per accuracy and replicate; None diverged."""
    trials = [
        (hidden, norm, replicate, accuracy)
        for (hidden, norm), accuracies in cells.items()
        for replicate, accuracy in enumerate(accuracies)
    ]
    return [
        trial(
            number,
            norm=norm,
            replicate=replicate,
            accuracy=accuracy,
            hidden=hidden,
            status=Status.DIVERGED if accuracy is None else Status.COMPLETE,
        )
        for number, (hidden, norm, replicate, accuracy) in enumerate(trials)
    ]


def told(cells: Cells) -> list[str]:
    return findings(Study.of(study(cells), CHANCE))


HELPS = {
    (SHALLOW, "none"): [0.50, 0.52, 0.51],
    (SHALLOW, "before"): [0.51, 0.51, 0.51],
    (DEEP, "none"): [0.40, 0.41, 0.42],
    (DEEP, "before"): [0.50, 0.52, 0.51],
}


def test_batch_norm_and_depth_are_compared_seed_by_seed() -> None:
    shallow, deep, without, with_norm = told(HELPS)[2:6]
    # differences +.01 -.01 0: mean 0, sd .01, t(.975, 2) = 4.3027, half width 2.484 points
    assert shallow == (
        "The effect of batch norm on the test accuracy of the 2-layer network is within noise: +0.00 points "
        "(95 % interval -2.48 to +2.48, 3 pairs of seeds)."
    )
    # differences .10 .11 .09: mean .10, sd .01
    assert deep == (
        "Batch norm raised the test accuracy of the 9-layer network by 10.00 points "
        "(95 % interval 7.52 to 12.48, 3 pairs of seeds)."
    )
    # differences -.10 -.11 -.09
    assert without == (
        "Going from 2 to 9 layers lowered the test accuracy without batch norm by 10.00 points "
        "(95 % interval 7.52 to 12.48, 3 pairs of seeds)."
    )
    # differences -.01 +.01 0
    assert with_norm.startswith(
        "The effect of going from 2 to 9 layers on the test accuracy with batch norm is within noise: "
    )


def test_reversed_numbers_reverse_the_sentences() -> None:
    other = {"none": "before", "before": "none"}
    shallow, deep, _, with_norm = told({(hidden, norm): HELPS[hidden, other[norm]] for hidden, norm in HELPS})[2:6]
    assert "within noise" in shallow
    assert deep.startswith("Batch norm lowered the test accuracy of the 9-layer network by 10.00 points ")
    assert with_norm.startswith("Going from 2 to 9 layers lowered the test accuracy with batch norm by 10.00 points ")
    depth = {SHALLOW: DEEP, DEEP: SHALLOW}
    risen = told({(hidden, norm): HELPS[depth[hidden], norm] for hidden, norm in HELPS})[4]
    assert risen.startswith("Going from 2 to 9 layers raised the test accuracy without batch norm by 10.00 points ")


def test_seeds_at_chance_level_are_counted_and_a_mixed_cell_has_no_interval() -> None:
    cells = HELPS | {(DEEP, "none"): [0.10, 0.10, 0.45]}
    records = study(cells)
    summary, effects = depth_summary(records, CHANCE), depth_effects(records, CHANCE)
    assert summary["escaped"].tolist() == [3, 3, 1, 3]
    assert summary.loc[2, ENDS].isna().all()
    assert summary.loc[2, "test_accuracy_mean"] == pytest.approx(0.65 / 3)
    assert summary.loc[[0, 1, 3], "test_accuracy_low"].notna().all()
    assert effects["low"].isna().tolist() == [False, True, True, False]
    sentences = told(cells)
    assert sentences[1].startswith("The 9-layer network reached a test accuracy of 10.00, 10.00 and 45.00 % without")
    assert sentences[3] == (
        "Some seeds escaped chance level and others did not, so that the effect of batch norm on the test accuracy of "
        "the 9-layer network lies in two heaps: seed by seed +40.00, +42.00 and +6.00 points."
    )
    assert "2 of 3 seeds of the 9-layer network without batch norm stayed at chance level (10.00 %)." in sentences


def test_a_network_all_of_whose_seeds_stay_at_chance_level_has_an_interval() -> None:
    cells = HELPS | {(DEEP, "none"): [0.10, 0.10, 0.10]}
    assert not depth_effects(study(cells), CHANCE)["low"].isna().any()
    assert depth_summary(study(cells), CHANCE)["test_accuracy_low"].tolist()[2] == pytest.approx(0.1)
    assert "3 of 3 seeds of the 9-layer network without batch norm stayed at chance level (10.00 %)." in told(cells)


def test_where_every_network_escapes_that_is_said_and_where_none_completes_nothing_is() -> None:
    assert told(HELPS)[-1] == "Every network that completed escaped chance level (10.00 %)."
    nothing = told({cell: [None, None] for cell in HELPS})
    lost = 2 * len(HELPS)
    assert nothing == [f"Every trial diverged ({lost} of {lost}), so there is nothing to compare."]


def test_what_did_not_complete_is_counted_and_left_out_of_its_pairs() -> None:
    records = study(HELPS | {(DEEP, "none"): [0.40, None, 0.42]})
    failed = trial(99, norm="before", replicate=3, hidden=DEEP, status=Status.FAILED)
    summary, effects = depth_summary([*records, failed], CHANCE), depth_effects([*records, failed], CHANCE)
    assert effects["n"].tolist() == [3, 2, 2, 3]
    assert summary["n_failed"].tolist() == [0, 0, 0, 1]
    assert findings(Study.of([*records, failed], CHANCE))[-2:] == [
        "Of 3 trials of the 9-layer network without batch norm, 1 diverged.",
        "Of 4 trials of the 9-layer network with batch norm, 1 failed.",
    ]


def test_tables_come_in_plan_order_with_the_columns_that_users_rely_on() -> None:
    records = study({(DEEP, "before"): [0.5], (DEEP, "none"): [0.4], (SHALLOW, "before"): [0.5]})
    summary, effects = depth_summary(records, CHANCE), depth_effects(records, CHANCE)
    assert list(summary) == ["stage", "hidden", "batch_norm", "layers", *ESCAPE_COLUMNS, *SUMMARY_COLUMNS]
    assert list(zip(summary["layers"], summary["batch_norm"], strict=True)) == [
        (9, "before"),
        (9, "none"),
        (2, "before"),
    ]
    assert list(effects) == ["hidden", "batch_norm", *EFFECT_COLUMNS]
    assert effects[["hidden", "batch_norm", "compared"]].to_numpy().tolist() == [
        [DEEP_NAME, "", "before - none"],
        ["", "before", f"{DEEP_NAME} - 50"],
    ]


@pytest.mark.parametrize(
    "cells",
    [
        {(SHALLOW, "none"): [0.5, 0.6]},
        {(SHALLOW, "before"): [0.5, 0.6], ((40,), "before"): [0.5, 0.6]},
        {(SHALLOW, "before"): [0.5, 0.6], (SHALLOW, "after"): [0.5, 0.6]},
    ],
)
def test_what_cannot_be_compared_gives_no_effect(cells: Cells) -> None:
    effects = depth_effects(study(cells), CHANCE)
    assert len(effects) == 0
    assert list(effects) == ["hidden", "batch_norm", *EFFECT_COLUMNS]
    *reached, last = told(cells)
    assert all("reached a test accuracy of 55.00 %" in sentence for sentence in reached)
    assert last == "Every network that completed escaped chance level (10.00 %)."


def test_networks_of_equal_depth_and_places_of_batch_norm_are_told_apart() -> None:
    wide = (100,)
    cells = {
        (hidden, norm): [base, base + step]
        for hidden, base, step in ((SHALLOW, 0.4, 0.01), (wide, 0.5, 0.01), ((50, 50), 0.5, 0.011))
        for norm in ("none", "before", "after")
    }
    sentences = told(cells)
    assert sum("of the 2-layer network 100" in sentence for sentence in sentences) == 2
    assert sum("of batch norm after the activation on" in sentence for sentence in sentences) == 3
    assert any(
        sentence.startswith("Going from the 2-layer network 50 to the 3-layer network raised") for sentence in sentences
    )
    assert len(set(sentences)) == len(sentences)


def test_names_are_as_short_as_the_study_allows() -> None:
    names = Names(("50", "50-50", "30-30"), ("none", "before"))
    assert [names.network(hidden) for hidden in names.networks] == [
        "the 2-layer network",
        "the 3-layer network 50-50",
        "the 3-layer network 30-30",
    ]
    assert [layers(hidden) for hidden in ("", "50", "50-50")] == [1, 2, 3]


def test_one_network_with_one_batch_norm_is_told_of() -> None:
    assert told({(DEEP, "none"): [0.40, 0.41, 0.42]}) == [
        "The 9-layer network reached a test accuracy of 41.00 % (95 % interval 38.52 to 43.48, n = 3) without batch "
        "norm.",
        "Every network that completed escaped chance level (10.00 %).",
    ]


def test_some_of_the_networks_keep_the_names_of_all_and_tell_of_no_depth() -> None:
    whole = Study.of(study(HELPS | {((40,), "none"): [0.3, 0.31]}), CHANCE)
    part = whole.among(["50"])
    assert list(part.cells) == [("50", "none"), ("50", "before")]
    assert list(part.of_norm) == [("50", "before")]
    assert (list(whole.of_depth), part.of_depth) == ([("none", DEEP_NAME), ("before", DEEP_NAME)], {})
    assert findings(part)[0].startswith("The 2-layer network 50 reached")


def test_one_pair_of_seeds_gives_a_difference_without_an_interval() -> None:
    sentences = told({cell: accuracies[:1] for cell, accuracies in HELPS.items()})
    assert sentences[1] == (
        "The 9-layer network reached a test accuracy of 40.00 % (n = 1) without batch norm and 50.00 % (n = 1) with "
        "batch norm."
    )
    assert sentences[3] == (
        "The effect of batch norm on the test accuracy of the 9-layer network is known from one pair of seeds, which "
        "differed by +10.00 points."
    )
    assert math.isnan(depth_effects(study({c: a[:1] for c, a in HELPS.items()}), CHANCE)["sd"][0])
