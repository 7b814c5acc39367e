"""The gradient check as a command: a table per parameter, and a failure that names the worst."""

import csv
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.core import network
from pipeline.core.gradcheck import BOUND, Comparison
from pipeline.spec import BATCH_NORM
from sweeps import gradient_check
from sweeps.__main__ import main


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
    networks = {(row["layers"], row["batch_norm"], row["lambda"]) for row in rows}
    assert networks == {(k, norm, lambda_) for k in "234" for norm in BATCH_NORM for lambda_ in ("0.0", "0.1")}
    names = {row["parameter"] for row in rows if row["layers"] == "4" and row["batch_norm"] == "before"}
    assert {"W1", "W2", "W3", "W4", "b4", "gamma1", "gamma3", "beta1", "beta3"} <= names
    assert {row["passed"] for row in rows} == {"True"}
    assert all(float(row["relative_error"]) < BOUND for row in rows)
    assert all(float(row["bound"]) == BOUND for row in rows)
    *_, compared, left_out = capsys.readouterr().out.splitlines()
    assert compared.startswith(f"{len(rows)} comparisons, largest relative error ")
    entries = sum(math.prod(map(int, row["shape"].split("x"))) for row in rows)
    assert left_out.startswith(f"{sum(int(row['skipped']) for row in rows)} of {entries} entries left out, ")


def test_it_is_the_same_every_time_and_another_with_another_seed(small: list[str], tmp_path: Path) -> None:
    tables = []
    for seed in ("0", "0", "1"):
        assert main([*small, "--hidden", "3", "--seed", seed]) == 0
        tables.append(table(tmp_path))
    assert tables[0] == tables[1] != tables[2]


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
    assert "got 5.0e-01 for W2 with 2 layers, batch norm none" in line
    assert {row["parameter"] for row in table(tmp_path) if row["passed"] == "False"} == {"W2"}


def test_a_mistake_in_the_network_itself_is_found(
    small: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = network.batch_sum
    monkeypatch.setattr(network, "batch_sum", lambda g: 1.001 * honest(g))
    assert main(small) == 1
    assert "gradients must match" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--hidden", "0"], "hidden sizes must be a positive integer, got 0"),
        (["--hidden"], "hidden must name at least one layer, got ()"),
        (["--activation", "rleu"], "did you mean 'relu'"),
        (["--inputs", "0"], "inputs must be a positive integer, got 0"),
        (["--batch-size", "0"], "batch size must be a positive integer, got 0"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gradient-check", "--artifacts", str(tmp_path / "out"), *flags]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "out").exists()
