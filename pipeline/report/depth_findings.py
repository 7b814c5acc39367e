"""What the depth study says, in sentences made by rules from its cells: none knows which way a result will go."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.records import Chance, TrialRecord
from pipeline.report.depth_tables import BY, at_ends, shallowest
from pipeline.report.escape import Cell, Effect, cells, paired_effects
from pipeline.report.findings import accuracy, all_diverged, batch_norm, listed, percent, seeds, seen, sentence, trained
from pipeline.report.tables import shown


@dataclass(frozen=True)
class Names:
    """What sentences call the networks and batch norms of a study: in full only where the short name is not enough.

    Attributes:
        networks: their hidden sizes, as tables show them.
        norms: the values of batch_norm.
    """

    networks: tuple[str, ...]
    norms: tuple[str, ...]

    def shared(self, hidden: str) -> bool:
        """Whether several networks have as many layers as this one."""
        return Counter(map(layers, self.networks))[layers(hidden)] > 1

    def network(self, hidden: str) -> str:
        """Return "the 3-layer network", with its sizes where others are as deep."""
        name = f"the {layers(hidden)}-layer network"
        return f"{name} {hidden}" if self.shared(hidden) else name

    def going(self, shallow: str, deep: str) -> str:
        """Return "going from 2 to 9 layers", or between which networks where others are as deep."""
        if self.shared(deep) or self.shared(shallow):
            return f"going from {self.network(shallow)} to {self.network(deep)}"
        return f"going from {layers(shallow)} to {layers(deep)} layers"


@dataclass(frozen=True)
class Study:
    """What the sentences are made from. Networks are given by their hidden sizes, as tables show them.

    Attributes:
        cells: what became of each (network, batch norm), in plan order.
        of_norm: what batch norm changed in each (network, batch norm).
        of_depth: what the deepest network changes with each (batch norm, network).
        shallow: the network against which that is.
        chance: what the best constant guess comes to.
        names: what all of them are called, also those of which this study does not tell.
    """

    cells: Mapping[tuple[str, str], Cell]
    of_norm: Mapping[tuple[str, str], Effect]
    of_depth: Mapping[tuple[str, str], Effect]
    shallow: str
    chance: Chance
    names: Names

    @classmethod
    def of(cls, records: Sequence[TrialRecord], chance: Chance) -> "Study":
        """Return the study of a whole grid."""
        found = {(shown(hidden), norm): cell for (hidden, norm), cell in cells(records, chance, BY).items()}
        first = shallowest(records)
        of_norm = paired_effects(records, chance, ("hidden",), "batch_norm")
        of_depth = paired_effects(at_ends(records), chance, ("batch_norm",), "hidden", first)
        return cls(
            found,
            {(shown(hidden), norm): effect for (hidden, norm), effect in of_norm.items()},
            {(norm, shown(hidden)): effect for (norm, hidden), effect in of_depth.items()},
            shown(first),
            chance,
            Names(*(tuple(dict.fromkeys(values)) for values in zip(*found, strict=True))),
        )

    def among(self, networks: Collection[str]) -> "Study":
        """Return what is told of some networks; effects of depth, which compare several, are left out."""
        kept = {setting: cell for setting, cell in self.cells.items() if setting[0] in networks}
        of_norm = {setting: effect for setting, effect in self.of_norm.items() if setting[0] in networks}
        return replace(self, cells=kept, of_norm=of_norm, of_depth={})


def layers(hidden: str) -> int:
    """Return how many layers a network has whose hidden sizes are listed: "50-30" has 3; "" has one."""
    return hidden.count("-") + 1 + bool(hidden)


def accuracy_findings(study: Study) -> Iterator[str]:
    """Yield what every network reached, with each batch norm of which a trial completed."""
    for network in dict.fromkeys(hidden for hidden, _ in study.cells):
        reached = [
            f"{seeds(cell) if cell.mixed else accuracy(cell.accuracy)} {trained(norm, study.names.norms)}"
            for (hidden, norm), cell in study.cells.items()
            if hidden == network and cell.n
        ]
        if reached:
            yield sentence(f"{study.names.network(network)} reached a test accuracy of {listed(reached)}")


def norm_findings(study: Study) -> Iterator[str]:
    """Yield what batch norm changed in each network."""
    for (hidden, norm), effect in study.of_norm.items():
        yield seen(batch_norm(norm, study.names.norms), f"of {study.names.network(hidden)}", effect)


def depth_findings(study: Study) -> Iterator[str]:
    """Yield what depth changed with each batch norm."""
    for (norm, deep), effect in study.of_depth.items():
        yield seen(study.names.going(study.shallow, deep), trained(norm, study.names.norms), effect)


def chance_findings(study: Study) -> Iterator[str]:
    """Yield how many completed seeds stayed at chance level, or that all escaped it."""
    level = f"chance level ({percent(study.chance.accuracy)} %)"
    stuck = {setting: cell for setting, cell in study.cells.items() if cell.escaped < cell.n}
    if not stuck and any(cell.n for cell in study.cells.values()):
        yield f"Every network that completed escaped {level}."
    for setting, cell in stuck.items():
        yield f"{cell.n - cell.escaped} of {cell.n} seeds of {_name(study, *setting)} stayed at {level}."


def lost_findings(study: Study) -> Iterator[str]:
    """Yield which trials diverged, and which failed."""
    for setting, cell in study.cells.items():
        every = cell.n + cell.diverged + cell.failed
        for count, what in ((cell.diverged, "diverged"), (cell.failed, "failed")):
            if count:
                yield f"Of {every} trials of {_name(study, *setting)}, {count} {what}."


def findings(study: Study) -> list[str]:
    """Return every sentence about a study."""
    rules = (accuracy_findings, norm_findings, depth_findings, chance_findings, lost_findings)
    return all_diverged(study.cells.values()) or [finding for rule in rules for finding in rule(study)]


def _name(study: Study, hidden: str, norm: str) -> str:
    return f"{study.names.network(hidden)} {trained(norm, study.names.norms)}"
