"""Are the gradients right? Analytic against numerical, parameter by parameter, of networks with all the core can do."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, product
from typing import Self

import numpy as np

from pipeline.core.gradcheck import compare
from pipeline.core.layers import dropout_masks
from pipeline.core.network import Network
from pipeline.errors import require
from pipeline.records import Provenance
from pipeline.spec import ACTIVATIONS, BATCH_NORM, InitSpec, NetworkSpec, positive_integer
from sweeps.cli import Entry, later

NAME = "gradient-check"
LAMBDAS = (0.0, 0.1)
CLASSES = 10
MOST_WEIGHTS = 10**6
"""Each of them takes two passes of the network: far more than anybody can wait for."""
MOST_NUMBERS = 10**7
"""Of a layer and a batch: what any memory holds."""
KEEP = 0.75
DD2424_SKIPS = ((1, 3), (3, 5))
XAVIER = InitSpec("xavier")


@dataclass(frozen=True)
class Case:
    """A network to check, and the batch that it is checked on.

    The sizes of a variant are its own, whatever the flags: few entries, which keeps the check short, and a cost that
    bends so little over a step of the check that right gradients pass whatever the seed.

    Attributes:
        name: of a variant; empty for the networks that the flags describe.
        network: in float64.
        keep: the probability of dropout to keep a unit; 1 is no dropout.
        init: how its weights start, before they are moved at random.
        inputs: D.
        classes: C.
        batch_size: B.
    """

    name: str
    network: NetworkSpec
    keep: float = 1.0
    init: InitSpec = XAVIER
    inputs: int = 4
    classes: int = 4
    batch_size: int = 20


# tanh has no kink, so that nothing need be left out; an epsilon that is seen bounds what dividing by a spread does
_shallow = partial(NetworkSpec, (5, 4), batch_norm="none", activation="tanh", bn_epsilon=0.1, dtype="float64")
_deep = partial(NetworkSpec, (3,) * 6, batch_norm="none", activation="tanh", bn_epsilon=0.1, dtype="float64")

VARIANTS = (
    *(Case(f"activation {name}", _shallow(activation=name)) for name in ACTIVATIONS),
    Case("layer norm before", _shallow(layer_norm="before")),
    Case("layer norm after", _shallow(layer_norm="after")),
    Case("batch norm before, layer 1 only", _shallow(batch_norm="before", num_bn_layers=1)),
    Case("dropout", _shallow(), KEEP),
    Case("dropout, batch norm before", _shallow(batch_norm="before"), KEEP),
    Case("dropout, batch norm after", _shallow(batch_norm="after"), KEEP),
    Case("skips", _deep(skips=DD2424_SKIPS)),
    Case("skips, batch norm before", _deep(skips=DD2424_SKIPS, batch_norm="before")),
    Case("skips, batch norm after", _deep(skips=DD2424_SKIPS, batch_norm="after")),
    Case("skips, all alike", _deep(skips=DD2424_SKIPS, skip_norm=True)),
    Case("skips, batch norm before, all alike", _deep(skips=DD2424_SKIPS, batch_norm="before", skip_norm=True)),
    Case("skips, batch norm after, all alike", _deep(skips=DD2424_SKIPS, batch_norm="after", skip_norm=True)),
    Case("skip 1-4", _deep(skips=((1, 4),), batch_norm="before")),
    Case(
        "everything, with batch norm",
        _deep(skips=((1, 3), (1, 4), (2, 5)), skip_norm=True, batch_norm="after", num_bn_layers=4),
        KEEP,
    ),
    Case(
        "everything, with layer norm",
        _deep(skips=((1, 3), (1, 4)), layer_norm="before", num_bn_layers=4, activation="sigmoid"),
        KEEP,
    ),
)
"""What the core can do beside depth and batch norm: a mistake that only it makes shows in one of these."""


@dataclass(frozen=True)
class GradientCheck:
    """Do the gradients of training match centred differences? A table per parameter.

    The flags describe the networks of 2, 3 and 4 layers. Variants with layer norm, skips, dropout and every activation
    are checked beside them, always the same ones.
    """

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
        sizes = (self.inputs, *self.hidden, CLASSES)
        weights = sum(one * other for one, other in pairwise(sizes))
        require(weights <= MOST_WEIGHTS, "networks", f"must have at most {MOST_WEIGHTS:,} weights to check", weights)
        rows = MOST_NUMBERS // max(sizes)
        require(self.batch_size <= rows, "batch size", f"must be at most {rows:,} with such networks", self.batch_size)

    @classmethod
    def at_scale(cls, scale: str) -> Self:
        """Return the defaults, which take a few seconds at any scale."""
        return cls()


@dataclass(frozen=True)
class Compared:
    """One parameter of one network: its analytic against its numerical gradient.

    relative_error is that of `pipeline.core.gradcheck.Comparison`; None where more than half of the entries had to be
    skipped, which never passes. variant is the name of the Case; a record of before there were variants has none.
    """

    layers: int
    batch_norm: str
    lambda_: float
    parameter: str
    shape: tuple[int, ...]
    relative_error: float | None
    skipped: int
    bound: float
    variant: str = ""

    @property
    def passed(self) -> bool:
        """Whether the error stays within its bound."""
        return self.relative_error is not None and self.relative_error <= self.bound

    @property
    def network(self) -> str:
        """The network that it is a parameter of, in words."""
        if self.variant:
            return f'the variant "{self.variant}", lambda {self.lambda_:g}'
        norm = (
            "without batch norm" if self.batch_norm == "none" else f"with batch norm {self.batch_norm} the activation"
        )
        return f"the {self.layers}-layer network {norm}, lambda {self.lambda_:g}"


@dataclass(frozen=True)
class Checked:
    """The record of a check: what was asked, how it was answered, what came out, and what computed it.

    `step`, `floor`, `classes` and `variants` are the constants of `pipeline.core.gradcheck` and of this file at that
    time; records of before there were variants have none.
    """

    configuration: GradientCheck
    seed: int
    step: float
    floor: float
    classes: int
    rows: tuple[Compared, ...]
    provenance: Provenance
    variants: tuple[Case, ...] = ()


def described(config: GradientCheck) -> Iterator[Case]:
    """Yield what the flags describe: every depth up to that of `hidden`, with every value of batch norm."""
    for depth, batch_norm in product(range(1, len(config.hidden) + 1), BATCH_NORM):
        spec = NetworkSpec(config.hidden[:depth], config.activation, batch_norm, dtype="float64")
        yield Case("", spec, 1.0, InitSpec(), config.inputs, CLASSES, config.batch_size)


def check(config: GradientCheck, variants: Sequence[Case], seed: int) -> Iterator[Compared]:
    """Compare every parameter of what the flags describe, and of every variant, with each lambda."""
    for case, lambda_ in product((*described(config), *variants), LAMBDAS):
        yield from compared(case, lambda_, seed)


def compared(case: Case, lambda_: float, seed: int) -> Iterator[Compared]:
    """Compare every parameter of one network; float64, random parameters, one batch, the same masks throughout."""
    spec, B = case.network, case.batch_size
    rng = np.random.default_rng([seed, len(spec.hidden)])
    network = Network.create(spec, case.inputs, case.classes, [case.init], seed)
    for name, values in network.parameters.items():  # away from gamma = 1, beta = 0, where mistakes can hide
        network.parameters[name] += 0.1 * rng.standard_normal(values.shape)
    x = rng.standard_normal((B, case.inputs))
    labels = rng.integers(0, case.classes, B)
    masks = dropout_masks(rng, np.array([case.keep]), B, spec.hidden, spec.dtype) if case.keep < 1 else ()
    for one in compare(network, x, labels, np.array([lambda_]), masks):
        error = one.error if math.isfinite(one.error) else None
        what = one.parameter, one.shape, error, one.skipped, one.bound, case.name
        yield Compared(network.depth, spec.batch_norm, lambda_, *what)


ENTRY = Entry(
    GradientCheck,
    later("sweeps.answers.gradient_results:execute"),
    unused=("run", "plan", "retry", "trial_timeout", "pack_width"),
    tells=later("sweeps.answers.gradient_results:tells"),
)
