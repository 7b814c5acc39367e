"""What a network is, and how its weights start."""

from dataclasses import dataclass
from functools import cached_property
from typing import cast

from pipeline.errors import one_of, require
from pipeline.spec.rules import positive, positive_integer

ACTIVATIONS = ("relu", "identity", "leaky_relu", "sigmoid", "tanh")
BATCH_NORM = ("none", "before", "after")
LAYER_NORM = BATCH_NORM
BN_STARTS = ("first_batch", "zeros", "standard")
INITS = ("he", "xavier", "normal")
DTYPES = ("float32", "float64")

MATLAB_EPS = 2.0**-52
"""The epsilon of equation (11): "of the order of magnitude of Matlab's eps constant"."""

SIGMAS = (1e-37, 1e37)
"""The smallest and the largest standard deviation of weights: about what float32 holds."""


@dataclass(frozen=True)
class NetworkSpec:
    """A fully-connected network: hidden layers of `hidden` units, then C class scores.

    batch_norm or layer_norm normalises hidden layers `before` or `after` their activation, or `none`: all of them, or
    the first `num_bn_layers`. Epsilon and alpha are those of equations (11) and (38)(39) of the DD2424 handout;
    bn_start is what the moving averages start from: the first mini-batch (DD2424), mean and variance zero (CS231n), or
    a standard normal's 0 and 1 (CMU 11-785).

    A skip (i, j) adds what hidden layer i puts out to what layer j gets before its norm and activation, equations (40)
    and (41). The layers between are bare, without norm and bias, unless skip_norm treats them as the others.
    """

    hidden: tuple[int, ...] = (50, 50)
    activation: str = "relu"
    batch_norm: str = "before"
    bn_epsilon: float = MATLAB_EPS
    bn_alpha: float = 0.9
    bn_start: str = "first_batch"
    layer_norm: str = "none"
    num_bn_layers: int | None = None
    skips: tuple[tuple[int, int], ...] = ()
    skip_norm: bool = False
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for units in self.hidden:
            positive_integer("hidden sizes", units)
        one_of("activation", self.activation, ACTIVATIONS)
        one_of("batch norm", self.batch_norm, BATCH_NORM)
        one_of("layer norm", self.layer_norm, LAYER_NORM)
        both = (self.batch_norm, self.layer_norm)
        require("none" in both, "batch norm and layer norm", "must not normalise the same layers", both)
        positive("bn epsilon", self.bn_epsilon)
        require(0 <= self.bn_alpha < 1, "bn alpha", "must lie in [0, 1)", self.bn_alpha)
        one_of("bn start", self.bn_start, BN_STARTS)
        one_of("dtype", self.dtype, DTYPES)
        self._check_num_bn_layers()
        self._check_skips()

    def _check_num_bn_layers(self) -> None:
        if self.num_bn_layers is None:
            return
        rule = f"must lie in 1..{len(self.hidden)}, the hidden layers (for none of them: batch norm none)"
        require(self.num_bn_layers in range(1, len(self.hidden) + 1), "num bn layers", rule, self.num_bn_layers)
        require(self.norm != "none", "num bn layers", "must come with batch norm or layer norm", self.num_bn_layers)

    def _check_skips(self) -> None:
        for skip in self.skips:
            rule = f"must lead from one of the hidden layers 1..{len(self.hidden)} to a later one"
            require(1 <= skip[0] < skip[1] <= len(self.hidden), "skips", rule, skip)
            widths = tuple(self.hidden[layer - 1] for layer in skip)
            require(widths[0] == widths[1], f"skip {skip[0]}-{skip[1]}", "must join layers of equal width", widths)
        require(len(set(self.skips)) == len(self.skips), "skips", "must be different", self.skips)

    @property
    def norm(self) -> str:
        """Where layers are normalised, by batch norm or by layer norm: none, before or after the activation."""
        return self.batch_norm if self.layer_norm == "none" else self.layer_norm

    def norm_of(self, layer: int) -> str:
        """Return where hidden layer `layer` (from 1) is normalised: none, before or after its activation."""
        return self._norms[layer - 1]

    @cached_property
    def _norms(self) -> tuple[str, ...]:
        """Where the hidden layers are normalised; every step asks, and of every layer."""
        normalised = range(1, 1 + (self.num_bn_layers or len(self.hidden)))
        layers = range(1, 1 + len(self.hidden))
        return tuple(self.norm if layer in normalised and not self._is_bare(layer) else "none" for layer in layers)

    def has_bias(self, layer: int) -> bool:
        """Return whether layer `layer` (from 1; k is the output layer) has a bias.

        Batch norm would subtract one before it again, so that it could only stay zero (end of the handouts'
        "Backward pass of BN"); the middle layer of (40) has none.
        """
        if layer > len(self.hidden):
            return True
        return not (self._is_bare(layer) or (self.batch_norm == "before" and self.norm_of(layer) == "before"))

    def _is_bare(self, layer: int) -> bool:
        return not self.skip_norm and any(start < layer < end for start, end in self.skips)


@dataclass(frozen=True)
class InitSpec:
    """How weights start: `he` (sigma = sqrt(2 / fan-in)), `xavier` (sqrt(1 / fan-in)) or `normal` with one sigma."""

    scheme: str = "he"
    sigma: float | None = None

    def __post_init__(self) -> None:
        one_of("init", self.scheme, INITS)
        if self.scheme == "normal":
            require(self.sigma is not None, "sigma", "must be given with init normal", self.sigma)
            positive("sigma", cast(float, self.sigma))
            held = SIGMAS[0] <= cast(float, self.sigma) <= SIGMAS[1]
            require(held, "sigma", f"must lie within {SIGMAS[0]:g} to {SIGMAS[1]:g}, as float32 does", self.sigma)
        else:
            require(self.sigma is None, "sigma", f"belongs to init normal, not to {self.scheme}", self.sigma)
