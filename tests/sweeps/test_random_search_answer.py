"""What the random search says of results made by hand: findings, tables, sections and best.json."""

import dataclasses
import math
from typing import Any

import pytest
from matplotlib.colors import same_color
from random_searches import SMALL, Accuracy, diverged, drive, peak

from pipeline.report import style
from pipeline.report.document import Bullets, Table, Text
from pipeline.spec import Setting
from sweeps.answers import random_search_study
from sweeps.answers.random_search_conclusion import conclude
from sweeps.answers.random_search_figures import parameter_importance
from sweeps.answers.random_search_findings import findings
from sweeps.answers.random_search_results import tables
from sweeps.answers.random_search_sections import sections
from sweeps.answers.random_search_study import Found, Importance, importances
from sweeps.random_search import CONFIRM, DEFAULT, FINAL, SEARCH, ConfirmStage, SearchStage
from sweeps.random_search_space import Searched

pytestmark = pytest.mark.usefixtures("small_forests")


@pytest.fixture(scope="module")
def answer() -> Found:
    return drive({"": peak})


def test_the_winner_is_compared_with_the_second_seed_by_seed_and_the_pair_is_said_to_be_picked() -> None:
    best = [each.setting for each in drive({"": peak}).conclusion.searched[:3]]

    def again(gains: tuple[float, float]) -> Accuracy:
        return lambda s, r: (0.5, 0.4)[r] + (gains[r] if s == best[1] else 0.0 if s == best[0] else -0.2)

    noisy = drive({"": peak, CONFIRM: again((0.02, 0.04))})
    said = " ".join(findings(noisy, conclude(noisy)))
    half = 12.706205 * 0.01  # t(.975, 1) * sd / sqrt(2), of .02 and .04
    assert "the mean validation accuracy of the finalists is within noise: +3.00 points (95 % interval " in said
    assert f"{100 * (0.03 - half):+.2f} to {100 * (0.03 + half):+.2f}, 2 pairs of seeds). These accuracies" in said
    clear = drive({"": peak, CONFIRM: again((0.0300, 0.0302))})
    said = " ".join(findings(clear, conclude(clear)))
    assert "Choosing the winner rather than the second raised the mean validation accuracy" in said
    assert "These accuracies picked the pair" in said
    alone = drive({"": peak}, dataclasses.replace(SMALL, confirm=ConfirmStage(3, 1, 1)))
    assert "is known from one pair of seeds" in " ".join(findings(alone, conclude(alone)))


@pytest.mark.parametrize("name", [SEARCH, CONFIRM])
def test_where_everything_diverges_nothing_is_chosen_or_tested(name: str) -> None:
    found = drive({"": peak, name: diverged})
    best = conclude(found)
    assert found.results[-1].stage.name == name
    assert (best["setting"], best["test_accuracy"]) == (None, None)
    assert best["reason"].endswith("othing is chosen.")
    assert "so that nothing was chosen or tested." in what_was_run(found)
    assert "The final stage" not in what_was_run(found)


def what_was_run(found: Found) -> str:
    """Return the first paragraph of the section."""
    [section] = sections(found)
    first = section.blocks[0]
    assert isinstance(first, Text)
    return first.text


@pytest.mark.parametrize(
    ("confirm", "words"),
    [
        (
            ConfirmStage(3, 2, 1),
            "The best 3 settings were trained again, longer (4 epochs instead of 2) and with fresh",
        ),
        (ConfirmStage(3, 2, 1, 1), "The best 3 settings were trained again, for 2 epochs and with fresh seeds."),
        (ConfirmStage(1, 2, 1, 1), "The best 1 setting was trained again"),
        (ConfirmStage(24, 2, 1, 1), "The 24 settings that completed were trained again, for 2 epochs"),
    ],
)
def test_how_the_finalists_were_trained_is_said_as_it_was(confirm: ConfirmStage, words: str) -> None:
    assert words in what_was_run(drive({"": peak}, dataclasses.replace(SMALL, confirm=confirm)))


