"""What a sweep measures beside its trials: what a constant guess reaches, and how untrained networks pass on numbers.

The caller holds the BLAS at one thread, as training does, so that the bytes repeat.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.core.losses import Labels
from pipeline.core.network import Network
from pipeline.core.spread import layer_spreads
from pipeline.data.split import Split
from pipeline.records import Chance, Spread, TrialRecord

ROWS = 1000
"""Training rows of the batch on which spreads are measured: the first of the split, which are in random order."""


def chance_level(training: Labels, test: Labels) -> Chance:
    """Return what the best constant guess comes to.

    Its accuracy is the share of the most frequent class among the `test` labels (B,). Its loss is the entropy, in nats,
    of the frequencies of the classes among the `training` labels (B,): no guess that ignores the inputs has a smaller
    mean cross-entropy there.
    """
    frequencies = _frequencies(training)
    return Chance(float(_frequencies(test).max()), -float(frequencies @ np.log(frequencies)))


def initial_spreads(records: Iterable[TrialRecord], split: Split) -> Iterator[Spread]:
    """Yield the spread of every trial's network before its first step, on the first ROWS training rows.

    The networks are those that training starts from. One whose numbers are too large for its precision has no spread.
    """
    for record in records:
        spec, data = record.spec, record.spec.data
        with np.errstate(over="ignore"):
            network = Network.create(
                spec.network, data.columns, data.classes, [spec.init], spec.init_seed, fan_in=data.inputs
            )
        spreads = layer_spreads(network, np.asarray(split.x_train[:ROWS]), split.y_train[:ROWS])
        activations, gradients = (tuple(part[0].tolist()) for part in (spreads.activations, spreads.gradients))
        if np.isfinite([*activations, *gradients]).all():
            yield Spread(spec.init, spec.network.batch_norm, record.replicate, activations, gradients, spec.key)


def _frequencies(labels: Labels) -> NDArray[np.float64]:
    """Return the shares of the classes that occur."""
    return np.unique(labels, return_counts=True)[1] / len(labels)
