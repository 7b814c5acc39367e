"""The random search as a generator, driven by results made by hand; what of it may grow; what it refuses."""

import dataclasses
from pathlib import Path

import pytest
import rig
from lambda_runs import engine
from random_searches import SMALL, diverged, drive, peak, rows

from pipeline.run.stage import Listed, SpaceSearch
from pipeline.spec import Setting
from sweeps.__main__ import main
from sweeps.answers.random_search_conclusion import conclude, described
from sweeps.answers.random_search_findings import findings
from sweeps.random_search import CONFIRM, DEFAULT, FINAL, SEARCH, ConfirmStage, RandomSearch, SearchStage, budgets
from sweeps.random_search_space import Searched

pytestmark = pytest.mark.usefixtures("small_forests")


def test_the_stages_are_the_search_its_best_again_and_the_winner_beside_the_default() -> None:
    found = drive({"": peak})
    search, confirm, final = (result.stage for result in found.results)
    assert [stage.name for stage in (search, confirm, final)] == [SEARCH, CONFIRM, FINAL]
    assert isinstance(search.proposal, SpaceSearch)
    assert set(search.proposal.space.names) == {"hidden", "eta_max", "lambda", "sigma", "keep"}
    assert [stage.fixed.data.n_test for stage in (search, confirm, final)] == [0, 0, 40]
    assert [stage.keeps_networks for stage in (search, confirm, final)] == [False, False, True]
    assert [stage.fixed.schedule.epochs for stage in (search, confirm, final)] == [2, 4, 4]
    assert [stage.count for stage in (search, confirm, final)] == [24, 6, 6]
    assert isinstance(final.proposal, Listed)
    assert list(final.proposal.listed) == [found.conclusion.winner, DEFAULT]


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


def test_the_default_is_the_network_of_the_handouts_and_no_setting_of_a_search() -> None:
    config = RandomSearch.at_scale("full")
    final = dataclasses.replace(config.trial(config.final, rows), lambda_=0.005)
    assert described(DEFAULT) == "50-50, learning rate 0.1, lambda 0.005, He initialisation, no dropout"
    assert final.schedule.epochs == 20
    as_close_as_can_be = Searched(("50-50", "50"), ("before",), (0.1,), (0.005,), (0.1,), (1.0,))
    sizes = {"search": SearchStage(2, round_size=2), "confirm": ConfirmStage(2, 2, 1)}
    found = drive({"": peak}, dataclasses.replace(SMALL, space=as_close_as_can_be, **sizes))
    assert [each.setting["init"] for each in found.conclusion.searched] == ["normal", "normal"]  # the default has he


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the drawing, which takes seconds, to the contract of all sweeps."""
    monkeypatch.setattr("sweeps.answers.random_search_results._figures", lambda _: ())


def ran(npz: Path, out: Path, *flags: str) -> int:
    """Return how the smallest search ends whose artifacts go into `out`."""
    count = [] if "--search.count" in flags else ["--search.count", "4"]
    sizes = ["--batch-size", "20", "--space.hidden", "5", "5-4", *count, "--search.round-size", "4"]
    return main(["random-search", "--dataset", str(npz), "--artifacts", str(out), "--scale", "smoke", *sizes, *flags])


@pytest.mark.usefixtures("undrawn")
def test_a_run_extended_by_seeds_of_the_finalists_ends_as_a_fresh_one_of_that_size(
    npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine(monkeypatch, rig.InProcess())
    assert ran(npz, tmp_path / "run") == 0
    watched = engine(monkeypatch, rig.InProcess())
    assert ran(npz, tmp_path / "run", "--confirm.replicates", "3") == 0
    assert {name.rpartition("-")[0] for name in watched.ran} >= {CONFIRM}
    assert not any(name.startswith(SEARCH) for name in watched.ran)
    assert ran(npz, tmp_path / "fresh", "--confirm.replicates", "3") == 0
    [extended], [fresh] = (sorted((tmp_path / out / "random-search").iterdir()) for out in ("run", "fresh"))
    assert (extended / "trials.csv").read_bytes() == (fresh / "trials.csv").read_bytes()


@pytest.mark.usefixtures("undrawn")
def test_nothing_but_seeds_of_the_finalists_can_grow(
    npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert budgets(SMALL) == ["confirm.replicates"]
    engine(monkeypatch, rig.InProcess())
    assert ran(npz, tmp_path) == 0
    capsys.readouterr()
    for what, value in {"search.count": 8, "search.replicates": 2, "confirm.finalists": 3}.items():
        assert ran(npz, tmp_path, f"--{what}", str(value)) == 2
        [line] = capsys.readouterr().err.splitlines()
        key = what.replace("-", "_")
        assert f"random-search.{key} = {value}, stored " in line


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
