"""`make bench` on CIFAR-10: packs, augmentation, predicted and actual minutes, costs, the race, whole searches."""

import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Literal

import pandas as pd
import tyro
from augmentation import cost_of_augmentation
from costs_publish import cost_curves
from float_rows import float_rows
from joblib import cpu_count
from peers import CONTESTANTS
from peers.job import Job
from prediction import predicted_over_actual
from publish import WHOLE, publish, write_manifest
from race import environments, race
from throughput import PINS, measure
from whole_sweep import CYCLES, whole_sweeps

from pipeline import data
from pipeline.report.tables import write_csv
from pipeline.spec import NetworkSpec
from sweeps.depth import NETWORKS, hidden_sizes

Name = Literal[tuple(CONTESTANTS)]
Part = Literal["packs", "augmentation", "prediction", "costs", "race", "whole-sweep"]


@dataclass(frozen=True)
class Bench:
    """What to measure."""

    data_dir: Path | None = None
    """folder of CIFAR-10 (without it: data)"""
    only: tuple[Part, ...] = ()
    """parts to measure; all where none is named"""
    networks: tuple[str, ...] = (NETWORKS[1], NETWORKS[-1])
    """hidden sizes, such as 50-30-20; by default those of the 3-layer and the 9-layer network"""
    batch_norm: tuple[str, ...] = ("before", "none")
    widths: tuple[int, ...] = (1, 4, 8, 10)
    """networks per pack"""
    rounds: int = 3
    sweeps: tuple[str, ...] = ("lambda", "depth", "init-sensitivity")
    """sweeps to compare predicted and actual time of"""
    scales: tuple[str, ...] = ("smoke",)
    """at which scales; `smoke full` takes about twenty minutes more"""
    environment: Literal["both", "found", "unpinned"] = "both"
    """of the race: as found, without the variables that pin OpenBLAS's kernel, or both in turns"""
    contestants: tuple[Name, ...] = ()
    """of the race; all where none is named"""
    step_size: int = 2
    """of the race, in epochs: a trial takes twice as many"""
    search_step_size: int = 5
    """of the whole search, in epochs: a trial takes four times as many"""
    cache: Path = Path("artifacts/cache")
    out: Path = Path("artifacts/bench")
    """the cost curves are written into its folder costs, the race into a folder of the hour"""

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
    if bench.measures("race") or bench.measures("whole-sweep"):
        _race(bench, folder, where)


def _packs(bench: Bench, folder: Path) -> None:
    for hidden, batch_norm in product(bench.networks, bench.batch_norm):
        network = NetworkSpec(hidden_sizes(hidden), batch_norm=batch_norm)
        measure(folder, list(bench.widths), bench.rounds, cpu_count(), network)
    if not any(name in os.environ for name in PINS):
        print(f"(none of {', '.join(PINS)} is set, so the environment as found is the unpinned one)")


def _race(bench: Bench, folder: Path, where: list[str]) -> None:
    """Race, time whole searches, and write and print what came of it."""
    out = bench.out / datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S")
    out.mkdir(parents=True)
    labels = environments(bench.environment, os.environ)
    label, removed = list(labels.items())[-1]
    print(f"\nthe race, into {out}")
    samples = None
    floats = str(float_rows(folder, bench.cache))
    if bench.measures("race"):
        names = [name for name in CONTESTANTS if name in bench.contestants or not bench.contestants]
        job = Job(floats, (), cpu_count(), step_size=bench.step_size, split=str(folder))
        samples = race(job, out, bench.rounds, labels, names)
    if bench.measures("whole-sweep"):
        job = Job(floats, (), cpu_count(), step_size=bench.search_step_size, cycles=CYCLES, warm=False)
        done = whole_sweeps(job, where, bench.cache, removed)
        table = pd.DataFrame([asdict(one) for one in done]).assign(environment=label, epochs=job.epochs)
        write_csv(out / WHOLE, table)
    write_manifest(out, samples)
    publish(out)


if __name__ == "__main__":
    main()
