"""What do images that are changed at random, each time they are seen, teach a network? DD2424, 002, exercise 4.1."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pipeline.spec import AugmentSpec, Factor, Level
from sweeps.cli import compared
from sweeps.comparison import Comparison


@dataclass(frozen=True)
class Augmentation(Comparison):
    """Does it help to mirror, shift, turn and recolour the training images at random, and which of these does?"""

    stage_name: ClassVar[str] = "augmentation"
    title: ClassVar[str] = "Augmentation"
    metrics: ClassVar[tuple[str, ...]] = ("test_accuracy", "gap")
    pages: ClassVar[tuple[str, ...]] = ("augmented",)

    shift: int = 2
    """pixels, along both axes"""
    rotation: float = 10.0
    """degrees, either way"""
    zoom: float = 0.1
    brightness: float = 0.1
    contrast: float = 0.2

    def factors(self) -> Sequence[Factor]:
        """Return no change, and more and more of them."""
        mirrored, shifted = AugmentSpec(mirror=True), AugmentSpec(True, self.shift)
        turned = AugmentSpec(True, self.shift, self.rotation, self.zoom)
        every = AugmentSpec(True, self.shift, self.rotation, self.zoom, self.brightness, self.contrast)
        return [
            Factor(
                "augmentation",
                (
                    Level("no augmentation", {"augment": AugmentSpec()}),
                    Level("mirror", {"augment": mirrored}),
                    Level("mirror and shift", {"augment": shifted}),
                    Level("mirror, shift, rotation, zoom", {"augment": turned}),
                    Level("geometric and photometric", {"augment": every}),
                ),
            )
        ]


ENTRY = compared(Augmentation)
