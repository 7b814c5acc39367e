"""Where a report comes from: what was run, with which seed and data, and what computed it."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.records import Provenance
from pipeline.report.document import Block, Command, Section, Table, Text
from pipeline.spec import canonical_json

TITLE = "Provenance"
REVISION = 12
"""Digits of a git revision: enough to find it."""


@dataclass(frozen=True)
class Origin:
    """One run that a report draws on.

    Attributes:
        name: the sweep.
        command: the line that repeats it.
        seed: its root seed.
        data: name and digest of its data set; empty where it needs none.
        seeds: (stage, replicate, init_seed, order_seed) of every replicate.
        computed_with: what computed its results (trials, or what it compares), and how many of them, in part at least.
        trials: how many there are, of all stages; 0 where it has none.
    """

    name: str
    command: str
    seed: int
    data: str
    seeds: tuple[tuple[str, int, int, int], ...]
    computed_with: tuple[tuple[Provenance, int], ...]
    trials: int


@dataclass(frozen=True)
class Told:
    """What one sweep contributes to a report: its sections, and where they come from (None where it has not run).

    One that has not run and is `optional` has no section of its own, but a line among what else can be run.
    """

    sections: Sequence[Section]
    origin: Origin | None
    optional: bool = False


def section(origins: Sequence[Origin]) -> Section:
    """Return the page that lets a reader repeat everything."""
    if not origins:
        return Section(TITLE, (Text("Nothing has run yet."),))
    return Section(TITLE, (*_runs(origins), *_data(origins), *_seeds(origins), *_software(origins)))


def _runs(origins: Sequence[Origin]) -> list[Block]:
    """Say what repeats each run."""
    blocks: list[Block] = [
        Text(
            "The numbers above come from these runs. Each command repeats its own, or goes on with it where it stopped."
        )
    ]
    for origin in origins:
        trials = f"{origin.trials} trials, " if origin.trials else ""
        blocks += [Text(f"{origin.name}: {trials}root seed {origin.seed}"), Command(origin.command)]
    return blocks


def _data(origins: Sequence[Origin]) -> list[Block]:
    """Name the content of each data set, and the runs that used it."""
    used: dict[str, list[str]] = {}
    for origin in origins:
        if origin.data:
            used.setdefault(origin.data, []).append(origin.name)
    rows = tuple((*_split(data), ", ".join(names)) for data, names in used.items())
    caption = "Data: the SHA-256 of all rows and labels, and the runs that used them."
    return [Table(caption, ("data set", "digest", "runs"), rows, labels=3)] if rows else []


def _split(data: str) -> tuple[str, str]:
    name, _, digest = data.rpartition(" ")
    return name, f"`{digest}`"


def _seeds(origins: Sequence[Origin]) -> list[Block]:
    """List the seeds of every replicate, a line per stage."""
    stages: dict[tuple[str, str], list[str]] = {}
    for origin in origins:
        for stage, _, init_seed, order_seed in sorted(origin.seeds, key=lambda seeds: seeds[1]):
            stages.setdefault((origin.name, stage), []).append(f"{init_seed} / {order_seed}".replace(" ", "\u00a0"))
    rows = tuple((*where, str(len(pairs)), ", ".join(pairs)) for where, pairs in stages.items())
    caption = "The replicates: seeds of initialisation / of the order of rows, which all settings of a stage share."
    return [Table(caption, ("run", "stage", "replicates", "seeds"), rows, labels=4)] if rows else []


def _software(origins: Sequence[Origin]) -> list[Block]:
    """Say once what is the same for all results; where something is not, count results by what computed them."""
    made = {canonical_json(one): _facts(one) for origin in origins for one, _ in origin.computed_with}
    if not made:
        return []
    names = list(dict.fromkeys(name for facts in made.values() for name in facts))
    found = {name: {facts.get(name, "not set") for facts in made.values()} for name in names}
    same = tuple((name, *found[name]) for name in names if len(found[name]) == 1)
    differing = [name for name in names if len(found[name]) > 1]
    blocks: list[Block] = [Table("What computed every result.", ("part", "value"), same, labels=2)] if same else []
    if differing:
        rows = tuple(
            (origin.name, str(trials), *(made[canonical_json(one)].get(name, "not set") for name in differing))
            for origin in origins
            for one, trials in origin.computed_with
        )
        header = ("run", "results", *differing)
        blocks.append(Table("What was not the same for all of them.", header, rows, labels=len(header)))
    return blocks


def _facts(one: Provenance) -> dict[str, str]:
    """Return what a provenance states, by name."""
    digits, changed = one.revision.rstrip("+")[:REVISION], one.revision.endswith("+")
    revision = f"`{digits}`{', with changes that were not committed' if changed else ''}"
    return {
        "git revision": revision if digits else "not a git checkout",
        "Python": one.python,
        **one.versions,
        "BLAS": one.blas,
        "kernel": one.kernel,
        "BLAS threads per process": str(one.threads),
        **{f"`{name}`": f"`{value}`" for name, value in sorted(one.environment.items())},
    }
