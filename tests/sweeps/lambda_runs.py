"""Small lambda searches by command, and what they leave behind."""

import csv
from pathlib import Path

import pytest
import rig

from sweeps.__main__ import main

EXPORTS = ("trials.csv", "curves.csv", "summary.csv", "best.json")


def run(npz: Path, out: Path, **flags: object) -> Path:
    """Run a small search to its end and return its folder."""
    assert main(rig.lambda_command(npz, out, **flags)) == 0
    return folder_of(out)


def folder_of(out: Path) -> Path:
    [folder] = (out / "lambda").iterdir()
    return folder


def rows(folder: Path, stage: str = "") -> list[dict[str, str]]:
    with (folder / "trials.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if stage in {"", row["stage"]}]


def exported(folder: Path) -> dict[str, bytes]:
    """Return what must be the same however the run went."""
    return {
        name: content
        for name, content in rig.files(folder).items()
        if name in EXPORTS or name.startswith(("networks", ".pending"))
    }


def engine(monkeypatch: pytest.MonkeyPatch, instead: rig.InProcess) -> rig.InProcess:
    """Let the command compute with another engine."""
    monkeypatch.setattr("sweeps.session.LokyEngine", lambda *_: instead)
    return instead
