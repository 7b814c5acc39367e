"""The README keeps its word: its example runs, its links lead somewhere, its numbers are those of the stored run."""

import csv
import json
import math
import re
import runpy
from collections.abc import Collection
from pathlib import Path

import optuna
import pytest

from pipeline.inference import INTERVAL_LEVEL, t_quantile
from sweeps.experiments import PARTS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
DOCS = ROOT / "docs"
EXPERIMENTS = [name for name in PARTS if name != "report"]
RUN, SENSITIVITY, DEPTH, PRUNING = (
    DOCS / f"{name}-cifar10" for name in ("lambda", "init-sensitivity", "depth", "pruning")
)


@pytest.mark.usefixtures("quiet_optuna")
def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [example] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "study.py"
    path.write_text(example.replace("n_trials=20", "n_trials=1"))
    study = runpy.run_path(str(path))["study"]
    assert isinstance(study, optuna.Study)
    assert study.best_value > 0.5


PAGES = pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "README.md"], ids=["README", "docs"])


@PAGES
def test_links_and_pictures_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    assert len(targets) > 2
    assert [target for target in targets if not (page.parent / target).exists()] == []


@PAGES
def test_no_line_is_a_placeholder_that_was_left(page: Path) -> None:
    assert re.findall(r"^[A-Z_]+(?: [A-Z_]+)*$", page.read_text(), re.MULTILINE) == []


def test_the_numbers_are_those_of_the_stored_run() -> None:
    best = json.loads((RUN / "best.json").read_text())
    for role, tested in best["test_accuracy_by_role"].items():
        row = (
            f"| {role} | {tested['lambda']:g} | {100 * tested['mean']:.2f} | {100 * tested['low']:.2f} to "
            f"{100 * tested['high']:.2f} | {100 * tested['sd']:.2f} | {tested['n']} |"
        )
        assert row in README
    assert f"{_core_minutes(RUN):.1f} core-minutes" in README
    points = best["differences"]["chosen - default"]
    mean, low, high = (f"{100 * points[part]:+.2f}" for part in ("mean", "low", "high"))
    assert f"Chosen minus default, seed by seed: {mean} points ({low} to {high})" in README
    low, high = best["refined"]
    assert f"{low:g} to {high:g}" in README


def test_the_stored_tables_agree_with_the_stored_conclusion() -> None:
    best = json.loads((RUN / "best.json").read_text())
    final = {float(row["lambda"]): row for row in _rows(RUN / "summary.csv") if row["stage"] == "final"}
    for tested in best["test_accuracy_by_role"].values():
        row = final[tested["lambda"]]
        assert float(row["test_accuracy_mean"]) == tested["mean"]
        assert int(row["n"]) == tested["n"]


@pytest.mark.parametrize(("run", "setting"), [(SENSITIVITY, ("init", "sigma")), (DEPTH, ("hidden",))])
def test_the_table_of_a_grid_is_that_of_the_stored_run(run: Path, setting: tuple[str, ...]) -> None:
    """One row per setting: accuracies without and with batch norm, and what it changes."""
    reached, changed = grid_cells(run, setting), grid_effects(run, setting)
    for key in changed:
        assert f"| {_named(key)} | {reached[key, 'none']} | {reached[key, 'before']} | {changed[key]} |" in README
    assert len(changed) >= 4
    assert f"{_core_minutes(run):.1f} core-minutes" in README


def test_ranks_are_those_of_the_stored_table_and_high_at_the_ends_of_cycles_alone() -> None:
    rows = [row for row in _rows(PRUNING / "rank_correlation.csv") if row["replicate"] == "mean"]
    rho = {int(row["epoch"]): float(row["spearman"]) for row in rows}
    told = f"was {rho[10]:.2f} after epoch 10, the end of a cycle, and {rho[5]:.2f} after epoch 5, {rho[15]:.2f} after"
    assert told in " ".join(README.split())
    assert {row["settings"] for row in rows} == {"16"}
    assert max(rho, key=lambda epoch: (epoch < 20, rho[epoch])) == 10
    assert [int(row["epoch"]) for row in rows if row["ends_cycle"] == "1"] == [10, 20]


