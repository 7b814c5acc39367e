"""How good can a fully-connected network become, and which change brings how much? DD2424, 002, exercise 4.1."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pipeline.errors import require
from pipeline.spec import AugmentSpec, Factor, Level
from sweeps.cli import compared
from sweeps.comparison import Comparison

HANDOUT = (50, 50)
"""The network that the changes start from."""


@dataclass(frozen=True)
class BestNetwork(Comparison):
    """What do more units, batch norm after the activation, dropout, jitter and patience bring to the handouts' 50-50?

    The defaults were chosen on validation rows, with one pair of seeds, before any of these networks was tested.
    """

    stage_name: ClassVar[str] = "best-network"
    title: ClassVar[str] = "The best fully-connected network"
    metrics: ClassVar[tuple[str, ...]] = ("test_accuracy", "gap")

    hidden: tuple[int, ...] = (500, 250, 100, 50)
    """of the larger network"""
    p: float = 0.9
    """the probability to keep a unit, in any convention, of the network with dropout"""
    jitter: AugmentSpec = field(default_factory=lambda: AugmentSpec(mirror=True, shift=2, rotation=10.0, zoom=0.1))
    """how training images are changed at random"""
    jittered_lambda: float = 0.001
    """the penalty that suits changed images, which regularise too"""
    patience: int = 4
    """cycles of the last network"""

    def __post_init__(self) -> None:
        rule = "must be a number >= 0"
        require(0 <= self.jittered_lambda < math.inf, "jittered lambda", rule, self.jittered_lambda)
        super().__post_init__()

    def factors(self) -> Sequence[Factor]:
        """Return the handouts' network, the larger one, this with one change at a time, and with several together."""
        place = "before" if self.batch_norm == "after" else "after"
        base = {
            "hidden": self.hidden,
            "batch_norm": self.batch_norm,
            "keep": self.keep,
            "augment": AugmentSpec(),
            "lambda": self.lambda_,
            "cycles": self.cycles,
        }
        jitter = base | {"augment": self.jitter}
        less = jitter | {"lambda": self.jittered_lambda}
        large = "-".join(map(str, self.hidden)) or "no hidden layer"
        jittered, lessened = f"{large} + jitter", f"{large} + jitter + lambda {self.jittered_lambda:g}"
        return [
            Factor(
                "network",
                (
                    Level("50-50", base | {"hidden": HANDOUT}),
                    Level(large, base),
                    Level(f"{large} + batch norm {place}", base | {"batch_norm": place}, (large,)),
                    Level(f"{large} + keep {self.p:g}", base | {"keep": self.p}, (large,)),
                    Level(jittered, jitter, (large,)),
                    Level(lessened, less, (jittered,)),
                    Level(
                        f"{lessened} + {self.patience} cycles", less | {"cycles": self.patience}, (lessened, "50-50")
                    ),
                ),
                changes=True,
            )
        ]


ENTRY = compared(BestNetwork)
