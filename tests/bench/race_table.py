"""What the samples of a race come to: medians, ratios within rounds, what points to a fault; as a document."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from peers import CONTESTANTS, DESIGN_LIMIT, OURS
from peers.job import REFERENCE
from race import FOUND

from pipeline.report.document import Block, Bullets, Document, Section, Table, Text

SLOW = 0.9
"""A contestant below this share of its published figure, both relative to their machines' limits, is suspected."""

CLOSE = 0.01
"""What the accuracy of a peer that trains the very network may lack of ours."""


@dataclass(frozen=True)
class Standing:
    """A contestant in one environment: medians over `n` rounds, low and high the range; None where nothing is known.

    Attributes:
        label: what it is called on the cores that it had.
        rate: trial-epochs per second by wall clock, all cores busy.
        cpu_rate: the same by CPU time, as if nobody else had used the cores.
        ratio: how many times as fast ours, packed, was in this environment, by wall clock, in the same round. It is
            compared as it was here, or in the only environment that it raced in.
        cpu_ratio: the same by CPU time.
        relative: the share of the machine's limit (by CPU time), over that of the published figure.
        memory_mb: the largest of all rounds.
    """

    name: str
    label: str
    n: int
    rate: float
    low: float
    high: float
    cpu_rate: float
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    cpu_ratio: float | None
    relative: float | None
    start_up: float
    memory_mb: float | None
    val_accuracy: float | None


def standings(samples: pd.DataFrame, environment: str) -> list[Standing]:
    """Return who stands where in an environment, the fastest first; who is missing or failed throughout is left out.

    A contestant that raced elsewhere only, as the variables do not concern it, stands with what it did there.
    """
    ok = samples[samples["status"] == "ok"]
    ours = ok[(ok["contestant"] == OURS) & (ok["environment"] == environment)].set_index("round")
    found = [_standing(str(name), group, ours) for name, group in _raced(ok, environment).groupby("contestant")]
    return sorted(found, key=lambda standing: -standing.cpu_rate)


def _raced(ok: pd.DataFrame, environment: str) -> pd.DataFrame:
    here = ok["environment"] == environment
    elsewhere = ~ok["contestant"].map(lambda name: CONTESTANTS[name].openblas)
    return ok[here | elsewhere]


def _standing(name: str, group: pd.DataFrame, ours: pd.DataFrame) -> Standing:
    group = group.set_index("round")
    ratio, cpu_ratio = ((ours[rate] / group[rate]).dropna() for rate in ("rate", "cpu_rate"))
    contestant = CONTESTANTS[name]
    published = contestant.published
    share = (group["cpu_rate"] / group["limit"]).median()
    accuracy, memory = group["val_accuracy"].median(), group["memory_mb"].max()
    return Standing(
        name,
        contestant.label_of(int(group["trials"].iloc[0])),
        len(group),
        *(float(value) for value in (group["rate"].median(), group["rate"].min(), group["rate"].max())),
        float(group["cpu_rate"].median()),
        *(known(value) for value in (ratio.median(), ratio.min(), ratio.max(), cpu_ratio.median())),
        float(share / (published / DESIGN_LIMIT)) if published else None,
        float(group["start_up"].median()),
        known(memory),
        known(accuracy),
    )


def known(value: float) -> float | None:
    """Return a number, or None for one that is not known."""
    return None if pd.isna(value) else float(value)


def absent(samples: pd.DataFrame) -> list[str]:
    """Return a sentence for every contestant that is missing or failed, and in how many of its turns."""
    sentences = []
    for name, group in samples.groupby("contestant", sort=False):
        label = CONTESTANTS[str(name)].label_of(int(group["trials"].iloc[0]))
        for status, turns in group[group["status"] != "ok"].groupby("status"):
            verb = "is missing" if status == "missing" else f"failed in {len(turns)} of {len(group)} turns"
            sentences.append(f"{label} {verb}: {turns['reason'].iloc[0]}")
    return sentences


def faults(found: Sequence[Standing], pinned: bool) -> list[str]:
    """Return what points to a fault of the benchmark rather than to a slow peer, in sentences.

    Where OpenBLAS is pinned, peers may well be slower than they were where it was not.
    """
    ours = next((standing.val_accuracy for standing in found if standing.name == OURS), None)
    sentences = []
    for standing in found:
        contestant, accuracy = CONTESTANTS[standing.name], standing.val_accuracy
        if contestant.batch_norm and None not in (ours, accuracy) and accuracy < ours - CLOSE:
            sentences.append(
                f"At fault: {standing.label} reached {100 * accuracy:.2f} % at lambda {REFERENCE:g} and ours "
                f"{100 * ours:.2f} %, but must come within a point."
            )
        if not pinned and standing.name != OURS and standing.relative is not None and standing.relative < SLOW:
            sentences.append(
                f"Perhaps at fault: {standing.label} came to {standing.relative:.2f} of its published figure "
                f"({contestant.published:g} trial-epochs/s), both relative to their machines' limits; below {SLOW:g} "
                "the benchmark may be slowing it down."
            )
    return sentences


