"""Learning-rate schedules: the step that is about to be taken -> its learning rate."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.core.affine import Array
from pipeline.spec import ScheduleSpec

Steps = int | NDArray[np.intp]
"""A step t, counted from 0; or many, (S, 1)."""

Schedule = Callable[[Steps, ScheduleSpec, int, Array, Array], Array]
"""(steps; constants; steps per epoch; eta_min (M,); eta_max (M,)) -> eta (M,) of one step, (S, M) of many."""


def triangular(t: Steps, spec: ScheduleSpec, per_epoch: int, eta_min: Array, eta_max: Array) -> Array:
    """Climb from eta_min to eta_max in n_s steps and back in as many (Smith 2017; DD2424 assignment 2, (14)(15))."""
    n_s = spec.step_size * per_epoch
    height = 1 - np.abs(t % (2 * n_s) / n_s - 1)
    return np.asarray(eta_min + height * (eta_max - eta_min), eta_max.dtype)


def constant(t: Steps, _spec: ScheduleSpec, _per_epoch: int, _eta_min: Array, eta_max: Array) -> Array:
    """Stay at eta_max."""
    return np.asarray(eta_max + 0.0 * t, eta_max.dtype)


def step_decay(t: Steps, spec: ScheduleSpec, per_epoch: int, eta_min: Array, eta_max: Array) -> Array:
    """Multiply eta_max by the decay once every so many epochs, never below eta_min."""
    times = t // ((spec.decay_every or 1) * per_epoch)
    return np.asarray(np.maximum(eta_max * _decay(spec) ** times, eta_min), eta_max.dtype)


def exponential(t: Steps, spec: ScheduleSpec, per_epoch: int, eta_min: Array, eta_max: Array) -> Array:
    """Multiply eta_max by the decay once per epoch, a little in every step, never below eta_min."""
    return np.asarray(np.maximum(eta_max * _decay(spec) ** (t / per_epoch), eta_min), eta_max.dtype)


def cosine(t: Steps, spec: ScheduleSpec, per_epoch: int, eta_min: Array, eta_max: Array) -> Array:
    """Climb in a line from eta_min to eta_max, then fall back along half a cosine (Loshchilov and Hutter 2017, (5))."""
    warm, whole = spec.warm_up * per_epoch, spec.epochs * per_epoch
    height = np.where(t < warm, t / max(warm, 1), (1 + np.cos(np.pi * (t - warm) / (whole - warm))) / 2)
    return np.asarray(eta_min + height * (eta_max - eta_min), eta_max.dtype)


def _decay(spec: ScheduleSpec) -> float:
    return 1.0 if spec.decay is None else spec.decay


SCHEDULES: Mapping[str, Schedule] = {
    "triangular": triangular,
    "constant": constant,
    "step": step_decay,
    "exponential": exponential,
    "cosine": cosine,
}
