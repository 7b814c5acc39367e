"""The README keeps its word: its example runs, its links lead somewhere, its numbers are those of the stored run."""

import csv
import json
import re
import runpy
from pathlib import Path

import optuna
import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
RUN = ROOT / "docs" / "lambda-cifar10"


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    [example] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "study.py"
    path.write_text(example.replace("n_trials=20", "n_trials=1"))
    study = runpy.run_path(str(path))["study"]
    assert isinstance(study, optuna.Study)
    assert study.best_value > 0.5


def test_links_and_pictures_lead_to_files() -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(targets) > 2
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_numbers_are_those_of_the_stored_run() -> None:
    best = json.loads((RUN / "best.json").read_text())
    for role, tested in best["test_accuracy_by_role"].items():
        row = (
            f"| {role} | {tested['lambda']:g} | {100 * tested['mean']:.2f} | {100 * tested['low']:.2f} to "
            f"{100 * tested['high']:.2f} | {100 * tested['sd']:.2f} | {tested['n']} |"
        )
        assert row in README
    assert f"{_core_minutes():.1f} core-minutes" in README
    low, high = best["refined"]
    assert f"{low:g} to {high:g}" in README


def test_the_stored_tables_agree_with_the_stored_conclusion() -> None:
    best = json.loads((RUN / "best.json").read_text())
    with (RUN / "summary.csv").open() as file:
        final = {float(row["lambda"]): row for row in csv.DictReader(file) if row["stage"] == "final"}
    for tested in best["test_accuracy_by_role"].values():
        row = final[tested["lambda"]]
        assert float(row["test_accuracy_mean"]) == tested["mean"]
        assert int(row["n"]) == tested["n"]


def _core_minutes() -> float:
    with (RUN / "timings.csv").open() as file:
        packs = {(row["stage"], row["pack"]): float(row["cpu_seconds"]) for row in csv.DictReader(file)}
    return sum(packs.values()) / 60
