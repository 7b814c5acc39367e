"""What training costs, point by point: pack width, width and depth of the network, batch size, number of workers.

Every point trains real rows for a bounded number of steps. Points take turns inside every round, so that a machine
whose speed drifts is unfair to none; what is compared are medians over rounds.
"""

import dataclasses
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from throughput import Sample, flops, pack_of, pool, second_epoch, sgemm_peak

from pipeline.blas import single_thread
from pipeline.data import Split, open_split
from pipeline.report.style import hidden_label
from pipeline.report.tables import write_csv
from pipeline.run.packing import pack_sizes
from pipeline.spec import NetworkSpec, Pack

STEPS = 150
"""Of the epoch that is timed; fewer where the rows of a data set do not last so long."""

ASKED = 16
"""Trials of a replicate that the rule divides into packs: the lambdas of a coarse stage."""

VALIDATION = 100
"""Rows that are evaluated at the ends of epochs, beside those of the training curve: evaluation is not timed."""

PEAK = (1536,)
"""Sizes of the SGEMM that every sample is held against: near it in time, and short."""

HEAD_START = 1.0
"""Seconds until all processes of a point begin together."""

WIDTHS = (1, 2, 4, 6, 8, 10, 12, 16)
HIDDEN = (25, 50, 100, 200, 400, 800)
LAYERS = (2, 3, 5, 7, 9)
BATCHES = (25, 50, 100, 200, 500)


@dataclass(frozen=True)
class Point:
    """What is trained: a pack of `width` networks in each of `workers` processes."""

    width: int
    hidden: tuple[int, ...] = (50, 50)
    batch_size: int = 100
    workers: int = 1

    @property
    def key(self) -> tuple[int, str, int, int]:
        """What a row of the samples calls it: the values of KEY."""
        return self.width, hidden_label(self.hidden), self.batch_size, self.workers


KEY = ("width", "hidden", "batch_size", "workers")

PACKED, SINGLE = "packed by the rule", "one network per pack"


@dataclass(frozen=True)
class Panel:
    """One question: what is on its x axis, and the points of each of its curves by x."""

    title: str
    label: str
    curves: Mapping[str, Mapping[int, Point]]


def by_rule(hidden: tuple[int, ...]) -> int:
    """Return how many networks share the largest pack, of ASKED, by the rule of pipeline.run.packing."""
    return pack_sizes(ASKED, hidden[0])[0]


def panels(cores: int) -> dict[str, Panel]:
    """Return what is asked, by name; all `cores` are busy but where their number is what is asked."""

    def both(points: Mapping[int, Point]) -> dict[str, dict[int, Point]]:
        packed = {x: dataclasses.replace(point, width=by_rule(point.hidden)) for x, point in points.items()}
        return {PACKED: packed, SINGLE: dict(points)}

    workers = dict.fromkeys((1, *(2**power for power in range(1, 8) if 2**power < cores), cores))
    rule = by_rule((50, 50))
    return {
        "width": Panel(
            "Pack width (hidden 50-50)",
            "networks per pack",
            {"any width": {width: Point(width, workers=cores) for width in WIDTHS}},
        ),
        "hidden": Panel(
            "Width of two hidden layers",
            "units per layer",
            both({units: Point(1, (units, units), workers=cores) for units in HIDDEN}),
        ),
        "layers": Panel(
            "Depth (hidden layers of 50)",
            "layers",
            both({layers: Point(1, (50,) * (layers - 1), workers=cores) for layers in LAYERS}),
        ),
        "batch_size": Panel(
            "Batch size (hidden 50-50)",
            "examples per mini-batch",
            both({size: Point(1, batch_size=size, workers=cores) for size in BATCHES}),
        ),
        "workers": Panel(
            "Workers (hidden 50-50)",
            "worker processes, one core each",
            {PACKED: {count: Point(rule, workers=count) for count in workers}},
        ),
    }


def points(asked: Mapping[str, Panel]) -> list[Point]:
    """Return all points, those that panels share once."""
    return list(
        dict.fromkeys(point for panel in asked.values() for curve in panel.curves.values() for point in curve.values())
    )


def measured(folder: Path, asked: list[Point], rounds: int, removed: tuple[str, ...], out: Path) -> pd.DataFrame:
    """Return one row per round, point and process; all so far are written to `out` after every round."""
    rows: list[dict[str, object]] = []
    with pool(max(point.workers for point in asked), removed) as executor:
        for number in range(1, rounds + 1):
            for point in turns(asked, number, rounds):
                for process, sample in enumerate(_together(executor, point, folder)):
                    rows.append(_row(number, process, point, folder, sample))
            samples = pd.DataFrame(rows)
            write_csv(out / "costs.csv", samples)
            print(f"round {number} of {rounds}: {len(asked)} points", flush=True)
    return samples


def turns(asked: list[Point], number: int, rounds: int) -> list[Point]:
    """Return the order of the points in round `number`, from 1: every round begins elsewhere in the list."""
    start = (number - 1) * len(asked) // rounds
    return [*asked[start:], *asked[:start]]


def _together(executor: ProcessPoolExecutor, point: Point, folder: Path) -> Iterator[Sample]:
    start_at = time.time() + HEAD_START
    futures = [executor.submit(one_sample, point, folder, start_at) for _ in range(point.workers)]
    for future in futures:
        yield future.result()


def one_sample(point: Point, folder: Path, start_at: float) -> Sample:
    """Train the pack of a point in this process."""
    with single_thread():
        pack, split = bounded(point, open_split(folder))
        return second_epoch(pack, split, start_at, sgemm_peak(PEAK))


def bounded(point: Point, split: Split) -> tuple[Pack, Split]:
    """Return the pack of a point, and the first rows of `split` that last for STEPS of its mini-batches."""
    spec = split.spec
    n, n_val = min(STEPS * point.batch_size, spec.n_train), min(VALIDATION, spec.n_val)
    few = dataclasses.replace(
        split,
        x_train=split.x_train[:n],
        y_train=split.y_train[:n],
        x_val=split.x_val[:n_val],
        y_val=split.y_val[:n_val],
        spec=dataclasses.replace(spec, n_train=n, n_val=n_val),
    )
    return pack_of(point.width, few, NetworkSpec(point.hidden), point.batch_size), few


def _row(number: int, process: int, point: Point, folder: Path, sample: Sample) -> dict[str, object]:
    whole = open_split(folder)
    pack, few = bounded(point, whole)
    trial = pack.trials[0]
    return {
        "round": number,
        **dict(zip(KEY, point.key, strict=True)),
        "process": process,
        "steps": trial.steps_per_epoch,
        "rows": few.spec.n_train,
        "epoch_rows": whole.spec.n_train,
        "flops": flops(trial),
        "wall": sample.steps_wall,
        "cpu": sample.cpu,
        "sgemm": sample.peak,
        "kernel": sample.kernel,
    }