def test_a_confirmation_shorter_than_the_search_is_not_called_longer() -> None:
    long = dataclasses.replace(SMALL, search=dataclasses.replace(SMALL.search, step_size=3))
    assert "were trained again, more shortly (4 epochs instead of 6) and with" in what_was_run(drive({"": peak}, long))


def test_fewer_settings_than_finalists_are_counted_as_they_are() -> None:
    best = [each.setting for each in drive({"": peak}).conclusion.searched[:2]]
    few = drive({SEARCH: lambda s, r: peak(s, r) if s in best else None, "": peak})
    assert "The 2 settings that completed were trained again" in what_was_run(few)
    assert "the best 2 again" in conclude(few)["reason"]
    assert "Among the 2 finalists" in " ".join(findings(few, conclude(few)))
    one = drive({SEARCH: lambda s, r: peak(s, r) if s == best[0] else None, "": peak})
    assert "The 1 setting that completed was trained again" in what_was_run(one)
    assert "the second" not in " ".join(findings(one, conclude(one)))


def test_final_networks_that_all_diverged_are_said_to_have() -> None:
    found = drive({"": peak, FINAL: diverged})
    said = " ".join(findings(found, conclude(found)))
    assert said.count("none of its final networks completed.") == 2
    assert "nan" not in said
    assert sections(found)


def test_the_difference_to_the_default_is_taken_seed_by_seed() -> None:
    def tested(setting: Setting, replicate: int) -> float:
        return (0.4, 0.5, 0.3)[replicate] + (0 if setting == DEFAULT else (0.02, 0.01, 0.03)[replicate])

    found = drive({"": peak, FINAL: tested})
    best = conclude(found)
    assert best["test_accuracy"]["mean"] == pytest.approx(0.42)
    assert best["differences"]["winner - default"]["mean"] == pytest.approx(0.02)
    assert best["differences"]["winner - default"]["sd"] == pytest.approx(0.01)
    half = 4.302653 * 0.01 / math.sqrt(3)  # t(.975, 2)
    assert best["differences"]["winner - default"]["low"] == pytest.approx(0.02 - half, abs=1e-6)
    assert "within noise: +2.00 points" in " ".join(findings(found, best))


def test_a_setting_tested_before_the_choice_moved_is_said() -> None:
    found = drive({"": peak})
    other = drive({"": lambda s, r: 1 - peak(s, r)})
    moved = dataclasses.replace(found, retired=[record for record in other.records if record.stage == FINAL])
    assert conclude(found)["tested_before"] == []
    [before] = conclude(moved)["tested_before"]  # the default, which is tested still, is not among them
    assert before == conclude(other)["setting"]
    assert any(
        "the test set was opened before" in item
        for section in sections(moved)
        for block in section.blocks
        if isinstance(block, Bullets)
        for item in block.items
    )


def searched(accuracy: Accuracy) -> Found:
    """Return the answer of a search over enough settings to tell what matters."""
    return drive({"": accuracy}, dataclasses.replace(SMALL, search=SearchStage(count=64, step_size=1, round_size=64)))


def falling(setting: Setting, _replicate: int) -> float:
    """Fall with lambda, by far the most; rise with keep; else do nothing."""
    return 0.3 - 0.1 * math.log10(setting["lambda"]) + 0.2 * setting["keep"]


def test_importance_finds_the_parameters_that_matter_and_calls_the_others_noise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random_search_study, "TREES", 16)
    found = importances(searched(peak))
    assert found[0].parameter == "lambda"
    low, middle, high = found[0].means
    assert middle > max(low, high)
    assert found[0].share > 0.5  # of the .8 that are true, by the variances of the two terms
    assert sum(each.share for each in found) <= 1 + 1e-9
    assert all(each.share < 0.1 for each in found if each.parameter in ("hidden", "sigma", "eta_max"))
    assert not found[0].is_noise
    assert all(each.is_noise for each in found if each.parameter in ("hidden", "sigma", "eta_max"))
    assert found == importances(searched(peak))


