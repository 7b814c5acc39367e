"""The whole assignment as one command: every part in order, each with the options that it has a use for."""

import gc
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import rig

from pipeline.data import Dataset
from pipeline.data.download import NoNetworkError
from pipeline.errors import HostError
from sweeps import SWEEPS, assignment
from sweeps.__main__ import main
from sweeps.assignment import PARTS
from sweeps.cli import SCALES, Entry, Options
from sweeps.source import Source

Calls = list[tuple[str, Any, Options]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Calls:
    """Let every part remember how it was called, and do nothing."""
    seen: Calls = []

    def watched(name: str, entry: Entry) -> Entry:
        return replace(entry, execute=lambda config, options: seen.append((name, config, options)))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(assignment, "SWEEPS", {name: watched(name, SWEEPS[name]) for name in PARTS})
    return seen


@pytest.mark.parametrize("scale", SCALES)
def test_every_part_runs_in_order_with_its_own_defaults_at_the_scale(scale: str, calls: Calls) -> None:
    assert main(["assignment", "--dataset", "digits", "--scale", scale]) == 0
    assert [name for name, _, _ in calls] == ["gradient-check", "lambda", "depth", "init-sensitivity", "report"]
    for name, config, options in calls:
        assert config == SWEEPS[name].configuration.at_scale(scale)
        assert options == Options(dataset="digits", scale=scale)


def test_every_part_gets_the_options_that_it_has_a_use_for_and_no_other(calls: Calls) -> None:
    words = "--dataset digits --jobs 2 --seed 3 --scale smoke --run x --retry failed --pack-width 4 --artifacts here"
    assert main(["assignment", *words.split()]) == 0
    given = Options(
        dataset="digits", jobs=2, seed=3, scale="smoke", run="x", retry="failed", pack_width=4, artifacts=Path("here")
    )
    for name, _, options in calls:
        SWEEPS[name].check(name, options)
        left_out = {field: getattr(Options(), field) for field in SWEEPS[name].unused}
        assert options == replace(given, **left_out)
    by_name = {name: options for name, _, options in calls}
    assert by_name["lambda"] == by_name["depth"] == by_name["init-sensitivity"] == given
    assert (by_name["gradient-check"].seed, by_name["gradient-check"].run) == (3, None)
    assert (by_name["report"].run, by_name["report"].jobs, by_name["report"].seed) == ("x", 2, 0)


def test_a_heading_stands_before_each_part(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assignment", "--dataset", "digits"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [line for name in PARTS for line in ("", f"{name}: {SWEEPS[name].summary}")]


def test_a_plan_shows_that_of_every_sweep_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = rig.npz(tmp_path)
    before = rig.files(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["assignment", "--dataset", str(data), "--scale", "smoke", "--plan", "--jobs", "1"]) == 0
    output = capsys.readouterr().out
    assert output.count("predicted: ") == 3
    assert output.count("left out of a plan") == 2
    assert [output.index(f"\n{name}: ") for name in PARTS] == sorted(output.index(f"\n{name}: ") for name in PARTS)
    assert rig.files(tmp_path) == before


def test_all_parts_see_the_same_data_set_even_where_it_is_not_named(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_network(*_: Any, **__: Any) -> None:
        raise NoNetworkError("no network")

    monkeypatch.setattr("pipeline.data.entry.fetch", no_network)
    assert main(["assignment"]) == 0
    assert {options.dataset for _, _, options in calls} == {"digits"}
    assert capsys.readouterr().out.count("warning: CIFAR-10 is neither ") == 1


def test_the_rows_of_the_data_set_are_let_go_before_the_first_part(
    tmp_path: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[weakref.ref[Dataset]] = []

    def loaded(*_: Any) -> Source:
        dataset = Dataset("tiny", ("a", "b", "c"), **rig.arrays())
        seen.append(weakref.ref(dataset))
        return Source(dataset, tmp_path)

    def alone(_config: Any, _options: Options) -> None:
        gc.collect()
        assert [ref() for ref in seen] == [None]

    table = dict(assignment.SWEEPS)
    monkeypatch.setattr("sweeps.source.load", loaded)
    monkeypatch.setattr(assignment, "SWEEPS", table | {"lambda": replace(table["lambda"], execute=alone)})
    assert main(["assignment"]) == 0
    assert {options.dataset for _, _, options in calls} == {"tiny"}


def test_an_unknown_data_set_is_refused_before_anything_runs(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assignment", "--dataset", "cifar11"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: data set must be one of ")
    assert calls == []


def test_a_part_that_fails_ends_the_command_with_its_exit_code(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_config: Any, _options: Options) -> None:
        raise HostError("depth must end here, got an error")

    table = dict(assignment.SWEEPS)
    monkeypatch.setattr(assignment, "SWEEPS", table | {"depth": replace(table["depth"], execute=fail)})
    assert main(["assignment", "--dataset", "digits"]) == 3
    assert [name for name, _, _ in calls] == ["gradient-check", "lambda"]
    assert capsys.readouterr().err == "error: depth must end here, got an error\n"
