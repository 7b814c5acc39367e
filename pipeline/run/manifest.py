"""manifest.json: with what a run was made. The one result file that names machines, and so may differ between them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.files import write_json
from pipeline.records import Provenance, Row
from pipeline.spec import canonical_json

MANIFEST = "manifest.json"


def write_manifest(folder: Path, configuration: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Write the manifest of a run folder.

    Args:
        folder: the run folder.
        configuration: what the run's fingerprint covers, the data's digest included.
        rows: all rows of the run; each says with what its legs were computed, perhaps in several sessions.
    """
    write_json(
        folder / MANIFEST,
        {
            "configuration": configuration,
            "computed_with": [asdict(one) | {"trials": trials} for one, trials in computed_with(rows)],
        },
    )


def computed_with(rows: Sequence[Row]) -> list[tuple[Provenance, int]]:
    """Return what computed the rows, the first one first, and of how many of them at least a leg."""
    every = [{canonical_json(one): one for one in row.provenances} for row in rows]
    provenances = {text: one for of_row in every for text, one in of_row.items()}
    trials = Counter(text for of_row in every for text in of_row)
    return [(one, trials[text]) for text, one in provenances.items()]
