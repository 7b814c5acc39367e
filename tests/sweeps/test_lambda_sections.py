"""The lambda search in the report: searches driven by results made by hand, and a stored run beside its best.json."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import rig
from matplotlib.figure import Figure

from pipeline.data import data_spec
from pipeline.inference import mean_interval
from pipeline.records import TrialRecord
from pipeline.report.document import Bullets, Picture, Section, Table, Text
from pipeline.run.stage import StageResult
from sweeps import SWEEPS
from sweeps.answers.lambda_conclusion import Found
from sweeps.answers.lambda_sections import sections
from sweeps.cli import Options
from sweeps.lambda_search import FinalStage, LambdaSearch, SearchStage, stages
from sweeps.question import Answer

Accuracy = Callable[[float, int], float | None]
"""(lambda, replicate) -> accuracy; None diverges."""


@pytest.fixture
def _no_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records made by hand have no curves to draw."""
    monkeypatch.setattr("sweeps.answers.lambda_figures.learning_curves", lambda _: Figure())


by_hand = pytest.mark.usefixtures("_no_curves")


CHOSEN = 0.0009999
"""The middle of the refined grid around .001, rounded to four digits as grids are."""


def peak(at: float) -> Accuracy:
    """Return validation accuracies that fall by 10 points per decade from lambda `at`, with noise."""

    def accuracy(lambda_: float, replicate: int) -> float:
        noise = 0.001 * (-1) ** (replicate + round(8 * math.log10(lambda_)))
        return 0.9 - 0.1 * abs(math.log10(lambda_ / at)) + noise

    return accuracy


def by_seed(lambda_: float, replicate: int) -> float:
    return 0.5 + 0.01 * replicate


def diverging(lambda_: float, replicate: int) -> None:
    return None


def answered(
    validation: Accuracy,
    test: Accuracy = by_seed,
    *,
    refine: Accuracy | None = None,
    replicates: int = 2,
    retired: tuple[TrialRecord, ...] = (),
) -> Found:
    """Return the answer of a search whose trials come out as `validation` (or `refine`) and `test` say."""
    search = SearchStage(count=9, replicates=replicates, step_size=1)
    config = LambdaSearch(batch_size=20, coarse=search, refine=search, final=FinalStage(replicates=3, step_size=1))
    sweep = stages(config, lambda fraction, opens: data_spec(rig.dataset(), fraction, opens))
    results: list[StageResult] = []
    try:
        stage = next(sweep)
        while True:
            found = rig.results_of(stage, 0, refine if stage.name == "refine" and refine else validation)
            results.append(opened(found, test) if stage.name == "final" else found)
            stage = sweep.send(results[-1])
    except StopIteration as end:
        return Answer(config, end.value, results, [], retired, {})


def opened(found: StageResult, test: Accuracy) -> StageResult:
    records = [replace(one, test_accuracy=test(one.spec.lambda_, one.replicate)) for one in found.records]
    return StageResult(found.stage, tuple(records))


def told(answer: Found) -> Section:
    [section] = sections(answer)
    return section


def words(section: Section) -> str:
    texts = [block.text for block in section.blocks if isinstance(block, Text)]
    items = [item for block in section.blocks if isinstance(block, Bullets) for item in block.items]
    return "\n".join([*texts, *items])


def tables(section: Section) -> list[Table]:
    return [block for block in section.blocks if isinstance(block, Table)]


def pictures(section: Section) -> list[str]:
    return [block.name for block in section.blocks if isinstance(block, Picture)]


@by_hand
def test_the_stages_are_listed_as_they_were_run() -> None:
    section = told(answered(peak(1e-3)))
    coarse, refine, final = tables(section)[0].rows
    assert coarse == ("coarse", "9, grid", "1e-05 to 0.1", "2", "2", "4", "144", "16", "–")
    low, high = refine[2].split(" to ")
    assert 1e-5 < float(low) < 1e-3 < float(high) < 1e-1
    assert refine[3:] == ("2", "2", "4", "144", "16", "–")
    assert (final[0], final[1], final[3:6]) == ("final", "2", ("3", "3", "6"))
    assert final[2] == "0.0009999, 0.005"
    assert final[-1] == "40"


@by_hand
@pytest.mark.parametrize(("sampler", "those"), [("grid", "its lambdas"), ("tpe", "the lambdas proposed together")])
def test_what_is_dropped_is_the_worst_of_what_was_ranked_together(sampler: str, those: str) -> None:
    answer = answered(peak(1e-3))
    coarse = answer.results[0]
    proposal = replace(coarse.stage.proposal, sampler=sampler, round_size=3)  # type: ignore[type-var]
    stage = replace(coarse.stage, proposal=proposal, prune=0.5)
    text = words(told(replace(answer, results=[replace(coarse, stage=stage), *answer.results[1:]])))
    assert f"The coarse stage drops 50 % of {those}, those with the lowest mean validation accuracies" in text
    assert "The refine stage drops" not in text


