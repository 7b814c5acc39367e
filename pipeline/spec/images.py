"""What is done to images in training, and by which statistics and on which images networks are evaluated."""

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property

from pipeline.errors import one_of, require
from pipeline.spec.rules import positive_integer

STATISTICS = ("ema", "precise", "adaptive")
SHIFTS = ("brightness", "contrast", "blur", "noise")


@dataclass(frozen=True)
class AugmentSpec:
    """How far training images are changed at random, each time they are seen; nothing is by default.

    In this order: zoom, by a factor of 1 - zoom to 1 + zoom, and rotation, by up to so many degrees either way, about
    the centre; shift, by up to so many pixels along both axes; mirror, left and right swapped in half of the images;
    contrast, where distances from the image's mean are scaled by 1 - contrast to 1 + contrast; brightness, where up to
    this share of the range of pixels is added or taken away. What moves in from outside repeats the edge.
    """

    mirror: bool = False
    shift: int = 0
    rotation: float = 0.0
    zoom: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0

    def __post_init__(self) -> None:
        require(isinstance(self.shift, int) and self.shift >= 0, "shift", "must be pixels, at least 0", self.shift)
        require(0 <= self.rotation <= 180, "rotation", "must be degrees in [0, 180]", self.rotation)
        for what in ("zoom", "brightness", "contrast"):
            require(0 <= getattr(self, what) < 1, what, "must lie in [0, 1)", getattr(self, what))

    def __str__(self) -> str:
        """Return what changes, in words: "mirror, shift 2", or "none"."""
        said = {
            name: "" if value is True else f" {value:g}" for name, value in dataclasses.asdict(self).items() if value
        }
        return ", ".join(f"{name}{value}" for name, value in said.items()) or "none"

    @cached_property
    def active(self) -> bool:
        """Whether anything changes."""
        return self != AugmentSpec()


@dataclass(frozen=True)
class EvaluationSpec:
    """By which statistics batch norm normalises where nothing is trained, and on which shifted test sets besides.

    `ema` are the moving averages of training. `precise` are those of the whole population (PreciseBN, Wu and Johnson
    2021): of the first `rows` training rows as one batch, as they are without augmentation, with the network as it
    stands. They are estimated `per_epoch` times an epoch, at equal distances from its first step on, and once more when
    training has ended; in between curves use the latest (with 0, the moving averages). `adaptive` are those of the very
    rows that are evaluated (AdaptiveBN), changed by `augment`. The untrained network has statistics of its own: see
    EpochReport.
    """

    statistics: str = "ema"
    rows: int = 10_000
    per_epoch: int = 1
    augment: AugmentSpec = field(default_factory=AugmentSpec)
    shifts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        one_of("statistics", self.statistics, STATISTICS)
        positive_integer("rows of precise statistics", self.rows)
        require(self.per_epoch >= 0, "per epoch", "must be at least 0", self.per_epoch)
        for shift in self.shifts:
            one_of("shift of the test set", shift, SHIFTS)
        require(len(set(self.shifts)) == len(self.shifts), "shifts", "must be different", self.shifts)
