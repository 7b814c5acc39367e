"""Where the courses differ: one name for each course's choices."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.errors import require
from pipeline.spec.network import MATLAB_EPS


@dataclass(frozen=True)
class Convention:
    """What a course takes for granted.

    Attributes:
        l2_factor: of lambda * sum ||W||^2 in the cost.
        bn_start: what the moving averages of batch norm start from.
        bn_epsilon: added to variances.
        dropout: what the parameter of dropout is the probability of: to `keep` a unit, or to `drop` it.
    """

    l2_factor: float
    bn_start: str
    bn_epsilon: float
    dropout: str

    def keep(self, p: float) -> float:
        """Return the probability to keep a unit that dropout's parameter `p` means here.

        Raises:
            ConfigError: no unit would be kept, or it is no probability.
        """
        kept = p if self.dropout == "keep" else 1 - p
        allowed = "(0, 1]" if self.dropout == "keep" else "[0, 1)"
        require(0 < kept <= 1, f"the probability to {self.dropout} a unit", f"must lie in {allowed}", p)
        return kept


CONVENTIONS: Mapping[str, Convention] = {
    "dd2424": Convention(1.0, "first_batch", MATLAB_EPS, "keep"),
    "cs231n": Convention(0.5, "zeros", 1e-5, "keep"),
    "cmu": Convention(1.0, "standard", 1e-8, "drop"),
}
"""KTH DD2424, which has no dropout; CS231n; CMU 11-785, which has no penalty."""
