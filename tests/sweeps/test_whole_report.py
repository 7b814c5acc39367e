"""The report of sweeps that have run: every section, number and figure is there, and nothing but the results counts."""

import csv
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pypdf
import pytest
import rig

from sweeps import session
from sweeps.__main__ import main

TINY = {
    "gradient-check": "--hidden 4 3 --inputs 3 --batch-size 5",
    "depth": "--networks 9-6 9-6-6 --batch-size 5",
    "lambda": "--network.hidden 9 --batch-size 5 --coarse.count 2 --refine.count 2",
    "init-sensitivity": "--hidden 9 6 --sigma.values 0.1 --batch-size 5",
}
SECTIONS = {"gradient-check": ["i"], "depth": ["ii", "iii"], "lambda": ["iv"], "init-sensitivity": ["v"]}
FURTHER = "Further experiments"  # that have not run
COMMANDS = {
    "gradient-check": "make gradient-check",
    **{"depth": "make sweep-depth", "lambda": "make sweep-lambda", "init-sensitivity": "make init-sensitivity"},
}


@dataclass(frozen=True)
class Report:
    """A report: what its folder holds, the headings and lines of its PDF, its Markdown by section."""

    files: dict[str, bytes]
    headings: list[str]
    lines: list[str]
    sections: dict[str, str]

    @property
    def squeezed(self) -> str:
        """The text of the PDF without white space, as lines are broken anywhere."""
        return "".join("".join(self.lines).split())


def numeral(title: str) -> str:
    return title.partition(")")[0]


def reported(artifacts: Path, npz: Path) -> Report:
    """Write the report of these artifacts, and read it."""
    assert main(["report", "--dataset", str(npz), "--scale", "smoke", "--artifacts", str(artifacts)]) == 0
    [folder] = (artifacts / "report").iterdir()
    pdf = pypdf.PdfReader(folder / "report.pdf")
    headings = [str(heading.title) for heading in pdf.outline]  # type: ignore[union-attr]
    lines = [line for page in pdf.pages for line in page.extract_text().splitlines()]
    _, *parts = re.split("^## (.*)$", (folder / "report.md").read_text(), flags=re.MULTILINE)
    sections = {numeral(title): text for title, text in zip(parts[::2], parts[1::2], strict=True)}
    return Report(rig.files(folder), headings, lines, sections)


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_trained() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "LokyEngine", lambda *_: rig.forbidden())
        yield


@pytest.fixture(scope="module")
def npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rig.npz(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def finished(npz: Path, tmp_path_factory: pytest.TempPathFactory, _nothing_is_trained: None) -> Path:
    """The artifacts of all sweeps, but for findings and figures: the report makes its own. Not to be changed."""
    out, run = tmp_path_factory.mktemp("finished") / "out", session.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "LokyEngine", lambda *_: rig.InProcess())
        patch.setattr(session, "run", lambda question, *how: run(replace(question, write=lambda *_: None), *how))
        for name, flags in TINY.items():
            data = [] if name == "gradient-check" else ["--dataset", str(npz), "--scale", "smoke", "--jobs", "1"]
            assert main([name, *data, "--artifacts", str(out), *flags.split()]) == 0
    return out


