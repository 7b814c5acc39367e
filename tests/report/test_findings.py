"""Findings are made from numbers alone: turn the numbers round and the sentences turn with them."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from pipeline.inference import Estimate, paired_difference
from pipeline.report.escape import Cell, Effects, Seed
from pipeline.report.findings import effect, sensitivity
from pipeline.spec import InitSpec


def test_an_interval_above_zero_is_a_rise_in_points() -> None:
    assert effect("Batch norm", "at σ = 0.1", Estimate(5, 0.0052, 0.0025, 0.0021, 0.0083)) == (
        "Batch norm raised the test accuracy at σ = 0.1 by 0.52 points (95 % interval 0.21 to 0.83, 5 pairs of seeds)."
    )


def test_the_same_interval_below_zero_is_a_fall_of_the_same_size() -> None:
    assert effect("Batch norm", "at σ = 0.1", Estimate(5, -0.0052, 0.0025, -0.0083, -0.0021)) == (
        "Batch norm lowered the test accuracy at σ = 0.1 by 0.52 points (95 % interval 0.21 to 0.83, 5 pairs of seeds)."
    )


@pytest.mark.parametrize("ends", [(-0.003, 0.005), (0.0, 0.005), (-0.005, 0.0)])
def test_an_interval_that_holds_zero_is_within_noise(ends: tuple[float, float]) -> None:
    assert effect("Batch norm", "at σ = 0.1", Estimate(5, 0.001, 0.002, *ends)) == (
        "The effect of batch norm on the test accuracy at σ = 0.1 is within noise: +0.10 points "
        f"(95 % interval {100 * ends[0]:+.2f} to {100 * ends[1]:+.2f}, 5 pairs of seeds)."
    )


def test_one_pair_gives_no_interval_and_so_no_verdict() -> None:
    sentence = effect("Batch norm", "at σ = 0.1", paired_difference([0.5], [0.1]))
    assert sentence == (
        "Batch norm changed the test accuracy at σ = 0.1 by +40.00 points; one pair of seeds gives no interval."
    )


def test_pairs_whose_interval_would_mislead_give_none() -> None:
    sentence = effect("Batch norm", "at σ = 0.1", Estimate(3, -0.2, 0.1))
    assert "by -20.00 points; these 3 pairs of seeds give no interval." in sentence


def test_without_a_pair_there_is_nothing_to_say() -> None:
    sentence = effect("Batch norm", "at σ = 0.1", Estimate(0, math.nan))
    assert sentence == "No pair of seeds completed to show the effect of batch norm on the test accuracy at σ = 0.1."


HE, LARGE, SMALL = InitSpec(), InitSpec("normal", 0.1), InitSpec("normal", 0.0001)
CHANCE = 0.1


def cell(
    init: InitSpec,
    norm: str,
    accuracies: Sequence[float],
    steps: Sequence[int | None] | None = None,
    *,
    diverged: int = 0,
    failed: int = 0,
    windowed: bool = True,
) -> Cell:
    """Make a cell of which what is not exactly CHANCE escaped, after the given steps (unless told, 50)."""
    places = steps or [50 if accuracy != CHANCE else None for accuracy in accuracies]
    seeds = [Seed(r, a, a != CHANCE, s) for r, (a, s) in enumerate(zip(accuracies, places, strict=True))]
    return Cell(init, norm, tuple(seeds), diverged, failed, 450, windowed)


def effects_of(cells: Sequence[Cell]) -> Effects:
    """Return the effects of batch norm, seed by seed."""
    at = {(found.initialisation, found.batch_norm): found for found in cells}
    effects = {}
    for (scale, norm), on in at.items():
        off = at.get((scale, "none"))
        if off is not None and norm != "none":
            without = {seed.replicate: seed.accuracy for seed in off.seeds}
            pairs = [(seed.accuracy, without[seed.replicate]) for seed in on.seeds if seed.replicate in without]
            difference = paired_difference([a for a, _ in pairs], [b for _, b in pairs])
            mixed = on.mixed or off.mixed
            effects[scale, norm] = replace(difference, low=None, high=None) if mixed else difference
    return effects


def told(*cells: Cell) -> str:
    return "\n".join(sensitivity(cells, effects_of(cells)))


def swapped(cells: Sequence[Cell]) -> list[Cell]:
    """Return pairs of cells (without, with batch norm) with their results exchanged."""
    pairs = zip(cells[::2], cells[1::2], strict=True)
    return [replace(given, batch_norm=norm) for off, on in pairs for given, norm in ((on, "none"), (off, "before"))]


GOOD, FAIR, DEAD = (0.53, 0.532, 0.534), (0.50, 0.502, 0.504), (CHANCE,) * 3
HELPS = (
    cell(HE, "none", FAIR),
    cell(HE, "before", GOOD),
    cell(SMALL, "none", DEAD),
    cell(SMALL, "before", (0.53, 0.533, 0.536)),
)


def test_where_batch_norm_helps_every_sentence_says_so() -> None:
    assert sensitivity(HELPS, effects_of(HELPS)) == (
        "Without batch norm, the mean test accuracy for He initialisation was 50.20 % (95 % interval 49.70 to 50.70, "
        "n = 3); with batch norm before the activation the mean test accuracy was 53.20 % (95 % interval 52.70 to "
        "53.70, n = 3). Batch norm raised the test accuracy for He initialisation by 3.00 points (95 % interval 3.00 "
        "to 3.00, 3 pairs of seeds).",
        "Without batch norm, 3 of 3 seeds stayed at chance level for σ = 0.0001; with batch norm before the activation "
        "the mean test accuracy was 53.30 % (95 % interval 52.55 to 54.05, n = 3). Batch norm raised the test accuracy "
        "for σ = 0.0001 by 43.30 points (95 % interval 42.55 to 44.05, 3 pairs of seeds).",
        "Without batch norm, every seed escaped chance level for 1 of 2 initialisations; not for σ = 0.0001 (3 of 3 "
        "seeds at chance level).",
        "With batch norm before the activation, every seed escaped chance level for all 2 initialisations, whose mean "
        "test accuracies lie up to 0.10 points apart (53.20 to 53.30 %).",
        "Batch norm removed the sensitivity to the scale of the initial weights, as far as escaping chance level goes: "
        "all 6 networks with it escaped chance level, 3 of 6 without it did not.",
    )


def test_with_the_results_exchanged_every_sentence_reverses() -> None:
    text = told(*swapped(HELPS))
    assert "lowered the test accuracy for He initialisation by 3.00 points" in text
    assert "lowered the test accuracy for σ = 0.0001 by 43.30 points" in text
    assert "With batch norm before the activation, every seed escaped chance level for 1 of 2" in text
    assert "Batch norm did not remove" in text
    assert "3 of 6 networks with it did not escape chance level, 0 of 6 without." in text
    assert "raised" not in text
    assert "Batch norm removed" not in text


def test_without_a_difference_the_effect_is_noise_and_no_sensitivity_is_seen() -> None:
    text = told(
        *(cell(init, "none", (0.53, 0.532, 0.534)) for init in (HE, LARGE)),
        *(cell(init, "before", (0.534, 0.530, 0.532)) for init in (HE, LARGE)),
    )
    assert text.count("is within noise: +0.00 points") == 2
    assert "No difference in the sensitivity to the scale of the initial weights was seen: all 6 networks" in text
    assert not {"raised", "lowered", "removed"} & set(text.split())


def test_a_mixed_cell_lists_its_seeds_and_has_no_interval() -> None:
    text = told(cell(LARGE, "none", (CHANCE, 0.35, 0.4)), cell(LARGE, "before", GOOD))
    assert "1 of 3 seeds stayed at chance level for σ = 0.1 (test accuracies 10.00, 35.00, 40.00 %)" in text
    assert "these 3 pairs of seeds give no interval" in text


def test_scales_that_did_not_train_are_named_and_left_out_of_the_range() -> None:
    text = told(
        cell(HE, "none", (0.50, 0.52)),
        cell(LARGE, "none", (0.40, 0.42)),
        cell(SMALL, "none", (CHANCE, 0.3)),
        cell(InitSpec("normal", 9.0), "none", (), diverged=2),
    )
    assert (
        "for 2 of 4 initialisations, whose mean test accuracies lie up to 10.00 points apart (41.00 to 51.00 %)" in text
    )
    assert "not for σ = 0.0001 (1 of 2 seeds at chance level) and σ = 9 (2 diverged)." in text
    assert "no seed completed for σ = 9, 2 diverged" in text
    assert "All networks were trained without batch norm" in text


def test_learning_that_began_after_the_first_epoch_is_told() -> None:
    text = told(
        cell(LARGE, "none", (0.3, 0.31, CHANCE), [1450, 1500, None]),
        cell(LARGE, "before", GOOD),
        cell(SMALL, "none", DEAD),
        cell(SMALL, "before", GOOD, [400, 450, 450]),
    )
    assert (
        "For σ = 0.1, the mini-batch loss first fell below 99 % of chance level's after 1,475 steps (median of 2 "
        "seeds, 1 never did) without batch norm and after 50 steps (median of 3 seeds) with batch norm before the "
        "activation; an epoch has 450 steps." in text
    )
    assert "For σ = 0.0001, the mini-batch loss" not in text  # within the epoch, or not at all, is not late


def test_diverged_networks_count_as_lost_to_the_initialisation() -> None:
    text = told(
        cell(LARGE, "none", (0.5, 0.5), diverged=1),
        cell(LARGE, "before", (0.5, 0.5)),
        cell(SMALL, "none", (0.5, 0.5)),
        cell(SMALL, "before", (0.5, 0.5)),
    )
    assert "50.00 % (95 % interval 50.00 to 50.00, n = 2), 1 diverged" in text
    assert "Batch norm removed" in text
    assert "1 of 5 without it did not" in text
    assert "for 1 of 2 initialisations; not for σ = 0.1 (1 diverged)." in text  # the mean of survivors would flatter


def test_failed_trials_leave_the_verdict_open() -> None:
    text = told(*HELPS[:3], cell(SMALL, "before", GOOD[:2], failed=1))
    assert "Whether batch norm removes the sensitivity to the scale of the initial weights cannot be told" in text
    assert "removed" not in text


def test_three_kinds_of_batch_norm_are_told_apart() -> None:
    text = told(*HELPS[:2], cell(HE, "after", FAIR), *HELPS[2:], cell(SMALL, "after", DEAD))
    assert "Batch norm before the activation raised the test accuracy for He initialisation" in text
    assert (
        "The effect of batch norm after the activation on the test accuracy for He initialisation is within noise"
        in text
    )
    assert "Batch norm before the activation removed the sensitivity" in text
    assert "Batch norm after the activation did not remove the sensitivity" in text


@pytest.mark.parametrize(
    ("norm", "sentence"),
    [
        ("none", "All networks were trained without batch norm, so that this run cannot tell what it changes."),
        ("before", "All networks were trained with batch norm, so that this run cannot tell what it changes."),
    ],
)
def test_one_kind_of_network_gives_no_verdict(norm: str, sentence: str) -> None:
    text = told(cell(HE, norm, GOOD), cell(SMALL, norm, FAIR))
    assert text.endswith(sentence)
    assert "effect" not in text


def test_a_single_initialisation_has_no_sensitivity_to_speak_of() -> None:
    text = told(cell(HE, "none", FAIR), cell(HE, "before", GOOD))
    assert "Batch norm raised the test accuracy for He initialisation by 3.00 points" in text
    assert "sensitivity" not in text
    assert "apart" not in text


def test_a_single_seed_gives_numbers_without_intervals() -> None:
    text = told(*(replace(each, seeds=each.seeds[:1]) for each in HELPS))
    assert "the mean test accuracy for He initialisation was 50.00 % (n = 1)" in text
    assert text.count("one pair of seeds gives no interval") == 2
    assert "95 %" not in text


def test_runs_too_short_for_a_window_say_nothing_of_when() -> None:
    short = [
        replace(each, windowed=False, seeds=tuple(replace(s, first_step=None) for s in each.seeds)) for each in HELPS
    ]
    assert told(*short) == told(*HELPS)


def test_a_run_of_which_nothing_completed_concludes_nothing() -> None:
    text = told(*(cell(init, norm, (), failed=2) for init in (HE, SMALL) for norm in ("none", "before")))
    assert "no seed completed for He initialisation, 2 failed" in text
    assert "cannot be told" in text
    assert not {"raised", "lowered", "removed", "0.00"} & set(text.split())
