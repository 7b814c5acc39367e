"""A network of two layers with the settings of DD2424's assignment 2: one cycle, then three longer ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

from pipeline.spec import Factor, InitSpec, Level
from sweeps.cli import LambdaFlag, compared
from sweeps.comparison import Comparison


@dataclass(frozen=True)
class TwoLayer(Comparison):
    """What does a network of two layers learn in one short cycle, and what in three longer ones?"""

    stage_name: ClassVar[str] = "two-layer"
    title: ClassVar[str] = "Two layers: the defaults of assignment 2"

    hidden: tuple[int, ...] = (50,)
    batch_norm: str = "none"
    init: InitSpec = field(default_factory=lambda: InitSpec("xavier"))
    lambda_: LambdaFlag = 0.01
    train_rows: int | None = 10_000
    cycles: int = 1
    long_step_size: int = 8
    long_cycles: int = 3

    @classmethod
    def at_scale(cls, scale: str) -> Self:
        """Return the defaults at a scale; its long cycles are those of the full one."""
        config = super().at_scale(scale)
        return config if scale == "full" else replace(config, long_step_size=2 * config.step_size, long_cycles=2)

    def factors(self) -> Sequence[Factor]:
        """Return the two schedules."""
        short, long = (self.step_size, self.cycles), (self.long_step_size, self.long_cycles)
        levels = (_schedule(*short), _schedule(*long))
        return [Factor("schedule", levels)]


def _schedule(step_size: int, cycles: int) -> Level:
    name = f"{cycles} cycle{'s' * (cycles > 1)} of {2 * step_size} epochs"
    return Level(name, {"step_size": step_size, "cycles": cycles})


ENTRY = compared(TwoLayer)
