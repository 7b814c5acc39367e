"""The report as a command: what is stored is told, what is missing is named with its command, nothing is trained."""

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pypdf
import pytest
import rig

from pipeline.records import Provenance
from pipeline.report.document import Command, Section, Text
from pipeline.report.provenance import Origin, Told
from sweeps import SWEEPS
from sweeps.__main__ import main
from sweeps.cli import Options
from sweeps.report import data_name

MADE = Provenance({"numpy": "2.4.6", "scipy": "1.17.1"}, "openblas", "Haswell", 1, "3.12", {})
TOLD = [name for name, entry in SWEEPS.items() if entry.tells]


def squeezed(path: Path) -> str:
    return "".join("".join(page.extract_text() for page in pypdf.PdfReader(path).pages).split())


@pytest.fixture
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without a network or data, and an empty folder of results."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.data.entry.fetch", None)  # would fail if it were called
    monkeypatch.setattr("sweeps.session.LokyEngine", lambda *_: rig.forbidden())
    return tmp_path / "artifacts"


def study(artifacts: Path, folder: str) -> None:
    """Put something in the place of a study."""
    (artifacts / folder).mkdir(parents=True)
    (artifacts / folder / "study.db").touch()


def test_without_any_run_every_section_names_its_command(artifacts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--scale", "quick", "--run", "x"]) == 0
    printed, errors = capsys.readouterr()
    assert errors == ""
    *missing, last = printed.splitlines()
    folder = Path("artifacts/report/cifar10-quick-x")
    assert last == f"the report is {folder / 'report.pdf'} and {folder / 'report.md'}"
    targets = {"gradient-check": "gradient-check", "init-sensitivity": "init-sensitivity"}
    own = {"training-stats": "mnist"}
    for line, name in zip(missing, TOLD, strict=True):
        target, dataset = targets.get(name, f"sweep-{name}"), own.get(name, "cifar10")
        variables = "" if name == "gradient-check" else f" DATASET={dataset} SCALE=quick RUN=x"
        command = f"make {target}{variables}"
        assert line.startswith("missing: ")
        assert line.endswith(f" ({command})")
        for text in (squeezed(folder / "report.pdf"), "".join((folder / "report.md").read_text().split())):
            assert "".join(line.removeprefix("missing: ").partition(" (make")[0].split()) in text
            assert "".join(command.split()) in text


def test_the_sections_stand_in_the_order_of_the_assignment(artifacts: Path) -> None:
    assert main(["report"]) == 0
    titles = re.findall("^## (.*)$", Path("artifacts/report/cifar10/report.md").read_text(), re.MULTILINE)
    numerals = [title.partition(")")[0] for title in titles]
    assert numerals == ["i", "ii", "iv", "v", "Further experiments", "Provenance"]


@pytest.mark.parametrize("dataset", ["cifar10", "digits", "mnist", "mnist-t10k"])
def test_a_data_set_is_named_and_not_loaded(dataset: str, artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.data.load", pytest.fail)
    assert main(["report", "--dataset", dataset, "--data-dir", "nowhere"]) == 0
    text = (artifacts / "report" / dataset / "report.md").read_text()
    assert f"Data set {dataset}, scale full" in text
    assert f"DATASET={dataset}" in text
    titles = {
        "cifar10": "CIFAR-10",
        "digits": "handwritten digits",
        "mnist": "MNIST",
        "mnist-t10k": "MNIST's 10,000 test images",
    }
    assert text.splitlines()[0].endswith(f" on {titles[dataset]}")


def test_runs_of_a_stand_in_are_found_by_the_name_that_was_asked_for(artifacts: Path) -> None:
    study(artifacts, "width/mnist-t10k-smoke")
    assert data_name(Options(dataset="mnist", scale="smoke", artifacts=artifacts)) == "mnist-t10k"
    assert data_name(Options(dataset="mnist", artifacts=artifacts)) == "mnist"  # no runs at that scale
    study(artifacts, "depth/mnist-smoke")
    assert data_name(Options(dataset="mnist", scale="smoke", artifacts=artifacts)) == "mnist"
    assert data_name(Options(dataset="mnist-t10k", scale="smoke", artifacts=artifacts)) == "mnist-t10k"


def test_what_a_stand_in_lacks_is_run_under_the_name_of_its_own(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sweeps.report._runs", lambda _options, name: iter([Path()] if name == "mnist-t10k" else []))
    assert main(["report", "--dataset", "mnist"]) == 0
    printed = capsys.readouterr().out
    assert "(make sweep-depth DATASET=mnist-t10k)" in printed
    assert printed.splitlines()[-1].startswith("the report is artifacts/report/mnist-t10k/report.pdf")


def test_a_file_of_the_users_own_is_called_as_its_run_folders_are(artifacts: Path, tmp_path: Path) -> None:
    rig.npz(tmp_path)
    assert main(["report", "--dataset", "tiny.npz"]) == 0
    [folder] = (artifacts / "report").iterdir()
    assert re.fullmatch("tiny-[0-9a-f]{8}", folder.name)
    assert "make sweep-depth DATASET=tiny.npz" in (folder / "report.md").read_text()


@pytest.mark.parametrize(
    ("there", "options", "expected"),
    [
        ([], {}, "cifar10"),
        (["depth/digits"], {}, "digits"),
        (["depth/digits", "lambda/cifar10"], {}, "cifar10"),
        (["depth/mnist", "lambda/digits"], {}, "digits"),  # which stands in for CIFAR-10
        (["depth/mnist-t10k"], {}, "mnist-t10k"),
        (["depth/digits", "lambda/cifar10"], {"scale": "smoke"}, "cifar10"),
        (["depth/digits-smoke", "lambda/cifar10"], {"scale": "smoke"}, "digits"),
        (["depth/digits-smoke-x"], {"scale": "smoke"}, "cifar10"),
        (["init-sensitivity/digits-smoke-x"], {"scale": "smoke", "run": "x"}, "digits"),
    ],
)
def test_without_a_data_set_it_is_the_one_that_has_runs(
    there: Sequence[str], options: dict[str, str], expected: str, artifacts: Path
) -> None:
    for folder in there:
        study(artifacts, folder)
    assert data_name(Options(artifacts=artifacts, **options)) == expected  # type: ignore[arg-type]


def told(artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the depth sweep tell something, as if it had run, and all others nothing."""
    section = Section("ii) Depth", (Text("Batch norm helped."), Command("make tea")))
    origin = Origin("depth", "make sweep-depth DATASET=digits", 5, "digits 0123", (("grid", 0, 1, 2),), ((MADE, 8),), 8)
    monkeypatch.setattr("sweeps.stored.tell", lambda *_: Told([section], origin))
    monkeypatch.setattr("sweeps.answers.gradient_results.tells", lambda *_: Told([Section("i) Gradients", ())], None))


def test_what_is_told_is_in_the_report_with_where_it_comes_from(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told(artifacts, monkeypatch)
    assert main(["report", "--dataset", "digits"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("missing")] == [
        "missing: i) Gradients"
    ]
    text = squeezed(artifacts / "report/digits/report.pdf")
    for words in ("Batch norm helped.", "Provenance", "depth: 8 trials, root seed 5", "Haswell", "0123"):
        assert "".join(words.split()) in text


def test_the_same_results_give_the_same_bytes_wherever_they_lie(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(artifacts, monkeypatch)
    assert main(["report", "--dataset", "digits"]) == 0
    before = rig.files(artifacts / "report" / "digits")
    assert set(before) == {"report.pdf", "report.md"}
    assert main(["report", "--dataset", "digits"]) == 0
    assert rig.files(artifacts / "report" / "digits") == before
    (tmp_path / "else where").mkdir()
    monkeypatch.chdir(tmp_path / "else where")
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert main(["report", "--dataset", "digits", "--artifacts", "results"]) == 0
    assert rig.files(Path("results/report/digits")) == before


def test_a_missing_package_is_one_line_after_all_that_needs_none_of_it(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told(artifacts, monkeypatch)
    monkeypatch.setitem(sys.modules, "typst", None)
    assert main(["report", "--dataset", "digits"]) == 3
    [line] = capsys.readouterr().err.splitlines()
    assert re.match(r"error: .*typst.* -m pip install typst ", line)
    assert "Batch norm helped." in (artifacts / "report/digits/report.md").read_text()
    assert not (artifacts / "report/digits/report.pdf").exists()


def test_a_damaged_study_is_refused_before_anything_is_written(
    artifacts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study(artifacts, "depth/digits")
    (artifacts / "depth/digits/study.db").write_bytes(b"no study at all" * 100)
    assert main(["report", "--dataset", "digits"]) == 4
    [line] = capsys.readouterr().err.splitlines()
    assert "study.db" in line
    assert not (artifacts / "report").exists()


def test_what_others_put_into_its_folders_is_left_alone(artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told(artifacts, monkeypatch)
    figures = artifacts / "report" / "digits" / "figures"
    (figures / "mine").mkdir(parents=True)
    (figures / "old.svg").write_text("of an earlier report")
    (figures / "notes.txt").write_text("mine")
    assert main(["report", "--dataset", "digits"]) == 0
    assert sorted(path.name for path in figures.iterdir()) == ["mine", "notes.txt"]


def test_a_record_that_cannot_be_read_ends_it_with_the_code_of_the_surroundings(
    artifacts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (artifacts / "gradient-check" / "gradients.json").mkdir(parents=True)
    assert main(["report", "--dataset", "digits"]) == 3
    assert (
        capsys.readouterr().err
        == "error: artifacts/gradient-check/gradients.json must be readable, got Is a directory\n"
    )
    assert not (artifacts / "report").exists()
