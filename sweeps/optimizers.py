"""Which optimizer makes a deep network easier to train? DD2424, bonus exercise 4.2 (a); CS231n."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pipeline.spec import OPTIMIZERS, Factor, levels
from sweeps.cli import compared
from sweeps.comparison import Comparison
from sweeps.grid import Values

NAMES = {
    "sgd": "SGD",
    "momentum": "momentum",
    "nesterov": "Nesterov",
    "adagrad": "AdaGrad",
    "rmsprop": "RMSProp",
    "adam": "Adam",
    "adamw": "AdamW",
}


@dataclass(frozen=True)
class Optimizers(Comparison):
    """Does another optimizer than SGD train a 7-layer network better, each at its own best learning rate?"""

    stage_name: ClassVar[str] = "optimizers"
    title: ClassVar[str] = "Optimizers"

    names: tuple[str, ...] = OPTIMIZERS
    hidden: tuple[int, ...] = (50,) * 6
    schedule: str = "cosine"
    warm_up: int = 1
    cycles: int = 1
    etas: Values = field(default_factory=lambda: Values((0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)))

    def factors(self) -> Sequence[Factor]:
        """Return the optimizers."""
        return [
            Factor("optimizer", levels("optimizer", self.names, NAMES)),
        ]


ENTRY = compared(Optimizers)
