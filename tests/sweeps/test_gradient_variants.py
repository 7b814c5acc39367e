"""The variants of the gradient check: everything that the core can do is among them, and a mistake in it is found."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.core import network
from pipeline.core.layers import ACTIVATIONS
from pipeline.core.network import Hidden, Network
from pipeline.report.document import Section, Table, Text
from pipeline.spec import BATCH_NORM
from sweeps.__main__ import main
from sweeps.answers import gradient_results
from sweeps.answers.gradient_variants import HEADER, blocks, cells
from sweeps.cli import Options
from sweeps.gradient_check import LAMBDAS, VARIANTS, Case, Compared, compared

BY_NAME = {case.name: case for case in VARIANTS}
MISTAKE = 1.001


def failing(variants: tuple[Case, ...], lambda_: float = 0.0) -> set[str]:
    """Return which of the variants have a parameter whose gradient fails."""
    return {case.name for case in variants for row in compared(case, lambda_, 0) if not row.passed}


@pytest.mark.parametrize("lambda_", LAMBDAS)
@pytest.mark.parametrize("case", VARIANTS, ids=lambda case: case.name)
def test_every_parameter_of_every_variant_passes_with_nothing_left_out(case: Case, lambda_: float) -> None:
    rows = list(compared(case, lambda_, seed=1))
    spec = case.network
    hidden = range(1, 1 + len(spec.hidden))
    expected = {f"W{layer}" for layer in (*hidden, len(spec.hidden) + 1)} | {f"b{len(spec.hidden) + 1}"}
    expected |= {f"b{layer}" for layer in hidden if spec.has_bias(layer)}
    expected |= {f"{name}{layer}" for name in ("gamma", "beta") for layer in hidden if spec.norm_of(layer) != "none"}
    assert {row.parameter for row in rows} == expected
    assert [row for row in rows if not row.passed or row.skipped] == []
    assert {(row.variant, row.lambda_, row.layers) for row in rows} == {(case.name, lambda_, len(spec.hidden) + 1)}


@pytest.mark.parametrize(
    ("name", "vectors"),
    [
        ("layer norm before", "b1 b2 b3 beta1 beta2 gamma1 gamma2"),
        ("batch norm before, layer 1 only", "b2 b3 beta1 gamma1"),
        ("skips", "b1 b3 b5 b6 b7"),
        ("skips, batch norm before", "b7 beta1 beta3 beta5 beta6 gamma1 gamma3 gamma5 gamma6"),
        ("skips, all alike", "b1 b2 b3 b4 b5 b6 b7"),
        ("skip 1-4", "b7 beta1 beta4 beta5 beta6 gamma1 gamma4 gamma5 gamma6"),
    ],
)
def test_a_variant_has_the_vectors_that_its_name_promises(name: str, vectors: str) -> None:
    found = {row.parameter for row in compared(BY_NAME[name], 0.0, seed=0)}
    assert sorted(parameter for parameter in found if not parameter.startswith("W")) == vectors.split()


def test_the_variants_are_all_that_the_core_can_do_beside_depth_and_batch_norm() -> None:
    specs = [case.network for case in VARIANTS]
    assert len(BY_NAME) == len(VARIANTS)
    assert "" not in BY_NAME
    assert {spec.dtype for spec in specs} == {"float64"}
    assert {spec.activation for spec in specs} == set(ACTIVATIONS)
    assert {spec.layer_norm for spec in specs} == {"none", "before", "after"}
    assert 1 in {spec.num_bn_layers for spec in specs}
    assert {case.keep for case in VARIANTS} == {1.0, 0.75}
    pattern = [spec for spec in specs if spec.skips == ((1, 3), (3, 5))]
    assert {(spec.batch_norm, spec.skip_norm) for spec in pattern} == {
        (norm, alike) for norm in BATCH_NORM for alike in (False, True)
    }
    assert {(len(spec.hidden), len(set(spec.hidden))) for spec in pattern} == {(6, 1)}
    assert ((1, 4),) in {spec.skips for spec in specs}
    for norm in ("batch_norm", "layer_norm"):
        assert any(
            case.keep < 1
            and case.network.skips
            and case.network.num_bn_layers
            and getattr(case.network, norm) != "none"
            for case in VARIANTS
        )


def skips_forgotten(patch: pytest.MonkeyPatch) -> None:
    """The gradient takes the way through all layers only."""
    honest = Network._backward

    def through_all(self: Network, *how: Any) -> Any:
        return honest(replace(self, spec=replace(self.spec, skips=())), *how)

    patch.setattr(Network, "_backward", through_all)


def layer_norm_scaled(patch: pytest.MonkeyPatch) -> None:
    honest = network.layer_norm_backward

    def scaled(*how: Any) -> Any:
        by_input, by_gamma, by_beta = honest(*how)
        return MISTAKE * by_input, by_gamma, by_beta

    patch.setattr(network, "layer_norm_backward", scaled)


def batch_norm_scaled(patch: pytest.MonkeyPatch) -> None:
    honest = network.batch_norm_backward

    def scaled(*how: Any) -> Any:
        by_input, by_gamma, by_beta = honest(*how)
        return by_input, MISTAKE * by_gamma, by_beta

    patch.setattr(network, "batch_norm_backward", scaled)


def masks_without_their_scale(patch: pytest.MonkeyPatch) -> None:
    """The backward pass of inverted dropout forgets 1/keep."""

    def kept(x: Any, activated: Any, norm: Any, mask: Any) -> Hidden:
        return Hidden(x, activated, norm, None if mask is None else (mask > 0).astype(float))

    patch.setattr(network, "Hidden", kept)


MISTAKES: dict[Callable[[pytest.MonkeyPatch], None], Callable[[Case], bool]] = {
    skips_forgotten: lambda case: bool(case.network.skips),
    layer_norm_scaled: lambda case: case.network.layer_norm != "none",
    batch_norm_scaled: lambda case: case.network.batch_norm != "none",
    masks_without_their_scale: lambda case: case.keep < 1,
}
"""Mistakes in the core, and which variants have the part that each is in."""


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_mistake_makes_exactly_the_variants_fail_that_have_its_part(
    mistake: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mistake(monkeypatch)
    assert failing(VARIANTS) == {case.name for case in VARIANTS if MISTAKES[mistake](case)}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_mistake_in_an_activation_makes_the_variants_fail_that_have_it(
    activation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = ACTIVATIONS[activation]
    wrong = replace(honest, backward=lambda g, y: MISTAKE * honest.backward(g, y))
    monkeypatch.setattr(network, "ACTIVATIONS", {**ACTIVATIONS, activation: wrong})
    shallow = tuple(case for case in VARIANTS if len(case.network.hidden) == 2)
    assert failing(shallow) == {case.name for case in shallow if case.network.activation == activation}


def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> int:
    """Run the command with the variants of these names, or with all."""
    monkeypatch.setattr(gradient_results, "VARIANTS", tuple(BY_NAME[name] for name in names or BY_NAME))
    sizes = ["--hidden", "3", "--inputs", "3", "--batch-size", "5"]
    return main(["gradient-check", "--artifacts", str(tmp_path), *sizes])


def table(tmp_path: Path) -> list[dict[str, str]]:
    with (tmp_path / "gradient-check" / "gradients.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def section(tmp_path: Path) -> Section:
    [answer] = gradient_results.tells(Options(artifacts=tmp_path), "whatever").sections
    return answer


def tables(answer: Section) -> list[Table]:
    return [block for block in answer.blocks if isinstance(block, Table)]


def texts(answer: Section) -> str:
    return " ".join(block.text for block in answer.blocks if isinstance(block, Text))


def test_a_mistake_in_a_variant_ends_with_1_and_every_output_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    masks_without_their_scale(monkeypatch)
    assert run(tmp_path, monkeypatch, "dropout", "layer norm after") == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: gradients must match centred differences to 1e-07, got ")
    wrong = [row for row in table(tmp_path) if row["passed"] == "False"]
    assert {row["variant"] for row in wrong} == {"dropout"}
    worst = max(wrong, key=lambda row: float(row["relative_error"]))
    named = f'for {worst["parameter"]} of the variant "dropout", lambda {float(worst["lambda"]):g}'
    assert f"{named}, the worst of {len(wrong)} that fail" in line
    *_, results = tables(section(tmp_path))
    for lambda_ in LAMBDAS:
        failed = sum(float(row["lambda"]) == lambda_ for row in wrong)
        assert [row[-1] for row in results.rows if row[:2] == ("dropout", f"{lambda_:g}")] == [f"no, {failed} fail"]
    assert [row[-1] for row in results.rows if row[0] == "layer norm after"] == ["yes", "yes"]


def test_the_whole_check_is_told_on_the_screen_in_the_csv_and_in_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(tmp_path, monkeypatch) == 0
    rows = table(tmp_path)
    assert list(rows[0])[:5] == ["variant", "layers", "batch_norm", "lambda", "parameter"]
    assert sum(not row["variant"] for row in rows) == (4 + 5 + 6) * len(LAMBDAS)
    assert list(dict.fromkeys(row["variant"] for row in rows)) == ["", *BY_NAME]
    *framed, _, _ = capsys.readouterr().out.splitlines()
    assert max(map(len, framed)) <= 80
    _, definitions, results = tables(section(tmp_path))
    assert [row[0] for row in definitions.rows] == list(BY_NAME)
    assert results.header == HEADER
    asked = [(name, lambda_) for name in BY_NAME for lambda_ in LAMBDAS]
    for (name, lambda_), shown in zip(asked, results.rows, strict=True):
        of = [row for row in rows if row["variant"] == name and float(row["lambda"]) == lambda_]
        worst = max(of, key=lambda row: float(row["relative_error"]))
        error = float(worst["relative_error"])
        assert shown == (name, f"{lambda_:g}", str(len(of)), f"{error:.1e}", worst["parameter"], "yes")
        [line] = [line for line in framed if line.startswith(f"│ {name} ")]  # one line, and both lambdas on it
        assert f"{worst['parameter']}={error:.0e}" in line


def test_the_report_says_what_each_variant_is() -> None:
    told = {row[0]: row[1:] for row in tables(Section("", tuple(blocks(a_check(VARIANTS)))))[0].rows}
    assert told["activation relu"] == ("5-4", "relu", "–", "–", "–", "–")
    assert told["layer norm after"] == ("5-4", "tanh", "layer norm after", "–", "–", "–")
    assert told["batch norm before, layer 1 only"][2] == "batch norm before, first only"
    assert told["dropout"][-1] == "0.75"
    assert told["skips, batch norm before"] == ("3-3-3-3-3-3", "tanh", "batch norm before", "1-3, 3-5", "bare", "–")
    assert told["skips, all alike"][3:5] == ("1-3, 3-5", "like the others")
    everything = ("3-3-3-3-3-3", "tanh", "batch norm after, first 4", "1-3, 1-4, 2-5", "like the others", "0.75")
    assert told["everything, with batch norm"] == everything


@pytest.mark.parametrize(
    ("names", "said", "unsaid"),
    [
        (
            tuple(BY_NAME),
            ("20 variants", "4 inputs, 4 classes and 20 examples", "epsilon is 0.1", "A skip", "Drop"),
            (),
        ),
        (("activation relu",), ("4 classes",), ("epsilon", "A skip", "Dropout")),
        (("layer norm before",), ("epsilon is 0.1",), ("A skip", "Dropout")),
        (("skips",), ("A skip 1-3 adds", "(40) and (41)"), ("epsilon", "Dropout")),
        (("dropout",), ("masks of 0 and 1/keep",), ("epsilon", "A skip")),
    ],
)
def test_only_what_is_among_the_variants_is_explained(
    names: tuple[str, ...], said: tuple[str, ...], unsaid: tuple[str, ...]
) -> None:
    text = texts(Section("", tuple(blocks(a_check(tuple(BY_NAME[name] for name in names))))))
    assert [part for part in said if part not in text] == []
    assert [part for part in unsaid if part in text] == []


def a_check(variants: tuple[Case, ...]) -> Any:
    """Return as much of a record as the variants' part of the report reads."""
    return type("Check", (), {"variants": variants, "rows": ()})


def test_a_variant_is_told_by_its_worst_parameter_and_one_hardly_compared_is_worst_of_all() -> None:
    def row(parameter: str, error: float | None) -> Compared:
        return Compared(3, "none", 0.1, parameter, (2, 3), error, 0, 1e-7, "v")

    assert cells([row("W1", 1e-9), row("b1", 2e-8)]) == ("v", "0.1", "2", "2.0e-08", "b1", "yes")
    assert cells([row("W1", 0.5), row("b1", 2e-8)]) == ("v", "0.1", "2", "5.0e-01", "W1", "no, 1 fail")
    assert cells([row("W1", 0.5), row("b1", None)]) == ("v", "0.1", "2", "none", "b1", "no, 2 fail")


def test_a_record_of_before_there_were_variants_is_told_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(tmp_path, monkeypatch, "dropout") == 0
    path = tmp_path / "gradient-check" / "gradients.json"
    record = json.loads(path.read_text())
    del record["variants"]
    record["rows"] = [
        {key: value for key, value in row.items() if key != "variant"} for row in record["rows"] if not row["variant"]
    ]
    path.write_text(json.dumps(record))
    answer = section(tmp_path)
    assert len(tables(answer)) == 1
    assert "of an earlier version, which knew no variants" in texts(answer)
