"""The tables of the depth study: what every network reached, what batch norm changed, and what depth changed."""

import math
from collections.abc import Sequence

import pandas as pd

from pipeline.records import Chance, TrialRecord
from pipeline.report.escape import escape_table, mixed_settings
from pipeline.report.tables import by_setting, effects_table, shown

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
    of_norm = effects_table(records, ("hidden",), "batch_norm")
    of_norm.insert(1, "batch_norm", "")
    ends = _ends(records)
    at_ends = [record for record in records if record.spec.network.hidden in ends]
    of_depth = effects_table(at_ends, ("batch_norm",), "hidden", baseline=ends[0])
    of_depth.insert(0, "hidden", "")
    frame = pd.concat([part for part in (of_norm, of_depth) if len(part)] or [of_norm], ignore_index=True)
    mixed = {tuple(map(shown, setting)) for setting in mixed_settings(records, chance, BY)}
    unclear = [
        any((hidden or side, norm or side) in mixed for side in compared.split(" - "))
        for hidden, norm, compared in zip(frame["hidden"], frame["batch_norm"], frame["compared"], strict=True)
    ]
    frame.loc[unclear, ["low", "high"]] = math.nan
    return frame


def _ends(records: Sequence[TrialRecord]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shallowest and the deepest network; of equals the first."""
    networks = [hidden for (hidden,) in by_setting(records, ("hidden",), ascending=False)]
    return min(networks, key=len), max(networks, key=len)
