"""Standard streams that are closed, full or have no reader: the exit code says so, and no file takes their place."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

from sweeps.__main__ import main
from sweeps.cli import Entry, Options

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Toy:
    """Ask a toy question."""

    @classmethod
    def at_scale(cls, scale: str) -> Self:
        return cls()


def toy(execute: Callable[[Any, Options], None]) -> dict[str, Entry]:
    return {"toy": Entry(Toy, execute)}


@pytest.mark.parametrize("arguments", [["toy"], ["toy", "--help"], []])
def test_a_reader_who_leaves_ends_the_run_without_a_word(
    arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main(arguments, toy(lambda *_: print("progress"))) == 141
    assert capsys.readouterr().err == ""


FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")


@FULL
@pytest.mark.parametrize("arguments", [["toy"], ["toy", "--help"], []])
def test_a_full_disk_below_stdout_is_the_hosts_fault(
    arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main(arguments, toy(lambda *_: print("progress", flush=True))) == 3
    assert capsys.readouterr().err == "error: standard output must be writable, got No space left on device\n"


@FULL
def test_where_stderr_takes_nothing_the_exit_code_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        assert main(["toy", "--jobs", "0", "--debug"], toy(lambda *_: None)) == 2


SMALL_CHECK = ["gradient-check", "--hidden", "2", "--inputs", "2", "--batch-size", "3", "--artifacts"]


@pytest.mark.parametrize("arguments", [["data", "--dataset", "digits", "--artifacts"], SMALL_CHECK])
def test_a_pipe_whose_reader_leaves_ends_every_command_without_a_word(arguments: Sequence[str], tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout:
        command = [sys.executable, "-m", "sweeps", *arguments, str(tmp_path)]
        finished = subprocess.run(command, cwd=ROOT, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (141, "")


@pytest.mark.parametrize("closed", [">&-", "<&- >&-", "<&- >&- 2>&-"])
def test_a_closed_stream_costs_nothing_and_no_file_gets_its_number(closed: str, tmp_path: Path) -> None:
    script = f"""
import os, subprocess, sys
from sweeps.__main__ import main
code = main([])
lowest = os.open("{tmp_path}", os.O_RDONLY)
child = subprocess.run([sys.executable, "-c", "print('to nobody', flush=True)"]).returncode
open("{tmp_path}/seen", "w").write(f"{{code}} {{lowest > 2}} {{child}}")
"""
    command = ["sh", "-c", f'"$0" -c "$1" {closed}', sys.executable, script]
    finished = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert (tmp_path / "seen").read_text() == "0 True 0"
