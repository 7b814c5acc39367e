"""manifest.json: with what a run was made. The one result file that names machines, and so may differ between them."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from pipeline.data import Dataset
from pipeline.files import write_json
from pipeline.records import Provenance

MANIFEST = "manifest.json"


def write_manifest(
    folder: Path, configuration: Mapping[str, Any], dataset: Dataset, computed_with: Sequence[Provenance]
) -> list[Provenance]:
    """Write the manifest of a run folder; return everything its trials were computed with, over all sessions.

    Args:
        folder: the run folder.
        configuration: what the run's fingerprint covers.
        dataset: the data.
        computed_with: the provenances of this session; those of earlier ones are read back and kept.
    """
    everything = _stored(folder / MANIFEST)
    everything += [one for one in computed_with if one not in everything]
    write_json(
        folder / MANIFEST,
        {
            "configuration": configuration,
            "data": {"name": dataset.name, "digest": dataset.digest, "classes": list(dataset.classes)},
            "git": _git_revision(),
            "computed_with": [asdict(one) for one in everything],
        },
    )
    return everything


def _stored(path: Path) -> list[Provenance]:
    """Return the provenances of an earlier manifest; none where there is no readable one."""
    try:
        return msgspec.convert(json.loads(path.read_text())["computed_with"], list[Provenance])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _git_revision() -> dict[str, Any] | None:
    """Return revision and cleanness of the checkout that this code runs from; None where it is none."""
    here = Path(__file__).parent
    try:
        revision = _git(here, "rev-parse", "HEAD")
        return {"revision": revision, "clean": not _git(here, "status", "--porcelain", "--untracked-files=no")}
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603
