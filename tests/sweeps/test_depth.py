"""The depth sweep by command: what it leaves behind, what it says, and its sections of the report."""

import csv
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import rig
from lambda_runs import engine

from pipeline.report.document import Bullets, Picture, Section, Table, Text
from sweeps import SWEEPS
from sweeps.__main__ import main
from sweeps.cli import Options

NETWORKS = ("5", "4", "4-3", "3-3-3-3")


def command(npz: Path, out: Path, *flags: str) -> list[str]:
    words = ["depth", "--scale", "smoke", "--dataset", str(npz), "--artifacts", str(out), "--jobs", "1"]
    return [*words, "--batch-size", "20", *flags]


def folder_of(out: Path) -> Path:
    [folder] = (out / "depth").iterdir()
    return folder


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def told(out: Path) -> list[Section]:
    tells = SWEEPS["depth"].tells
    assert tells is not None
    name = folder_of(out).name.removesuffix("-smoke")
    return list(tells(Options(artifacts=out, scale="smoke"), name).sections)


def text(section: Section) -> str:
    parts = [
        [block.text] if isinstance(block, Text) else block.items
        for block in section.blocks
        if isinstance(block, Text | Bullets)
    ]
    return "\n".join(line for part in parts for line in part)


def pictures(section: Section) -> list[str]:
    return [block.name for block in section.blocks if isinstance(block, Picture)]


