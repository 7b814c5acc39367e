"""The random search as a generator, driven by results made by hand; what it refuses; what it says of its results."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rig

from pipeline.data import data_spec
from pipeline.records import Curves, Row, Status, TrialRecord
from pipeline.report import style
from pipeline.report.document import Bullets, Table
from pipeline.run.stage import Listed, SpaceSearch, Stage, StageResult
from pipeline.spec import DataSpec, Setting
from sweeps.__main__ import main
from sweeps.answers import random_search_figures as figures
from sweeps.answers import random_search_study
from sweeps.answers.random_search_conclusion import conclude, described
from sweeps.answers.random_search_findings import findings
from sweeps.answers.random_search_results import tables
from sweeps.answers.random_search_sections import sections
from sweeps.answers.random_search_study import Found, Importance, importances
from sweeps.question import Answer
from sweeps.random_search import (
    CONFIRM,
    DEFAULT,
    FINAL,
    SEARCH,
    ConfirmStage,
    FinalStage,
    RandomSearch,
    Searched,
    SearchStage,
    budgets,
    setting_of,
    stages,
)

Accuracy = Callable[[Setting, int], float | None]

SMALL = RandomSearch(
    space=Searched(hidden=("5", "5-5", "8-4")),
    batch_size=20,
    search=SearchStage(count=24, step_size=1, round_size=8),
    confirm=ConfirmStage(finalists=3, replicates=2, step_size=1),
    final=FinalStage(replicates=3, step_size=1),
)


def rows(val_fraction: float, opens_test: bool, _train_rows: int | None = None) -> DataSpec:
    return data_spec(rig.dataset(), val_fraction, opens_test)


def result_of(stage: Stage, accuracy: Accuracy) -> StageResult:
    """Return a stage's result by hand; an accuracy of None is a trial that diverged."""
    records: list[TrialRecord] = []
    for round_ in range(stage.proposal.rounds):
        settings = stage.proposal.settings(stage.name, 0, round_, tuple(records))
        for place, spec in enumerate(stage.trials(settings, 0)):
            replicate = place // len(settings)
            value = accuracy(setting_of(spec), replicate)
            status = Status.DIVERGED if value is None else Status.COMPLETE
            test = value if stage.fixed.data.n_test and value is not None else None
            curves = Curves(epoch=(0, 1), val_accuracy=(0.1, value or 0.1))
            records.append(TrialRecord(stage.name, len(records), 0, replicate, spec, status, curves, test))
    return StageResult(stage, tuple(records))


def drive(accuracies: dict[str, Accuracy], config: RandomSearch = SMALL) -> Found:
    """Return the answer of a search whose stages score what `accuracies` says, by name; "" for all others."""
    sweep, results = stages(config, rows), []
    try:
        stage = next(sweep)
        while True:
            results.append(result_of(stage, accuracies.get(stage.name, accuracies[""])))
            stage = sweep.send(results[-1])
    except StopIteration as end:
        every = [Row(record) for result in results for record in result.records]
        return Answer(config, end.value, results, every, [], {"seed": 0})


def peak(setting: Setting, replicate: int) -> float:
    """Score best at lambda .001 and without dropout; the other parameters do nothing."""
    return 0.9 - 0.1 * abs(math.log10(setting["lambda"]) + 3) - 0.2 * (1 - setting["keep"]) + 0.001 * replicate


def diverged(_setting: Setting, _replicate: int) -> None:
    return None


@pytest.fixture(scope="module")
def answer() -> Found:
    return drive({"": peak})


