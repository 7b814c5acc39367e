"""What one injected fault came to."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """The outcome of a fault: all zeros where the product kept its promises."""

    fault: str
    lost: int = 0
    duplicated: int = 0
    torn: int = 0
    wrong: int = 0
    tracebacks: int = 0
    orphans: int = 0
    seconds: float | None = None
    skipped: str = ""
    note: str = ""


@dataclass(frozen=True)
class Setting:
    """What a part may know: its seed, whether it should be quick, and a fresh folder of its own."""

    seed: int
    quick: bool
    folder: Path
