"""Bad input, in process: every row of the table is refused with exit code 2 and one line, and nothing is touched."""

from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

import pytest
from refused import Refusal, earlier_results, furnish, photograph, refusals, rows

from sweeps.__main__ import main

ROWS = refusals()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("typed"))


@pytest.mark.parametrize("row", ROWS, ids=[row.line for row in ROWS])
def test_bad_input_is_refused_in_one_line_that_names_it_and_nothing_is_touched(
    row: Refusal, world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: Any) -> NoReturn:
        raise AssertionError("no data may be read")

    if "--data" not in row.line:
        monkeypatch.setattr("sweeps.fit.load", read)
    monkeypatch.chdir(world)
    before = photograph(world)
    code = main(row.words)
    output = capsys.readouterr()
    assert row.wrong(code, output.err, output.out) == ""
    assert photograph(world) == before  # no artifacts among it


@pytest.mark.parametrize("row", ROWS[:: len(ROWS) // 20], ids=lambda row: row.line)
def test_earlier_results_are_not_touched_either_nor_is_a_preview_another_matter(
    row: Refusal, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(furnish(tmp_path))
    earlier_results(tmp_path)
    before = photograph(tmp_path)
    for more in ([], ["--plan"] if "--plan" not in row.line else []):
        code = main([*row.words, *more])
        assert code == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert photograph(tmp_path) == before


def test_no_row_stands_twice() -> None:
    assert [line for line, count in Counter(row.line for row in ROWS).items() if count > 1] == []


def test_another_answer_than_that_of_the_table_is_noticed() -> None:
    row = Refusal("width --seed x", "--seed must be one of … got 'x'")
    assert row.wrong(2, "error: --seed must be one of a, b, got 'x'\n") == ""
    for code, err in (
        (1, "error: --seed must be one of a, got 'x'\n"),
        (2, "error: --seed must be one of a, got 'x'\nand more\n"),
        (2, "warning: --seed must be one of a, got 'x'\n"),
        (2, "error: --seed must be one of a, got 'x', no\n"),
        (2, ""),
    ):
        assert row.wrong(code, err) != ""


def test_what_is_refused_of_rows_may_be_asked_of_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows(tmp_path / "tiny.npz", (1, 2, 3))
    line = "width --augment.mirror --augment.shift 3 --units 3 --scale smoke --plan --jobs 1 --dataset tiny.npz"
    assert main(line.split()) == 0
    assert main([*line.replace("shift 3", "shift 4").split()]) == 2
    assert capsys.readouterr().err == "error: --augment.shift: shift must not exceed the 3 pixels of a side, got 4\n"
