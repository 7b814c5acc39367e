"""On what was measured: the manifest of a benchmark."""

import os
import platform
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from throughput import PINS

from pipeline.run.provenance import provenance


def manifest(label: str, kernels: Iterable[str]) -> dict[str, object]:
    """Return machine, versions and environment; `label` says which variables were removed where packs trained."""
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "pins as found": {name: os.environ[name] for name in PINS if name in os.environ},
        "environment": label,
        "kernels": sorted(set(kernels)),
        "pipeline": asdict(provenance()),
    }


def processor() -> str:
    """Return the name of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
