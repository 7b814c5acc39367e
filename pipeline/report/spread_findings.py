"""What the numbers of untrained networks say about the training to come, in sentences made by rules."""

from collections.abc import Collection, Sequence

import numpy as np

from pipeline.core.initialise import SCALES
from pipeline.records import Spread
from pipeline.report import scales, style
from pipeline.report.findings import trained
from pipeline.spec import InitSpec

Setting = tuple[InitSpec, str]
"""How the weights start, and batch norm."""


def first_steps(spreads: Sequence[Spread], eta: float, inputs: int, stuck: Collection[Setting]) -> tuple[str, ...]:
    """Return how far one step at the learning rate `eta` would move the first layer of every untrained network.

    That is eta times the root mean square of the loss's gradient by W1, as a part of the standard deviation of W1, in
    the mean over replicates. Where the settings with seeds that stayed at chance level have the smallest parts of all,
    that is said, with the reason that theory gives.

    Args:
        spreads: of untrained networks that differ in the scale of their weights, in batch norm and in their seeds only.
        eta: the largest learning rate of the schedule.
        inputs: D, the fan-in of the first layer.
        stuck: the settings of which a seed stayed at chance level.
    """
    if not spreads:
        return ()
    norms = list(dict.fromkeys(spread.batch_norm for spread in spreads))
    inits = scales.in_order(spread.init for spread in spreads)
    moved = {(init, norm): _moved(spreads, (init, norm), eta, inputs) for norm in norms for init in inits}
    listed = [
        f"{trained(norm, norms)} "
        + ", ".join(f"{moved[init, norm]:.2g} for {style.scale_label(init)}" for init in inits if moved[init, norm])
        for norm in norms
    ]
    intro = (
        f"Before training, one step at the largest learning rate ({eta:g}) would move the weights of the first layer "
        f"by these parts of their own standard deviation: {'; '.join(listed)}."
    )
    below = [part for setting, part in moved.items() if part and setting in stuck]
    above = [part for setting, part in moved.items() if part and setting not in stuck]
    if not below or not above or max(below) >= min(above):
        return (intro,)
    return (
        intro,
        f"The settings with seeds at chance level have the smallest of these parts: at most {max(below):.2g}, against "
        f"{min(above):.2g} and more elsewhere. The gradient by a layer is a product with the weights of the layers "
        "above it, so that small weights make it smaller still; batch norm undoes the scale of a layer's weights, and "
        "with it that of the product.",
    )


def _moved(spreads: Sequence[Spread], setting: Setting, eta: float, inputs: int) -> float:
    """Return the part for one setting; 0 where nothing was measured."""
    gradients = [spread.gradients[0] for spread in spreads if (spread.init, spread.batch_norm) == setting]
    init, _ = setting
    return float(eta * np.mean(gradients) / SCALES[init.scheme](inputs, init)) if gradients else 0.0
