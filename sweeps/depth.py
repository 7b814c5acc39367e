"""Can deeper networks be trained, and what does batch norm change? DD2424, exercises 2 and 3."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pipeline.errors import ConfigError
from pipeline.spec import InitSpec, Setting
from sweeps.cli import asked
from sweeps.grid import Grid, axis, stages

NETWORKS = ("50", "50-50", "50-30-20-20-10", "50-30-20-20-10-10-10-10")


@dataclass(frozen=True)
class Depth(Grid):
    """Can deeper networks be trained, with and without batch norm? 2, 3, 6 and 9 layers."""

    stage_name: ClassVar[str] = "depth"

    networks: tuple[str, ...] = NETWORKS
    """hidden sizes, such as 50-30-20"""
    init: InitSpec = field(default_factory=InitSpec)
    batch_norm: tuple[str, ...] = ("none", "before")

    def axes(self) -> Sequence[Sequence[Setting]]:
        """Return the networks, how all of them are initialised, and batch norm."""
        init = {"init": self.init.scheme, "sigma": self.init.sigma}
        return [
            axis("hidden", map(hidden_sizes, self.networks), "networks"),
            [init],
            axis("batch_norm", self.batch_norm),
        ]


def hidden_sizes(text: str) -> tuple[int, ...]:
    """Return the sizes that `text` lists, as tables show them: "50-30" is (50, 30).

    Raises:
        ConfigError: it lists something else.
    """
    try:
        return tuple(int(size) for size in text.split("-"))
    except ValueError:
        raise ConfigError(f"networks must be hidden sizes such as 50-30, got {text!r}") from None


ENTRY = asked(Depth, stages, "sweeps.answers.depth_results:QUESTION")
