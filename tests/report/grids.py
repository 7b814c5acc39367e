"""Hand-made records of grids: what became of networks of some scale, depth and batch norm, with some pair of seeds."""

from collections.abc import Sequence

import numpy as np

from pipeline.records import WINDOW, Chance, Curves, Spread, Status, TrialRecord
from pipeline.spec import DataSpec, InitSpec, NetworkSpec, ScheduleSpec, TrialSpec

CHANCE_LOSS = float(np.log(10))
CHANCE = Chance(0.1, CHANCE_LOSS)
SCHEDULE = ScheduleSpec(step_size=5, cycles=2)
DATA = DataSpec("cifar10", "d" * 16, 3072, 10, 45_000, 5_000, 10_000)
HE = InitSpec()
DEEP = (50, 30, 20, 20, 10, 10, 10, 10)


def sigma(value: float) -> InitSpec:
    return InitSpec("normal", value)


def trial(
    number: int,
    init: InitSpec = HE,
    norm: str = "none",
    replicate: int = 0,
    *,
    accuracy: float | None = 0.5,
    hidden: Sequence[int] = (50, 50),
    batch_losses: Sequence[float] = (),
    curves: Curves | None = None,
    status: Status = Status.COMPLETE,
    schedule: ScheduleSpec = SCHEDULE,
    data: DataSpec = DATA,
) -> TrialRecord:
    network = NetworkSpec(hidden=tuple(hidden), batch_norm=norm)
    spec = TrialSpec(data, network, init, schedule, init_seed=replicate, order_seed=100 + replicate)
    tested = accuracy if status is Status.COMPLETE else None
    return TrialRecord(
        "grid", number, number, replicate, spec, status, curves or Curves(), tested, batch_losses=tuple(batch_losses)
    )


def falling(
    replicate: int, *, start: float = 2.2, end: float = 1.25, leaves: float = 0.0, epochs: int = 20
) -> list[float]:
    """Losses that stay at chance level for the share `leaves` of the steps, then fall, faster where a cycle ends."""
    windows = epochs * 450 // WINDOW
    time = np.linspace(0, 1, windows)
    cycle = 0.5 - 0.5 * np.cos(4 * np.pi * time)
    low = end + (start - end) * np.exp(-6 * np.maximum(time - leaves, 0)) + 0.25 * cycle * (time > leaves)
    noise = np.random.default_rng(replicate).normal(scale=0.03, size=windows)
    return list(np.where(time < leaves, CHANCE_LOSS + 0.1 * noise, low + noise))


def learning(accuracy: float, *, leaves: int = 0, epochs: int = 20, penalty: float = 0.6) -> Curves:
    """Curves that stay at chance level until the epoch `leaves` and come to `accuracy` at the end."""
    epoch = np.arange(epochs + 1)
    risen = np.clip(1 - np.exp(-(epoch - leaves) / 4), 0, 1) / (1 - np.exp(-(epochs - leaves) / 4))
    shares, losses = 0.1 + (accuracy - 0.1) * risen, CHANCE_LOSS - (CHANCE_LOSS - 1.35) * risen * (accuracy > 0.1)
    return Curves(
        step=tuple(450 * int(e) for e in epoch),
        epoch=tuple(int(e) for e in epoch),
        cycle=tuple(int(e > 10) + 1 for e in epoch),
        eta=(0.01,) * (epochs + 1),
        train_loss=tuple(losses - 0.1 * risen),
        train_cost=tuple(losses - 0.1 * risen + penalty),
        train_accuracy=tuple(shares + 0.05 * risen),
        val_loss=tuple(losses),
        val_cost=tuple(losses + penalty),
        val_accuracy=tuple(shares),
        running_loss=(None, *losses[1:]),
        running_accuracy=(None, *shares[1:]),
    )


def spread(
    init: InitSpec, norm: str, replicate: int, activations: Sequence[float], gradients: Sequence[float]
) -> Spread:
    return Spread(init, norm, replicate, tuple(activations), tuple(gradients))
