"""Which activations starve the gradients of the first layers? CS231n, assignment 2."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pipeline.spec import ACTIVATIONS, Factor, InitSpec, levels
from sweeps.cli import compared
from sweeps.comparison import Comparison
from sweeps.grid import Values

NAMES = {"relu": "ReLU", "leaky_relu": "leaky ReLU", "identity": "identity", "sigmoid": "sigmoid", "tanh": "tanh"}


@dataclass(frozen=True)
class Activations(Comparison):
    """Which activations let gradients reach the first layers of a 7-layer network, and which then train best?"""

    stage_name: ClassVar[str] = "activations"
    title: ClassVar[str] = "Activations"
    figures: ClassVar[tuple[str, ...]] = ("flow", "accuracy", "curves")
    spreads: ClassVar[bool] = True

    names: tuple[str, ...] = ACTIVATIONS
    hidden: tuple[int, ...] = (50,) * 6
    init: InitSpec = field(default_factory=lambda: InitSpec("xavier"))
    batch_norm: str = "none"
    cycles: int = 1
    etas: Values = field(default_factory=lambda: Values((0.03, 0.1, 0.3)))

    def factors(self) -> Sequence[Factor]:
        """Return the activations."""
        return [
            Factor("activation", levels("activation", self.names, NAMES)),
        ]


ENTRY = compared(Activations)
