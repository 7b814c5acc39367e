"""On what was measured: the manifest of a benchmark."""

import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from throughput import PINS

from pipeline.run.provenance import provenance


def manifest(kernels: Mapping[str, Iterable[str]], **more: object) -> dict[str, object]:
    """Return machine, versions and environment; the kernels of the BLAS by the label of the environment they ran in."""
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "pins as found": {name: os.environ[name] for name in PINS if name in os.environ},
        "kernels": {label: sorted(set(names)) for label, names in kernels.items()},
        "pipeline": asdict(provenance()),
        **more,
    }


def processor() -> str:
    """Return the name of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
