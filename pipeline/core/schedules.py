"""Learning-rate schedules: the step that is about to be taken -> its learning rate."""

from collections.abc import Callable, Mapping

import numpy as np

from pipeline.core.affine import Array

Schedule = Callable[[int, int, Array, Array], Array]
"""(step t, counted from 0; step size n_s in steps; eta_min (M,); eta_max (M,)) -> eta (M,)."""


def triangular(t: int, n_s: int, eta_min: Array, eta_max: Array) -> Array:
    """Climb from eta_min to eta_max in n_s steps and back in as many (Smith 2017; DD2424 assignment 2, (14)(15))."""
    height = 1 - abs(t % (2 * n_s) / n_s - 1)
    return np.asarray(eta_min + height * (eta_max - eta_min))


SCHEDULES: Mapping[str, Schedule] = {"triangular": triangular}
