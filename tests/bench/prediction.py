"""How good the preview is: predicted over actual time of a whole sweep, each in a process of its own."""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

UNITS = {"s": 1.0, "min": 60.0}


def predicted_over_actual(sweep: str, arguments: list[str], cache: Path) -> None:
    """Preview a sweep, run it into an empty folder, and print both times with their ratio."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "cache").symlink_to(cache.resolve())  # standardised rows are made once, not timed
        command = [sys.executable, "-m", "sweeps", sweep, "--artifacts", str(folder), *arguments]
        preview = subprocess.run([*command, "--plan"], check=True, capture_output=True, text=True).stdout
        predicted = _predicted(preview)
        start = time.perf_counter()
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        actual = time.perf_counter() - start
    moved = " (the range was moved, which the prediction excludes)" if range_moved(output) else ""
    times = f"predicted {predicted:.0f} s, actual {actual:.0f} s, ratio {predicted / actual:.2f}"
    print(f"{sweep} {' '.join(arguments)}: {times}{moved}", flush=True)


def range_moved(output: str) -> bool:
    """Whether what a run said names a second coarse stage."""
    return re.search(r"\bcoarse(-approximate)?-\d", output) is not None


def _predicted(preview: str) -> float:
    found = re.search(r"predicted: ([0-9.]+) (s|min)", preview)
    if not found:
        raise ValueError(f"a preview must state its prediction, got {preview!r}")
    return float(found[1]) * UNITS[found[2]]
