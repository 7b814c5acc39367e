"""How do batch norm and layer norm depend on the batch size? CS231n, assignment 2."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pipeline.errors import one_of
from pipeline.spec import Factor, Level, levels
from sweeps.cli import compared
from sweeps.comparison import Comparison

NORMS = {
    "none": Level("no norm", {"batch_norm": "none", "layer_norm": "none"}),
    "batch": Level("batch norm", {"batch_norm": "before", "layer_norm": "none"}),
    "layer": Level("layer norm", {"batch_norm": "none", "layer_norm": "before"}),
}


@dataclass(frozen=True)
class BatchSize(Comparison):
    """Do batch norm and layer norm still help with small mini-batches?"""

    stage_name: ClassVar[str] = "batch-size"
    title: ClassVar[str] = "Batch size, batch norm and layer norm"
    figures: ClassVar[tuple[str, ...]] = ("panels", "curves")

    cycles: int = 1
    step_size: int = 2
    eta_max: float = 0.03
    batch_sizes: tuple[int, ...] = (5, 10, 50)
    norms: tuple[str, ...] = ("none", "batch", "layer")

    def factors(self) -> Sequence[Factor]:
        """Return the batch sizes, and the norms."""
        norms = tuple(NORMS[one_of("norm", name, NORMS)] for name in self.norms)
        return [
            Factor("batch size", levels("batch_size", self.batch_sizes, template="batches of {}"), asked=False),
            Factor("norm", norms),
        ]


ENTRY = compared(BatchSize)
