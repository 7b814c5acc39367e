"""What the numbers of untrained networks say about the training to come, in sentences made by rules."""

from collections.abc import Sequence

import numpy as np

from pipeline.core.initialise import SCALES
from pipeline.records import Spread
from pipeline.report import scales, style

SMALL = 1e-3
"""A step that moves the weights by less than this part of their size hardly changes the network."""


def first_steps(spreads: Sequence[Spread], eta: float, inputs: int) -> tuple[str, ...]:
    """Return how far one step at the learning rate `eta` would move the first layer of every untrained network.

    That is eta times the root mean square of the loss's gradient by W1, as a part of the standard deviation of W1, in
    the mean over replicates. Where it is far below SMALL, weights stay where they are for a long time.

    Args:
        spreads: of untrained networks that differ in the scale of their weights, in batch norm and in their seeds only.
        eta: the largest learning rate of the schedule.
        inputs: D, the fan-in of the first layer.
    """
    if not spreads:
        return ()
    norms = dict.fromkeys(spread.batch_norm for spread in spreads)
    moved = {norm: _moved([one for one in spreads if one.batch_norm == norm], eta, inputs) for norm in norms}
    listed = [
        f"{_where(norm)} {', '.join(f'{x:.2g} for {name}' for name, x in by.items())}" for norm, by in moved.items()
    ]
    sentences = [
        f"Before training, one step at the largest learning rate ({eta:g}) would move the weights of the first layer "
        f"by these parts of their own standard deviation: {'; '.join(listed)}."
    ]
    small = [f"{name} {_where(norm)}" for norm, by in moved.items() for name, part in by.items() if part < SMALL]
    if small:
        sentences.append(
            f"Parts below {SMALL:g} are next to nothing ({', '.join(small)}): the gradient by a layer is a product "
            "with the weights of the layers above it, so that small weights make it smaller still. Batch norm undoes "
            "the scale of a layer's weights, and with it that of the product."
        )
    return tuple(sentences)


def _moved(spreads: Sequence[Spread], eta: float, inputs: int) -> dict[str, float]:
    """Return the part by name of the scale, in the order of figures."""
    parts = {}
    for init in scales.in_order(spread.init for spread in spreads):
        gradients = [spread.gradients[0] for spread in spreads if spread.init == init]
        parts[style.scale_label(init)] = float(eta * np.mean(gradients) / SCALES[init.scheme](inputs, init))
    return parts


def _where(norm: str) -> str:
    label = style.LOOKS[norm].label
    return label if norm == "none" else f"with {label}"
