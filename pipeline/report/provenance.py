"""Where a report comes from: what was run, with which seed and data, and what computed it."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.records import Provenance
from pipeline.report.document import Section


@dataclass(frozen=True)
class Origin:
    """One run that a report draws on.

    Attributes:
        name: the sweep.
        command: the line that repeats it.
        seed: its root seed.
        data: name and digest of its data set; empty where it needs none.
        seeds: (stage, replicate, init_seed, order_seed) of every replicate.
        computed_with: what computed its trials, and how many of them.
    """

    name: str
    command: str
    seed: int
    data: str
    seeds: tuple[tuple[str, int, int, int], ...]
    computed_with: tuple[tuple[Provenance, int], ...]


@dataclass(frozen=True)
class Told:
    """What one sweep contributes to a report: its sections, and where they come from (None where it has not run)."""

    sections: Sequence[Section]
    origin: Origin | None


def section(origins: Sequence[Origin]) -> Section:
    """Return the page that lets a reader repeat everything."""
    raise NotImplementedError
