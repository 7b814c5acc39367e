"""Learning-rate schedules: the step that is about to be taken -> its learning rate."""

import math
from collections.abc import Callable, Mapping

import numpy as np

from pipeline.core.affine import Array
from pipeline.spec import ScheduleSpec

Schedule = Callable[[int, ScheduleSpec, int, Array, Array], Array]
"""(step t, counted from 0; constants; steps per epoch; eta_min (M,); eta_max (M,)) -> eta (M,)."""


def triangular(t: int, spec: ScheduleSpec, per_epoch: int, eta_min: Array, eta_max: Array) -> Array:
    """Climb from eta_min to eta_max in n_s steps and back in as many (Smith 2017; DD2424 assignment 2, (14)(15))."""
    n_s = spec.step_size * per_epoch
    height = 1 - abs(t % (2 * n_s) / n_s - 1)
    return np.asarray(eta_min + height * (eta_max - eta_min))


def constant(_t: int, _spec: ScheduleSpec, _per_epoch: int, _eta_min: Array, eta_max: Array) -> Array:
    """Stay at eta_max."""
    return eta_max.copy()


def step_decay(t: int, spec: ScheduleSpec, per_epoch: int, eta_min: Array, eta_max: Array) -> Array:
    """Multiply eta_max by the decay once every so many epochs, never below eta_min."""
    times = t // ((spec.decay_every or 1) * per_epoch)
    return np.asarray(np.maximum(eta_max * _decay(spec) ** times, eta_min))


def exponential(t: int, spec: ScheduleSpec, per_epoch: int, eta_min: Array, eta_max: Array) -> Array:
    """Multiply eta_max by the decay once per epoch, a little in every step, never below eta_min."""
    return np.asarray(np.maximum(eta_max * _decay(spec) ** (t / per_epoch), eta_min))


def cosine(t: int, spec: ScheduleSpec, per_epoch: int, eta_min: Array, eta_max: Array) -> Array:
    """Climb in a line from eta_min to eta_max, then fall back along half a cosine (Loshchilov and Hutter 2017, (5))."""
    warm, whole = spec.warm_up * per_epoch, spec.epochs * per_epoch
    height = t / warm if t < warm else (1 + math.cos(math.pi * (t - warm) / (whole - warm))) / 2
    return np.asarray(eta_min + height * (eta_max - eta_min))


def _decay(spec: ScheduleSpec) -> float:
    return 1.0 if spec.decay is None else spec.decay


SCHEDULES: Mapping[str, Schedule] = {
    "triangular": triangular,
    "constant": constant,
    "step": step_decay,
    "exponential": exponential,
    "cosine": cosine,
}
