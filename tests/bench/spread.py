"""A number that was measured several times."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Spread:
    """A median over rounds, and the range."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Return that of some values."""
        each = [float(value) for value in values]
        return cls(median(each), min(each), max(each))

    def text(self, digits: int = 2) -> str:
        """Return it as tables show it."""
        return f"{self.median:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"
