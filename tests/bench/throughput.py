"""How fast packs train, as a share of what the BLAS can do: trial-epochs per second, core-seconds, memory.

All cores work at once, one process each; widths and environments take turns inside every round, so that a machine
whose speed drifts is unfair to none. Figures are medians over rounds and processes.
"""

import dataclasses
import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from private_memory import private_memory

from pipeline.blas import blas_pools, single_thread
from pipeline.data import Split, open_split
from pipeline.evaluate import measure as evaluate
from pipeline.spec import NetworkSpec, Pack, ScheduleSpec, TrialSpec
from pipeline.train import CURVE_ROWS, EpochReport, train

PINS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Variables that slow OpenBLAS down where they are set to an older processor's."""

PEAK_SIZES = (1024, 1536, 2048)


@dataclass(frozen=True)
class Sample:
    """One process, one round: wall seconds of an epoch; wall and CPU seconds without evaluation; GFLOP/s; bytes."""

    wall: float
    steps_wall: float
    cpu: float
    evaluation_cpu: float
    peak: float
    memory: int
    kernel: str


def pack_of(width: int, split: Split, network: NetworkSpec, batch_size: int = 100) -> Pack:
    """Return a pack of `width` lambdas on a log scale, two epochs long."""
    base = TrialSpec(split.spec, network, schedule=ScheduleSpec(step_size=1, cycles=1), batch_size=batch_size)
    lambdas = np.geomspace(1e-4, 1e-1, width).tolist()
    return Pack(tuple(dataclasses.replace(base, lambda_=lambda_) for lambda_ in lambdas))


def flops(spec: TrialSpec) -> float:
    """Return the floating-point operations of one trial-epoch: forward and weight gradient, and below the first layer
    also the input gradient, each a product of 2 B D H."""
    sizes = [spec.data.inputs, *spec.network.hidden, spec.data.classes]
    products = 2 * sizes[0] * sizes[1] + sum(3 * a * b for a, b in pairwise(sizes[1:]))
    return 2.0 * spec.data.n_train * products


def sgemm_peak(sizes: Sequence[int] = PEAK_SIZES) -> float:
    """Return the GFLOP/s of a large float32 product on one thread, the best of the sizes, by CPU time."""
    rng = np.random.default_rng(0)
    best = 0.0
    for size in sizes:
        a, b = (rng.standard_normal((size, size), dtype=np.float32) for _ in "ab")
        out = a @ b
        times = []
        for _ in range(5):
            start = time.process_time()
            np.matmul(a, b, out=out)
            times.append(time.process_time() - start)
        best = max(best, 2e-9 * size**3 / statistics.median(times))
    return best


def kernel() -> str:
    """Return the kernel that OpenBLAS has chosen, such as SkylakeX."""
    return next((pool.get("architecture", "unknown") for pool in blas_pools()), "unknown")


def sample(width: int, folder: Path, network: NetworkSpec, start_at: float) -> Sample:
    """Train one pack for two epochs and time the second."""
    with single_thread():
        split = open_split(folder)
        return second_epoch(pack_of(width, split, network), split, start_at, sgemm_peak())


def second_epoch(pack: Pack, split: Split, start_at: float, peak: float) -> Sample:
    """Train a pack for two epochs, beginning with all others at `start_at`, and time the second without evaluation.

    `peak` are the GFLOP/s of SGEMM. Call it inside `single_thread`.
    """
    epochs = train(pack, split)
    while time.time() < start_at:  # all processes begin together
        time.sleep(0.001)
    next(epochs)
    next(epochs)
    wall, cpu = time.perf_counter(), time.process_time()
    report = next(epochs)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    evaluation, evaluation_cpu = _evaluation(report, split)
    return Sample(wall, wall - evaluation, cpu - evaluation_cpu, evaluation_cpu, peak, private_memory(), kernel())


def _evaluation(report: EpochReport, split: Split) -> tuple[float, float]:
    """Return wall and CPU seconds of what `report` took: the same measurements, made again."""
    penalties = np.zeros(report.network.size)
    wall, cpu = time.perf_counter(), time.process_time()
    for x, y in ((split.x_train[:CURVE_ROWS], split.y_train[:CURVE_ROWS]), (split.x_val, split.y_val)):
        evaluate(report.network, x, y, report.statistics, penalties)
    return time.perf_counter() - wall, time.process_time() - cpu


@contextmanager
def pool(workers: int, removed: tuple[str, ...]) -> Iterator[ProcessPoolExecutor]:
    """Start `workers` processes whose environment lacks the variables `removed`."""
    found = {name: os.environ.pop(name) for name in removed if name in os.environ}
    try:
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as executor:
            list(executor.map(os.getenv, ["PATH"] * workers))
            os.environ.update(found)
            yield executor
    finally:
        os.environ.update(found)


def measure(folder: Path, widths: list[int], rounds: int, workers: int, network: NetworkSpec) -> None:
    """Run all rounds and print a table per environment."""
    pinned = tuple(name for name in PINS if name in os.environ)
    environments = {"as found": ()} | ({f"without {' and '.join(pinned)}": pinned} if pinned else {})
    samples: dict[tuple[str, int], list[list[Sample]]] = {}
    with pool(workers, ()) as found, pool(workers, pinned) as removed:
        for _ in range(rounds):
            for (label, _), executor in zip(environments.items(), (found, removed), strict=False):
                for width in widths:
                    start_at = time.time() + 3
                    futures = [executor.submit(sample, width, folder, network, start_at) for _ in range(workers)]
                    samples.setdefault((label, width), []).append([future.result() for future in futures])
    spec = pack_of(1, open_split(folder), network).trials[0]
    for label in environments:
        _print_table(label, {width: samples[label, width] for width in widths}, spec, workers)


def _print_table(label: str, by_width: dict[int, list[list[Sample]]], spec: TrialSpec, workers: int) -> None:
    first = next(iter(by_width.values()))[0][0]
    hidden = "-".join(map(str, spec.network.hidden))
    print(
        f"\n{label}: kernel {first.kernel}, {workers} processes, {spec.data.inputs}-{hidden}-{spec.data.classes}, "
        f"batch norm {spec.network.batch_norm}, "
        f"{spec.data.n_train} rows, batch {spec.batch_size}, median of {len(next(iter(by_width.values())))} rounds"
    )
    print(
        "pack  trial-epochs/s*  core-s/trial-epoch  SGEMM GFLOP/s  % of limit (range)     evaluation core-s  private MB"
    )
    for width, rounds in by_width.items():
        everyone = [one for processes in rounds for one in processes]
        shares = [100 * flops(spec) * width / (one.peak * 1e9) / one.cpu for one in everyone]
        rates = [width * len(processes) / max(one.wall for one in processes) for processes in rounds]
        print(
            f"{width:4d}  {statistics.median(rates):14.2f}  "
            f"{statistics.median(one.cpu for one in everyone) / width:18.4f}  "
            f"{statistics.median(one.peak for one in everyone):13.0f}  "
            f"{statistics.median(shares):8.1f} ({min(shares):.0f} to {max(shares):.0f})  "
            f"{statistics.median(one.evaluation_cpu for one in everyone) / width:20.4f}  "
            f"{max(one.memory for one in everyone) / 1e6:10.0f}"
        )
