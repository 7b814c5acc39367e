"""The cost curves from measuring to files: costs.csv, overheads.csv, costs.md, costs.png, costs.svg, manifest.json."""

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from costs import STEPS, measured, panels, points
from costs_figure import figure
from costs_table import costs, section
from machine import manifest
from overheads import NAMES, Held, Reached, goals, memory
from overheads import section as overheads
from throughput import PINS

from pipeline.files import make_folder, write_json, write_text
from pipeline.report.document import Document
from pipeline.report.markdown import markdown
from pipeline.report.style import house_style, save
from pipeline.report.tables import write_csv

SAMPLES, OVERHEADS, MANIFEST = "costs.csv", "overheads.csv", "manifest.json"

WORKERS = (1, 2, 4)
"""At which the memory of a run is looked at, however many cores there are."""

DRIVER, WORKER = "memory of the driver, ", "memory of a worker of "
"""What rows of memory are called, before the number of workers."""


def cost_curves(rows: Path, where: Sequence[str], cache: Path, *, cores: int, rounds: int, out: Path) -> None:
    """Measure, and write table, figure and raw samples to `out`.

    Packs train without the variables that pin OpenBLAS's kernel; commands run in the environment as found.

    Args:
        rows: the folder of the standardised rows to train on.
        where: the flags that name the data set.
        cache: the folder of all standardised rows, which are not made anew.
        cores: how many are busy.
        rounds: at least 3, to know the noise.
        out: the folder for the results.
    """
    make_folder(out)
    removed = tuple(name for name in PINS if name in os.environ)
    asked = panels(cores)
    samples = measured(rows, points(asked), rounds, removed, out)
    with tempfile.TemporaryDirectory() as name:
        runs = Path(name)
        (runs / "cache").symlink_to(cache.resolve())
        flags = (*where, f"--artifacts={runs}")
        reached = goals(flags, runs, cores, rounds)
        held = [memory((*flags, f"--run=of-{workers}"), workers) for workers in WORKERS]
    write_csv(out / OVERHEADS, frame(reached, held))
    label = f"without {' and '.join(removed)}" if removed else "as found"
    write_json(out / MANIFEST, manifest({label: samples["kernel"]}))
    publish(out)


def publish(out: Path) -> None:
    """Write the document and the figure of what was measured into `out`, wherever it was, and print the former."""
    samples, machine = pd.read_csv(out / SAMPLES), json.loads((out / MANIFEST).read_text())
    reached, held = unframed(pd.read_csv(out / OVERHEADS))
    cores, [label] = int(samples["workers"].max()), machine["kernels"]
    asked = panels(cores)
    subtitle = (
        f"CIFAR-10 rows, batch norm, SGD; {samples['round'].nunique()} rounds, medians and ranges of at most {STEPS} "
        f"steps; {machine['processor']}, {cores} cores; packs {label}, commands as found"
    )
    conditions = (
        f"Environment {label}, kernel {', '.join(sorted(set(samples['kernel'])))}. Every point is at most {STEPS} "
        f"steps on real rows after as many to warm up, without evaluation; an epoch is {samples['epoch_rows'][0]:,} "
        "rows. Rates are by the wall clock of the slowest worker, shares and core-seconds by CPU time."
    )
    text = markdown(Document("Costs", subtitle, (section(samples, asked, conditions), overheads(reached, held))))
    write_text(out / "costs.md", text)
    with house_style():
        save(figure(costs(samples), asked, reached, held, subtitle), out, "costs")
    print(f"\n{text}\n{out}/costs.md")


def frame(reached: Sequence[Reached], held: Sequence[Held]) -> pd.DataFrame:
    """Return one row per number that was measured."""
    rows = [(one.label, one.unit, one.goal, value) for one in reached for value in one.rounds]
    for one in held:
        rows += [(f"{DRIVER}{one.workers} workers", "bytes", None, one.driver)]
        rows += [(f"{WORKER}{one.workers}", "bytes", None, size) for size in one.each]
    return pd.DataFrame(rows, columns=["measured", "unit", "goal", "value"])


def unframed(rows: pd.DataFrame) -> tuple[list[Reached], list[Held]]:
    """Return what `frame` was given."""
    values = {str(name): group for name, group in rows.groupby("measured", sort=False)}
    reached = [
        Reached(NAMES[name], name, group["unit"].iloc[0], float(group["goal"].iloc[0]), tuple(group["value"]))
        for name, group in values.items()
        if group["goal"].notna().all()
    ]
    held = []
    for name, group in values.items():
        if name.startswith(DRIVER):
            workers = int(name.removeprefix(DRIVER).split()[0])
            each = values.get(f"{WORKER}{workers}")
            sizes = () if each is None else tuple(int(size) for size in each["value"])
            held.append(Held(workers, int(group["value"].iloc[0]), sizes))
    return reached, held
