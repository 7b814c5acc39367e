"""What `python -m sweeps lambda` refuses: one line, the right exit code, nothing on disk."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rig

from sweeps.__main__ import main


@pytest.fixture(scope="module")
def npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rig.npz(tmp_path_factory.mktemp("data"))


def write(path: Path, **arrays: Any) -> Path:
    np.savez(path, **(rig.arrays() | arrays))
    return path


def truncated_cifar10(folder: Path) -> Path:
    folder.mkdir()
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        (folder / f"{name}.bin").write_bytes(bytes(99))
    return folder


DAMAGED: dict[str, tuple[str, Callable[[Path], dict[str, object]]]] = {
    "cut batch": (
        "data_batch_1.bin must hold 10000 records",
        lambda f: {"dataset": "cifar10", "data-dir": truncated_cifar10(f / "cut")},
    ),
    "label below": ("label", lambda f: {"dataset": write(f / "a.npz", y_train=np.arange(200) % 3 - 1)}),
    "label above": (
        r"labels must lie in 0..2, got \[7\]",
        lambda f: {"dataset": write(f / "a.npz", x_test=np.ones((2, 6)), y_test=np.array([0, 7]))},
    ),
    "nan": ("must be finite", lambda f: {"dataset": write(f / "a.npz", x_train=np.full((200, 6), np.nan))}),
}


@pytest.mark.parametrize("plan", [None, True], ids=["run", "plan"])
@pytest.mark.parametrize("bad", DAMAGED.values(), ids=DAMAGED)
def test_damaged_data_is_one_line_with_its_exit_code_and_leaves_no_trace(
    npz: Path,
    tmp_path: Path,
    bad: tuple[str, Callable[[Path], dict[str, object]]],
    plan: bool | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    message, flags = bad
    arguments = rig.lambda_command(npz, tmp_path / "out", **({"plan": plan} | flags(tmp_path)))
    assert main(arguments) == 4
    output = capsys.readouterr()
    [line] = output.err.splitlines()
    assert line.startswith("error: ")
    assert re.search(message, line)
    assert not (tmp_path / "out").exists()
    assert "Traceback" not in output.out


def test_an_artifacts_folder_that_cannot_be_made_is_the_hosts_fault_before_anything_is_trained(
    npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr("sweeps.session.LokyEngine", lambda *_: rig.forbidden())
    assert main(rig.lambda_command(npz, tmp_path / "file" / "out")) == 3
    [line] = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"error: .*file/out/lambda/\S+ must be writable, got Not a directory", line)
    assert (tmp_path / "file").read_text() == "mine"
