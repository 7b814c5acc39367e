"""What a pack costs on this machine, by training a little on made-up rows."""

import time
from dataclasses import dataclass, replace

import numpy as np

from pipeline.data import Split
from pipeline.data.rows import ByteRows
from pipeline.evaluate import measure
from pipeline.spec import InitSpec, Pack, TrialSpec
from pipeline.train import CURVE_ROWS, train

ROWS = 6000
"""Made-up training rows for the calibration: on CIFAR-10 larger than a cache, as the real ones are."""

LAYERS = 20
"""Hidden layers from which fewer rows must do: so many small layers are slow, whatever the rows."""


@dataclass(frozen=True)
class Speed:
    """Seconds per step and per evaluated row of one pack."""

    step: float
    row: float


def calibrate(pack: Pack) -> Speed:
    """Train `pack` for two short epochs on made-up rows and time them."""
    first = pack.trials[0]
    batch = first.batch_size
    n = min(first.data.n_train, max(ROWS * LAYERS // max(LAYERS, len(first.network.hidden)), batch))
    rows = replace(first.data, n_train=n, n_val=1, inputs=first.data.columns, components=None)
    short = replace(first.schedule, step_size=1, cycles=1, eta_min=1e-5, eta_max=1e-5)
    # The time does not depend on the values, as long as nothing diverges: the members are made alike, and harmless.
    trial = replace(first, data=rows, schedule=short, init=InitSpec(), lambda_=1e-3)
    trials = (trial,) * len(pack.trials)
    split = _made_up(trial, as_bytes=first.data.components is None)  # of others the difference is small
    clock = [time.perf_counter()]
    reports = []
    for report in train(Pack(trials), split):
        clock.append(time.perf_counter())
        reports.append(report)
    network = reports[-1].network
    if not network.size:  # so deep that it diverges whatever its weights: the run will find that as soon as this
        return Speed(0.0, 0.0)
    start = time.perf_counter()
    measured = min(CURVE_ROWS, n)
    measure(network, split.x_train[:measured], split.y_train[:measured], network.averages, np.zeros(network.size))
    row = (time.perf_counter() - start) / measured
    epoch = min(np.diff(clock[1:]))
    step = (epoch - row * (measured + 1)) / trials[0].steps_per_epoch
    return Speed(max(step, 1e-6), row)


def _made_up(trial: TrialSpec, *, as_bytes: bool) -> Split:
    rng = np.random.default_rng(0)
    n, D = trial.data.n_train, trial.data.inputs
    moments = np.full(D, 127.5), np.full(D, 256 / 12**0.5)  # of bytes, as they are drawn
    bytes_ = ByteRows.of(rng.integers(0, 256, (n, D), np.uint8), *moments)
    x = bytes_ if as_bytes else np.asarray(bytes_)
    y = rng.integers(0, trial.data.classes, n)
    return Split(x, y, x[:1], y[:1], None, None, *moments, (), (), (0.0, 255.0), trial.data)
