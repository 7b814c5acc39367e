"""The gradient check as a command: a table per parameter, and a failure that names the worst."""

import csv
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import rig

from pipeline.core import network
from pipeline.core.gradcheck import BOUND, STEP, Comparison
from pipeline.errors import DataError, HostError
from pipeline.report.document import Bullets, Command, Table, Text
from pipeline.report.provenance import Told
from pipeline.spec import BATCH_NORM
from sweeps import SWEEPS, gradient_check
from sweeps.__main__ import main
from sweeps.answers import gradient_results
from sweeps.answers.gradient_sections import left_out, verdict
from sweeps.cli import Options
from sweeps.gradient_check import VARIANTS, Compared

FEW = tuple(case for case in VARIANTS if case.name in {"activation tanh", "dropout"})
"""Variants enough for tests of what holds for all rows; `test_gradient_variants` asks for all of them."""


@pytest.fixture(autouse=True)
def _few_variants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradient_results, "VARIANTS", FEW)


@pytest.fixture
def small(tmp_path: Path) -> list[str]:
    sizes = ["--hidden", "4", "3", "3", "--inputs", "5", "--batch-size", "6"]
    return ["gradient-check", "--artifacts", str(tmp_path / "out"), *sizes]


def table(tmp_path: Path) -> list[dict[str, str]]:
    with (tmp_path / "out" / "gradient-check" / "gradients.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_parameter_of_every_network_is_compared_and_passes(
    small: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(small) == 0
    rows = table(tmp_path)
    networks = {(row["layers"], row["batch_norm"], row["lambda"]) for row in rows if not row["variant"]}
    assert networks == {(k, norm, lambda_) for k in "234" for norm in BATCH_NORM for lambda_ in ("0.0", "0.1")}
    others = {(row["variant"], row["lambda"]) for row in rows if row["variant"]}
    assert others == {(case.name, lambda_) for case in FEW for lambda_ in ("0.0", "0.1")}
    names = {row["parameter"] for row in rows if row["layers"] == "4" and row["batch_norm"] == "before"}
    assert {"W1", "W2", "W3", "W4", "b4", "gamma1", "gamma3", "beta1", "beta3"} <= names
    assert {row["passed"] for row in rows} == {"True"}
    assert all(float(row["relative_error"]) < BOUND for row in rows)
    assert all(float(row["bound"]) == BOUND for row in rows)
    *_, compared, left_out = capsys.readouterr().out.splitlines()
    assert compared.startswith(f"no sign of a mistake: {len(rows)} comparisons, the largest relative error is ")
    entries = sum(math.prod(map(int, row["shape"].split("x"))) for row in rows)
    assert left_out.startswith(f"{sum(int(row['skipped']) for row in rows)} of {entries} entries left out, ")


def test_it_is_the_same_to_the_byte_every_time_and_another_with_another_seed(small: list[str], tmp_path: Path) -> None:
    left, tables = [], []
    for seed in ("0", "0", "1"):
        assert main([*small[:4], "3", *small[7:], "--seed", seed]) == 0  # one hidden layer
        left.append(rig.files(tmp_path / "out"))
        tables.append(table(tmp_path))
    assert left[0] == left[1]
    assert set(left[0]) == {"gradient-check/gradients.csv", "gradient-check/gradients.json"}
    assert tables[1] != tables[2]


@pytest.mark.parametrize("activation", ["sigmoid", "leaky_relu"])
def test_it_holds_for_other_activations(small: list[str], activation: str) -> None:
    assert main([*small, "--activation", activation]) == 0


@pytest.mark.parametrize(("activation", "seed"), [("relu", "8"), ("leaky_relu", "7"), ("leaky_relu", "8")])
def test_it_passes_where_units_cross_the_kink_of_their_activation_and_counts_the_entries(
    activation: str, seed: str, tmp_path: Path
) -> None:
    out = str(tmp_path / "out")
    assert main(["gradient-check", "--artifacts", out, "--activation", activation, "--seed", seed]) == 0
    assert 0 < sum(int(row["skipped"]) for row in table(tmp_path)) < 20


def test_a_wrong_gradient_is_a_bug_named_by_its_worst_parameter_and_the_table_is_kept(
    small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = gradient_check.compare

    def wrong(*arguments: Any) -> Iterator[Comparison]:
        for one in honest(*arguments):
            yield replace(one, error=0.5) if one.parameter == "W2" else one

    monkeypatch.setattr(gradient_check, "compare", wrong)
    assert main(small) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: gradients must match centred differences to ")
    assert "got 5.0e-01 for W2 of the 2-layer network without batch norm, lambda 0, the worst of 22 that fail" in line
    assert {row["parameter"] for row in table(tmp_path) if row["passed"] == "False"} == {"W2"}


def test_a_mistake_in_the_network_itself_is_found(
    small: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = network.batch_sum
    monkeypatch.setattr(network, "batch_sum", lambda g: 1.001 * honest(g))
    assert main(small) == 1
    assert "gradients must match" in capsys.readouterr().err


def told(artifacts: Path) -> Told:
    tells = SWEEPS["gradient-check"].tells
    assert tells is not None
    return tells(Options(artifacts=artifacts), "whatever")


def compared(parameter: str, error: float | None, **how: Any) -> Compared:
    values = {"layers": 3, "batch_norm": "before", "lambda_": 0.1, "shape": (2, 3), "skipped": 1, "bound": 1e-7} | how
    return Compared(parameter=parameter, relative_error=error, **values)


def words(told: Told, kind: type[Text | Bullets]) -> str:
    blocks = [block for block in told.sections[0].blocks if isinstance(block, kind)]
    return " ".join(block.text if isinstance(block, Text) else " ".join(block.items) for block in blocks)


def test_before_it_has_run_the_report_names_its_command(tmp_path: Path) -> None:
    answer = told(tmp_path)
    assert answer.origin is None
    [section] = answer.sections
    assert section.title == "i) Gradient check"
    assert section.blocks[-1] == Command("make gradient-check")


def test_the_report_tells_every_error_of_the_table_and_how_it_was_measured(small: list[str], tmp_path: Path) -> None:
    assert main([*small, "--seed", "3"]) == 0
    answer = told(tmp_path / "out")
    rows = table(tmp_path)
    tables = [block for block in answer.sections[0].blocks if isinstance(block, Table)][:3]
    assert [block.caption.partition("-layer")[0][-1] for block in tables] == ["2", "3", "4"]
    for layers, block in zip("234", tables, strict=True):
        of_depth = [row for row in rows if row["layers"] == layers and not row["variant"]]
        shown = {
            (parameter, *network.split(", ")): cell
            for parameter, *cells in block.rows
            for network, cell in zip(block.header[1:], cells, strict=True)
        }
        for row in of_depth:
            cell = shown.pop((row["parameter"], row["batch_norm"], f"{float(row['lambda']):g}"))
            assert cell == f"{float(row['relative_error']):.1e}"
        assert set(shown.values()) <= {"–"}  # and nothing else
        assert {row[0] for row in block.rows} == {row["parameter"] for row in of_depth}
    text = words(answer, Text)
    for part in (
        f"h = {STEP:g}",
        "float64",
        "2, 3 and 4 layers",
        "4, 4-3 and 4-3-3",
        "5 inputs",
        "6 examples",
        "0 and 0.1",
    ):
        assert part in text
    assert "No sign of a mistake" in words(answer, Bullets)


def test_what_the_report_says_can_be_traced_and_repeated(small: list[str], tmp_path: Path) -> None:
    assert main([*small, "--seed", "3"]) == 0
    origin = told(tmp_path / "out").origin
    assert origin is not None
    assert (origin.seed, origin.data, origin.seeds) == (3, "", ())
    assert origin.command == "make gradient-check SEED=3 ARGS='--hidden 4 3 3 --inputs 5 --batch-size 6'"
    [(provenance, comparisons)] = origin.computed_with
    assert (provenance.threads, comparisons) == (1, len(table(tmp_path)))
    assert main(["gradient-check", "--artifacts", str(tmp_path / "out")]) == 0
    again = told(tmp_path / "out").origin
    assert again is not None
    assert again.command == "make gradient-check"


@pytest.mark.parametrize(
    ("errors", "start"),
    [
        ([1e-9, 3e-8], "no sign of a mistake: 2 comparisons, the largest relative error is 3.0e-08, for W2 of"),
        ([1e-9, 3e-7], "gradients must match centred differences to 1e-07, got 3.0e-07 for W2 of"),
        ([0.5, None], "gradients must match centred differences to 1e-07, got none (most entries left out) for W2 of"),
    ],
)
def test_the_verdict_is_what_the_errors_say(errors: Sequence[float | None], start: str) -> None:
    rows = [compared(f"W{index}", error) for index, error in enumerate(errors, 1)]
    network = "the 3-layer network with batch norm before the activation, lambda 0.1"
    assert verdict(rows).startswith(f"{start} {network}")
    assert [row.passed for row in rows] == [error is not None and error <= 1e-7 for error in errors]
    assert left_out(rows) == (2, 12)


def test_a_failure_is_told_in_the_report_by_name(
    small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "batch_sum", lambda g, honest=network.batch_sum: 1.001 * honest(g))
    assert main(small) == 1
    wrong = [row for row in table(tmp_path) if row["passed"] == "False"]
    findings = words(told(tmp_path / "out"), Bullets)
    assert wrong
    assert "No sign" not in findings
    networks = {(row["variant"], row["layers"], row["batch_norm"], row["lambda"]) for row in wrong}
    assert findings.count(" these fail: ") == len(networks)
    assert "Of the 2-layer network without batch norm, lambda 0 these fail: b1 (" in findings
    cells = [
        cell
        for block in told(tmp_path / "out").sections[0].blocks
        if isinstance(block, Table)
        for row in block.rows
        for cell in row
    ]
    assert sum(cell.endswith(" fails") for cell in cells) == sum(not row["variant"] for row in wrong)


@pytest.mark.parametrize("damage", ["cut", "no rows", "not text", "another version"])
def test_a_damaged_record_is_refused_in_one_line(damage: str, small: list[str], tmp_path: Path) -> None:
    assert main(small) == 0
    path = tmp_path / "out" / "gradient-check" / "gradients.json"
    record = json.loads(path.read_text())
    damaged = {
        "cut": path.read_bytes()[:100],
        "no rows": json.dumps(record | {"rows": []}).encode(),
        "not text": b"\xff\xfe",
        "another version": json.dumps({key: value for key, value in record.items() if key != "step"}).encode(),
    }
    path.write_bytes(damaged[damage])
    with pytest.raises(
        DataError, match=r"gradients\.json must hold a gradient check, got .*; make gradient-check"
    ) as error:
        told(tmp_path / "out")
    assert "\n" not in str(error.value)


def test_a_record_that_cannot_be_read_is_the_surroundings(tmp_path: Path) -> None:
    (tmp_path / "gradient-check" / "gradients.json").mkdir(parents=True)
    with pytest.raises(HostError, match=r"gradients\.json must be readable, got Is a directory$"):
        told(tmp_path)