@by_hand
def test_the_choice_is_explained_with_the_numbers_of_its_rules() -> None:
    answer = answered(peak(1e-3))
    text, choice, interval = words(told(answer)), answer.conclusion.choice, answer.conclusion.ranges[0].interval
    assert choice is not None
    assert interval is not None
    assert interval.threshold is not None
    assert choice.standard_error is not None
    assert answer.conclusion.refined is not None
    assert "From 1e-05 to 0.1 the best mean validation accuracy was 90.00 % at 0.001." in text
    assert f"lower by {100 * interval.threshold:.2f} points at most" in text
    assert "{:.4g} to {:.4g} was refined".format(*answer.conclusion.refined) in text
    assert (
        "Chosen is lambda = 0.0009999, with the best mean validation accuracy of the refined lambdas, 90.00 %." in text
    )
    assert f"= {100 * choice.standard_error:.2f} points" in text
    assert f"is {choice.one_se:.4g} ({100 * choice.one_se_mean:.2f} %)" in text
    assert "at an end" not in text


@by_hand
def test_the_answer_comes_first_in_one_sentence() -> None:
    """Test accuracies .50, .51 and .52: mean .51, half-width 4.303 x .01 / sqrt(3)."""
    section = told(answered(peak(1e-3)))
    first = next(block.items[0] for block in section.blocks if isinstance(block, Bullets))
    low, high = tables(section)[0].rows[1][2].split(" to ")
    assert first == (
        f"Searched was 1e-05 to 0.1, then {low} to {high}. The best lambda is 0.0009999; the test accuracy of its "
        "final networks is 51.00 % (95 % interval 48.52 to 53.48, n = 3)."
    )


@by_hand
@pytest.mark.parametrize(("step", "inside"), [(0.0, 9), (0.02, 1)])
def test_how_many_refined_lambdas_are_as_good_as_the_best_is_counted(step: float, inside: int) -> None:
    """All but the best are `step` worse, with a noise of .002 over the seeds."""

    def flat(lambda_: float, replicate: int) -> float:
        worse = 0.0 if lambda_ == CHOSEN else step
        return 0.5 - worse + 0.002 * replicate * (-1) ** round(80 * math.log10(lambda_))

    text = words(told(answered(peak(1e-3), refine=flat)))
    assert f"Of the 9 refined lambdas, {inside}, the best among them, have means that are lower by at most " in text


@by_hand
def test_the_top_three_are_those_with_the_best_means_and_have_their_own_intervals() -> None:
    answer = answered(
        peak(1e-3), refine=lambda lambda_, seed: None if lambda_ == CHOSEN and seed else peak(1e-3)(lambda_, seed)
    )
    [result] = [result for result in answer.results if result.stage.name == "refine"]
    _, top, _ = tables(told(answer))
    lambdas, scores = result.scores("lambda")
    means = {
        lambda_: sum(row) / 2 for lambda_, row in zip(lambdas, scores.tolist(), strict=True) if not math.isnan(sum(row))
    }
    assert len(means) == len(lambdas) - 1  # the one that diverged once cannot be chosen, nor listed
    best = sorted(means, key=lambda lambda_: -means[lambda_])[:3]
    assert [row[0] for row in top.rows] == [f"{lambda_:.4g}" for lambda_ in best]
    for row, lambda_ in zip(top.rows, best, strict=True):
        own = mean_interval(scores[lambdas.index(lambda_)].tolist())
        assert own.low is not None
        assert row[1] == f"{100 * own.mean:.2f} ({100 * own.low:.2f} to {min(100 * own.high, 100):.2f})"
    assert answer.conclusion.choice is not None
    assert top.rows[0][0] == f"{answer.conclusion.choice.best:.4g}"


@by_hand
def test_of_equally_good_lambdas_the_chosen_one_comes_first() -> None:
    flat = answered(by_seed)
    assert flat.conclusion.choice is not None
    _, top, _ = tables(told(flat))
    assert top.rows[0][0] == f"{flat.conclusion.choice.best:.4g}"
    assert len({row[1] for row in top.rows}) == 1


