"""By which statistics batch norm normalises rows that are evaluated: moving averages, PreciseBN, AdaptiveBN.

Nothing here changes a network: training normalises every mini-batch by its own statistics, whatever is chosen.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.core.affine import Array
from pipeline.core.network import Network, Statistics
from pipeline.data.augment import Changes, PixelScale, changed
from pipeline.data.rows import StandardRows
from pipeline.evaluate import CHUNK, Rows
from pipeline.spec import EvaluationSpec

SEED = 1998
"""Of the changes to rows that are evaluated: they are the same ones every time."""


@dataclass(frozen=True)
class Kind:
    """How statistics are had.

    Attributes:
        estimated: those of training rows are estimated, with a fixed network; else the moving averages serve.
        adapts: those of the very rows that are evaluated are used instead of any of training rows.
    """

    estimated: bool = False
    adapts: bool = False


KINDS: Mapping[str, Kind] = {"ema": Kind(), "precise": Kind(estimated=True), "adaptive": Kind(adapts=True)}
"""By EvaluationSpec.statistics."""


def refreshes(spec: EvaluationSpec, steps: int, last: bool) -> frozenset[int]:
    """Return after how many of the `steps` of an epoch statistics are estimated: at equal distances, first before any.

    The run ends with one more estimate, of the trained networks.

    Args:
        spec: which statistics are asked for, and how often.
        steps: mini-batches of the epoch.
        last: whether the run ends with it.
    """
    if not KINDS[spec.statistics].estimated:
        return frozenset()
    during = (steps * part // spec.per_epoch for part in range(spec.per_epoch))
    return frozenset((*during, steps) if last else during)


def estimate(network: Network, x_train: StandardRows, spec: EvaluationSpec) -> Statistics:
    """Return the statistics of the first training rows (n, D), as many as `spec` says, as one batch."""
    return network.statistics(x_train[: spec.rows])


def statistics_for(
    network: Network, x: Rows, training: Statistics, spec: EvaluationSpec, scale: PixelScale
) -> Statistics:
    """Return the statistics by which the networks normalise rows `x` (n, D) when these are evaluated.

    Args:
        network: M networks.
        x: all the rows that are evaluated together.
        training: statistics of training rows, estimated or averaged, which serve any rows.
        spec: which statistics are asked for.
        scale: how rows are pixels, for those that are changed at random.
    """
    return _adapted(network, x, spec, scale) if KINDS[spec.statistics].adapts else training


def _adapted(network: Network, x: Rows, spec: EvaluationSpec, scale: PixelScale) -> Statistics:
    """Return the statistics of rows `x`, changed as `spec` says, as one batch."""
    changes = Changes.draw(spec.augment, len(x), np.random.default_rng(SEED))
    rows: Array = np.empty((len(x), len(scale.mean)), network.spec.dtype)
    for start in range(0, len(x), CHUNK):
        part = slice(start, start + CHUNK)
        rows[part] = changed(np.asarray(x[part]), changes.of(part), scale) if spec.augment.active else x[part]
    return network.statistics(rows)
