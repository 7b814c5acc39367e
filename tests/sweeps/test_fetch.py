"""The data set as a command: its rows are prepared, or a plan says what would be."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import rig

from pipeline import data
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
    monkeypatch.setattr("pipeline.data.entry.fetch", None)  # would fail if it were called
    assert main(["data", "--plan"]) == 0
    note, search, final = printed(capsys)
    assert re.match("note: .* a run would download 170 MB from ", note)
    assert search == "cifar10: 45000 training, 5000 validation and 0 test rows would be written to artifacts/cache"
    assert final.endswith("10000 test rows would be written to artifacts/cache")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "size", "search", "final"),
    [
        ("mnist", "11.6 MB", "54000 training, 6000", "58800 training, 1200 validation and 10000 test rows"),
        ("mnist-t10k", "1.65 MB", "8000 training, 1000", "8000 training, 1000 validation and 1000 test rows"),
    ],
)
def test_a_plan_knows_the_sizes_of_what_would_be_downloaded(  # noqa: PLR0917
    name: str,
    size: str,
    search: str,
    final: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", "--dataset", name, "--plan"]) == 0
    note, *lines = printed(capsys)
    assert re.match(f"note: MNIST.* must be in data for this, got nothing; a run would download {size} from ", note)
    assert [line.partition(" would ")[0] for line in lines] == [
        f"{name}: {search} validation and 0 test rows",
        f"{name}: {final}",
    ]


def test_a_warning_says_what_is_used_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = replace(rig.dataset(), name="mnist-t10k")
    entry = replace(data.TABLE["mnist"], read=lambda _folder, warn: warn("no training images") or dataset)
    monkeypatch.setitem(data.TABLE, "mnist", entry)  # type: ignore[misc]
    assert main(["data", "--dataset", "mnist", "--artifacts", str(tmp_path)]) == 0
    warning, *lines = printed(capsys)
    assert warning == "warning: no training images"
    assert [line.partition(": ")[0] for line in lines] == ["mnist-t10k", "mnist-t10k"]
