"""Whether packs fit into memory, and how many of them at once. Which trials share a pack never depends on it."""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from pipeline.core.affine import AT_ONCE
from pipeline.core.optimizers import OPTIMIZERS
from pipeline.errors import ConfigError
from pipeline.evaluate import CHUNK
from pipeline.spec import OptimizerSpec, Pack, TrialSpec
from pipeline.statistics import KINDS
from pipeline.train import CURVE_ROWS

PROCESS = 60_000_000
"""Bytes of a worker that has imported everything and trained nothing."""

LAYER = 1500
"""Bytes that a hidden layer costs however few units it has: the heads of its arrays, their names."""

KEPT = {"none": 1, "before": 2, "after": 3}
"""Arrays (M, B, H) that the forward pass keeps of a hidden layer, by where it is normalised."""

LISTED = 4
"""Hidden sizes that a refusal lists at most."""

LIMITS = ("memory.max", "memory.limit_in_bytes")
"""What the file with the limit of a control group is called: version 2, version 1."""


def pack_bytes(pack: Pack) -> int:
    """Return about how many bytes training takes at its peak, beyond the process and the rows that workers share.

    These are the parameters, the optimizer's state, and the largest of what comes and goes: the draws of a matrix,
    a mini-batch, batch norm's statistics of many rows, a part of the rows that are evaluated.
    """
    trial, M = pack.trials[0], len(pack.trials)
    network, data = trial.network, trial.data
    size = np.dtype(network.dtype).itemsize
    matrices = [fan_in * units for fan_in, units in pairwise((data.columns, *network.hidden, data.classes))]
    parameters = M * size * (sum(matrices) + 3 * sum(network.hidden) + data.classes)
    states = _states(trial.optimizer)
    # Bytes per row: one array of all hidden layers, and what is kept of them; the layer in hand, the scores and what
    # becomes of them; a copy.
    layers = M * size * sum(network.hidden)
    kept = M * size * sum(KEPT[network.norm_of(layer)] * units for layer, units in enumerate(network.hidden, start=1))
    if any(member.keep < 1 for member in pack.trials):
        kept += 2 * layers  # the masks, and what they leave
    at_hand = M * size * (2 * max(network.hidden, default=0) + 4 * data.classes)
    copy = _copy_bytes(trial)
    # Gradients in factors keep the inputs of every layer, and what came back to it, until the step is taken.
    batch = trial.batch_size * (kept + layers + at_hand + size * data.columns)
    comes_and_goes = (
        2 * np.dtype(float).itemsize * max(matrices),
        batch + M * size * max(matrices) * (3 if states else 1),
        (1 + states) * parameters * (trial.schedule.cycles > 1),  # a checkpoint, before it is written
        _statistics_bytes(pack.trials[0], M * size) if network.batch_norm != "none" else 0,
        min(CHUNK, max(data.n_train, data.n_val, data.n_test)) * (at_hand + copy + bool(network.skips) * layers),
    )
    return (1 + states) * parameters + max(comes_and_goes) + LAYER * len(network.hidden)


def _copy_bytes(trial: TrialSpec) -> int:
    """Return what becomes of a row that is evaluated: bytes become float32, which other networks want in float64.

    The rows of some data sets are floats from the start; that the estimate does not know.
    """
    data, dtype = trial.data, trial.network.dtype
    standardised = 4 * data.columns if data.components is None else 0
    return standardised + (0 if dtype == "float32" else np.dtype(dtype).itemsize * data.columns)


def _statistics_bytes(trial: TrialSpec, item: int) -> int:
    """Return what statistics of many rows as one batch take, layer after layer; `item` are M numbers."""
    network, data, evaluation = trial.network, trial.data, trial.evaluation
    # A layer's input and values, normalised, squared, activated, and the zeros of the ReLU; with skips every output.
    units = 5 * max(network.hidden, default=0) + (sum(network.hidden) if network.skips else 0)
    kind = KINDS[evaluation.statistics]
    rows = max(min(CURVE_ROWS, data.n_train), min(evaluation.rows, data.n_train) if kind.estimated else 0)
    if kind.adapts:
        rows = max(rows, data.n_val, data.n_test)
    copied = rows * data.columns * np.dtype(network.dtype).itemsize * kind.adapts
    return rows * item * units + max(copied, min(rows, AT_ONCE) * _copy_bytes(trial))


def worker_bytes(pack: Pack) -> int:
    """Return about how many bytes a worker takes that trains `pack`, beyond the rows that workers share."""
    return PROCESS + pack_bytes(pack)


def fitting_workers(packs: Sequence[Pack], workers: int, memory: int, tell: Callable[[str], None]) -> int:
    """Return how many of `workers` fit into `memory` bytes with the largest of `packs` each; `tell` if not all do.

    Raises:
        ConfigError: not even one does.
    """
    if not packs:
        return workers
    largest = max(packs, key=pack_bytes)
    needed = worker_bytes(largest)
    if needed > memory:
        raise ConfigError(f"networks must fit in memory, got {_of(largest, needed)}, of {_gigabytes(memory)}")
    fitting = min(workers, memory // needed)
    if fitting < workers:
        tell(f"note: {fitting} of {workers} workers at once: {_of(largest, needed)}, of {_gigabytes(memory)}")
    return fitting


def usable_memory(own: Path = Path("/proc/self/cgroup"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the bytes that this process may use: those of the machine, or of a container where it allows fewer.

    `own` is Linux's list of the control groups of this process, `groups` where they are mounted; elsewhere none are.
    """
    return min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_limits(own, groups)])


def _limits(own: Path, groups: Path) -> Iterator[int]:
    """Yield the limits of the groups that this process is in, of those around them too, as far as they can be seen."""
    for line in _seen(own).splitlines():
        _, controllers, group = [*line.split(":", 2), "", ""][:3]  # such as 4:memory:/a/b, or 0::/a/b
        top = groups / controllers
        innermost = top / group.lstrip("/")
        for folder in (innermost, *innermost.parents):
            for limit in (folder / name for name in LIMITS if folder.is_relative_to(top)):
                if (text := _seen(limit).strip()).isdecimal():  # without a limit: max
                    yield int(text)


def _seen(path: Path) -> str:
    """Return what a file holds, or nothing where it cannot be read: a limit that is not seen refuses no run."""
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""


def _states(optimizer: OptimizerSpec) -> int:
    """Return how many numbers of its own an optimizer keeps for every one of a network; a few for all are none."""
    matrix = np.zeros((1, 100, 100))
    state = OPTIMIZERS[optimizer.name].init({"W1": matrix})
    return sum(array.size for array in state.values()) // matrix.size


def _of(pack: Pack, size: int) -> str:
    """Return how large a pack is, and of what."""
    hidden, count = pack.trials[0].network.hidden, len(pack.trials)
    listed = "-".join(map(str, hidden[:LISTED])) + "-..." * (len(hidden) > LISTED)
    layers = f" ({len(hidden)} hidden layers)" if len(hidden) > LISTED else ""
    return f"{_gigabytes(size)} for a pack of {count} network{'s' * (count > 1)} hidden {listed}{layers}"


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
