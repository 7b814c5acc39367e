"""`make bench`: the speed of packs, and predicted against actual minutes, on CIFAR-10."""

from dataclasses import dataclass
from pathlib import Path

import tyro
from joblib import cpu_count
from prediction import predicted_over_actual
from throughput import measure

from pipeline import data
from pipeline.spec import NetworkSpec


@dataclass(frozen=True)
class Bench:
    """What to measure."""

    data_dir: Path | None = None
    """folder of CIFAR-10 (without it: data)"""
    widths: tuple[int, ...] = (1, 4, 8, 10)
    rounds: int = 3
    hidden: tuple[int, ...] = (50, 50)
    scales: tuple[str, ...] = ("smoke",)
    """scales of the lambda sweep to compare predicted and actual time on; `smoke full` takes about ten minutes more"""
    cache: Path = Path("artifacts/cache")


def main() -> None:
    """Measure and print."""
    bench = tyro.cli(Bench)
    dataset = data.load("cifar10", bench.data_dir, warn=print)
    folder = data.prepare(dataset, data.data_spec(dataset, 0.1, opens_test=False), bench.cache)
    data.prepare(dataset, data.data_spec(dataset, 0.02, opens_test=True), bench.cache)
    where = ["--data-dir", str(bench.data_dir)] if bench.data_dir else []
    del dataset
    measure(folder, list(bench.widths), bench.rounds, cpu_count(), NetworkSpec(bench.hidden))
    print()
    for scale in bench.scales:
        predicted_over_actual(["--dataset", "cifar10", *where, "--scale", scale], bench.cache)


if __name__ == "__main__":
    main()
