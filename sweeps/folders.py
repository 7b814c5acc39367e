"""Run folders: where they lie, and what is called how in them."""

from pathlib import Path

from sweeps.cli import Options

STUDY = "study.db"
DIAGNOSIS = "diagnosis.json"
BEST = "best.json"
FINDINGS = "findings.md"
FIGURES = "figures"


def run_folder(name: str, data_name: str, options: Options) -> Path:
    """Return where the results of a sweep on a data set go."""
    scale = [options.scale] if options.scale != "full" else []
    return options.artifacts / name / "-".join([data_name, *scale, *([options.run] if options.run else [])])
