"""Whatever the sweep: where everything diverges it ends as others do, says so, chooses nothing and tests nothing."""

import contextlib
import io
import json
from pathlib import Path

import pytest
import rig
from diverging import SAID, flags, wrong_of
from test_sweeps import NAMES, OF_IMAGES, SMALLEST

from pipeline.report import style
from sweeps import SWEEPS, session
from sweeps.__main__ import main
from sweeps.cli import Options

WAYS = [(name, way) for name in NAMES for way in flags(name)]


@pytest.mark.parametrize(("name", "way"), WAYS, ids=[f"{name} {way}" for name, way in WAYS])
def test_a_sweep_in_which_everything_diverges_says_so_and_chooses_nothing(
    name: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LokyEngine", lambda *_, **__: rig.InProcess())
    monkeypatch.setattr(style, "save", lambda *_: ())
    data = rig.npz(tmp_path, 200, (1, 2, 3) if name in OF_IMAGES else (rig.D,))
    asked = {word for word in way.split() if word.startswith("--")}
    small, keep = [], True
    for word in SMALLEST.get(name, "--batch-size 10").split():
        keep = word not in asked if word.startswith("--") else keep
        small += [word] if keep else []
    words = [name, "--scale", "smoke", "--dataset", str(data), "--artifacts", str(tmp_path / "out"), *small]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = main([*words, "--jobs", "1", *way.split()])
    assert (code, err.getvalue()) == (0, "")
    assert SAID in out.getvalue()
    [folder] = (tmp_path / "out" / name).iterdir()
    assert wrong_of(folder) == []
    tells = SWEEPS[name].tells
    assert tells is not None
    told = tells(Options(scale="smoke", artifacts=tmp_path / "out"), folder.name.removesuffix("-smoke"))
    assert SAID in str(told.sections)


def test_a_lambda_to_compare_with_that_diverges_leaves_the_choice_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(session, "LokyEngine", lambda *_, **__: rig.InProcess())
    monkeypatch.setattr(style, "save", lambda *_: ())
    flags = {"final.default": 1e35, "scale": "smoke"}
    assert main(rig.lambda_command(rig.npz(tmp_path), tmp_path / "out", **flags)) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "  default (1e+35): no network completed\n" in said.out
    [folder] = (tmp_path / "out" / "lambda").iterdir()
    best = json.loads((folder / "best.json").read_text())
    assert best["lambda"] < 1e6
    assert best["test_accuracy"]["n"] == 2
    assert best["differences"]["chosen - default"]["mean"] is None
    told = SWEEPS["lambda"].tells(Options(scale="smoke", artifacts=tmp_path / "out"), folder.name[: -len("-smoke")])
    assert "No pair of seeds completed to show the effect of choosing lambda" in str(told.sections)
