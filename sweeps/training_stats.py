"""Training statistics of the CMU network: loss and error of every epoch, on MNIST. CMU 11-785, homework 1 part 1."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pipeline.spec import Factor, Level, OptimizerSpec
from sweeps.cli import LambdaFlag, compared
from sweeps.comparison import Comparison


@dataclass(frozen=True)
class TrainingStats(Comparison):
    """How do loss and error develop, epoch by epoch, in the network of CMU 11-785, with and without batch norm?"""

    stage_name: ClassVar[str] = "training-stats"
    title: ClassVar[str] = "Training statistics of the CMU network"
    datasets: ClassVar[tuple[str, ...]] = ("mnist", "mnist-t10k")
    figures: ClassVar[tuple[str, ...]] = ("running",)

    hidden: tuple[int, ...] = (64, 32)
    convention: str = "cmu"
    lambda_: LambdaFlag = 0.0
    optimizer: OptimizerSpec = field(default_factory=lambda: OptimizerSpec("momentum"))
    schedule: str = "constant"
    eta_max: float = 0.01
    num_bn_layers: int = 1
    """hidden layers, from the first on, that are normalised"""

    def factors(self) -> Sequence[Factor]:
        """Return the network without batch norm, and with its first layers normalised."""
        layers = "first layer" if self.num_bn_layers == 1 else f"first {self.num_bn_layers} layers"
        return [
            Factor(
                "batch norm",
                (
                    Level("no batch norm", {"batch_norm": "none", "num_bn_layers": None}),
                    Level(f"batch norm in the {layers}", {"batch_norm": "before", "num_bn_layers": self.num_bn_layers}),
                ),
            )
        ]


ENTRY = compared(TrainingStats)
