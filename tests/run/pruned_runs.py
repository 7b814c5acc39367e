"""A stage that drops settings at the ends of its cycles, a final one, and how such a run is cut."""

from pathlib import Path

import pytest
import rig
from rig import Killed, dies

from pipeline.records import TrialRecord
from pipeline.run.study import Study

LAMBDAS = (0.001, 0.01, 0.1, 0.3, 1.0, 1e30)  # the last one diverges in the first cycle
CYCLES = 3  # of 2 epochs
PRUNED = rig.listed(lambdas=LAMBDAS, cycles=CYCLES, prune=0.4)  # 6 settings, then 4, then 3, in 2 replicates
FINAL = rig.listed("final", (0.005, 0.05), 1, final=True)
ADDS = 12 + 2
WIDTH = 2
PACKS = 6 + 4 + 4 + 1  # of 2, 2, 2; 2, 2; 2, 1 per replicate; and the final one


def pruned(ran: rig.Ran) -> list[TrialRecord]:
    return list(ran.results[0].records)


def left(folder: Path, monkeypatch: pytest.MonkeyPatch, adds: int) -> list[Path]:
    """Return the checkpoints of a run that was killed after so many records."""
    with monkeypatch.context() as patch:
        dies(patch, Study, "add", adds)
        with pytest.raises(Killed):
            rig.run(folder, PRUNED, FINAL, width=WIDTH)
    return sorted((folder / ".pending").glob("*.npz"))
