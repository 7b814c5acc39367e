"""What augmentation costs: milliseconds per batch of each of its parts, and its share of an epoch at pack widths."""

import dataclasses
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from throughput import pack_of

from pipeline.blas import single_thread
from pipeline.data import Split, open_split
from pipeline.data.augment import PixelScale, augment
from pipeline.spec import AugmentSpec, NetworkSpec, Pack
from pipeline.train import train

PARTS = {
    "mirror": AugmentSpec(mirror=True),
    "shift": AugmentSpec(shift=4),
    "mirror and shift": AugmentSpec(mirror=True, shift=4),
    "rotation": AugmentSpec(rotation=15),
    "zoom": AugmentSpec(zoom=0.1),
    "brightness": AugmentSpec(brightness=0.1),
    "contrast": AugmentSpec(contrast=0.2),
    "all": AugmentSpec(mirror=True, shift=4, rotation=15, zoom=0.1, brightness=0.1, contrast=0.2),
}
SHARES = ("mirror and shift", "all")
"""Those whose share of an epoch is measured."""


def cost_of_augmentation(folder: Path, widths: list[int], rounds: int) -> None:
    """Measure on one core, with one BLAS thread, and print; figures are medians."""
    with single_thread():
        split = open_split(folder)
        _print_parts(split, 20 * rounds)
        _print_shares(split, widths, rounds)


def _print_parts(split: Split, rounds: int) -> None:
    rows, scale, rng = np.array(split.x_train[:100]), PixelScale.of(split), np.random.default_rng(0)
    print("\naugmentation, ms per batch of 100, median")
    for name, spec in PARTS.items():
        times = [_seconds(lambda spec=spec: augment(rows, spec, scale, rng)) for _ in range(rounds)]
        print(f"{name:>17s}  {1e3 * statistics.median(times):6.2f}")


def _print_shares(split: Split, widths: list[int], rounds: int) -> None:
    print("pack  epoch, s (plain)" + "".join(f"  {name} (share of the epoch)" for name in SHARES))
    specs = {"plain": AugmentSpec()} | {name: PARTS[name] for name in SHARES}
    for width in widths:
        plain = pack_of(width, split, NetworkSpec())
        times: dict[str, list[float]] = {name: [] for name in specs}
        for _ in range(rounds):  # in turns, so that a machine whose speed drifts is unfair to none
            for name, spec in specs.items():
                trials = tuple(dataclasses.replace(trial, augment=spec) for trial in plain.trials)
                times[name].append(_epoch_seconds(Pack(trials), split))
        epoch = {name: statistics.median(values) for name, values in times.items()}
        shares = (f"  {epoch[name]:6.2f} ({100 * (1 - epoch['plain'] / epoch[name]):.0f} %)" for name in SHARES)
        print(f"{width:4d}  {epoch['plain']:6.2f}", *shares)


def _epoch_seconds(pack: Pack, split: Split) -> float:
    """Return how long the second epoch takes, evaluation included."""
    reports = train(pack, split)
    next(reports), next(reports)
    return _seconds(lambda: next(reports))


def _seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start
