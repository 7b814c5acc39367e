"""Every script in examples/ runs, and what it prints shows what it says; a new one is tested by adding it."""

import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.py"))


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d+(?:e[-+]\d+)?", text)]


def gradients_are_right(output):
    _, *table = output.splitlines()
    errors = [numbers(line)[-1] for line in table]
    assert len(errors) == 7  # by x, W, b; x; x, gamma, beta
    assert 0 < max(errors) < 1e-7


def costs_fall_and_the_best_is_named(output):
    _, header, *epochs, reached, best = output.splitlines()
    costs = [numbers(line) for line in epochs]
    assert {len(row) for row in costs} == {3}
    assert all(last < 0.5 * first for first, last in zip(costs[0], costs[-1], strict=True))
    accuracies = numbers(reached)
    assert max(accuracies) > 95
    assert numbers(header)[accuracies.index(max(accuracies))] == numbers(best)[0]


def four_arrays_fall_with_and_without_batch_norm(output):
    lines = output.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["num_bn_layers=0", "num_bn_layers=1"]
    arrays = [numbers(line) for line in lines if line.startswith(" ")]
    assert [len(array) for array in arrays] == [8] * 8
    assert all(array[-1] < 0.5 * array[0] for array in arrays)
    assert arrays[4][-1] < arrays[0][-1]  # batch norm: less training loss


def the_best_is_no_worse_than_the_default(output):
    _, default, best, _ = output.splitlines()
    assert numbers(default)[0] <= numbers(best)[0] <= 100
    assert "lambda = 0.005, eta_max = 0.1, batch_norm = before" in default
    assert re.search(r"lambda = \S+, eta_max = \S+, batch_norm = (none|before|after)$", best)


CLAIMS = {
    "layers": gradients_are_right,
    "two_layer_net": costs_fall_and_the_best_is_named,
    "cmu_mlp": four_arrays_fall_with_and_without_batch_norm,
    "optuna_objective": the_best_is_no_worse_than_the_default,
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch, quiet_optuna):
    monkeypatch.chdir(tmp_path)


def test_every_claim_is_that_of_an_example():
    assert set(CLAIMS) <= {path.stem for path in EXAMPLES}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_shows_what_it_says(path, capsys, tmp_path):
    runpy.run_path(str(path), run_name="__main__")  # one that ended with a code other than 0 would raise here
    printed = capsys.readouterr()
    assert printed.out.strip()
    assert printed.err == ""
    CLAIMS.get(path.stem, len)(printed.out)
    assert {left.name for left in tmp_path.iterdir()} <= {"artifacts"}  # which git ignores and make clean empties


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_says_how_it_is_run(path):
    assert f"examples/{path.name}``" in path.read_text().split('"""')[1]
