"""How the trials of a stage are divided into packs: a pure function of the specification.

Nothing measured (time, memory, cores, cache) may enter: the members of a pack decide the last bits of its results.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise

from pipeline.spec import Pack, TrialSpec, positive_integer

PACK_UNITS = 500
"""First-layer units that a pack holds at most: beyond, the wide product gains nothing more."""

ALONE_FROM = 256
"""First-layer units from which a network fills the BLAS by itself and packing loses 10-15 %."""


def pack_sizes(n: int, units: int) -> tuple[int, ...]:
    """Return the sizes of the packs that hold `n` trials of networks with `units` in the first layer, larger first.

    ceil(n * units / 500) packs, as equal as possible; one network per pack from 256 units.
    """
    packs = n if units >= ALONE_FROM else -(-n * units // PACK_UNITS)
    size, larger = divmod(n, packs) if packs else (0, 0)
    return (size + 1,) * larger + (size,) * (packs - larger)


def pack_members(trials: Sequence[TrialSpec], width: int | None = None) -> list[tuple[int, ...]]:
    """Return the packs of `trials` (in plan order) as positions, ordered by their first member.

    Only trials with an equal `common` share a pack, so replicates never mix; inside a pack the plan order stays.
    With `width` a group is cut into full packs and a rest, so that more trials leave the full packs as they are.

    Raises:
        ConfigError: width < 1.
    """
    if width is not None:
        positive_integer("pack width", width)
    groups: dict[TrialSpec, list[int]] = {}
    for position, trial in enumerate(trials):
        groups.setdefault(trial.common, []).append(position)
    return sorted(members for shared, group in groups.items() for members in _cut(group, _sizes(group, shared, width)))


def into_packs(trials: Sequence[TrialSpec], width: int | None = None) -> list[Pack]:
    """Return the packs of `trials`, in the order of pack_members: the index in this list is a pack's number.

    Raises:
        ConfigError: width < 1.
    """
    return [Pack(tuple(trials[position] for position in members)) for members in pack_members(trials, width)]


def first_layer(trial: TrialSpec) -> int:
    """Return the units of the first layer: H of the first hidden one, or C where there is none."""
    return (*trial.network.hidden, trial.data.classes)[0]


def _sizes(group: list[int], shared: TrialSpec, width: int | None) -> tuple[int, ...]:
    if width is None:
        return pack_sizes(len(group), first_layer(shared))
    full, rest = divmod(len(group), width)
    return (width,) * full + ((rest,) if rest else ())


def _cut(group: list[int], sizes: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return consecutive parts of `group` of the given sizes."""
    return [tuple(group[start:end]) for start, end in pairwise(accumulate(sizes, initial=0))]
