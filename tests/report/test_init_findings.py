"""Findings are made from numbers alone: turn the numbers round and the sentences turn with them."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pipeline.report.escape import Cell, Seed
from pipeline.report.init_findings import sensitivity
from pipeline.spec import InitSpec

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


def told(*cells: Cell) -> str:
    return "\n".join(sensitivity(cells))


def swapped(cells: Sequence[Cell]) -> list[Cell]:
    """Return pairs of cells (without, with batch norm) with their results exchanged."""
    pairs = zip(cells[::2], cells[1::2], strict=True)
    return [replace(given, batch_norm=norm) for off, on in pairs for given, norm in ((on, "none"), (off, "before"))]


GOOD, FAIR, DEAD = (0.53, 0.532, 0.534), (0.50, 0.504, 0.502), (CHANCE,) * 3
HELPS = (
    cell(HE, "none", FAIR),
    cell(HE, "before", GOOD),
    cell(SMALL, "none", DEAD),
    cell(SMALL, "before", (0.53, 0.533, 0.536)),
)


def test_where_batch_norm_helps_every_sentence_says_so() -> None:
    assert sensitivity(HELPS) == (
        "Without batch norm, the mean test accuracy for He initialisation was 50.20 % (95 % interval 49.70 to 50.70, "
        "n = 3); with batch norm the mean test accuracy was 53.20 % (95 % interval 52.70 to 53.70, n = 3). Batch norm "
        "raised the test accuracy for He initialisation by 3.00 points (95 % interval 2.50 to 3.50, 3 pairs of seeds).",
        "Without batch norm, 3 of 3 seeds stayed at chance level for σ = 0.0001; with batch norm the mean test "
        "accuracy was 53.30 % (95 % interval 52.55 to 54.05, n = 3). Batch norm raised the test accuracy for "
        "σ = 0.0001 by 43.30 points (95 % interval 42.55 to 44.05, 3 pairs of seeds).",
        "Without batch norm, every seed escaped chance level for 1 of 2 initialisations, not for σ = 0.0001 (3 of 3 "
        "seeds at chance level).",
        # residuals ±.0005 and 0: s = sqrt(4 * .0005^2 / 2) = .000707; q(.95; 2, 2) = 6.0849, over sqrt(3)
        "With batch norm, every seed escaped chance level for both initialisations; the 2 mean test accuracies lie up "
        "to 0.10 points apart (53.20 to 53.30 %), which is within noise: 2 equal ones would lie up to 0.25 points "
        "apart in 95 % of runs.",
        # (6 over 3) / (12 over 3) = 20 / 220 on either side
        "The effect of batch norm on the failures to escape chance level is within noise: 3 of 6 networks without it, "
        "0 of 6 with it (Fisher's exact test, p = 0.182).",
    )


def test_with_the_results_exchanged_every_sentence_reverses() -> None:
    text = told(*swapped(HELPS))
    assert "lowered the test accuracy for He initialisation by 3.00 points" in text
    assert "lowered the test accuracy for σ = 0.0001 by 43.30 points" in text
    assert "With batch norm, every seed escaped chance level for 1 of 2" in text
    assert "is within noise: 0 of 6 networks without it, 3 of 6 with it" in text
    assert "raised" not in text


def test_without_a_difference_everything_is_noise() -> None:
    text = told(
        *(cell(init, "none", (0.53, 0.532, 0.534)) for init in (HE, LARGE)),
        *(cell(init, "before", (0.534, 0.530, 0.532)) for init in (HE, LARGE)),
    )
    assert text.count("is within noise: +0.00 points") == 2
    assert text.endswith("No network stayed at chance level, without batch norm or with it.")
    assert not {"raised", "lowered", "removed", "sensitivity"} & set(text.split())


# Of two initialisations with n / 2 seeds each, in which so many of n networks are lost.
def lost(norm: str, count: int, n: int, *, diverged: bool = False) -> list[Cell]:
    half = n // 2
    ended = [CHANCE] * count + [0.5 + place / 1000 for place in range(n - count)]
    parts = [(HE, ended[half:]), (SMALL, ended[:half])]
    if not diverged:
        return [cell(init, norm, accuracies) for init, accuracies in parts]
    survivors = [[a for a in accuracies if a != CHANCE] for _, accuracies in parts]
    return [cell(init, norm, kept, diverged=half - len(kept)) for (init, _), kept in zip(parts, survivors, strict=True)]


FAILURES = "the failures to escape chance level"
VERDICTS = {
    # without, with batch norm: the sentence
    "1 of 10, 0 of 10": (1, 0, 10, f"The effect of batch norm on {FAILURES} is within noise: 1 of 10 networks without"),
    "5 of 10, 1 of 10": (5, 1, 10, f"The effect of batch norm on {FAILURES} is within noise: 5 of 10 networks without"),
    "5 of 10, 0 of 10": (5, 0, 10, f"Batch norm removed {FAILURES}: 5 of 10 networks without it, 0 of 10 with it"),
    "8 of 10, 1 of 10": (8, 1, 10, f"Batch norm reduced {FAILURES}: 8 of 10 networks without it, 1 of 10 with it"),
    "1 of 10, 8 of 10": (1, 8, 10, "With batch norm more networks failed to escape chance level: 1 of 10 networks"),
    "none": (0, 0, 10, "No network stayed at chance level, without batch norm or with it."),
    "all": (10, 10, 10, "Whether batch norm changes how many networks escape chance level cannot be told: none did,"),
}


@pytest.mark.parametrize("diverged", [False, True], ids=["stuck", "diverged"])
@pytest.mark.parametrize(("without", "given", "n", "said"), VERDICTS.values(), ids=VERDICTS)
def test_failures_to_escape_are_compared_by_fishers_test(
    without: int, given: int, n: int, said: str, diverged: bool
) -> None:
    *_, verdict = sensitivity([*lost("none", without, n, diverged=diverged), *lost("before", given, n)])
    assert verdict.startswith(said)


def test_scales_that_matter_without_batch_norm_are_seen_in_the_accuracies_though_every_network_escapes() -> None:
    without = [cell(HE, "none", (0.52, 0.521, 0.519)), cell(SMALL, "none", (0.2, 0.199, 0.201))]
    text = told(*without, *(cell(init, "before", (0.52, 0.521, 0.519)) for init in (HE, SMALL)))
    assert "lie up to 32.00 points apart (20.00 to 52.00 %), which is more than noise" in text
    assert "lie up to 0.00 points apart (52.00 to 52.00 %), and these seeds do not tell how much" in text
    assert "No network stayed at chance level, without batch norm or with it." in text


def test_a_range_beyond_its_threshold_is_more_than_noise_and_one_below_is_not() -> None:
    """Residuals ±.01: s = .01 sqrt(2), q(.95; 2, 2) = 6.0849, threshold 6.0849 s / sqrt(3) = 4.968 points."""
    for apart, verdict in ((0.0496, "within noise"), (0.0498, "more than noise")):
        text = told(cell(HE, "none", (0.51, 0.5, 0.49)), cell(LARGE, "none", (0.49 + apart, 0.5 + apart, 0.51 + apart)))
        assert f"which is {verdict}: 2 equal ones would lie up to 4.97 points apart" in text


def test_one_seed_does_not_tell_how_far_noise_alone_would_spread_the_scales() -> None:
    text = told(cell(HE, "none", (0.5,)), cell(LARGE, "none", (0.4,)))
    assert "10.00 points apart (40.00 to 50.00 %), and these seeds do not tell how much of that is noise." in text


def test_failed_trials_leave_their_initialisation_out_of_the_range() -> None:
    text = told(cell(HE, "none", GOOD), cell(LARGE, "none", FAIR), cell(SMALL, "none", (0.3,), failed=2))
    assert "every seed escaped chance level for 2 of 3 initialisations, not for σ = 0.0001 (2 failed);" in text
    assert "(50.20 to 53.20 %)" in text


def test_where_no_initialisation_escapes_with_every_seed_that_is_said() -> None:
    text = told(cell(HE, "none", (0.5, CHANCE)), cell(SMALL, "none", (), diverged=2))
    assert (
        "Without batch norm, no initialisation escaped chance level with every seed: He initialisation (1 of 2 seeds "
        "at chance level) and σ = 0.0001 (2 diverged)." in text
    )


def test_a_mixed_cell_lists_its_seeds_and_its_differences_and_has_no_mean() -> None:
    text = told(cell(LARGE, "none", (CHANCE, 0.35, 0.4)), cell(LARGE, "before", GOOD))
    assert "1 of 3 seeds stayed at chance level for σ = 0.1 (test accuracies 10.00, 35.00 and 40.00 %)" in text
    assert (
        "the effect of batch norm on the test accuracy for σ = 0.1 lies in two heaps: seed by seed +43.00, +18.20 and "
        "+13.40 points." in text
    )
    assert "24.87" not in text  # their mean


def test_scales_that_did_not_train_are_named_and_left_out_of_the_range() -> None:
    text = told(
        cell(HE, "none", (0.50, 0.52)),
        cell(LARGE, "none", (0.40, 0.42)),
        cell(SMALL, "none", (CHANCE, 0.3)),
        cell(InitSpec("normal", 9.0), "none", (), diverged=2),
    )
    assert (
        "for 2 of 4 initialisations, not for σ = 0.0001 (1 of 2 seeds at chance level) and σ = 9 (2 diverged); the 2 "
        "mean test accuracies lie up to 10.00 points apart (41.00 to 51.00 %)" in text
    )
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
        "seeds, 1 never did) without batch norm and after 50 steps (median of 3 seeds) with batch norm; an "
        "epoch has 450 steps." in text
    )
    assert "For σ = 0.0001, the mini-batch loss" not in text  # within the epoch, or not at all, is not late


def test_a_cell_of_which_nothing_completed_did_not_begin_late_or_never() -> None:
    text = told(cell(LARGE, "none", (0.3,), [1450]), cell(LARGE, "before", (), diverged=1))
    assert "after 1,450 steps (median of 1 seeds) without batch norm; an epoch has 450 steps." in text
    assert "never" not in text


def test_the_mean_of_the_survivors_does_not_stand_for_an_initialisation_that_lost_one() -> None:
    text = told(cell(LARGE, "none", (0.5, 0.5), diverged=1), cell(SMALL, "none", (0.5, 0.5)))
    assert "50.00 % (the same with both seeds), 1 diverged" in text
    assert "for 1 of 2 initialisations, not for σ = 0.1 (1 diverged)." in text


def test_failed_trials_leave_the_verdict_open() -> None:
    text = told(*HELPS[:3], cell(SMALL, "before", GOOD[:2], failed=1))
    assert "how many networks escape chance level cannot be told: trials failed (1)." in text
    assert "Fisher" not in text


def test_three_kinds_of_batch_norm_are_told_apart() -> None:
    text = told(*HELPS[:2], cell(HE, "after", FAIR), *HELPS[2:], cell(SMALL, "after", DEAD))
    assert "Batch norm before the activation raised the test accuracy for He initialisation" in text
    assert (
        "The effect of batch norm after the activation on the test accuracy for He initialisation was the same" in text
    )
    assert "The effect of batch norm before the activation on the failures" in text
    assert "The effect of batch norm after the activation on the failures" in text


@pytest.mark.parametrize(
    ("norm", "sentence"),
    [
        ("none", "All networks were trained without batch norm: this run cannot tell what it changes."),
        ("before", "All networks were trained with batch norm: this run cannot tell what it changes."),
    ],
)
def test_one_kind_of_network_gives_no_verdict(norm: str, sentence: str) -> None:
    text = told(cell(HE, norm, GOOD), cell(SMALL, norm, FAIR))
    assert text.endswith(sentence)
    assert "effect" not in text


def test_a_single_initialisation_has_no_sensitivity_to_speak_of() -> None:
    text = told(cell(HE, "none", FAIR), cell(HE, "before", GOOD))
    assert "Batch norm raised the test accuracy for He initialisation by 3.00 points" in text
    assert "failures" not in text
    assert "apart" not in text


def test_a_single_seed_gives_numbers_without_intervals() -> None:
    text = told(*(replace(each, seeds=each.seeds[:1]) for each in HELPS))
    assert "the mean test accuracy for He initialisation was 50.00 % (n = 1)" in text
    assert text.count("is known from one pair of seeds, which differed by") == 2
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