@pytest.fixture(scope="module")
def out(npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifacts of a run of four networks, two of them equally deep; not to be changed."""
    out = tmp_path_factory.mktemp("depth") / "out"
    with pytest.MonkeyPatch.context() as patch:
        engine(patch, rig.InProcess())
        assert main(command(npz, out, "--networks", *NETWORKS)) == 0
    return out


def test_every_network_has_its_own_figure_also_where_two_are_equally_deep(out: Path) -> None:
    figures = folder_of(out) / "figures"
    assert {path.stem for path in figures.iterdir()} == {
        "test-accuracy",
        "curves-2-layers-5",
        "curves-2-layers-4",
        "curves-3-layers",
        "curves-5-layers",
    }


def test_its_tables_list_networks_in_the_order_asked_and_effects_are_those_of_the_trials(out: Path) -> None:
    folder = folder_of(out)
    summary = table(folder / "summary.csv")
    assert [(row["hidden"], row["batch_norm"]) for row in summary] == [
        (hidden, norm) for hidden in NETWORKS for norm in ("none", "before")
    ]
    trials = pd.read_csv(folder / "trials.csv").pivot_table("test_accuracy", "replicate", ["hidden", "batch_norm"])
    effects = table(folder / "effects.csv")
    assert [row["compared"] for row in effects] == ["before - none"] * 4 + ["3-3-3-3 - 5"] * 2
    for row in effects:
        one, _, other = row["compared"].partition(" - ")
        cells = [(row["hidden"] or side, row["batch_norm"] or side) for side in (one, other)]
        assert float(row["mean"]) == pytest.approx((trials[cells[0]] - trials[cells[1]]).mean(), abs=1e-12)


def test_what_is_said_on_the_screen_is_stored_and_in_the_report(
    out: Path, npz: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine(monkeypatch, rig.forbidden())
    assert main(command(npz, out, "--networks", *NETWORKS)) == 0
    printed = capsys.readouterr().out.splitlines()
    lines = (folder_of(out) / "findings.md").read_text().splitlines()
    assert [line for line in printed if line.startswith("- ")] == lines
    findings = [line.removeprefix("- ") for line in lines]
    assert len(findings) >= 6
    report = "\n".join(map(text, told(out)))
    for finding in findings:
        assert finding in report or "Every network that completed escaped" in finding
    assert "all trials are present; nothing to run" in printed
    assert printed[-1] == f"results in {folder_of(out)}"


def test_the_report_shows_three_layers_first_and_deeper_networks_then(out: Path) -> None:
    three, deeper = told(out)
    assert three.title.startswith("ii) Three layers")
    assert deeper.title.startswith("iii) Deeper")
    assert pictures(three) == ["depth-curves-3-layers"]
    assert pictures(deeper) == ["depth-test-accuracy", "depth-curves-5-layers"]
    rows = [
        row for section in (three, deeper) for block in section.blocks if isinstance(block, Table) for row in block.rows
    ]
    assert [(layers, hidden) for layers, hidden, *_ in rows] == [
        (str(hidden.count("-") + 2), hidden) for hidden in NETWORKS for _ in range(2)
    ]
    for part in ("4 networks, without batch norm and with batch norm before the activation", "2 pairs of seeds"):
        assert part in text(three)
    for part in ("lambda 0.005", "batches of 20", "1 cycle of 2 epochs", "tiny", "of at most 0.001"):
        assert part in text(three)


def test_its_rows_are_the_numbers_of_the_summary(out: Path) -> None:
    summary = table(folder_of(out) / "summary.csv")
    blocks = [block for section in told(out) for block in section.blocks if isinstance(block, Table)]
    shown = {(row[1], row[2]): row for block in blocks for row in block.rows}
    trials = table(folder_of(out) / "trials.csv")
    for row in summary:
        seeds = [
            f"{100 * float(trial['test_accuracy']):.2f}"
            for trial in trials
            if (trial["hidden"], trial["batch_norm"]) == (row["hidden"], row["batch_norm"])
        ]
        mean, low, high = (row[f"test_accuracy_{part}"] for part in ("mean", "low", "high"))
        whole = (
            f"{100 * float(mean):.2f} ({100 * float(low):.2f} to {100 * float(high):.2f})" if low else ", ".join(seeds)
        )
        assert shown[row["hidden"], row["batch_norm"]][3:5] == (row["n"], whole)


@pytest.fixture
def undrawn(npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Section]]:
    """What the report tells of a run of other networks, whose figures are left out."""

    def sections(*networks: str) -> list[Section]:
        engine(monkeypatch, rig.InProcess())
        monkeypatch.setattr("sweeps.answers.depth_results.figures", lambda _: ())
        assert main(command(npz, tmp_path / "out", "--networks", *networks)) == 0
        return told(tmp_path / "out")

    return sections


@pytest.mark.parametrize(
    ("networks", "said", "drawn"),
    [
        (["4"], ["No network of this run has three layers; drawn are", "No network of this run has more"], [1, 0]),
        (["3-3-3"], ["No network of this run has up to three layers."], [0, 1]),
        (["4-3", "3-4"], ["No network of this run has more than three layers."], [2, 1]),
    ],
)
def test_the_report_tells_of_whatever_networks_there_are(
    networks: list[str], said: list[str], drawn: list[int], undrawn: Callable[..., list[Section]]
) -> None:
    sections = undrawn(*networks)
    assert [len(pictures(section)) for section in sections] == drawn
    whole = "\n".join(map(text, sections))
    assert all(part in whole for part in said)
    assert "going from" not in whole.lower()  # networks of equal depth


def test_where_every_trial_fails_it_says_why_and_keeps_its_files(
    npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine(monkeypatch, rig.InProcess(failing=lambda _: True))
    assert main(command(npz, tmp_path / "out", "--networks", "4", "3-3")) == 3
    captured = capsys.readouterr()
    [line] = captured.err.splitlines()
    assert line.startswith("error: trials must complete to be compared, got 8 that failed, first: worker died 3 times")
    assert "8 trials failed; the same command with RETRY=failed trains them again" in captured.out
    assert {row["n_failed"] for row in table(folder_of(tmp_path / "out") / "summary.csv")} == {"2"}
    assert "Of 2 trials of the 3-layer network with batch norm, 2 failed." in text(told(tmp_path / "out")[0])


def test_where_every_trial_diverges_that_is_the_result(
    npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine(monkeypatch, rig.InProcess())
    flags = [
        "--networks",
        "4-3",
        "--batch-norm",
        "none",
        "--eta-min",
        "1e6",
        "--eta-max",
        "1e8",
        "--optimizer.name",
        "momentum",
    ]
    assert main(command(npz, tmp_path / "out", *flags)) == 0
    assert "- Every trial diverged (2 of 2), so there is nothing to compare." in capsys.readouterr().out
    assert pictures(told(tmp_path / "out")[0]) == ["depth-curves-3-layers"]
