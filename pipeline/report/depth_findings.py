"""What the tables of the depth study say, in sentences made by rules: none knows which way a result will go."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from pipeline.inference import Estimate
from pipeline.report import style
from pipeline.report.findings import effect, percent


@dataclass(frozen=True)
class Names:
    """What sentences call the networks and batch norms of a study: in full only where the short name is not enough.

    Attributes:
        networks: their hidden sizes, as tables show them.
        norms: the values of batch_norm.
    """

    networks: tuple[str, ...]
    norms: tuple[str, ...]

    @classmethod
    def of(cls, summary: pd.DataFrame) -> "Names":
        """Return the names for a depth_summary."""
        return cls(tuple(dict.fromkeys(summary["hidden"])), tuple(dict.fromkeys(summary["batch_norm"])))

    def shared(self, hidden: str) -> bool:
        """Whether several networks have as many layers as this one."""
        return Counter(map(layers, self.networks))[layers(hidden)] > 1

    def network(self, hidden: str) -> str:
        """Return "the 3-layer network", with its sizes where others are as deep."""
        name = f"the {layers(hidden)}-layer network"
        return f"{name} {hidden}" if self.shared(hidden) else name

    def norm(self, norm: str) -> str:
        """Return "batch norm", with its place where the study has it in several."""
        return "batch norm" if len(set(self.norms) - {"none"}) < 2 else style.LOOKS[norm].label

    def with_norm(self, norm: str) -> str:
        """Return "without batch norm" or "with batch norm"."""
        return "without batch norm" if norm == "none" else f"with {self.norm(norm)}"


def layers(hidden: str) -> int:
    """Return how many layers a network has whose hidden sizes are listed: "50-30" has 3."""
    return hidden.count("-") + 2


def norm_findings(effects: pd.DataFrame, names: Names) -> Iterator[str]:
    """Yield what batch norm changed in each network, from the rows of depth_effects that compare batch norms."""
    for _, row in effects[effects["hidden"] != ""].iterrows():
        norm, _, _ = row["compared"].partition(" - ")
        yield effect(names.norm(norm), f"of {names.network(row['hidden'])}", estimate(row))


def depth_findings(effects: pd.DataFrame, names: Names) -> Iterator[str]:
    """Yield what depth changed with each batch norm, from the rows of depth_effects that compare networks."""
    for _, row in effects[effects["hidden"] == ""].iterrows():
        deep, _, shallow = row["compared"].partition(" - ")
        if names.shared(deep) or names.shared(shallow):
            who = f"going from {names.network(shallow)} to {names.network(deep)}"
        else:
            who = f"going from {layers(shallow)} to {layers(deep)} layers"
        yield effect(who, names.with_norm(row["batch_norm"]), estimate(row))


def chance_findings(summary: pd.DataFrame, chance: float, names: Names) -> Iterator[str]:
    """Yield how many completed seeds of depth_summary stayed at `chance`, an accuracy, or that all escaped it."""
    level = f"chance level ({percent(chance)} %)"
    stuck = summary[summary["escaped"] < summary["n"]]
    if stuck.empty and summary["n"].sum():
        yield f"Every network that completed escaped {level}."
    for _, row in stuck.iterrows():
        mixed = ": a t interval would describe neither part" if row["escaped"] else ""
        yield f"{row['n'] - row['escaped']} of {row['n']} seeds of {_cell(row, names)} stayed at {level}{mixed}."


def lost_findings(summary: pd.DataFrame, names: Names) -> Iterator[str]:
    """Yield which trials diverged, and which failed."""
    for _, row in summary.iterrows():
        every = row["n"] + row["n_diverged"] + row["n_failed"]
        for column, what in (("n_diverged", "diverged"), ("n_failed", "failed")):
            if row[column]:
                yield f"Of {every} trials of {_cell(row, names)}, {row[column]} {what}."


def findings(summary: pd.DataFrame, effects: pd.DataFrame, chance: float) -> list[str]:
    """Return every sentence about a whole study."""
    names = Names.of(summary)
    return [
        *norm_findings(effects, names),
        *depth_findings(effects, names),
        *chance_findings(summary, chance, names),
        *lost_findings(summary, names),
    ]


def estimate(row: "pd.Series[float]", prefix: str = "") -> Estimate:
    """Return the estimate that a table's row holds in n and the columns `prefix` + mean, sd, low and high."""
    mean, sd, low, high = (row[f"{prefix}{part}"] for part in ("mean", "sd", "low", "high"))
    return Estimate(int(row["n"]), mean, *(None if pd.isna(value) else value for value in (sd, low, high)))


def _cell(row: "pd.Series[float]", names: Names) -> str:
    return f"{names.network(str(row['hidden']))} {names.with_norm(str(row['batch_norm']))}"
