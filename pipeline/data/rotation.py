"""Principal axes of training rows: a rotation after which the first few coordinates hold most of what differs.

A network on all D coordinates is the network on the features: with W1 rotated, scores and ||W1||^2 are the same, and so
is every step of SGD. On the first r coordinates it is an approximation, at r / D of the work in the first layer.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg

from pipeline.blas import single_thread
from pipeline.errors import require

AT_ONCE = 2048
"""Rows in one product: enough for the speed of the BLAS, few enough for the memory."""

NOISE = 1e-6
"""Part of the largest variance below which an axis is a matter of rounding in float32."""

MOST_FEATURES = 20_000
"""Features whose covariances, 3.2 GB of them, are still worth a thought."""


@dataclass(frozen=True, eq=False)
class Rotation:
    """The first r principal axes of the training rows.

    Attributes:
        axes: (D, r) orthonormal columns; the entry that is largest in absolute value is positive.
        variances: (r,) of the training rows along them, in decreasing order.
        total: the variance along all D.
    """

    axes: npt.NDArray[np.float64]
    variances: npt.NDArray[np.float64]
    total: float

    @property
    def share(self) -> float:
        """The share of all variance that the r axes keep."""
        return float(self.variances.sum() / self.total)

    def rotate(self, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return rows x (B, D) along the axes, (B, r)."""
        return x @ self.axes.astype(x.dtype)


def principal_axes(parts: Iterable[npt.NDArray[np.float32]], count: int) -> Rotation:
    """Return the first `count` principal axes of standardised rows, whose means are 0.

    Products of the parts are formed in float32 and added up in float64: on CIFAR-10 covariances are off by 1e-6 at
    most, for 40 % of the time of float64. All on one BLAS thread, so that the bits do not depend on the cores.

    Args:
        parts: the rows, AT_ONCE (B, D) at a time.
        count: r.

    Raises:
        ConfigError: the rows differ in fewer directions, or have too many features.
    """
    with single_thread():
        covariances = _covariances(parts)
        D = len(covariances)
        total = float(np.trace(covariances))
        variances, axes = scipy.linalg.eigh(
            covariances, subset_by_index=(D - count, D - 1), overwrite_a=True, check_finite=False
        )
    variances, axes = variances[::-1], axes[:, ::-1]
    rank = int((variances > NOISE * variances[0]).sum())
    rule = f"must not exceed {rank:,}, the directions in which the training rows differ beyond rounding"
    require(count <= rank, "components", rule, count)
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(count)]
    return Rotation(np.ascontiguousarray(axes * np.sign(largest)), variances.copy(), total)


def _covariances(parts: Iterable[npt.NDArray[np.float32]]) -> npt.NDArray[np.float64]:
    """Return the covariances (D, D) of rows whose means are 0, with divisor n."""
    total: npt.NDArray[np.float64] | None = None
    n = 0
    for x in parts:
        if total is None:
            D = x.shape[1]
            require(D <= MOST_FEATURES, "features", f"must be at most {MOST_FEATURES:,} to find principal axes", D)
            total = np.zeros((D, D))
        total += x.T @ x
        n += len(x)
    if total is None:
        raise ValueError("there must be rows")
    return total / n
