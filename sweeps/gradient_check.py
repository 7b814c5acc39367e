"""Are the gradients right? Analytic against numerical, for 2, 3 and 4 layers, parameter by parameter."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Self

import numpy as np

from pipeline.core.gradcheck import compare
from pipeline.core.network import Network
from pipeline.errors import require
from pipeline.records import Provenance
from pipeline.spec import BATCH_NORM, InitSpec, NetworkSpec, positive_integer
from sweeps.cli import Entry, later

if TYPE_CHECKING:
    pass

NAME = "gradient-check"
LAMBDAS = (0.0, 0.1)
CLASSES = 10


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
class Compared:
    """One parameter of one network: its analytic against its numerical gradient.

    relative_error is that of `pipeline.core.gradcheck.Comparison`; None where more than half of the entries had to be
    skipped, which never passes.
    """

    layers: int
    batch_norm: str
    lambda_: float
    parameter: str
    shape: tuple[int, ...]
    relative_error: float | None
    skipped: int
    bound: float

    @property
    def passed(self) -> bool:
        """Whether the error stays within its bound."""
        return self.relative_error is not None and self.relative_error <= self.bound

    @property
    def network(self) -> str:
        """The network that it is a parameter of, in words."""
        norm = (
            "without batch norm" if self.batch_norm == "none" else f"with batch norm {self.batch_norm} the activation"
        )
        return f"the {self.layers}-layer network {norm}, lambda {self.lambda_:g}"


@dataclass(frozen=True)
class Checked:
    """The record of a check: what was asked, how it was answered, what came out, and what computed it.

    `step`, `floor` and `classes` are the constants of `pipeline.core.gradcheck` and of the networks at that time.
    """

    configuration: GradientCheck
    seed: int
    step: float
    floor: float
    classes: int
    rows: tuple[Compared, ...]
    provenance: Provenance


def check(config: GradientCheck, seed: int) -> Iterator[Compared]:
    """Compare every parameter of every network; float64, random parameters, one batch."""
    for depth, batch_norm, lambda_ in product(range(1, len(config.hidden) + 1), BATCH_NORM, LAMBDAS):
        rng = np.random.default_rng([seed, depth])
        spec = NetworkSpec(config.hidden[:depth], config.activation, batch_norm, dtype="float64")
        network = Network.create(spec, config.inputs, CLASSES, [InitSpec()], seed)
        for name, values in network.parameters.items():  # away from gamma = 1, beta = 0, where mistakes can hide
            network.parameters[name] += 0.1 * rng.standard_normal(values.shape)
        x = rng.standard_normal((config.batch_size, config.inputs))
        labels = rng.integers(0, CLASSES, config.batch_size)
        for one in compare(network, x, labels, np.array([lambda_])):
            error = one.error if math.isfinite(one.error) else None
            yield Compared(depth + 1, batch_norm, lambda_, one.parameter, one.shape, error, one.skipped, one.bound)


ENTRY = Entry(
    GradientCheck,
    later("sweeps.answers.gradient_results:execute"),
    unused=("run", "plan", "retry", "pack_width"),
    tells=later("sweeps.answers.gradient_results:tells"),
)
