"""How parameters start: standard normals, drawn once per replicate and scaled per trial."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np

from pipeline.core.affine import Array, empty
from pipeline.spec import InitSpec, NetworkSpec

SCALES: Mapping[str, Callable[[int, InitSpec], float]] = {
    "he": lambda fan_in, _: float(np.sqrt(2 / fan_in)),  # He et al. 2015, (10)
    "xavier": lambda fan_in, _: float(np.sqrt(1 / fan_in)),  # Glorot and Bengio 2010, as the DD2424 handouts use it
    "normal": lambda _, init: float(init.sigma or 0),
}
"""Standard deviation of a layer's weights by scheme, from the layer's fan-in."""


def initialise(
    spec: NetworkSpec, inputs: int, classes: int, inits: Sequence[InitSpec], seed: int, *, fan_in: int | None = None
) -> dict[str, Array]:
    """Return the parameters of a pack: W1, b1, gamma1, beta1, W2, ... with a leading axis over `inits`.

    All trials scale the same draw, so those of one replicate are paired. Which layers have a bias, and which gamma and
    beta, is for `spec` to say.

    Where the inputs are the first of `fan_in` coordinates, in place of D pixels, W1 has the scale of all D: a rotation
    keeps ||W||^2 and the distribution of normal weights, so that this network is the other one, rotated, without the
    rows of W1 that belong to the coordinates left out. Weights scaled up for fewer inputs would be another network's.
    """
    rng = np.random.default_rng(seed)
    M = len(inits)
    sizes = [inputs, *spec.hidden, classes]
    parameters: dict[str, Array] = {}
    fan_ins = [fan_in or inputs, *spec.hidden]
    for layer, (D, H) in enumerate(pairwise(sizes), start=1):
        normals = rng.standard_normal((D, H))
        weight = empty(M, D, H, spec.dtype) if layer == 1 else np.empty((M, D, H), spec.dtype)
        for trial, init in enumerate(inits):
            weight[trial] = normals * SCALES[init.scheme](fan_ins[layer - 1], init)
        parameters[f"W{layer}"] = weight
        if spec.has_bias(layer):
            parameters[f"b{layer}"] = np.zeros((M, H), spec.dtype)
        if layer <= len(spec.hidden) and spec.norm_of(layer) != "none":
            parameters[f"gamma{layer}"] = np.ones((M, H), spec.dtype)
            parameters[f"beta{layer}"] = np.zeros((M, H), spec.dtype)
    return parameters