@pytest.fixture(scope="module")
def report(finished: Path, npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The report of a copy of them, which leaves the sweeps as they were."""
    before = rig.files(finished)
    copied = shutil.copytree(finished, tmp_path_factory.mktemp("report") / "out")
    made = reported(copied, npz)
    assert {name: content for name, content in rig.files(copied).items() if not name.startswith("report/")} == before
    return made


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def summary(finished: Path, name: str) -> list[dict[str, str]]:
    """Return the tested rows of a sweep's summary whose seeds all escaped chance level, or none: these have a mean."""
    [folder] = (finished / name).iterdir()
    tested = [row for row in read(folder / "summary.csv") if row["test_accuracy_mean"]]
    return [row for row in tested if row.get("escaped", "0") in {"0", row["n"]}]


def said(row: dict[str, str]) -> list[str]:
    """Return what the line of a summary's row names: the setting, and the mean test accuracy in per cent."""
    accuracy = f"{100 * float(row['test_accuracy_mean']):.2f}"
    if row["stage"] == "depth":
        return [row["hidden"], row["batch_norm"], accuracy]
    if row["stage"] == "init-sensitivity":
        return ["He" if row["init"] == "he" else f"σ = {float(row['sigma']):g}", row["batch_norm"], accuracy]
    return [f"{float(row['lambda']):g}", accuracy]


def test_its_sections_stand_in_the_order_of_the_assignment_with_provenance_at_the_end(report: Report) -> None:
    assert list(map(numeral, report.headings)) == ["i", "ii", "iii", "iv", "v", FURTHER, "Provenance"]
    assert list(report.sections) == list(map(numeral, report.headings))
    for heading in report.headings:
        assert report.squeezed.count("".join(heading.split())) >= 2  # in the list under the title, and over its section


@pytest.mark.parametrize("name", ["depth", "lambda", "init-sensitivity"])
def test_the_test_accuracies_of_every_summary_stand_in_its_sections(name: str, report: Report, finished: Path) -> None:
    rows = summary(finished, name)
    assert rows
    for row in rows:
        for lines in (report.lines, "".join(report.sections[part] for part in SECTIONS[name]).splitlines()):
            assert any(all(word in line for word in said(row)) for line in lines), row


def test_the_largest_error_of_a_gradient_is_told(report: Report, finished: Path) -> None:
    errors = [float(row["relative_error"]) for row in read(finished / "gradient-check" / "gradients.csv")]
    for text in (report.sections["i"], "\n".join(report.lines)):
        assert f"the largest relative error is {max(errors):.1e}" in " ".join(text.split())


def test_every_figure_is_there_with_its_caption(report: Report) -> None:
    text = "".join(report.sections.values())
    captions = re.findall(r"^!\[.*\]\(figures/(.*)\)\n\n\*\*(Figure \d+)\.\*\* (.*)$", text, re.MULTILINE)
    drawn = {name.removeprefix("figures/") for name in report.files if name.startswith("figures/")}
    assert {name for name, _, _ in captions} == drawn
    assert [label for _, label, _ in captions] == [f"Figure {number}" for number in range(1, len(drawn) + 1)]
    for numerals in ("ii", "iii", "iv", "v"):
        assert "](figures/" in report.sections[numerals]
    for _, label, caption in captions:
        plain = re.sub(r"\\(.)", r"\1", caption)
        assert "".join(f"{label}.{plain}".split()) in report.squeezed


def test_provenance_names_every_run_and_the_command_that_repeats_it(report: Report, npz: Path) -> None:
    page = report.sections["Provenance"]
    for name, command in COMMANDS.items():
        data = "" if name == "gradient-check" else f"DATASET={npz} SCALE=smoke "
        assert re.search(rf"^{name}: .*root seed 0\n\n    {command} {re.escape(data)}ARGS=", page, re.MULTILINE)


def test_the_same_results_give_the_same_bytes_wherever_they_lie(
    report: Report, finished: Path, npz: Path, tmp_path: Path
) -> None:
    elsewhere = shutil.copytree(finished, tmp_path / "else where" / "results")
    again = reported(elsewhere, npz).files
    assert set(again) == set(report.files)
    assert {name for name in again if again[name] != report.files[name]} == set()


def test_without_one_run_its_section_names_its_command_and_all_others_stay(
    report: Report, finished: Path, npz: Path, tmp_path: Path
) -> None:
    copied = shutil.copytree(finished, tmp_path / "out")
    shutil.rmtree(copied / "depth")
    lacking = reported(copied, npz)
    # what the depth sweep says in two sections has one heading while it cannot be said
    assert (
        list(map(numeral, lacking.headings)) == list(lacking.sections) == ["i", "ii", "iv", "v", FURTHER, "Provenance"]
    )
    assert f"{COMMANDS['depth']} DATASET={npz} SCALE=smoke\n" in lacking.sections["ii"]
    assert "figures/" not in lacking.sections["ii"]
    for part in ("i", "iv", "v"):
        assert unnumbered(lacking.sections[part]) == unnumbered(report.sections[part])
    kept = {name for name in report.files if name.startswith("figures/") and "depth" not in name}
    assert kept == {name for name in lacking.files if name.startswith("figures/")}
    assert all(lacking.files[name] == report.files[name] for name in kept)
    assert not re.search("^depth: ", lacking.sections["Provenance"], re.MULTILINE)


def unnumbered(text: str) -> str:
    return re.sub(r"\*\*(Table|Figure) \d+\.\*\*", r"\1", text)
