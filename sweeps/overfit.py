"""Can the networks learn fifty images by heart? A check of the whole machine. CS231n, assignment 2."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pipeline.spec import Factor, levels
from sweeps.cli import LambdaFlag, compared
from sweeps.comparison import Comparison
from sweeps.depth import hidden_sizes


@dataclass(frozen=True)
class Overfit(Comparison):
    """Do networks of three and five layers learn fifty images by heart?"""

    stage_name: ClassVar[str] = "overfit"
    title: ClassVar[str] = "Overfitting fifty images"
    figures: ClassVar[tuple[str, ...]] = ("curves",)
    metrics: ClassVar[tuple[str, ...]] = ("train_accuracy", "test_accuracy")

    batch_norm: str = "none"
    networks: tuple[str, ...] = ("100-100", "100-100-100-100")
    """hidden sizes, such as 50-30"""
    train_rows: int | None = 50
    batch_size: int = 25
    schedule: str = "constant"
    eta_max: float = 0.01
    step_size: int = 10
    cycles: int = 1
    lambda_: LambdaFlag = 0.0

    def factors(self) -> Sequence[Factor]:
        """Return the networks."""
        sizes = [hidden_sizes(text) for text in self.networks]
        names = {hidden: f"hidden {text}" for hidden, text in zip(sizes, self.networks, strict=True)}
        return [Factor("network", levels("hidden", sizes, names), asked=False)]


ENTRY = compared(Overfit)
