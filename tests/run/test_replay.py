"""Replay: a sweep led through its store concludes what its run concluded, or says what is missing; it only reads."""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import rig

from pipeline.errors import ConfigError
from pipeline.records import Row, Status
from pipeline.run.plan import Plan
from pipeline.run.replay import UnfinishedError, any_rows, replay
from pipeline.run.stage import Listed, Stage, StageResult
from pipeline.run.study import Study

Sweep = Generator[Stage, StageResult, list[StageResult]]


def blind(stage: Stage) -> Stage:
    """Return a stage as it is made where there is no data set."""
    opens = bool(stage.fixed.data.n_test)
    return replace(stage, fixed=replace(stage.fixed, data=any_rows(0.1, opens)))


def replayed(
    folder: Path, *stages: Stage, width: int | None = None
) -> tuple[list[StageResult], list[StageResult], list[Row]]:
    """Replay `stages` from the store in `folder`, made without data."""
    with closing(Study.stored(folder / "study.db")) as study:
        return replay(rig.sweep_of(*map(blind, stages)), Plan(0, folder, width), study.rows)


STAGES: dict[str, Callable[[], list[Stage]]] = {
    "listed": lambda: [rig.listed(replicates=3)],
    "a search and its final stage": lambda: [rig.searched(count=4), rig.listed("final", final=True)],
    "random": lambda: [rig.searched(sampler="random", count=6, round_=2)],
    "sobol": lambda: [rig.searched(sampler="sobol", count=4, round_=2)],
    "tpe": lambda: [rig.searched(sampler="tpe", count=4, round_=2)],
    "diverging": lambda: [rig.listed(lambdas=(0.1, 1e30))],
}


@pytest.mark.parametrize("width", [None, 2])
@pytest.mark.parametrize("make", STAGES.values(), ids=STAGES)
def test_a_complete_run_is_told_as_it_went(make: Callable[[], list[Stage]], width: int | None, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    ran = rig.run(folder, *make(), width=width)
    before = rig.files(tmp_path)
    conclusion, results, rows = replayed(folder, *make(), width=width)
    assert conclusion == results
    assert [result.records for result in results] == [result.records for result in ran.results]
    assert [result.stage.fixed for result in results] == [result.stage.fixed for result in ran.results]
    assert rows == [row for stage in ran.runner.rows.values() for row in stage]
    assert all(row.timing and row.provenance for row in rows)
    assert rig.files(tmp_path) == before


def better_half(result: StageResult) -> tuple[float, ...]:
    """Return the two lambdas of four that did best."""
    values, scores = result.scores("lambda")
    return tuple(values[index] for index in sorted(scores.mean(axis=1).argsort()[2:]))


def test_the_stages_that_follow_are_those_of_what_is_stored(tmp_path: Path) -> None:
    def sweep() -> Sweep:
        chosen = better_half((yield blind(search)))
        return [(yield blind(rig.listed("final", chosen, final=True)))]

    search = rig.searched(count=4)
    chosen = better_half(rig.run(tmp_path / "run", search).results[0])
    final = rig.run(tmp_path / "run", search, rig.listed("final", chosen, final=True)).results[1]
    with closing(Study.stored(tmp_path / "run" / "study.db")) as study:
        [conclusion], _, _ = replay(sweep(), Plan(0, tmp_path / "run"), study.rows)
    assert conclusion.records == final.records


@pytest.mark.parametrize(("ran", "missing"), [((), "coarse"), (("coarse",), "final"), (("final",), "coarse")])
def test_a_stage_that_has_not_run_is_missing(tmp_path: Path, ran: tuple[str, ...], missing: str) -> None:
    stages = {"coarse": rig.searched("coarse"), "final": rig.listed("final", final=True)}
    rig.run(tmp_path / "run", *(stages[name] for name in ran))
    with pytest.raises(UnfinishedError, match=f"^stage {missing} has 0 of its 6 trials$"):
        replayed(tmp_path / "run", *stages.values())


@pytest.mark.parametrize("recorded", range(1, 6))
def test_a_run_that_was_killed_lacks_what_was_not_recorded(
    tmp_path: Path, recorded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        rig.dies(patch, Study, "add", after=recorded)
        with pytest.raises(rig.Killed):
            rig.run(tmp_path / "run", rig.listed(), width=2)
    with pytest.raises(UnfinishedError) as unfinished:
        replayed(tmp_path / "run", rig.listed(), width=2)
    error = unfinished.value
    assert (error.stage, error.present, error.wanted) == ("search", recorded, 6)


def test_a_run_that_is_to_grow_lacks_what_it_is_to_grow_by_and_is_told_once_it_has(tmp_path: Path) -> None:
    folder, larger = tmp_path / "run", rig.listed(replicates=4)
    rig.run(folder, rig.listed(replicates=2))
    with pytest.raises(UnfinishedError, match="stage search has 6 of its 12 trials"):
        replayed(folder, larger)
    grown = rig.run(folder, larger)
    _, [result], _ = replayed(folder, larger)
    assert list(result.records) == grown.records


def test_another_composition_of_the_packs_is_another_run(tmp_path: Path) -> None:
    rig.run(tmp_path / "run", rig.listed(), width=2)
    with pytest.raises(UnfinishedError, match="stage search has 0 of its 6 trials"):
        replayed(tmp_path / "run", rig.listed(), width=3)


def test_trials_of_an_earlier_choice_are_not_told(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    rig.run(folder, rig.listed("final", (0.1, 0.2), final=True))
    later = rig.run(folder, rig.listed("final", (0.2, 0.3, 0.4), final=True))
    _, [result], rows = replayed(folder, rig.listed("final", (0.2, 0.3, 0.4), final=True))
    assert list(result.records) == later.records
    assert {row.record.spec.lambda_ for row in rows} == {0.2, 0.3, 0.4}


def test_failed_trials_are_told_as_they_ended(tmp_path: Path) -> None:
    rig.run(tmp_path / "run", rig.listed(), engine=rig.InProcess(failing=lambda _: True))
    _, [result], _ = replayed(tmp_path / "run", rig.listed())
    assert {record.status for record in result.records} == {Status.FAILED}


def test_a_story_needs_no_networks(tmp_path: Path) -> None:
    final = rig.listed("final", final=True)
    ran = rig.run(tmp_path / "run", final)
    for network in (tmp_path / "run" / "networks").iterdir():
        network.unlink()
    _, [result], _ = replayed(tmp_path / "run", final)
    assert list(result.records) == ran.records


def test_what_a_stage_refuses_is_refused(tmp_path: Path) -> None:
    def sweep() -> Sweep:
        yield rig.listed()
        return [(yield rig.listed(replicates=0))]

    rig.run(tmp_path / "run", rig.listed())
    with closing(Study.stored(tmp_path / "run" / "study.db")) as study, pytest.raises(ConfigError, match="replicates"):
        replay(sweep(), Plan(0, tmp_path / "run"), study.rows)


@pytest.mark.parametrize("opens_test", [True, False])
def test_any_rows_refuse_no_configuration_and_say_whether_the_test_set_is_open(opens_test: bool) -> None:
    rows = any_rows(0.1, opens_test)
    assert bool(rows.n_test) == opens_test
    fixed = replace(rig.fixed(), data=rows, batch_size=10**12)
    assert any_rows(0.1, False).on_components(10**6).columns == 10**6
    assert Stage("any", fixed, Listed(({"lambda": 0.1},)), 1, keeps_networks=opens_test).count == 1
