"""The data set as a command: its rows are prepared, or a plan says what would be."""

import re
from pathlib import Path

import pytest
import rig

from sweeps.__main__ import main


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    return ["data", "--dataset", str(rig.npz(tmp_path)), "--artifacts", str(tmp_path / "out")]


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    output = capsys.readouterr()
    assert output.err == ""
    return output.out.splitlines()


def test_the_rows_of_a_search_and_of_its_final_stage_are_prepared(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 0
    search, final = printed(capsys)
    assert search.startswith("tiny: 144 training, 16 validation and 0 test rows are in ")  # of 200, less 40
    assert re.match(r"tiny: \d+ training, \d+ validation and 40 test rows are in ", final)
    for line in (search, final):
        assert (Path(line.partition(" are in ")[2]) / "split.json").is_file()


def test_a_plan_writes_nothing_and_knows_what_is_there(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--plan"]) == 0
    planned = printed(capsys)
    assert [line.endswith(f" would be written to {tmp_path / 'out' / 'cache'}") for line in planned] == [True, True]
    assert not (tmp_path / "out").exists()
    assert main(command) == 0
    written = printed(capsys)
    before = rig.files(tmp_path)
    assert main([*command, "--plan"]) == 0
    assert printed(capsys) == [f"{line} already" for line in written]
    assert rig.files(tmp_path) == before


def test_a_plan_downloads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.data.fetch", None)  # would fail if it were called
    assert main(["data", "--plan"]) == 0
    note, search, final = printed(capsys)
    assert re.match("note: .* a run would download 170 MB from ", note)
    assert search == "cifar10: 45000 training, 5000 validation and 0 test rows would be written to artifacts/cache"
    assert final.endswith("10000 test rows would be written to artifacts/cache")
    assert list(tmp_path.iterdir()) == []
