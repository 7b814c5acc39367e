"""The files of packs that have come to the end of a cycle: networks, optimizer, generators, and their records so far.

They are where a killed run goes on, and what the packs of the next cycle are made from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.checkpoint import Checkpoint, gathered
from pipeline.core.affine import Array
from pipeline.core.layers import Moments
from pipeline.core.network import Network, Statistics
from pipeline.errors import DataError
from pipeline.files import exists
from pipeline.records import Provenance
from pipeline.run import arrays
from pipeline.run.task import Outcome, Task
from pipeline.spec import canonical_json, from_json

PARAMETER, OPTIMIZER, AVERAGE, ESTIMATED = "parameter", "optimizer", "average", "estimated"
"""Kinds of arrays; their names in the file are "parameter W1", "average 1 mean" and the like."""


@dataclass(frozen=True)
class Standing:
    """A pack at the end of a cycle.

    Attributes:
        checkpoint: what training goes on from.
        outcome: its outcome, had it ended there.
        tails: by trial, the mini-batch losses after the last whole window of its record.
    """

    checkpoint: Checkpoint
    outcome: Outcome
    tails: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class _About:
    """What a file says besides its arrays."""

    key: str
    trials: tuple[int, ...]
    epoch: int
    step: int
    generators: dict[str, dict[str, Any]]
    outcome: Outcome
    tails: tuple[tuple[float, ...], ...]


def write(task: Task, standing: Standing) -> None:
    """Write where the pack of `task` stands to its file, whole or not at all."""
    checkpoint = standing.checkpoint
    about = _About(
        task.key,
        checkpoint.trials,
        checkpoint.epoch,
        checkpoint.step,
        {kind: dict(state) for kind, state in checkpoint.generators.items()},
        standing.outcome,
        standing.tails,
    )
    stored: dict[str, NDArray[Any]] = {
        **{f"{PARAMETER} {name}": array for name, array in checkpoint.network.parameters.items()},
        **{f"{OPTIMIZER} {name}": array for name, array in checkpoint.optimizer.items()},
        **_named(AVERAGE, checkpoint.network.averages),
        **_named(ESTIMATED, checkpoint.estimated),
    }
    arrays.write(task.checkpoint, stored | {"about": np.array(canonical_json(about))})


def read(task: Task) -> Standing | None:
    """Return where the pack of `task` stands; None where nothing is stored of it.

    Raises:
        DataError: the file is damaged, or that of another pack.
    """
    path = task.checkpoint
    if not exists(path):
        return None
    try:
        stored = arrays.read(path)
        about = from_json(str(stored.pop("about", "")), _About)
    except (arrays.DamagedError, DataError) as error:
        raise DataError(f"{path} must be a checkpoint of an interrupted run, got {error}") from error
    if about.key != task.key:
        raise DataError(f"{path} must be the checkpoint of pack {task.key}, got that of {about.key}")
    try:
        averages, estimated = _moments(AVERAGE, stored), _moments(ESTIMATED, stored)
    except (KeyError, ValueError) as error:
        raise DataError(f"{path} must hold means with their variances, got {error}") from error
    network = Network(task.trials.trials[0].network, _of(PARAMETER, stored), averages)
    optimizer = _of(OPTIMIZER, stored)
    checkpoint = Checkpoint(about.trials, about.epoch, about.step, network, optimizer, estimated, about.generators)
    return Standing(checkpoint, about.outcome, about.tails)


def goes_on(standing: Standing, by: Provenance) -> bool:
    """Whether what was interrupted may go on by that arithmetic: all numbers of a record come from one."""
    before = standing.outcome.provenance
    return before is not None and before.arithmetic == by.arithmetic


def joined(task: Task, sources: Sequence[Standing]) -> Standing:
    """Return where the trials of a leg stand before it, from where the packs of its sources stood at their ends."""
    places = [_place(task, number) for number in task.numbers]
    records, tails, earlier = [], [], []
    for index, (part, position) in enumerate(places):
        outcome = sources[part].outcome
        record = outcome.records[position]
        records.append(
            replace(task.record(index, record.status), curves=record.curves, batch_losses=record.batch_losses)
        )
        earlier.append(outcome.rows[position].legs)
        tails.append(sources[part].tails[position])
    packs = [(source.trials, standing.checkpoint) for source, standing in zip(task.sources, sources, strict=True)]
    return Standing(gathered(task.trials, packs), Outcome(tuple(records), earlier=tuple(earlier)), tuple(tails))


def _place(task: Task, number: int) -> tuple[int, int]:
    """Return in which source of a leg the trial of that number is, and where in it."""
    for part, source in enumerate(task.sources):
        if number in source.numbers:
            return part, source.numbers.index(number)
    raise ValueError(f"a trial of a later leg must come from an earlier one, got number {number}")


def _named(kind: str, statistics: Statistics) -> dict[str, Array]:
    """Return the arrays of statistics by their names in the file."""
    return {
        f"{kind} {layer} {name}": array
        for layer, moments in statistics.items()
        for name, array in vars(moments).items()
    }


def _of(kind: str, stored: Mapping[str, Array]) -> dict[str, Array]:
    """Return the arrays of one kind by the rest of their names."""
    return {name.removeprefix(f"{kind} "): array for name, array in stored.items() if name.startswith(f"{kind} ")}


def _moments(kind: str, stored: Mapping[str, Array]) -> Statistics:
    named = _of(kind, stored)
    layers = sorted({int(name.partition(" ")[0]) for name in named})
    return {layer: Moments(named[f"{layer} mean"], named[f"{layer} variance"]) for layer in layers}
