"""How sensitive is training to the scale of the initial weights, and does batch norm help? DD2424, exercise 3."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pipeline.spec import Setting
from sweeps.cli import asked
from sweeps.grid import Grid, Values, axis, stages


@dataclass(frozen=True)
class InitSensitivity(Grid):
    """How sensitive is training to the scale of the initial weights, with and without batch norm?"""

    stage_name: ClassVar[str] = "init-sensitivity"

    replicates: int = 5
    hidden: tuple[int, ...] = (50, 50)
    sigma: Values = field(default_factory=lambda: Values((1e-1, 1e-3, 1e-4)))
    """standard deviation of all weights"""
    he: bool = True
    """also initialise by He et al., as a reference"""
    batch_norm: tuple[str, ...] = ("none", "before")

    def axes(self) -> Sequence[Sequence[Setting]]:
        """Return the scales of the weights, and batch norm."""
        he = [{"init": "he", "sigma": None}] if self.he else []
        scales = [{"init": "normal", **scale} for scale in axis("sigma", self.sigma.taken("sigma"))]
        return [axis("hidden", [self.hidden]), [*he, *scales], axis("batch_norm", self.batch_norm)]


ENTRY = asked(InitSensitivity, stages, "sweeps.answers.init_results:QUESTION")
