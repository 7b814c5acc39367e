"""How does batch norm change what weight scales can be trained? CS231n, assignment 2."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pipeline.run.samplers import LogRange, grid
from pipeline.spec import Factor, Level, levels
from sweeps.cli import compared
from sweeps.comparison import NORMS, Comparison
from sweeps.grid import Values

SCALES = grid(LogRange(1e-4, 1e0), 20)
"""Listed, so that another list as well as another range takes its place."""


@dataclass(frozen=True)
class WeightScale(Comparison):
    """From which scales of the initial weights can networks be trained, with and without batch norm?"""

    stage_name: ClassVar[str] = "weight-scale"
    title: ClassVar[str] = "Weight scale and batch norm"
    figures: ClassVar[tuple[str, ...]] = ("panels",)

    hidden: tuple[int, ...] = (50, 50)
    cycles: int = 1
    step_size: int = 3
    sigma: Values = field(default_factory=lambda: Values(SCALES))
    """standard deviation of all weights"""
    norms: tuple[str, ...] = ("none", "before")
    """values of batch norm"""

    def factors(self) -> Sequence[Factor]:
        """Return the scales, and batch norm."""
        scales = [Level(f"σ = {sigma:g}", {"init": "normal", "sigma": sigma}) for sigma in self.sigma.taken("sigma")]
        return [
            Factor("weight scale σ", tuple(scales), asked=False),
            Factor("batch norm", levels("batch_norm", self.norms, NORMS)),
        ]


ENTRY = compared(WeightScale)
