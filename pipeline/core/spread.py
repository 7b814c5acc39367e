"""How large the numbers of a network are, layer by layer: what an initialisation does to signals and gradients."""

from dataclasses import dataclass

import numpy as np

from pipeline.core.affine import Array, WeightGradient, affine
from pipeline.core.losses import Labels
from pipeline.core.network import Network


@dataclass(frozen=True)
class LayerSpreads:
    """The spreads in M networks of k layers, (M, k) each in float64.

    Attributes:
        activations: standard deviations, over examples and units (dividing by their number), of what each hidden layer
            puts out, which is what the next one gets; last, of the class scores.
        gradients: root mean squares, over all entries, of the gradients by W1 to Wk of the batch's mean loss (nats),
            without a penalty.
    """

    activations: Array
    gradients: Array


def layer_spreads(network: Network, x: Array, labels: Labels) -> LayerSpreads:
    """Measure the spreads for one batch; nothing is changed.

    Batch norm uses the statistics of the batch, as in training, and the networks calculate in their own precision.
    Only the spreads are summed in float64: squares of the smallest gradients are too small for less.

    Args:
        network: M networks of k layers.
        x: (B, D), shared by the networks.
        labels: (B,) class indices.
    """
    without_penalty = np.zeros(network.size, network.spec.dtype)
    with np.errstate(all="ignore"):  # networks that start beyond all numbers have spreads that are not finite
        by_name = network.loss_and_gradients(np.asarray(x, network.spec.dtype), labels, without_penalty).gradients
        by_weight = [by for layer in range(network.depth) if isinstance(by := by_name[f"W{layer + 1}"], WeightGradient)]
        scores = affine(by_weight[-1].x, network.weights[-1], network.parameters[f"b{network.depth}"])
        outputs = [*(by.x for by in by_weight[1:]), scores]
        return LayerSpreads(
            np.stack([out.std(axis=(1, 2), dtype=np.float64) for out in outputs], axis=1),
            np.stack([_root_mean_square(by.array()) for by in by_weight], axis=1),
        )


def _root_mean_square(array: Array) -> Array:
    """Return that of each trial's entries, (M,), from (M, D, H)."""
    root: Array = np.sqrt(np.square(array, dtype=np.float64).mean(axis=(1, 2)))
    return root
