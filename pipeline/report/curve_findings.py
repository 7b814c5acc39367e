"""What learning curves say, in sentences made by rules: where losses stand after the first epoch and after the last."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.records import Status, TrialRecord


def losses(groups: Mapping[str, Sequence[TrialRecord]], what: str) -> str:
    """Return the mean losses (nats) of groups of trials that differ in one thing, after the first epoch and the last.

    Only trials that completed are averaged; the gap is that of validation over training loss at the end.

    Args:
        groups: how they differ ("without batch norm") -> trials that differ in their seeds only.
        what: what all of them are, such as "the 9-layer network".
    """
    told = {name: _ends([r for r in group if r.status is Status.COMPLETE]) for name, group in groups.items()}
    parts = [f"{ends} {name}" for name, ends in told.items() if ends]
    if not parts:
        return f"No trial of {what} completed."
    return (
        f"Validation loss of {what}, mean over seeds, after the first epoch and after the last, and its gap to the "
        f"training loss then: {'; '.join(parts)}."
    )


def _ends(group: Sequence[TrialRecord]) -> str:
    if not group:
        return ""
    first, last = (np.mean([record.curves.val_loss[place] for record in group]) for place in (1, -1))
    gap = last - np.mean([record.curves.train_loss[-1] for record in group])
    return f"{first:.3f}, {last:.3f} and {gap:.3f} nats"
