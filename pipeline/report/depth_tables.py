"""The tables of the depth study: what every network reached, what batch norm changed, and what depth changed."""

from collections.abc import Sequence

import pandas as pd

from pipeline.records import Chance, TrialRecord
from pipeline.report.escape import escape_table, masked_effects
from pipeline.report.tables import by_setting

BY = ("hidden", "batch_norm")


def depth_summary(records: Sequence[TrialRecord], chance: Chance) -> pd.DataFrame:
    """Return one row per network and batch norm in plan order: the columns of `escape_table`, layers after BY."""
    frame = escape_table(records, chance, BY)
    frame.insert(1 + len(BY), "layers", [len(hidden) + 1 for hidden, _ in by_setting(records, BY, ascending=False)])
    return frame


def depth_effects(records: Sequence[TrialRecord], chance: Chance) -> pd.DataFrame:
    """Return the paired effects on the test accuracy: BY, then tables.EFFECT_COLUMNS.

    First those of batch norm, by network; then those of depth, the deepest network minus the shallowest, by batch norm,
    unless all are equally deep. What is compared is empty in BY. A mixed cell leaves an effect without interval.
    """
    of_norm = masked_effects(records, chance, ("hidden",), "batch_norm")
    of_norm.insert(1, "batch_norm", "")
    of_depth = masked_effects(at_ends(records), chance, ("batch_norm",), "hidden", shallowest(records))
    of_depth.insert(0, "hidden", "")
    return pd.concat([part for part in (of_norm, of_depth) if len(part)] or [of_norm], ignore_index=True)


def shallowest(records: Sequence[TrialRecord]) -> tuple[int, ...]:
    """Return the hidden sizes of the network with the fewest layers; of equals the first."""
    return min(_networks(records), key=len)


def at_ends(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the trials of the shallowest and of the deepest network; of equals the first."""
    ends = (shallowest(records), max(_networks(records), key=len))
    return [record for record in records if record.spec.network.hidden in ends]


def _networks(records: Sequence[TrialRecord]) -> list[tuple[int, ...]]:
    return [hidden for (hidden,) in by_setting(records, ("hidden",), ascending=False)]