@by_hand
@pytest.mark.parametrize(
    ("gain", "said"),
    [
        ((0.02, 0.021, 0.019), "Choosing lambda = 0.0009999 rather than 0.005 (default) raised the test accuracy"),
        ((-0.02, -0.021, -0.019), "Choosing lambda = 0.0009999 rather than 0.005 (default) lowered the test accuracy"),
        (
            (0.02, -0.021, 0.0),
            "The effect of choosing lambda = 0.0009999 rather than 0.005 (default) on the test accuracy",
        ),
    ],
)
def test_the_chosen_lambda_is_compared_with_the_default_seed_by_seed(gain: tuple[float, ...], said: str) -> None:
    section = told(
        answered(peak(1e-3), lambda lambda_, seed: 0.5 + 0.1 * seed + (gain[seed] if lambda_ == CHOSEN else 0))
    )
    assert said in words(section)
    assert ("within noise" in words(section)) is (min(gain) < 0 < max(gain))
    _, _, final = tables(section)
    by_lambda = {row[1]: row for row in final.rows}
    assert "chosen" in by_lambda["0.0009999"][0]
    assert by_lambda["0.005"][0] == "default"
    assert by_lambda["0.005"][2].startswith("60.00 (")
    assert by_lambda["0.0009999"][2].startswith(f"{60 + 100 * sum(gain) / 3:.2f} (")
    assert by_lambda["0.005"][3:] == ("10.00", "3")
    assert "the choice of these 40 test rows adds about" in words(section)


@by_hand
def test_a_range_that_is_moved_in_vain_is_owned_up_to() -> None:
    section = told(answered(lambda lambda_, seed: 0.5 + 0.05 * math.log10(lambda_) + 0.001 * seed))
    names = [row[0] for row in tables(section)[0].rows]
    assert names == ["coarse", "coarse-2", "coarse-3", "refine", "final"]
    text = words(section)
    assert text.count("the high end: the range was moved by a decade that way.") == 2
    assert "The best still lies at an end after 2 moves: the range may be wrong." in text
    assert "It lies at an end of the refined range; what lies beyond was searched only coarsely." in text


@by_hand
def test_where_every_trial_diverges_it_says_so_and_shows_no_test() -> None:
    section = told(answered(diverging))
    assert "From 1e-05 to 0.1 every trial diverged, so nothing is chosen." in words(section)
    assert pictures(section) == ["lambda-search", "lambda-learning-curves"]
    assert len(tables(section)) == 1


@by_hand
def test_where_no_refined_lambda_completes_it_says_so() -> None:
    section = told(answered(peak(1e-3), refine=lambda lambda_, seed: None if seed else lambda_))
    assert "no lambda completed with every seed (9 of 18 trials diverged, 0 failed), so nothing is chosen." in words(
        section
    )
    assert "Chosen" not in words(section)
    assert len(tables(section)) == 1


@by_hand
def test_one_pair_of_seeds_does_not_show_the_noise() -> None:
    answer = answered(peak(1e-3), replicates=1)
    text = words(told(answer))
    assert "The noise is unknown without a second pair of seeds or lambda: it alone was kept." in text
    assert "The noise of the refine stage is unknown, so that the one-standard-error lambda is the same." in text
    _, top, _ = tables(told(answer))
    assert {row[2:] for row in top.rows} == {("–", "1")}


@by_hand
def test_final_networks_that_diverge_leave_gaps_that_are_counted() -> None:
    section = told(
        answered(peak(1e-3), lambda lambda_, seed: None if lambda_ == 0.005 or seed == 2 else 0.5 + 0.01 * seed)
    )
    _, _, final = tables(section)
    by_lambda = {row[1]: row[2:] for row in final.rows}
    assert by_lambda["0.005"] == ("–", "–", "0")
    assert by_lambda["0.0009999"][2] == "2"
    assert "No pair of seeds completed to show the effect of choosing lambda = 0.0009999" in words(section)
    assert "1 did not complete" in words(section)


@by_hand
def test_a_test_set_that_was_opened_before_is_owned_up_to() -> None:
    before = [one for one in answered(peak(1e-3)).results[-1].records if one.spec.lambda_ == CHOSEN]
    for answer in (
        answered(peak(1e-2), retired=tuple(before)),
        answered(diverging, retired=tuple(before)),
    ):
        assert "The choice has moved: the test set was opened before, for lambda 0.0009999." in words(told(answer))


def test_a_stored_run_is_told_with_the_numbers_of_its_best_json(done: Path) -> None:
    tells = SWEEPS["lambda"].tells
    assert tells is not None
    [section] = tells(Options(artifacts=done.parents[1]), done.name).sections
    best = json.loads((done / "best.json").read_text())
    assert section.title == "iv) The search for lambda"
    assert pictures(section) == ["lambda-search", "lambda-learning-curves", "lambda-final-accuracy"]
    assert f"Chosen is lambda = {best['lambda']:.4g}, " in words(section)
    final = {row[1]: row[2] for row in tables(section)[-1].rows}
    for role in best["test_accuracy_by_role"].values():
        assert final[f"{role['lambda']:.4g}"].startswith(f"{100 * role['mean']:.2f} ({100 * role['low']:.2f} to ")
    for difference in best["differences"].values():
        assert f"{100 * abs(difference['mean']):.2f} points" in words(section)
