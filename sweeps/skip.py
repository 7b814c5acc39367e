"""Do skip connections make a deep network easier to train? DD2424, bonus exercise 4.2 (c), equations (40) and (41)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pipeline.errors import ConfigError, require
from pipeline.spec import Factor, Level, levels
from sweeps.cli import compared
from sweeps.comparison import NORMS, Comparison


@dataclass(frozen=True)
class Skip(Comparison):
    """Do skip connections help a 7-layer network, with and without batch norm?"""

    stage_name: ClassVar[str] = "skip"
    title: ClassVar[str] = "Skip connections"

    replicates: int = 5
    hidden: tuple[int, ...] = (50,) * 6
    skips: tuple[str, ...] = ("1-3", "3-5")
    """from which hidden layer to which"""
    norms: tuple[str, ...] = ("none", "before")
    """values of batch norm"""

    def factors(self) -> Sequence[Factor]:
        """Return the networks: without skips, with the layers under them bare as in (40), and with these normalised."""
        skips = tuple(ends(text) for text in self.skips)
        require(0 < len(set(skips)) == len(skips), "skips", "must be different, and at least one", self.skips)
        networks = (
            Level("no skips", {"skips": (), "skip_norm": False}),
            Level("skips as in (40)", {"skips": skips, "skip_norm": False}),
            Level("skips over full layers", {"skips": skips, "skip_norm": True}),
        )
        normed = self.norms != ("none",)
        return [
            Factor("network", networks if normed else networks[:2]),
            Factor("batch norm", levels("batch_norm", self.norms, NORMS), asked=False),
        ]


def ends(text: str) -> tuple[int, int]:
    """Return the layers that a skip joins: "1-3" is (1, 3).

    Raises:
        ConfigError: it says something else.
    """
    start, _, end = text.partition("-")
    if not (start.isdecimal() and end.isdecimal()):
        raise ConfigError(f"skips must be two hidden layers such as 1-3, got {text!r}")
    return int(start), int(end)


ENTRY = compared(Skip)