def test_what_dropping_settings_saves_and_costs_is_that_of_the_stored_runs() -> None:
    text, runs = " ".join(README.split()), [PRUNING / "unpruned", PRUNING / "pruned"]
    without, with_it = (_core_minutes(run, {"coarse", "refine"}) for run in runs)
    assert (
        f"took {without:.1f} core-minutes without and {with_it:.1f} core-minutes with these flags, a quarter less"
        in text
    )
    assert with_it / without == pytest.approx(0.75, abs=0.02)
    before, after = (json.loads((run / "best.json").read_text()) for run in runs)
    assert f"Chosen was {after['lambda']:g} instead of {before['lambda']:g}" in text
    refined = {float(r["lambda"]): r for r in _rows(runs[0] / "summary.csv") if r["stage"] == "refine"}
    near = min(refined, key=lambda lambda_: abs(math.log(lambda_ / after["lambda"])))
    found = before["refine"]
    lower = 100 * (found["best_mean"] - float(refined[near]["val_accuracy_mean"]))
    bound = 100 * t_quantile(INTERVAL_LEVEL, found["df"]) * found["s"] * math.sqrt(2 / found["replicates"])
    told = f"{near:g} is the nearest to that: its mean is {lower:.2f} points below the best, where differences up to"
    assert f"{told} {bound:.2f} are within noise" in text


def quotes(page: Path) -> list[tuple[str, Path, str]]:
    """Return name, file and text of the lines "- [`width`](.../findings.md): ..." of a page, which quote findings."""
    found = re.findall(r"^- \[`([a-z-]+)`\]\(([^)]+)\): (.*(?:\n  .*)*)", page.read_text(), re.MULTILINE)
    return [(name, page.parent / path, " ".join(quoted.split())) for name, path, quoted in found]


@PAGES
def test_quoted_findings_are_whole_sentences_of_the_stored_runs(page: Path) -> None:
    assert quotes(page)
    for name, path, quoted in quotes(page):
        assert path.parent.name.startswith(f"{name}-")
        found = {line.removeprefix("- ") for line in path.read_text().splitlines()}
        sentences = re.split(r"(?<=\.) (?=[A-Z0-9])", quoted)
        assert [sentence for sentence in sentences if sentence not in found] == []


def test_every_experiment_has_a_stored_run_that_is_quoted_and_counted() -> None:
    stored = {name: path.parent for name, path, _ in quotes(DOCS / "README.md")}
    assert list(stored) == EXPERIMENTS
    commands = (DOCS / "README.md").read_text()
    for name, run in stored.items():
        dataset = json.loads((run / "manifest.json").read_text())["configuration"]["data"]["name"]
        repeated = rf"make sweep-{name} DATASET={dataset}\b" if dataset != "cifar10" else rf" {name}\b[^;]*; do make"
        assert re.search(repeated, commands), name
    minutes = sum(_core_minutes(run) for run in stored.values())
    assert f"The {len(stored)} experiments of the table took {minutes:.1f} core-minutes of training" in README


def grid_cells(run: Path, setting: tuple[str, ...]) -> dict[tuple[tuple[str, ...], str], str]:
    """Return mean and interval by setting and batch norm, or every seed where the interval was left out."""
    seeds: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for row in _rows(run / "trials.csv"):
        key = tuple(row[name] for name in setting), row["batch_norm"]
        seeds.setdefault(key, []).append(_percent(row["test_accuracy"]))
    cells = {}
    for row in _rows(run / "summary.csv"):
        key = tuple(row[name] for name in setting), row["batch_norm"]
        mean, low, high = (row[f"test_accuracy_{part}"] for part in ("mean", "low", "high"))
        interval = "all alike" if low == high else f"{_percent(low)} to {_percent(high)}"
        cells[key] = f"{_percent(mean)} ({interval})" if low else ", ".join(seeds[key])
    return cells


def grid_effects(run: Path, setting: tuple[str, ...]) -> dict[tuple[str, ...], str]:
    """Return what batch norm changes, in points, by setting."""
    rows = [row for row in _rows(run / "effects.csv") if row["compared"] == "before - none"]
    return {tuple(row[name] for name in setting): _effect(row) for row in rows}


def _effect(row: dict[str, str]) -> str:
    mean, low, high = (row[part] for part in ("mean", "low", "high"))
    return f"{_points(mean)} ({_points(low)} to {_points(high)})" if low else "–"


def _named(setting: tuple[str, ...]) -> str:
    return f"σ = {setting[1]}" if setting[0] == "normal" else setting[0].replace("he", "He")


def _percent(share: str) -> str:
    return f"{100 * float(share):.2f}"


def _points(difference: str) -> str:
    return f"{100 * float(difference):+.2f}"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _core_minutes(run: Path, stages: Collection[str] = ()) -> float:
    """Return what a run's packs cost, whose seconds their trials share; or those of some `stages`."""
    rows = [row for row in _rows(run / "timings.csv") if not stages or row["stage"] in stages]
    return sum(float(row["cpu_seconds"]) / int(row["trials"]) for row in rows) / 60
