"""What the cases of a run add up to: faults.md, which is printed too, the tables as CSV, and a manifest."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from case import CONTROL, CONTROLS, FAILURES, NOT_KILLED, Case, phases, table
from scenes import LANES

from pipeline.files import make_folder, write_json, write_text
from pipeline.report.document import Document, Section, Table, Text
from pipeline.report.markdown import markdown
from pipeline.report.tables import write_csv
from pipeline.run.provenance import provenance

COLUMNS = {
    "fault": "fault",
    "cases": "cases",
    **{name: name for name in FAILURES},
    "identical": "byte-identical",
    "worst_seconds": "recovery, s",
    "longest": "took, s",
    "bound": "at most",
}
"""The columns of the table that is shown, and what they are called."""


def publish(cases: Sequence[Case], out: Path, seconds: float, command: str) -> bool:
    """Print and write the tables; return whether all is as it must be: the control failed, and nothing else did."""
    rows, when = table(cases), phases(cases)
    make_folder(out)
    write_csv(out / "faults.csv", rows)
    write_csv(out / "phases.csv", when)
    write_csv(out / "cases.csv", pd.DataFrame([vars(case) | {"note": case.note * case.failed} for case in cases]))
    about = {
        "command": command,
        "ran": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "pipeline": asdict(provenance()),
    }
    write_json(out / "manifest.json", about)
    text = markdown(document(rows, when, about))
    write_text(out / "faults.md", text)
    print("\n" + text.replace("\\", ""))
    failed = set(rows.fault[rows.failed > 0])
    seen = set(rows.fault[rows[list(FAILURES)].any(axis=1)])  # without what differs where nothing was killed
    blind = CONTROL in set(rows.fault) - seen
    if blind:
        print("the control must fail, got none of its failures: the checks see nothing")
    return not blind and failed <= CONTROLS


def document(rows: pd.DataFrame, when: pd.DataFrame, about: Mapping[str, Any]) -> Document:
    """Return what is shown of faults and phases; `about` is what the manifest says of the run."""
    subtitle = f"{about['command']}, {about['seconds'] / 60:.1f} minutes on {about['cores']} cores"
    shown = tuple(tuple(_cell(name, row) for name in COLUMNS) for row in rows.to_dict("records"))
    faults = Table("What became of injected faults.", tuple(COLUMNS.values()), shown)
    sections = [Section("Faults", (Text(sentence(rows)), faults, Text(LEGEND), *_skipped(rows)))]
    if len(when):
        counts = tuple(tuple(map(str, row)) for row in when.itertuples(index=False, name=None))
        phase = Table("What was going on when they came.", tuple(map(str, when.columns)), counts)
        sections.append(Section("Phases", (phase,)))
    return Document("Faults", subtitle, tuple(sections))


LEGEND = (
    "Wrong is any other exit code, message or result than must be; of the control, trials that stay RUNNING. "
    "Byte-identical are, of the sweeps that were looked at in the end, those that had left what an undisturbed one "
    "leaves. Recovery is the longest time from a restart to its first pack; took is the longest time to stop, from the "
    f"last signal, or of the processor to refuse bad input; both where {LANES} cases at a time share the cores. "
    "At most is what no failure in n cases says of the share of failures, with 95 % confidence: 3/n."
)


def sentence(rows: pd.DataFrame) -> str:
    """Return what the faults come to, the control aside."""
    ours = rows[~rows.fault.isin(CONTROLS)]
    counts = ", ".join(f"{ours[name].sum()} {what}" for name, what in WORDS.items())
    same = f"{ours.identical.sum()} of {ours.sweeps.sum()} sweeps that were looked at in the end had left"
    return f"{ours.cases.sum():,} cases: {counts}; {same}, byte for byte, what an undisturbed one leaves."


def control(rows: pd.DataFrame) -> str:
    """Return what became of the usual script."""
    [row], [calm] = (rows[rows.fault == fault].to_dict("records") for fault in (CONTROL, NOT_KILLED))
    return (
        f"of {row['sweeps']} searches, killed {row['cases']} times, {row['identical']} end with the table of one that"
        f" was not killed (of others that were not, {calm['identical']} of {calm['sweeps']}), {row['wrong']} trials "
        f"stay RUNNING for ever, {row['duplicated']} were run again and {row['torn']} files torn."
    )


WORDS = {
    "lost": "recorded trials lost",
    "duplicated": "run again or recorded twice",
    "torn": "files torn",
    "wrong": "wrong",
    "tracebacks": "tracebacks",
    "orphans": "orphans",
}


def _skipped(rows: pd.DataFrame) -> tuple[Text, ...]:
    skipped = rows[rows.skipped > 0]
    if not len(skipped):
        return ()
    return (Text(f"Skipped here: {', '.join(f'{row.fault} ({row.skipped})' for row in skipped.itertuples())}."),)


def _cell(name: str, row: dict[str, Any]) -> str:
    value = row[name]
    if name == "identical":
        return f"{value} of {row['sweeps']}" if row["sweeps"] else ""
    if name == "bound":
        return "" if pd.isna(value) else "100 %" if value == 1 else f"{100 * value:.2g} %"
    if name in ("worst_seconds", "longest"):
        return "" if pd.isna(value) else f"{value:.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
