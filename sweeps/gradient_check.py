"""Are the gradients right? Analytic against numerical, for 2, 3 and 4 layers, parameter by parameter."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Self

import numpy as np
import pandas as pd
from rich.table import Table

from pipeline.core.gradcheck import BOUND, STEP, Comparison, compare
from pipeline.core.network import Network
from pipeline.errors import PipelineError, require
from pipeline.files import make_folder
from pipeline.report.tables import write_csv
from pipeline.spec import BATCH_NORM, InitSpec, NetworkSpec, positive_integer
from sweeps.cli import Entry, Options
from sweeps.terminal import Terminal

LAMBDAS = (0.0, 0.1)
CLASSES = 10
COLUMNS = ("layers", "batch_norm", "lambda", "parameter", "shape", "relative_error", "skipped", "bound", "passed")


@dataclass(frozen=True)
class GradientCheck:
    """Do the gradients of training match centred differences? A table per parameter."""

    hidden: tuple[int, ...] = (8, 7, 6)
    """the first one, two and three of these make the 2-, 3- and 4-layer networks"""
    inputs: int = 10
    batch_size: int = 12
    activation: str = "relu"

    def __post_init__(self) -> None:
        require(len(self.hidden) >= 1, "hidden", "must name at least one layer", self.hidden)
        NetworkSpec(self.hidden, self.activation)
        positive_integer("inputs", self.inputs)
        positive_integer("batch size", self.batch_size)

    @classmethod
    def at_scale(cls, scale: str) -> Self:
        """Return the defaults, which take two seconds at any scale."""
        return cls()


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    layers: int
    batch_norm: str
    lambda_: float
    comparison: Comparison


def execute(config: GradientCheck, options: Options) -> None:
    """Print the table, store it beside the results, and fail if an error exceeds its bound.

    Raises:
        PipelineError: a gradient is wrong, which is a bug of ours.
    """
    rows = list(check(config, options.seed))
    Terminal(highlight=False).print(_screen(rows))
    folder = make_folder(options.artifacts / "gradient-check")
    write_csv(folder / "gradients.csv", _frame(rows))
    wrong = [row for row in rows if not row.comparison.passed]
    if wrong:
        worst = max(wrong, key=lambda row: row.comparison.error)
        raise PipelineError(
            f"gradients must match centred differences to {BOUND:g}, got {worst.comparison.error:.1e} for "
            f"{worst.comparison.parameter} with {worst.layers} layers, batch norm {worst.batch_norm}"
        )
    print(f"{len(rows)} comparisons, largest relative error {max(row.comparison.error for row in rows):.1e}")
    entries = sum(math.prod(row.comparison.shape) for row in rows)
    skipped = sum(row.comparison.skipped for row in rows)
    print(f"{skipped} of {entries} entries left out, as moving them carries a unit across the kink of its activation")


ENTRY = Entry(GradientCheck, execute, unused=("run", "plan", "retry", "pack_width"))


def check(config: GradientCheck, seed: int) -> Iterator[Row]:
    """Compare every parameter of every network; float64, random parameters, one batch."""
    for depth, batch_norm, lambda_ in product(range(1, len(config.hidden) + 1), BATCH_NORM, LAMBDAS):
        rng = np.random.default_rng([seed, depth])
        spec = NetworkSpec(config.hidden[:depth], config.activation, batch_norm, dtype="float64")
        network = Network.create(spec, config.inputs, CLASSES, [InitSpec()], seed)
        for name, values in network.parameters.items():  # away from gamma = 1, beta = 0, where mistakes can hide
            network.parameters[name] += 0.1 * rng.standard_normal(values.shape)
        x = rng.standard_normal((config.batch_size, config.inputs))
        labels = rng.integers(0, CLASSES, config.batch_size)
        for comparison in compare(network, x, labels, np.array([lambda_])):
            yield Row(depth + 1, batch_norm, lambda_, comparison)


def _frame(rows: list[Row]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            (
                row.layers,
                row.batch_norm,
                row.lambda_,
                row.comparison.parameter,
                "x".join(map(str, row.comparison.shape)),
                row.comparison.error,
                row.comparison.skipped,
                row.comparison.bound,
                row.comparison.passed,
            )
            for row in rows
        ],
        columns=COLUMNS,
    )


def _screen(rows: list[Row]) -> Table:
    """Lay the errors out for a terminal: a row per network, its worst parameters last."""
    table = Table(
        "layers", "batch norm", "lambda", "relative error by parameter", title=f"step {STEP:g}, bound {BOUND:g}"
    )
    networks: dict[tuple[int, str, float], list[Comparison]] = {}
    for row in rows:
        networks.setdefault((row.layers, row.batch_norm, row.lambda_), []).append(row.comparison)
    for (layers, batch_norm, lambda_), comparisons in networks.items():
        errors = "  ".join(
            f"{one.parameter}\N{NO-BREAK SPACE}{one.error:.0e}"
            if one.passed
            else f"[bold red]{one.parameter}\N{NO-BREAK SPACE}{one.error:.0e}[/]"
            for one in comparisons
        )
        table.add_row(str(layers), batch_norm, f"{lambda_:g}", errors)
    return table
