"""How well coarse stages on principal components rank lambdas, and what they cost: tables and a figure of stored runs.

The runs are those of docs/screening-cifar10/README.md, which names the commands. Ranks are compared between runs of
different seeds only: those of a screened and of a full stage have no seed in common, whatever their root seeds.
"""

import csv
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import tyro
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from pipeline import data
from pipeline.report import style
from pipeline.report.tables import write_csv

FULL = 0
"""What runs on the pixels are called after, instead of a number of components."""

COLORS = (style.BLUE, style.VERMILION, style.GREEN)

Means = Mapping[float, float]
"""Mean validation accuracy by lambda."""


@dataclass(frozen=True)
class Screening:
    """Where the runs are, and where the tables go."""

    out: Path
    components: tuple[int, ...] = (512, 256, 128)
    seeds: tuple[int, ...] = (0, 1, 2, 3)
    artifacts: Path = Path("artifacts")
    data_dir: Path | None = None
    """folder of CIFAR-10 (without it: data)"""


def main() -> None:
    """Write accuracies.csv, agreement.csv, summary.csv, the manifests and screening.png."""
    asked = tyro.cli(Screening)
    asked.out.mkdir(parents=True, exist_ok=True)
    folders = {
        (r, seed): asked.artifacts / "lambda" / f"cifar10-screen-{r}-seed-{seed}"
        for r, seed in product((FULL, *asked.components), asked.seeds)
    }
    runs = {run: coarse(folder) for run, folder in folders.items()}
    rows = [(r, seed, x, mean) for (r, seed), means in runs.items() for x, mean in means.items()]
    write_csv(asked.out / "accuracies.csv", pd.DataFrame(rows, columns=["components", "seed", "lambda", "accuracy"]))
    agreement = pd.DataFrame(
        [(r, *pair, rho(runs[r, pair[0]], runs[FULL, pair[1]])) for r in (FULL, *asked.components) for pair in
         (combinations(asked.seeds, 2) if r == FULL else product(asked.seeds, repeat=2))],
        columns=["components", "seed", "full_seed", "rho"],
    )  # fmt: skip
    write_csv(asked.out / "agreement.csv", agreement)
    costs = {run: core_seconds(folder) for run, folder in folders.items()}
    dataset = data.load("cifar10", asked.data_dir, warn=print)
    lines = [summary(r, runs, agreement, costs, *rotation(dataset, r)) for r in (FULL, *asked.components)]
    write_csv(asked.out / "summary.csv", pd.DataFrame(lines))
    for r in (FULL, *asked.components):
        name = f"manifest-{r or 'full'}.json"
        shutil.copyfile(folders[r, asked.seeds[0]] / "manifest.json", asked.out / name)
    style.save(figure(runs, asked.components, asked.seeds), asked.out, "screening", ("png",))


def coarse(folder: Path) -> Means:
    """Return what the first coarse stage of a run came to."""
    by_lambda: dict[float, list[float]] = {}
    for row in _rows(folder / "trials.csv"):
        by_lambda.setdefault(float(row["lambda"]), []).append(float(row["val_accuracy"]))
    return {x: statistics.fmean(values) for x, values in by_lambda.items()}


def core_seconds(folder: Path) -> float:
    """Return what training that stage took: every pack counts once, and so its trials a part each."""
    return sum(float(row["cpu_seconds"]) / int(row["trials"]) for row in _rows(folder / "timings.csv"))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["stage"] in {"coarse", "coarse-approximate"}]


def rho(one: Means, other: Means) -> float:
    """Return Spearman's rank correlation over the lambdas that both runs have."""
    return float(spearmanr([one[x] for x in sorted(one)], [other[x] for x in sorted(one)]).statistic)


def regrets(r: int, runs: Mapping[tuple[int, int], Means]) -> list[float]:
    """Return of each run by how many points its best lambda is below the best, as full runs of other seeds see it."""
    found = []
    for (components, seed), means in runs.items():
        if components == r:
            others = [full for (each, other), full in runs.items() if each == FULL and (r, seed) != (each, other)]
            expected = {x: statistics.fmean(full[x] for full in others) for x in means}
            found.append(100 * (max(expected.values()) - expected[max(means, key=lambda x: means[x])]))
    return found


def rotation(dataset: data.Dataset, r: int) -> tuple[float, float]:
    """Return the share of variance that r components keep, and the core-seconds of finding and writing such rows."""
    spec = data.data_spec(dataset, 0.1, opens_test=False)
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        rows = data.prepare(dataset, spec.on_components(r) if r else spec, Path(folder))
        seconds = time.process_time() - start
        split = data.open_split(rows)
    return split.rotation.share if split.rotation else 1.0, seconds


def summary(
    r: int,
    runs: Mapping[tuple[int, int], Means],
    agreement: pd.DataFrame,
    costs: Mapping[tuple[int, int], float],
    *rotated: float,
) -> dict[str, float]:
    """Return a row of summary.csv."""
    found = agreement.rho[agreement.components == r]
    full, own = (
        statistics.median(seconds for (each, _), seconds in costs.items() if each == components)
        for components in (FULL, r)
    )
    lost = regrets(r, runs)
    return {
        "components": r,
        "variance": round(rotated[0], 4),
        "pairs": len(found),
        "rho_mean": found.mean(),
        "rho_lowest": found.min(),
        "rho_highest": found.max(),
        "regret_mean": statistics.fmean(lost),
        "regret_highest": max(lost),
        "training_core_seconds": own,
        "training_ratio": own / full,
        "rows_core_seconds": rotated[1],
    }


def figure(runs: Mapping[tuple[int, int], Means], components: Sequence[int], seeds: Sequence[int]) -> Figure:
    """Draw validation accuracy against lambda: full stages in every panel, screened ones each in its own."""
    with style.house_style():
        drawn = style.new_figure(
            10,
            3.2,
            "Does a screened coarse stage see the same top?",
            "CIFAR-10 · 45,000 training rows · network 50-50 · batch norm before the activation; 2 cycles of 4 epochs; "
            f"every line is the mean over 2 replicates of one of {len(seeds)} root seeds",
        )
        panels = np.atleast_1d(drawn.subplots(1, len(components), sharey=True))
        for axes, r, color in zip(panels, components, COLORS, strict=False):
            for each, look in ((FULL, style.GREY), (r, color)):
                for seed in seeds:
                    x = sorted(runs[each, seed])
                    label = "all 3,072 pixels" if each == FULL else f"{r} components (approximate)"
                    y = [100 * runs[each, seed][value] for value in x]
                    axes.plot(
                        x, y, color=look, linewidth=1.3, marker="o", markersize=3, label=label if not seed else None
                    )
            style.log_lambda_axis(axes, min(x) / 1.4, max(x) * 1.4)
            axes.legend(loc="lower left")
        panels[0].set_ylabel("validation accuracy (%)")
    return drawn


if __name__ == "__main__":
    main()