HEADER = (
    *("contestant", "by wall (range)", "by CPU", "ours/it, wall (range)", "ours/it, CPU", "memory, MB"),
    *("start-up, s", f"accuracy at {REFERENCE:g}, %", "to its figure", "n"),
)


def cells(standing: Standing) -> tuple[str, ...]:
    """Return a row of the table."""
    ranged = f"{standing.rate:.2f} ({standing.low:.2f} to {standing.high:.2f})"
    ratio = f"{_text(standing.ratio)} ({_text(standing.ratio_low)} to {_text(standing.ratio_high)})"
    return (
        standing.label,
        ranged,
        f"{standing.cpu_rate:.2f}",
        ratio,
        _text(standing.cpu_ratio),
        _text(standing.memory_mb, ".0f"),
        f"{standing.start_up:.1f}",
        _text(standing.val_accuracy and 100 * standing.val_accuracy),
        _text(standing.relative),
        str(standing.n),
    )


def _text(value: float | None, form: str = ".2f") -> str:
    return "–" if value is None else format(value, form)


ELSEWHERE = (
    "The products of JAX and PyTorch are not OpenBLAS's, so they raced in the unpinned environment only: their ratios "
    "here compare ours as found with them unpinned."
)

NOTES = (
    "Every contestant trains 3072-50-50-10 with batch norm on the same 45,000 standardised rows: batches of 100, SGD, "
    "one triangular cycle from 1e-5 to 1e-1, lambdas of a log grid. It is as its own documentation would have a user "
    "write it, on all cores, in a process of its own; scikit-learn has no batch norm and no cycle.",
    "Trial-epochs per second are given by wall clock and by CPU time, children included (cores times trial-epochs per "
    "CPU second: what the same work would reach if nobody else used the cores). Ratios are medians of those within "
    "rounds, with ours in the environment of the table; a peer that raced unpinned only is compared as it was there. "
    "Peers evaluate 5,000 validation rows at the end of a trial; ours does so after every epoch, and on 5,000 training "
    "rows as well, and is charged for it.",
    "Start-up (imports, rows, compilation, workers, warm-up steps) is outside the clock. Memory is the peak of the sum "
    "of PSS over all processes of the contestant, the rows included (138 MB of bytes are ours, 553 MB of floats the "
    "others'): shared pages count once.",
    f"`to its figure` is the share of the machine's limit, by CPU time, over that of a figure once measured where the "
    f"limit was {DESIGN_LIMIT:g} (two AVX-512 cores of about 220 GFLOP/s): below {SLOW:g} look for a fault here.",
)


def document(samples: pd.DataFrame, subtitle: str, others: Sequence[Section] = ()) -> Document:
    """Return the race as a document: a table per environment, what is absent, what may be at fault."""
    labels = list(dict.fromkeys(samples["environment"]))
    sections = [_section(samples, label) for label in sorted(labels, key=lambda label: label != FOUND)]
    return Document("The race", subtitle, (*sections, *others, Section("How it was measured", (Bullets(NOTES),))))


def _section(samples: pd.DataFrame, environment: str) -> Section:
    found = standings(samples, environment)
    here = samples[samples["environment"] == environment]
    kernels = ", ".join(dict.fromkeys(here["kernel"]))
    sgemm = here.groupby("round")["sgemm"].first()
    caption = (
        f"Trial-epochs per second {environment}: medians and ranges over n rounds. OpenBLAS kernel "
        f"{kernels}; SGEMM {sgemm.median():.0f} GFLOP/s a core ({sgemm.min():.0f} to {sgemm.max():.0f}); the "
        f"machine's limit, nothing pinned, is {samples['limit'].median():.1f} trial-epochs/s."
    )
    blocks: list[Block] = [Table(caption, HEADER, tuple(map(cells, found)))]
    if any(standing.name not in set(here["contestant"]) for standing in found):
        blocks.append(Text(ELSEWHERE))
    sentences = (*absent(here), *faults(found, pinned=bool(here["pinned"].any())))
    if sentences:
        blocks.append(Bullets(sentences))
    return Section(environment[0].upper() + environment[1:], tuple(blocks))
