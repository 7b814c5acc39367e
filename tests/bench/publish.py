"""What a race leaves behind, drawn from its samples: race.md, race.png, race.svg; the tables are printed, too."""

import json
from pathlib import Path

import pandas as pd
from machine import manifest
from race_figure import figure
from race_table import document, known
from whole_sweep import EPOCHS, Whole, section

from pipeline.files import write_json, write_text
from pipeline.report.document import Document, Section
from pipeline.report.markdown import markdown
from pipeline.report.style import house_style, save

RACE, WHOLE, MANIFEST = "race.csv", "whole-search.csv", "manifest.json"


def write_manifest(out: Path, samples: pd.DataFrame | None) -> None:
    """Write to `out` on what was raced."""
    write_json(out / MANIFEST, _manifest(samples))


def publish(out: Path) -> None:
    """Write what the samples and the manifest in `out` come to, wherever they were measured, and print its tables."""
    machine = json.loads((out / MANIFEST).read_text())
    subtitle = f"{machine['processor']}, {machine['cores']} cores"
    samples = pd.read_csv(out / RACE) if (out / RACE).exists() else None
    sections = _whole(out / WHOLE, samples)
    if samples is None:
        text = markdown(Document("Whole searches", subtitle, sections))
    else:
        text = markdown(document(samples, subtitle, sections))
        if (samples["status"] == "ok").any():
            with house_style():
                described = f"3072-50-50-10, batch norm, 45,000 images of CIFAR-10, batches of 100 · {subtitle}"
                save(figure(samples, described), out, "race")
    write_text(out / "race.md", text)
    print("\n" + text.replace("\\", ""), f"{out}/race.md", sep="\n")


def _whole(path: Path, samples: pd.DataFrame | None) -> tuple[Section, ...]:
    """Return the part on whole searches, where they were timed."""
    if not path.exists():
        return ()
    rows = pd.read_csv(path).to_dict("records")
    done = [
        Whole(row["label"], row["trials"], row["pruned"], known(row["seconds"]), _text(row["reason"])) for row in rows
    ]
    beside = "" if samples is None else list(samples["environment"])[-1]  # a file of before it said so itself
    return (section(done, rows[0].get("epochs", EPOCHS), rows[0].get("environment", beside)),)


def _text(value: object) -> str:
    """Return what an empty field of a table stands for."""
    return "" if pd.isna(value) else str(value)


def _manifest(samples: pd.DataFrame | None) -> dict[str, object]:
    if samples is None:
        return manifest({})
    ran = samples.dropna(subset=["kernel"])
    versions = samples.groupby("contestant")["versions"].max().to_dict()
    return manifest({str(label): each["kernel"] for label, each in ran.groupby("environment")}, contestants=versions)
