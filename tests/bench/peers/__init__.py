"""The contestants of the race: who they are, where their code is, and what was once measured of them.

A contestant's function gets the job and the clock, and returns (lambda, validation accuracy) of every trial. Only its
own process imports it (`python -m peers`), so that a peer that is not installed is missing and nothing else is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

OURS = "packed"
"""The contestant that the others are compared with."""

DESIGN_LIMIT = 16.0
"""Trial-epochs per second that two cores of about 220 GFLOP/s each could reach: those of the published figures."""


@dataclass(frozen=True)
class Contestant:
    """One who takes part.

    Attributes:
        label: what tables and figures call it; {cores} stands for how many of them it keeps busy.
        function: where its code is, as module:function below `peers`.
        packages: the distributions that it needs, the one that it stands for first.
        trials: how many of the lambdas it is given on two cores, enough for some seconds.
        published: the design's figure, trial-epochs per second at DESIGN_LIMIT; None where there is none.
        one_core: its function is a `Worker`, to be run in one process per core.
        openblas: its products are OpenBLAS's, so that the variables which pin OpenBLAS's kernel concern it.
        batch_norm: whether it trains the very network, so that its accuracy must be ours.
    """

    label: str
    function: str
    packages: tuple[str, ...]
    trials: int
    published: float | None
    one_core: bool = False
    openblas: bool = False
    batch_norm: bool = True

    def trials_on(self, cores: int) -> int:
        """Return how many lambdas it is given where it has so many cores: as many each, so that none is idle."""
        return self.trials * cores // 2

    def label_on(self, cores: int) -> str:
        """Return what it is called where it has so many cores."""
        return self.label.format(cores=cores)

    def label_of(self, trials: int) -> str:
        """Return what it is called where it was given so many lambdas, as many as it is on so many cores."""
        return self.label_on(2 * trials // self.trials)

    def load(self) -> Callable[..., list[tuple[float, float]]]:
        """Return the function that races.

        Raises:
            ImportError: the peer, or something that it needs, is not installed.
        """
        module, _, name = self.function.partition(":")
        function: Any = getattr(import_module(f"peers.{module}"), name)
        if not self.one_core:
            return function
        return partial(import_module("peers.cores").on_every_core, function)


CONTESTANTS: Mapping[str, Contestant] = {
    OURS: Contestant("ours, packed", "ours:packed", ("numpy", "scipy", "joblib"), 16, 11.5, openblas=True),
    "unpacked": Contestant("ours, one network a pack", "ours:unpacked", ("numpy",), 8, None, openblas=True),
    "jax": Contestant("JAX jit + vmap + scan", "jax_vmap:worker", ("jax", "jaxlib"), 16, 5.6, one_core=True),
    "sklearn": Contestant(
        "scikit-learn under joblib (no batch norm)",
        "sklearn_mlp:race",
        ("scikit-learn", "joblib"),
        4,
        3.6,
        openblas=True,
        batch_norm=False,
    ),
    "vmap": Contestant("torch.func vmap", "torch_vmap:worker", ("torch",), 16, 3.4, one_core=True),
    "optuna-processes": Contestant(
        "Optuna + PyTorch, {cores} processes", "optuna_torch:processes", ("optuna", "torch"), 4, 2.9
    ),
    "optuna-threads": Contestant(
        "Optuna + PyTorch, {cores} threads", "optuna_torch:threads", ("optuna", "torch"), 4, 2.1
    ),
    "ray": Contestant("Ray Tune + PyTorch", "ray_tune:race", ("ray", "torch"), 8, 2.4),
    "loader": Contestant("PyTorch with DataLoader", "torch_loop:by_loader", ("torch",), 2, None, one_core=True),
    "numpy": Contestant(
        "NumPy loop in float64", "numpy_loop:worker", ("numpy",), 2, 1.25, one_core=True, openblas=True
    ),
}
"""By name; the published figures are those of the project's design: trial-epochs per second, both cores busy.

That machine had two AVX-512 cores with a peak of about 220 GFLOP/s each (its limit was about 16). `relative` in tables
compares a figure's share of the present machine's limit with its share there.
"""