def test_trends_and_choices_that_matter_are_told_from_what_does_nothing() -> None:
    found = {each.parameter: each for each in importances(searched(falling))}
    assert {name for name, each in found.items() if not each.is_noise} == {"lambda", "keep"}
    assert list(found["lambda"].means) == sorted(found["lambda"].means, reverse=True)
    assert list(found["keep"].means) == sorted(found["keep"].means)
    assert found["hidden"].means == ()
    assert found["lambda"].share > found["sigma"].share


def test_bars_of_the_importances_are_grey_within_noise(answer: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweeps.answers.random_search_figures.importances", lambda _: list(MADE.values()))
    figure = parameter_importance(answer)
    (axes,), (legend,) = figure.axes, figure.legends
    assert [same_color(bar.get_facecolor(), style.GREY) for bar in axes.patches] == [False, False, True, False]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([61.2, 10, 5, 4])
    assert [text.get_text().split("  ")[1] for text in axes.texts] == [
        "p = .0010",
        "p = .0400",
        "p = .2000",
        "p = .0300",
    ]
    assert [text.get_text() for text in legend.get_texts()] == ["beyond noise (adjusted p < .05)", "within noise"]


MADE = {
    "lambda": Importance("lambda", 0.612, (0.25, 0.5, 0.375), 0.001),
    "keep": Importance("keep", 0.1, (0.3, 0.4, 0.5), 0.04),
    "sigma": Importance("sigma", 0.05, (0.4, 0.4, 0.3), 0.2),
    "hidden": Importance("hidden", 0.04, (), 0.03),
}


def explanation(answer: Found, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> str:
    """Return what is said of the parameters of MADE, each with the same changes."""
    made = [dataclasses.replace(each, **changes) for each in MADE.values()]
    monkeypatch.setattr("sweeps.answers.random_search_findings.importances", lambda _: made)
    return " ".join(findings(answer, conclude(answer)))


def test_importance_is_said_in_words_with_what_it_rests_on(answer: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    said = explanation(answer, monkeypatch)
    assert (
        "lambda explains 61 %, dropout's keep 10 %, the weight scale 5 % and the network 4 %, each on its own" in said
    )
    assert "(fANOVA over the 24 settings that completed); the other 20 % are noise" in said
    assert "Beyond noise, validation accuracy differs between the lowest third of the values, the middle and" in said
    assert "the highest of lambda (means 25.00, 50.00, 37.50 %; p = .0010) and dropout's keep (means 30.00, " in said
    assert "and between networks (p = .0300): p below .05, rank tests adjusted for 4 parameters." in said
    assert (
        "Within noise are differences of validation accuracy between thirds of the values of the weight scale" in said
    )
    assert "looks back" not in said


def test_what_is_all_noise_or_none_has_one_sentence(answer: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = explanation(answer, monkeypatch, p=0.05)
    assert "Beyond noise" not in noise
    assert "the weight scale (p = .0500) and between networks (p = .0500): p not below .05" in noise
    assert "Within noise" not in explanation(answer, monkeypatch, p=0.0499)


def test_shares_of_a_sampler_that_looks_back_are_said_to_be_of_where_it_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    found = drive({"": peak}, dataclasses.replace(SMALL, search=dataclasses.replace(SMALL.search, sampler="tpe")))
    said = explanation(found, monkeypatch)
    assert "variance of validation accuracy where the sampler looked, lambda explains 61 %" in said
    assert "such shares and p are not of the space, but of where it looked" in said


def test_importance_needs_several_parameters_several_settings_and_a_difference() -> None:
    one = dataclasses.replace(SMALL, space=Searched(("5",), eta_max=(0.1,), sigma=(0.1,), keep=(1.0,)))
    few = dataclasses.replace(SMALL, search=SearchStage(count=7, step_size=1, round_size=7))
    assert importances(drive({"": peak}, one)) == []
    assert importances(drive({"": peak}, few)) == []
    assert importances(drive({"": lambda _s, _r: 0.5})) == []
    assert list(tables(drive({"": peak}, few))["importance"].columns)[:2] == ["parameter", "share"]


def edges(accuracy: Accuracy, **space: Any) -> str:
    """Return what is said of the edges, of a search over `space` alone."""
    fixed = Searched(("5",), ("before",), (0.1,), (0.005,), (0.1,), (1.0,))
    config = dataclasses.replace(SMALL, space=dataclasses.replace(fixed, **space))
    found = drive({"": accuracy}, dataclasses.replace(config, search=SearchStage(32, round_size=32)))
    [said] = [each for each in findings(found, conclude(found)) if " edge of the space" in each]
    return said


NO_EDGE = "No value of the winner lies at an edge of the space beyond which more could be searched."


def test_a_value_near_an_end_of_its_range_is_at_an_edge_unless_nothing_lies_beyond() -> None:
    for best, end in ((1e-5, "1e-05"), (1e-1, "0.1")):
        said = edges(lambda s, _, best=best: 0.9 - 0.1 * abs(math.log10(s["lambda"] / best)), lambda_=(1e-5, 1e-1))
        assert said.startswith("At an edge of the space: lambda ")
        assert said.endswith(f" lies near the end {end} of its range. What lies beyond was not searched.")
    assert edges(lambda s, _: 0.9 - 0.1 * abs(math.log10(s["lambda"]) + 3), lambda_=(1e-5, 1e-1)) == NO_EDGE
    assert edges(lambda s, _: s["keep"], keep=(0.5, 1.0)) == NO_EDGE  # to keep all is to have no dropout
    assert "lies near the end 0.5 of its range" in edges(lambda s, _: 1 - s["keep"] / 2, keep=(0.5, 1.0))
    assert "lies near the end 0.9 of its range" in edges(lambda s, _: s["keep"], keep=(0.5, 0.9))


@pytest.mark.parametrize(
    ("best", "words"),
    [
        ("5", "no network to choose from has fewer hidden units than the winner's (5)."),
        ("8-4", "no network to choose from has more hidden units than the winner's (12)."),
        ("6-6", "no network to choose from has more hidden units than the winner's (12)."),
        ("5-5", None),
    ],
)
def test_the_smallest_and_the_largest_network_are_at_an_edge(best: str, words: str | None) -> None:
    sizes = tuple(map(int, best.split("-")))
    of = {"hidden": ("5", "5-5", "8-4", "6-6"), "lambda_": (0.01, 0.1)}
    said = edges(lambda s, _: (s["hidden"] == sizes) / 2 + 0.4 - 0.1 * abs(math.log10(s["lambda"]) + 1.5), **of)
    assert said == (f"At an edge of the space: {words} What lies beyond was not searched." if words else NO_EDGE)


def test_networks_of_as_many_units_are_no_edges() -> None:
    of = {"hidden": ("6-6", "12"), "lambda_": (0.01, 0.1)}
    assert edges(lambda s, _: 0.4 - 0.1 * abs(math.log10(s["lambda"]) + 1.5), **of) == NO_EDGE


def test_the_summary_has_a_row_for_every_setting_of_every_stage_with_what_was_searched(answer: Found) -> None:
    summary = tables(answer)["summary"]
    assert len(summary) == 24 + 3 + 2
    assert list(summary.columns)[:8] == [
        *("stage", "hidden", "batch_norm", "init", "sigma", "lambda", "eta_max", "keep"),
    ]
    assert summary["n"].sum() == len(answer.records)


def test_the_section_lists_the_ten_best_settings_best_first(answer: Found) -> None:
    [section] = sections(answer)
    [top] = [block for block in section.blocks if isinstance(block, Table) and block.caption.startswith("The top 10")]
    means = [float(line[-1]) for line in top.rows]
    assert means == sorted(means, reverse=True)
    assert means[0] == pytest.approx(100 * answer.conclusion.searched[0].mean, abs=0.005)
