"""The job that all contestants get: the same network, rows, schedule and lambdas. Knows nothing of the pipeline."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

REFERENCE = 0.005
"""The lambda, that of the handouts, at which the contestants' accuracies are compared."""


@dataclass(frozen=True)
class Job:
    """One trial for each of `lambdas`: D-`hidden`-C with batch norm, He's weights, plain SGD on a triangular cycle.

    Attributes:
        folder: x_train.npy (B, D) float32, y_train.npy (B,), x_val.npy, y_val.npy: standardised rows.
        lambdas: the penalties lambda * sum W^2 over the weight matrices, one trial each.
        cores: how many of them to keep busy.
        seed: of weights and orders; another one every round.
        step_size: epochs in which the learning rate climbs from eta_min to eta_max; it falls in as many.
        warm: whether to warm up outside the clock; where the whole command is timed there is no outside.
        split: the folder of the same rows as the pipeline keeps them, which its own contestants read.
    """

    folder: str
    lambdas: tuple[float, ...]
    cores: int
    seed: int = 0
    step_size: int = 2
    cycles: int = 1
    warm: bool = True
    split: str = ""
    hidden: tuple[int, ...] = (50, 50)
    batch_size: int = 100
    eta_min: float = 1e-5
    eta_max: float = 1e-1

    @property
    def epochs(self) -> int:
        """Epochs of a trial."""
        return 2 * self.step_size * self.cycles

    def eta(self, t: int, per_epoch: int) -> float:
        """Return the learning rate of step t, counted from 0 (Smith 2017)."""
        half = self.step_size * per_epoch
        return self.eta_min + (1 - abs(t % (2 * half) / half - 1)) * (self.eta_max - self.eta_min)

    def shares(self) -> list[tuple[float, ...]]:
        """Return the lambdas of every core, dealt in turn; fewer shares than cores where there are fewer lambdas."""
        return [self.lambdas[core :: self.cores] for core in range(min(self.cores, len(self.lambdas)))]

    def write(self, path: Path) -> None:
        """Write the job as JSON."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> "Job":
        """Return the job that `write` wrote."""
        fields = json.loads(path.read_text())
        return cls(**fields | {name: tuple(fields[name]) for name in ("lambdas", "hidden")})


@dataclass(frozen=True)
class Rows:
    """x (B, D) float32 and labels y (B,) int64, to train on and to validate on."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    x_val: NDArray[np.float32]
    y_val: NDArray[np.int64]


def rows(job: Job, mapped: bool = False) -> Rows:
    """Return the rows of the job, in the memory of this process or mapped from their files."""
    names = ("x_train", "y_train", "x_val", "y_val")
    return Rows(*(np.load(Path(job.folder) / f"{name}.npy", mmap_mode="r" if mapped else None) for name in names))


def lambdas(n: int, low: float = 1e-5, high: float = 1e-1) -> tuple[float, ...]:
    """Return `n` lambdas of a log grid, the one that is nearest to REFERENCE replaced by it."""
    grid = np.geomspace(low, high, n)
    grid[np.abs(np.log(grid / REFERENCE)).argmin()] = REFERENCE
    return tuple(grid.tolist())
