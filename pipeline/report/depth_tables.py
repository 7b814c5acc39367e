"""The tables of the depth study: what every network reached, what batch norm changed, and what depth changed.

Where some seeds of a cell (network and batch norm) stayed at chance level and others did not, the cell is mixed: its
accuracies lie in two heaps, which no t interval describes, so that it has none (DESIGN, "Statistics").
"""

import math
from collections.abc import Sequence

import pandas as pd

from pipeline.inference import above_chance
from pipeline.records import TrialRecord
from pipeline.report.tables import SUMMARY_COLUMNS, by_setting, effects_table, public, summary_table, values_of

BY = ("hidden", "batch_norm")
ENDS = [name for name in SUMMARY_COLUMNS if name.endswith(("_low", "_high"))]


def depth_summary(records: Sequence[TrialRecord], chance: float) -> pd.DataFrame:
    """Return one row per network and batch norm in plan order: stage, BY, layers, at_chance, SUMMARY_COLUMNS.

    Args:
        records: of one stage.
        chance: the accuracy of the best constant guess; at_chance counts the completed seeds that did no better.
    """
    frame = summary_table(records, BY, ascending=False)
    groups = by_setting(records, BY, ascending=False)
    at_chance = [_at_chance(group, chance) for group in groups.values()]
    frame.insert(3, "layers", [len(hidden) + 1 for hidden, _ in groups])
    frame.insert(4, "at_chance", at_chance)
    frame.loc[[0 < stuck < n for stuck, n in zip(at_chance, frame["n"], strict=True)], ENDS] = math.nan
    return frame


def depth_effects(records: Sequence[TrialRecord], chance: float) -> pd.DataFrame:
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
    mixed = _mixed(records, chance)
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


def _mixed(records: Sequence[TrialRecord], chance: float) -> set[tuple[str, str]]:
    """Return the mixed cells, as tables name them."""
    return {
        (public(group[0].spec, "hidden"), public(group[0].spec, "batch_norm"))
        for group in by_setting(records, BY).values()
        if 0 < _at_chance(group, chance) < len(values_of(group, "test_accuracy"))
    }


def _at_chance(group: Sequence[TrialRecord], chance: float) -> int:
    n_test = group[0].spec.data.n_test
    return sum(not above_chance(accuracy, chance, n_test) for accuracy in values_of(group, "test_accuracy"))
