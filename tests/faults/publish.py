"""What the cases of a run add up to: on the terminal, and as files that docs/ keeps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from case import Case, phases, table
from rich.console import Console
from rich.table import Table

from pipeline.files import make_folder
from pipeline.report.tables import write_csv


def publish(cases: Sequence[Case], out: Path) -> bool:
    """Print and write the tables; return whether all is as it must be."""
    rows, when = table(cases), phases(cases)
    console = Console(width=160)
    console.print(_printed("faults", rows))
    if len(when):
        console.print(_printed("when they came", when))
    make_folder(out)
    write_csv(out / "faults.csv", rows)
    write_csv(out / "phases.csv", when)
    write_csv(out / "cases.csv", pd.DataFrame([vars(case) for case in cases]))
    return not rows.failed.any()


def _printed(title: str, frame: pd.DataFrame) -> Table:
    printed = Table(title=title)
    for name in frame.columns:
        printed.add_column(str(name).replace("_", " "), justify="left" if name in ("fault",) else "right")
    for row in frame.itertuples(index=False):
        printed.add_row(*map(_cell, row))
    return printed


def _cell(value: Any) -> str:
    if pd.isna(value):
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
