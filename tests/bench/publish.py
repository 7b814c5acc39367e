"""What a race leaves behind: race.md, race.png, race.svg, manifest.json; the table goes to the terminal, too."""

import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from race_figure import figure
from race_table import document
from throughput import PINS

from pipeline.files import write_json, write_text
from pipeline.report.document import Document, Section
from pipeline.report.markdown import markdown
from pipeline.report.style import house_style, save
from pipeline.run.provenance import provenance


def publish(out: Path, samples: pd.DataFrame | None, whole: Section | None) -> None:
    """Write what was measured to `out`, and print its tables."""
    subtitle = f"{processor()}, {os.cpu_count()} cores"
    sections = () if whole is None else (whole,)
    if samples is None:
        text = markdown(Document("Whole searches", subtitle, sections))
    else:
        text = markdown(document(samples, subtitle, sections))
        if (samples["status"] == "ok").any():
            with house_style():
                described = f"3072-50-50-10, batch norm, 45,000 images of CIFAR-10, batches of 100 · {subtitle}"
                save(figure(samples, described), out, "race")
    write_text(out / "race.md", text)
    write_json(out / "manifest.json", manifest(samples))
    print("\n" + text.replace("\\", ""), f"{out}/race.md", sep="\n")


def manifest(samples: pd.DataFrame | None) -> dict[str, object]:
    """Return on what machine, with which versions and in which environment it was measured."""
    raced = samples is not None
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "pins as found": {name: os.environ[name] for name in PINS if name in os.environ},
        "kernels": samples.groupby("environment")["kernel"].first().to_dict() if raced else {},
        "contestants": samples.groupby("contestant")["versions"].max().to_dict() if raced else {},
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
