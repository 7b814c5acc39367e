"""Does a wider network learn more? DD2424, bonus exercise 4.2 (b)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pipeline.errors import require
from pipeline.spec import Factor, levels
from sweeps.cli import compared
from sweeps.comparison import Comparison


@dataclass(frozen=True)
class Width(Comparison):
    """Do more units in every layer help a 7-layer network?"""

    stage_name: ClassVar[str] = "width"
    title: ClassVar[str] = "Width"
    figures: ClassVar[tuple[str, ...]] = ("panels", "curves")
    metrics: ClassVar[tuple[str, ...]] = ("test_accuracy", "gap")

    units: tuple[int, ...] = (25, 50, 100, 200)
    """in every hidden layer"""
    layers: int = 7
    cycles: int = 1

    def factors(self) -> Sequence[Factor]:
        """Return the widths."""
        require(self.layers >= 2, "layers", "must be at least 2", self.layers)
        networks = [(units,) * (self.layers - 1) for units in self.units]
        names = {hidden: f"{units} units" for hidden, units in zip(networks, self.units, strict=True)}
        return [
            Factor("units per layer", levels("hidden", networks, names)),
        ]


ENTRY = compared(Width)
