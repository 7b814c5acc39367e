"""Where the trials of a pack stand between two epochs: all that training goes on from, as a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from pipeline.core.affine import Array, empty, laid_wide
from pipeline.core.layers import Moments
from pipeline.core.network import Network, Statistics
from pipeline.core.optimizers import OPTIMIZERS, State
from pipeline.spec import Pack

ORDER, NOISE, IMAGES = "order", "noise", "images"
"""The generators that a seed of the order gives: of the order itself, of dropout, of augmentation.

They are three, so that a trial without dropout sees the same images in a pack with trials that have it.
"""

SEEDED: Mapping[str, tuple[int, ...]] = {ORDER: (), NOISE: (1,), IMAGES: (2,)}
"""What follows the seed of the order in that of each generator."""

Making = Callable[[Sequence[Array]], Array]
"""How an array is made of those of several packs."""

GeneratorState = Mapping[str, Any]
"""What NumPy calls the state of a bit generator: nested mappings of whole numbers and strings."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The trials of a pack that are still finite, M' of them, after some epochs.

    Attributes:
        trials: (M',) their indices in the pack, increasing.
        epoch: epochs done.
        step: updates done.
        network: the networks, W1 without a scale.
        optimizer: the optimizer's state.
        estimated: the statistics of training rows that were last estimated, where they are.
        generators: states by ORDER, NOISE, IMAGES. That of NOISE moves only where a trial of the pack has dropout.
    """

    trials: tuple[int, ...]
    epoch: int
    step: int
    network: Network
    optimizer: State
    estimated: Statistics = field(default_factory=dict)
    generators: Mapping[str, GeneratorState] = field(default_factory=dict)

    def copy(self) -> Checkpoint:
        """Return one that shares no array with this one, each laid out as training wants it."""
        return replace(
            self,
            network=_network([self.network], _copied, lambda arrays: laid_wide(*arrays)),
            optimizer={name: array.copy(order="K") for name, array in self.optimizer.items()},
            estimated=_statistics([self.estimated], _copied),
        )


def beginning(pack: Pack) -> Checkpoint:
    """Return where the trials of `pack` stand before their first step: the untrained networks."""
    shared, trials, data = pack.trials[0], pack.trials, pack.trials[0].data
    inits = [trial.init for trial in trials]
    with np.errstate(over="ignore"):  # what float32 cannot hold makes its trial diverge, and say so
        seed = shared.init_seed
        network = Network.create(shared.network, data.columns, data.classes, inits, seed, fan_in=data.inputs)
    return Checkpoint(
        trials=tuple(range(len(trials))),
        epoch=0,
        step=0,
        network=network,
        optimizer=OPTIMIZERS[shared.optimizer.name].init(network.parameters),
        generators={
            kind: np.random.default_rng([shared.order_seed, *more]).bit_generator.state for kind, more in SEEDED.items()
        },
    )


def gathered(pack: Pack, sources: Sequence[tuple[Pack, Checkpoint]]) -> Checkpoint:
    """Return where the trials of `pack` stand, each of which is in one of `sources`, packs of the same replicate.

    Their order and their images were the same in every pack. Dropout's noise was drawn only in packs where a trial has
    dropout, and then as often in each: it is taken from where one of these trials comes from, if any has dropout.

    Raises:
        ValueError: a trial is in none of the sources, or these are not as far, or not of one replicate.
    """
    places = [_place(trial.key, sources) for trial in pack.trials]
    parts = [checkpoint for _, checkpoint in sources]
    first = parts[0]
    for other in parts[1:]:
        same = all(first.generators[kind] == other.generators[kind] for kind in (ORDER, IMAGES))
        if (first.epoch, first.step) != (other.epoch, other.step) or not same:
            raise ValueError(f"packs must be equally far with the same mini-batches, got {first.epoch}, {other.epoch}")
    noisy = [part for (part, _), trial in zip(places, pack.trials, strict=True) if trial.keep < 1]

    def taken(arrays: Sequence[Array], *, wide: bool = False) -> Array:
        found = [arrays[part][position] for part, position in places]
        if not wide:
            return np.stack(found)
        D, H = found[0].shape
        return np.stack(found, out=empty(len(found), D, H, found[0].dtype))

    return Checkpoint(
        tuple(range(len(places))),
        first.epoch,
        first.step,
        _network([part.network for part in parts], taken, partial(taken, wide=True)),
        {name: taken([part.optimizer[name] for part in parts]) for name in first.optimizer},
        _statistics([part.estimated for part in parts], taken),
        dict(first.generators) | {NOISE: parts[noisy[0] if noisy else 0].generators[NOISE]},
    )


def generator(state: GeneratorState) -> np.random.Generator:
    """Return a generator that goes on from `state`."""
    bits = np.random.PCG64(0)
    bits.state = dict(state)  # type: ignore[assignment]  # NumPy checks it
    return np.random.Generator(bits)


def _place(key: str, sources: Sequence[tuple[Pack, Checkpoint]]) -> tuple[int, int]:
    """Return in which of the sources a trial is, and at which position of its arrays."""
    for part, (pack, checkpoint) in enumerate(sources):
        for position, trial in enumerate(checkpoint.trials):
            if pack.trials[trial].key == key:
                return part, position
    raise ValueError(f"a trial must go on from where it stood, got {key}, which none of the packs before holds")


def _copied(arrays: Sequence[Array]) -> Array:
    """Return a copy of the only one of `arrays`."""
    (array,) = arrays
    return array.copy(order="C")


def _network(networks: Sequence[Network], made: Making, wide: Making) -> Network:
    """Return a network of which every array is `made` of those of `networks`, W1 by `wide`, which lays it wide."""
    parameters = {
        name: (wide if name == "W1" else made)([network.parameters[name] for network in networks])
        for name in networks[0].parameters
    }
    return Network(networks[0].spec, parameters, _statistics([network.averages for network in networks], made))


def _statistics(every: Sequence[Statistics], made: Making) -> Statistics:
    return {
        layer: Moments(made([each[layer].mean for each in every]), made([each[layer].variance for each in every]))
        for layer in every[0]
    }
