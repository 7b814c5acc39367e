"""`make bench` on CIFAR-10: packs, augmentation, predicted and actual minutes, cost curves and overheads."""

import os
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

import tyro
from augmentation import cost_of_augmentation
from costs_publish import cost_curves
from joblib import cpu_count
from prediction import predicted_over_actual
from throughput import PINS, measure

from pipeline import data
from pipeline.spec import NetworkSpec
from sweeps.depth import NETWORKS, hidden_sizes

Part = Literal["packs", "augmentation", "prediction", "costs"]


@dataclass(frozen=True)
class Bench:
    """What to measure."""

    only: tuple[Part, ...] = ()
    """parts to measure; all where none is named"""
    data_dir: Path | None = None
    """folder of CIFAR-10 (without it: data)"""
    networks: tuple[str, ...] = (NETWORKS[1], NETWORKS[-1])
    """hidden sizes, such as 50-30-20; by default those of the 3-layer and the 9-layer network"""
    batch_norm: tuple[str, ...] = ("before", "none")
    widths: tuple[int, ...] = (1, 4, 10)
    """networks per pack"""
    rounds: int = 3
    sweeps: tuple[str, ...] = ("lambda", "depth", "init-sensitivity")
    """sweeps to compare predicted and actual time of"""
    scales: tuple[str, ...] = ("smoke",)
    """at which scales; `smoke full` takes about twenty minutes more"""
    cache: Path = Path("artifacts/cache")
    out: Path = Path("artifacts/bench")
    """the cost curves are written into its folder costs"""

    def measures(self, part: Part) -> bool:
        """Whether a part is asked for."""
        return part in self.only or not self.only


def main() -> None:
    """Measure and print."""
    bench = tyro.cli(Bench)
    dataset = data.load("cifar10", bench.data_dir, warn=print)
    folder = data.prepare(dataset, data.data_spec(dataset, 0.1, opens_test=False), bench.cache)
    for val_fraction in (0.02, 0.1):  # of the stages that open the test set: their rows are made here, and not timed
        data.prepare(dataset, data.data_spec(dataset, val_fraction, opens_test=True), bench.cache)
    where = ["--dataset", "cifar10", *(["--data-dir", str(bench.data_dir)] if bench.data_dir else [])]
    del dataset
    if bench.measures("packs"):
        _packs(bench, folder)
    if bench.measures("augmentation"):
        cost_of_augmentation(folder, list(bench.widths), bench.rounds)
    if bench.measures("prediction"):
        print()
        for sweep, scale in product(bench.sweeps, bench.scales):
            predicted_over_actual(sweep, [*where, "--scale", scale], bench.cache)
    if bench.measures("costs"):
        cost_curves(folder, where, bench.cache, cores=cpu_count(), rounds=bench.rounds, out=bench.out / "costs")


def _packs(bench: Bench, folder: Path) -> None:
    for hidden, batch_norm in product(bench.networks, bench.batch_norm):
        network = NetworkSpec(hidden_sizes(hidden), batch_norm=batch_norm)
        measure(folder, list(bench.widths), bench.rounds, cpu_count(), network)
    if not any(name in os.environ for name in PINS):
        print(f"(none of {', '.join(PINS)} is set, so the environment as found is the unpinned one)")


if __name__ == "__main__":
    main()
