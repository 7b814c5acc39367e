"""`python -m sweeps init-sensitivity`: what it refuses, what it leaves behind, and what it says of odd results."""

import csv
import json
from pathlib import Path

import pytest
import rig

from pipeline.records import Diagnosis
from pipeline.report.document import Bullets, Picture, Table
from pipeline.report.escape import ESCAPE_COLUMNS
from pipeline.spec import canonical_json, from_json
from sweeps.__main__ import main
from sweeps.answers.init_results import INITIALISATION_COLUMNS, QUESTION
from sweeps.stored import stored

SMALL = {"scale": "smoke", "jobs": 1, "hidden": "6 4", "batch-size": 20, "sigma.values": "0.3 1e-6"}


def command(npz: Path, out: Path, flags: str = "") -> list[str]:
    given = {*flags.split(), *(["--sigma.values"] if "--sigma.log-range" in flags else [])}  # no list beside a range
    small = " ".join(f"--{name} {value}" for name, value in SMALL.items() if f"--{name}" not in given)
    return ["init-sensitivity", "--dataset", str(npz), "--artifacts", str(out), *f"{small} {flags}".split()]


def ran(
    npz: Path, out: Path, flags: str = "", *, engine: rig.InProcess | None = None, saves: bool = False
) -> tuple[int, Path]:
    """Run the sweep in this process; return its exit code and folder. Figures are drawn, but saved only if asked."""
    with pytest.MonkeyPatch.context() as patch:
        if not saves:
            patch.setattr("pipeline.report.style.save", lambda *_: ())
        patch.setattr("sweeps.session.LokyEngine", lambda *_: engine or rig.InProcess())
        code = main(command(npz, out, flags))
    [folder] = (out / "init-sensitivity").iterdir()
    return code, folder


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def finished(npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of He, .3 and 1e-6, with and without batch norm, two seeds each, of 10 epochs of 8 batches."""
    code, folder = ran(npz, tmp_path_factory.mktemp("init") / "out", "--step-size 5")
    assert code == 0
    return folder


def test_the_plan_counts_a_finer_grid(npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(npz, tmp_path / "out", "--sigma.log-range 1e-5 1e0 16 --plan")) == 0
    assert "68 trials" in capsys.readouterr().out  # (16 + He) x 2 x 2 seeds
    assert not (tmp_path / "out").exists()


def test_the_summary_has_a_row_for_each_setting_in_plan_order(finished: Path) -> None:
    rows = table(finished / "summary.csv")
    assert [(row["init"], row["sigma"], row["batch_norm"]) for row in rows] == [
        (init, sigma, norm)
        for init, sigma in (("he", ""), ("normal", "0.3"), ("normal", "1e-06"))
        for norm in ("none", "before")
    ]
    assert set(ESCAPE_COLUMNS) < set(rows[0])
    stuck = rows[4]
    assert (stuck["escaped"], stuck["escaped_share"], stuck["first_step_median"], stuck["never"]) == (
        "0",
        "0.0",
        "",
        "2",
    )
    assert {row["n"] for row in rows} == {"2"}


def test_effects_are_those_of_batch_norm_at_each_scale(finished: Path) -> None:
    accuracy = {
        (row["sigma"], row["batch_norm"], row["replicate"]): float(row["test_accuracy"])
        for row in table(finished / "trials.csv")
    }
    for row in table(finished / "effects.csv"):
        pairs = [accuracy[row["sigma"], "before", seed] - accuracy[row["sigma"], "none", seed] for seed in "01"]
        assert float(row["mean"]) == pytest.approx(sum(pairs) / 2)
        assert row["compared"] == "before - none"


def test_the_spreads_of_every_untrained_network_are_stored_and_exported(finished: Path) -> None:
    diagnosis = from_json((finished / "diagnosis.json").read_text(), Diagnosis)
    assert diagnosis.chance.accuracy == 14 / 40  # of 40 test rows, 14 are of one class
    assert len(diagnosis.spreads) == 3 * 2 * 2
    rows = table(finished / "initialisation.csv")
    assert list(rows[0]) == list(INITIALISATION_COLUMNS)
    assert len(rows) == 12 * 3
    first = diagnosis.spreads[0]
    assert [float(row["activation_sd"]) for row in rows[:3]] == list(first.activations)
    assert [float(row["gradient_rms"]) for row in rows[:3]] == list(first.gradients)


def test_batch_norm_hides_the_scale_of_the_first_weights(finished: Path) -> None:
    spread = {
        (row["sigma"], row["batch_norm"], row["layer"]): float(row["activation_sd"])
        for row in table(finished / "initialisation.csv")
        if row["replicate"] == "0"
    }
    # the pre-activations are 3e5 times smaller; normalised they are the same but for epsilon
    assert spread["0.3", "none", "1"] / spread["1e-06", "none", "1"] == pytest.approx(3e5, rel=1e-4)
    assert spread["0.3", "before", "1"] / spread["1e-06", "before", "1"] == pytest.approx(1, rel=1e-3)


def test_findings_are_printed_and_stored(npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, folder = ran(npz, tmp_path / "out", saves=True)
    assert code == 0
    lines = capsys.readouterr().out.splitlines()
    findings = (folder / "findings.md").read_text().splitlines()
    assert len(findings) >= 6
    assert findings == [line for line in lines if line.startswith("- ")]
    assert lines[-1] == f"results in {folder}"
    assert [path.name for path in sorted((folder / "figures").glob("*.svg"))] == [
        "initialisation.svg",
        "loss-panels.svg",
        "test-accuracy.svg",
    ]


def test_the_report_says_what_the_run_said_from_what_is_stored(finished: Path) -> None:
    answer = stored(QUESTION, finished)
    [section] = QUESTION.sections(answer)
    [findings] = [block for block in section.blocks if isinstance(block, Bullets)]
    assert [f"- {item}" for item in findings.items] == (finished / "findings.md").read_text().splitlines()
    assert [block.name for block in section.blocks if isinstance(block, Picture)] == [
        "init-loss-panels",
        "init-test-accuracy",
        "init-initialisation",
    ]
    for each in (block for block in section.blocks if isinstance(block, Table)):
        assert {len(row) for row in each.rows} == {len(each.header)}
    tables = QUESTION.tables(answer)
    for name, frame in tables.items():
        assert frame.to_csv(index=False, lineterminator="\n") == (finished / f"{name}.csv").read_text()


def test_a_diagnosis_read_back_is_the_same(finished: Path) -> None:
    text = (finished / "diagnosis.json").read_text()
    assert json.loads(canonical_json(from_json(text, Diagnosis))) == json.loads(text)


def test_networks_that_all_diverge_are_counted(npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, folder = ran(npz, tmp_path / "out", "--no-he --batch-norm none --sigma.values 1e15 1e20")
    assert code == 0
    printed = capsys.readouterr().out
    assert "4 of 4 trials diverged" in printed
    assert "Every trial diverged (4 of 4), so there is nothing to compare." in printed
    assert [row["n_diverged"] for row in table(folder / "summary.csv")] == ["2", "2"]
    [section] = QUESTION.sections(stored(QUESTION, folder))
    assert "diverged / failed" in str(section.blocks)


def test_trials_that_all_fail_are_the_hosts_fault_and_leave_what_there_is(
    npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, folder = ran(npz, tmp_path / "out", engine=rig.InProcess(failing=lambda _: True))
    assert code == 3
    output = capsys.readouterr()
    [line] = output.err.splitlines()
    assert line.startswith("error: trials must complete to be compared, got 12 that failed, first: worker died 3 times")
    assert "12 trials failed; the same command with RETRY=failed trains them again" in output.out
    assert (folder / "summary.csv").exists()
    code, _ = ran(npz, tmp_path / "out", "--retry failed")
    assert code == 0


@pytest.mark.parametrize(
    "flags", ["--batch-norm before", "--batch-norm none before after", "--replicates 1", "--no-he --sigma.values 0.1"]
)
def test_other_grids_are_told_to_their_end(npz: Path, tmp_path: Path, flags: str) -> None:
    code, folder = ran(npz, tmp_path / "out", flags)
    assert code == 0
    [section] = QUESTION.sections(stored(QUESTION, folder))
    assert len([block for block in section.blocks if isinstance(block, Picture)]) == 3
