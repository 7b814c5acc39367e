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


BAD_INPUT: dict[str, tuple[int, str, Callable[[Path], dict[str, object]]]] = {
    "data set": (2, "data set must be one of", lambda _: {"dataset": "cifar11"}),
    "sampler": (2, "did you mean 'sobol'", lambda _: {"coarse.sampler": "sobl"}),
    "optimizer": (2, "optimizer must be one of .* did you mean 'momentum'", lambda _: {"optimizer.name": "momentun"}),
    "flag": (2, "did you mean '--coarse.count'", lambda _: {"coarse.cuont": 4}),
    "range reversed": (2, "lambda range must be two positive numbers", lambda _: {"low": 0.1, "high": 1e-5}),
    "range negative": (2, "lambda range must be two positive numbers", lambda _: {"low": -1e-5}),
    "range nan": (2, "lambda range must be two positive numbers", lambda _: {"high": "nan"}),
    "range infinite": (2, "lambda range must be two positive numbers", lambda _: {"high": "inf"}),
    "range of equal ends": (2, "lambda range must be two positive numbers", lambda _: {"low": 0.1, "high": 0.1}),
    "range too narrow": (2, "must hold 4 values", lambda _: {"low": 0.1, "high": 0.10001}),
    "no trials": (2, r"count \(lambdas of a stage\) must be a positive", lambda _: {"coarse.count": 0}),
    "half a round": (
        2,
        "count of a sobol stage must be a multiple of 4, got 6",
        lambda _: {"refine.sampler": "sobol", "refine.count": 6},
    ),
    "no replicates": (2, "replicates must be a positive", lambda _: {"refine.replicates": 0}),
    "no final replicates": (2, "replicates must be a positive", lambda _: {"final.replicates": 0}),
    "hidden 0": (2, "hidden sizes must be a positive integer, got 0", lambda _: {"network.hidden": 0}),
    "hidden -1": (2, "hidden sizes must be a positive integer, got -1", lambda _: {"network.hidden": "5 -1"}),
    "hidden 2.5": (2, "hidden.*2.5", lambda _: {"network.hidden": 2.5}),
    "batch": (2, "batch size must not exceed the 144 training rows, got 145", lambda _: {"batch-size": 145}),
    "batch 0": (2, "batch size must be a positive integer, got 0", lambda _: {"batch-size": 0}),
    "sigma 0": (2, "sigma must be a positive number, got 0", lambda _: {"init.scheme": "normal", "init.sigma": 0}),
    "sigma -1": (2, "sigma must be a positive number, got -1", lambda _: {"init.scheme": "normal", "init.sigma": -1}),
    "sigma of he": (2, "sigma belongs to init normal", lambda _: {"init.sigma": 0.1}),
    "step size": (2, r"step size \(epochs\) must be a positive", lambda _: {"final.step-size": 0}),
    "prune all": (2, r"prune must be a share of the settings in \[0, 1\), got 1", lambda _: {"coarse.prune": 1}),
    "prune less than none": (2, r"prune must be a share of the settings in", lambda _: {"refine.prune": -0.1}),
    "prune nan": (2, r"prune must be a share of the settings in", lambda _: {"coarse.prune": "nan"}),
    "nowhere to prune": (2, "prune must be 0 with 1 cycle: settings are dropped", lambda _: {"refine.prune": 0.5}),
    "too few to prune": (
        2,
        r"prune must drop a setting or be 0: floor\(prune x 4\) of the 4 that are ranked together, got 0.2",
        lambda _: {"coarse.prune": 0.2, "coarse.cycles": 2},
    ),
    "rounds of one": (
        2,
        r"prune must drop a setting or be 0: floor\(prune x 1\) of the 1 that are ranked together, got 0.5",
        lambda _: {"refine.prune": 0.5, "refine.cycles": 2, "refine.sampler": "tpe", "refine.round-size": 1},
    ),
    "validation": (2, "validation fraction must lie between", lambda _: {"final.val-fraction": 1.5}),
    "no validation rows": (2, "validation fraction must leave rows", lambda _: {"coarse.val-fraction": 0.001}),
    "eta": (2, "eta min must not exceed eta max", lambda _: {"eta-min": 0.5}),
    "width": (2, "pack width must be at least 1", lambda _: {"pack-width": 0}),
    "no file": (2, "must be an existing .npz file", lambda folder: {"dataset": folder / "missing.npz"}),
    "no folder": (2, "data folder must exist", lambda folder: {"dataset": "cifar10", "data-dir": folder / "missing"}),
    "cut batch": (
        4,
        "data_batch_1.bin must hold 10000 records",
        lambda f: {"dataset": "cifar10", "data-dir": truncated_cifar10(f / "cut")},
    ),
    "label below": (4, "label", lambda f: {"dataset": write(f / "a.npz", y_train=np.arange(200) % 3 - 1)}),
    "label above": (
        4,
        r"labels must lie in 0..2, got \[7\]",
        lambda f: {"dataset": write(f / "a.npz", x_test=np.ones((2, 6)), y_test=np.array([0, 7]))},
    ),
    "nan": (4, "must be finite", lambda f: {"dataset": write(f / "a.npz", x_train=np.full((200, 6), np.nan))}),
}


@pytest.mark.parametrize("plan", [None, True], ids=["run", "plan"])
@pytest.mark.parametrize("bad", BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_one_line_with_its_exit_code_and_leaves_no_trace(
    npz: Path,
    tmp_path: Path,
    bad: tuple[int, str, Callable[[Path], dict[str, object]]],
    plan: bool | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, message, flags = bad
    arguments = rig.lambda_command(npz, tmp_path / "out", **({"plan": plan} | flags(tmp_path)))
    assert main(arguments) == code
    output = capsys.readouterr()
    [line] = output.err.splitlines()
    assert line.startswith("error: ")
    assert re.search(message, line)
    assert not (tmp_path / "out").exists()
    assert "Traceback" not in output.out


def test_an_unknown_sweep_is_one_line_with_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lamda"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: sweep must be one of ")
    assert line.endswith("got 'lamda'; did you mean 'lambda'?")


def test_an_artifacts_folder_that_cannot_be_made_is_the_hosts_fault_before_anything_is_trained(
    npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr("sweeps.session.LokyEngine", lambda *_: rig.forbidden())
    assert main(rig.lambda_command(npz, tmp_path / "file" / "out")) == 3
    [line] = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"error: .*file/out/lambda/\S+ must be writable, got Not a directory", line)
    assert (tmp_path / "file").read_text() == "mine"