@pytest.fixture(autouse=True)
def _small_forests(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Grow forests that take no seconds, which nothing but the test of importance looks at."""
    monkeypatch.setattr(random_search_study, "TREES", 4)
    monkeypatch.setattr(random_search_study, "SHUFFLES", 1)
    yield
    random_search_study.fanova.cache_clear()


def test_the_stages_are_the_search_its_best_again_and_the_winner_beside_the_default(answer: Found) -> None:
    search, confirm, final = (result.stage for result in answer.results)
    assert [stage.name for stage in (search, confirm, final)] == [SEARCH, CONFIRM, FINAL]
    assert isinstance(search.proposal, SpaceSearch)
    assert set(search.proposal.space.names) == {"hidden", "eta_max", "lambda", "sigma", "keep"}
    assert [stage.fixed.data.n_test for stage in (search, confirm, final)] == [0, 0, 40]
    assert [stage.keeps_networks for stage in (search, confirm, final)] == [False, False, True]
    assert [stage.fixed.schedule.epochs for stage in (search, confirm, final)] == [2, 4, 4]
    assert [stage.count for stage in (search, confirm, final)] == [24, 6, 6]
    assert isinstance(final.proposal, Listed)
    assert list(final.proposal.listed) == [answer.conclusion.winner, DEFAULT]


def test_the_finalists_are_the_best_and_the_winner_is_the_best_of_them_with_fresh_seeds() -> None:
    first = drive({"": peak}).conclusion
    best = [each.setting for each in first.searched[:3]]
    assert [each.mean for each in first.searched] == sorted((each.mean for each in first.searched), reverse=True)

    def turned(setting: Setting, _replicate: int) -> float:
        return 0.5 + 0.1 * best.index(setting)  # the last of the finalists does best

    found = drive({"": peak, CONFIRM: turned})
    assert [each.setting for each in found.conclusion.confirmed] == best[::-1]
    assert found.conclusion.winner == best[2]
    assert "it was number 3 of the search" in " ".join(findings(found, conclude(found)))


def test_what_the_final_stage_gives_changes_nothing_that_was_concluded() -> None:
    assert drive({"": peak}).conclusion == drive({"": peak, FINAL: diverged}).conclusion


def test_a_setting_of_which_one_seed_diverged_is_neither_a_finalist_nor_the_winner() -> None:
    best = drive({"": peak}).conclusion.confirmed[0].setting
    unlucky = dataclasses.replace(SMALL, search=SearchStage(24, 2, 1, round_size=8))
    found = drive({SEARCH: lambda s, r: None if (s == best and r) else peak(s, r), "": peak}, unlucky)
    assert best not in [each.setting for each in found.conclusion.searched]
    found = drive({CONFIRM: lambda s, r: None if (s == best and r) else peak(s, r), "": peak})
    assert found.conclusion.winner not in (None, best)


@pytest.mark.parametrize("name", [SEARCH, CONFIRM])
def test_where_everything_diverges_nothing_is_chosen_or_tested(name: str) -> None:
    found = drive({"": peak, name: diverged})
    best = conclude(found)
    assert found.results[-1].stage.name == name
    assert (best["setting"], best["test_accuracy"]) == (None, None)
    assert best["reason"].endswith("othing is chosen.")
    assert [section.title for section in sections(found)]


def test_the_default_is_the_network_of_the_handouts_and_the_winner_may_be_it() -> None:
    config = RandomSearch.at_scale("full")
    final = dataclasses.replace(config.trial(config.final, rows), lambda_=0.005)
    assert described(DEFAULT) == "50-50, learning rate 0.1, lambda 0.005, He initialisation, no dropout"
    assert final.schedule.epochs == 20
    conclusion = drive({"": peak}).conclusion
    same = dataclasses.replace(conclusion, confirmed=[dataclasses.replace(conclusion.confirmed[0], setting=DEFAULT)])
    assert same.roles == {"winner": DEFAULT, "default": DEFAULT}


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


def test_importance_finds_the_parameters_that_matter_and_calls_the_others_noise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random_search_study, "TREES", 16)
    monkeypatch.setattr(random_search_study, "SHUFFLES", 4)
    config = dataclasses.replace(SMALL, search=SearchStage(count=64, step_size=1, round_size=64))
    found = importances(drive({"": peak}, config))
    assert found[0].parameter == "lambda"
    assert found[0].share > 0.5  # of the .8 that are true, by the variances of the two terms
    assert not found[0].is_noise
    assert sum(each.share for each in found) <= 1 + 1e-9
    assert all(each.share < 0.1 for each in found if each.parameter in ("hidden", "sigma", "eta_max"))
    assert any(each.is_noise for each in found)
    assert found == importances(drive({"": peak}, config))


def test_importance_is_said_in_words_with_what_it_rests_on(answer: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [Importance("lambda", 0.612, 0.2), Importance("keep", 0.1, 0.11), Importance("hidden", 0.05, 0.2)]
    monkeypatch.setattr("sweeps.answers.random_search_findings.importances", lambda _: made)
    said = " ".join(findings(answer, conclude(answer)))
    assert "lambda explains 61 % (fANOVA over the 24 settings that completed" in said
    assert "dropout's keep and network explain no more than shuffled accuracies would give: within noise." in said
    assert "The other 39 % are noise" in said


def test_importance_needs_several_parameters_several_settings_and_a_difference() -> None:
    one = dataclasses.replace(SMALL, space=Searched(("5",), eta_max=(0.1,), sigma=(0.1,), keep=(1.0,)))
    few = dataclasses.replace(SMALL, search=SearchStage(count=7, step_size=1, round_size=7))
    assert importances(drive({"": peak}, one)) == []
    assert importances(drive({"": peak}, few)) == []
    assert importances(drive({"": lambda _s, _r: 0.5})) == []
    assert list(tables(drive({"": peak}, few))["importance"].columns)[:2] == ["parameter", "share"]


def test_the_edges_of_the_space_are_said_of_the_winner() -> None:
    outside = drive({"": lambda s, _: 0.1 + 0.5 * s["keep"] + 0.002 * sum(s["hidden"])})
    said = " ".join(findings(outside, conclude(outside)))
    assert "the network is the one with the most hidden units" in said
    inside = drive({"": central})
    assert "No searched value of the winner lies at an edge" in " ".join(findings(inside, conclude(inside)))


def central(setting: Setting, _replicate: int) -> float:
    """Score best in the middle of all ranges, with the smallest network."""
    if setting == DEFAULT:
        return 0.5
    off = max(abs(each.off_middle(setting[name])) for name, each in SMALL.searched.items() if name != "hidden")
    return 0.8 - 0.2 * off - sum(setting["hidden"]) / 50


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


@pytest.mark.parametrize(
    "draw",
    [
        figures.search_progress,
        figures.slices,
        figures.parallel_coordinates,
        figures.parameter_importance,
        figures.final_accuracy,
    ],
)
def test_figures_have_the_same_bytes_whoever_draws_and_leave_pyplot_as_it_was(
    draw: Callable[[Found], Any], tmp_path: Path
) -> None:
    import matplotlib as mpl  # noqa: PLC0415
    import matplotlib.pyplot as plt  # noqa: PLC0415

    found = drive({"": peak, SEARCH: lambda s, r: None if s["keep"] < 0.6 else peak(s, r)})
    before = dict(mpl.rcParams), plt.get_fignums()
    first = [path.read_bytes() for path in style.save(draw(found), tmp_path, "first")]
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red"}):
        again = [path.read_bytes() for path in style.save(draw(found), tmp_path, "again")]
    assert first == again
    assert (dict(mpl.rcParams), plt.get_fignums()) == before


def test_parallel_lines_go_through_the_networks_as_they_are_listed(answer: Found) -> None:
    figure = figures.parallel_coordinates(answer)
    [side] = [axes for axes in figure.axes if [*SMALL.space.hidden] == [t.get_text() for t in axes.get_yticklabels()]]
    main_, names = figure.axes[0], sorted(SMALL.searched)
    [lines] = main_.collections
    bottom, top = main_.get_ylim()
    heights = [
        ([*SMALL.space.hidden].index("-".join(map(str, each.setting["hidden"])))) / 2
        for each in answer.conclusion.searched
    ]
    drawn = [(line[names.index("hidden") + 1, 1] - bottom) / (top - bottom) for line in lines.get_segments()]
    assert drawn == pytest.approx(heights[::-1])  # the best is drawn last
    assert side.get_yticks() == pytest.approx([0, 1, 2])


def test_more_settings_and_more_seeds_for_finalists_need_no_new_run() -> None:
    assert budgets(SMALL) == ["search.count", "confirm.replicates"]
    more = dataclasses.replace(SMALL, search=dataclasses.replace(SMALL.search, count=32))
    few, many = (drive({"": peak}, config).results[0].records for config in (SMALL, more))
    assert [record.spec for record in many[:24]] == [record.spec for record in few]


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ("--search.sampler tpee", "sampler must be one of .* did you mean 'tpe'?"),
        ("--space.lambda 0.1 0.001", "lambda range must be two positive numbers, the lower first, got (0.1, 0.001)"),
        ("--space.sigma 0 1", "sigma range must be two positive numbers, the lower first, got (0.0, 1.0)"),
        ("--space.keep 0 1", "keep must be a probability in (0, 1], got 0.0"),
        ("--space.keep 0.5 1.5", "keep must be a probability in (0, 1], got 1.5"),
        ("--space.keep 0.9 0.9", "keep range must be two numbers, the lower first, got (0.9, 0.9)"),
        ("--space.keep 0.5 0.7 0.9", "keep must be one number, or the two ends of a range, got (0.5, 0.7, 0.9)"),
        ("--space.hidden 50 5x", "networks must be hidden sizes such as 50-30, got '5x'"),
        ("--space.hidden 50 50", "networks must be different, and at least one, got ('50', '50')"),
        ("--space.batch-norm before during", "batch norm must be one of none, before, after, got 'during'"),
        ("--space.eta-max 1e-6 1", "eta min must not exceed eta max, got (1e-05, 1e-06)"),
        ("--search.count 0", "count (settings) must be a positive integer, got 0"),
        ("--search.count 12", "count (settings) must be a multiple of the round size 8, got 12"),
        ("--confirm.finalists 9", "finalists must not exceed the 8 settings of the search, got 9"),
        ("--final.replicates 0", "replicates must be a positive integer, got 0"),
        (
            "--space.hidden 5 --space.eta-max 0.1 --space.lambda 0.1 --space.sigma 0.1 --space.keep 1",
            "a search must vary at least one parameter, got one value of each",
        ),
        (
            "--space.eta-max 0.1 --space.lambda 0.1 --space.sigma 0.1 --space.keep 1",
            "a search must find 8 new settings that differ in 4 significant digits, got hidden",
        ),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_trace(
    flags: str, complaint: str, npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["random-search", "--scale", "smoke", "--dataset", str(npz), "--artifacts", str(out), *flags.split()]
    assert main(command) == 2
    error = capsys.readouterr().err
    start, _, end = complaint.partition(" .* ")
    assert error.startswith(f"error: {start}")
    assert end in error
    assert len(error.splitlines()) == 1
    assert not out.exists()


def test_a_sampler_without_its_package_is_refused_before_anything_is_written(
    npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'cmaes'", name="cmaes")

    monkeypatch.setattr("pipeline.run.proposals.proposed", missing)
    command = ["random-search", "--scale", "smoke", "--dataset", str(npz), "--artifacts", str(tmp_path / "out")]
    assert main([*command, "--search.sampler", "cmaes"]) == 3
    assert capsys.readouterr().err == (
        "error: sampler cmaes must have its package installed, got No module named 'cmaes'\n"
    )
    assert not (tmp_path / "out").exists()
