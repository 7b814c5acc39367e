"""What does dropout do to training, and to validation? CS231n, assignment 2."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pipeline.spec import CONVENTIONS, Factor, levels
from sweeps.cli import LambdaFlag, compared
from sweeps.comparison import NORMS, Comparison


@dataclass(frozen=True)
class Dropout(Comparison):
    """Does dropout close the gap between training and validation, and does that help on test images?"""

    stage_name: ClassVar[str] = "dropout"
    title: ClassVar[str] = "Dropout"
    figures: ClassVar[tuple[str, ...]] = ("training-validation", "curves")
    metrics: ClassVar[tuple[str, ...]] = ("test_accuracy", "gap")

    hidden: tuple[int, ...] = (100, 100)
    lambda_: LambdaFlag = 0.0
    p: tuple[float, ...] = (1.0, 0.75, 0.5)
    """parameters of dropout: probabilities to keep a unit (with --convention cmu: to drop it)"""
    norms: tuple[str, ...] = ("none", "before")
    """values of batch norm"""

    def factors(self) -> Sequence[Factor]:
        """Return the probabilities to keep a unit, and batch norm."""
        kept = [CONVENTIONS[self.convention].keep(p) for p in self.p]
        return [
            Factor("dropout", levels("keep", kept, {1.0: "no dropout"}, template="keep {:g}")),
            Factor("batch norm", levels("batch_norm", self.norms, NORMS), asked=False),
        ]


ENTRY = compared(Dropout)
