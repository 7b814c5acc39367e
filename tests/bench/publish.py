"""What a race leaves behind: race.md, race.png, race.svg, manifest.json; the table goes to the terminal, too."""

import os
from pathlib import Path

import pandas as pd
from machine import manifest, processor
from race_figure import figure
from race_table import document

from pipeline.files import write_json, write_text
from pipeline.report.document import Document, Section
from pipeline.report.markdown import markdown
from pipeline.report.style import house_style, save


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
    write_json(out / "manifest.json", _manifest(samples))
    print("\n" + text.replace("\\", ""), f"{out}/race.md", sep="\n")


def _manifest(samples: pd.DataFrame | None) -> dict[str, object]:
    if samples is None:
        return manifest({})
    ran = samples.dropna(subset=["kernel"])
    versions = samples.groupby("contestant")["versions"].max().to_dict()
    return manifest({str(label): each["kernel"] for label, each in ran.groupby("environment")}, contestants=versions)
