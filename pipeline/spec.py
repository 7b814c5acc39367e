"""Frozen, validated values that say what a trial is; their canonical JSON and their keys.

A spec knows no default that depends on the machine: two machines that hold the same spec mean the same run.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, cast

import msgspec

from pipeline.errors import ConfigError, DataError, one_of, require

ACTIVATIONS = ("relu", "identity", "leaky_relu", "sigmoid", "tanh")
BATCH_NORM = ("none", "before", "after")
INITS = ("he", "xavier", "normal")
SCHEDULES = ("triangular",)
OPTIMIZERS = ("sgd", "momentum")
DTYPES = ("float32", "float64")

MATLAB_EPS = 2.0**-52
"""The epsilon of equation (11): "of the order of magnitude of Matlab's eps constant"."""


SIGMAS = (1e-37, 1e37)
"""The smallest and the largest standard deviation of weights: about what float32 holds."""


def positive(what: str, value: float) -> None:
    """Raise ConfigError unless `value` is a finite number above zero."""
    require(math.isfinite(value) and value > 0, what, "must be a positive number", value)


def positive_integer(what: str, value: int) -> None:
    """Raise ConfigError unless `value` is an integer of at least 1."""
    require(isinstance(value, int) and value >= 1, what, "must be a positive integer", value)


@dataclass(frozen=True)
class NetworkSpec:
    """A fully-connected network: hidden layers of `hidden` units, then C class scores.

    batch_norm normalises every hidden layer `before` or `after` its activation, or `none`.
    Epsilon and alpha are those of equations (11) and (38)(39) of the DD2424 handout.
    """

    hidden: tuple[int, ...] = (50, 50)
    activation: str = "relu"
    batch_norm: str = "before"
    bn_epsilon: float = MATLAB_EPS
    bn_alpha: float = 0.9
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for units in self.hidden:
            positive_integer("hidden sizes", units)
        one_of("activation", self.activation, ACTIVATIONS)
        one_of("batch norm", self.batch_norm, BATCH_NORM)
        positive("bn epsilon", self.bn_epsilon)
        require(0 <= self.bn_alpha < 1, "bn alpha", "must lie in [0, 1)", self.bn_alpha)
        one_of("dtype", self.dtype, DTYPES)


@dataclass(frozen=True)
class InitSpec:
    """How weights start: `he` (sigma = sqrt(2 / fan-in)), `xavier` (sqrt(1 / fan-in)) or `normal` with one sigma."""

    scheme: str = "he"
    sigma: float | None = None

    def __post_init__(self) -> None:
        one_of("init", self.scheme, INITS)
        if self.scheme == "normal":
            require(self.sigma is not None, "sigma", "must be given with init normal", self.sigma)
            positive("sigma", cast(float, self.sigma))
            held = SIGMAS[0] <= cast(float, self.sigma) <= SIGMAS[1]
            require(held, "sigma", f"must lie within {SIGMAS[0]:g} to {SIGMAS[1]:g}, as float32 does", self.sigma)
        else:
            require(self.sigma is None, "sigma", f"belongs to init normal, not to {self.scheme}", self.sigma)


@dataclass(frozen=True)
class ScheduleSpec:
    """A learning rate that cycles between `eta_min` and `eta_max`; one cycle lasts 2 * `step_size` epochs."""

    kind: str = "triangular"
    eta_min: float = 1e-5
    eta_max: float = 1e-1
    step_size: int = 5
    cycles: int = 2

    def __post_init__(self) -> None:
        one_of("schedule", self.kind, SCHEDULES)
        positive("eta min", self.eta_min)
        positive("eta max", self.eta_max)
        require(self.eta_min <= self.eta_max, "eta min", "must not exceed eta max", (self.eta_min, self.eta_max))
        positive_integer("step size (epochs)", self.step_size)
        positive_integer("cycles", self.cycles)

    @property
    def epochs(self) -> int:
        """Epochs of a whole run."""
        return 2 * self.step_size * self.cycles


@dataclass(frozen=True)
class OptimizerSpec:
    """An entry of the optimizer table and its constants."""

    name: str = "sgd"
    momentum: float = 0.9

    def __post_init__(self) -> None:
        one_of("optimizer", self.name, OPTIMIZERS)
        require(0 <= self.momentum < 1, "momentum", "must lie in [0, 1)", self.momentum)


@dataclass(frozen=True)
class DataSpec:
    """Which rows a trial sees: a data set by content digest, and how it is split.

    inputs is D, classes is C.
    """

    name: str
    digest: str
    inputs: int
    classes: int
    n_train: int
    n_val: int
    n_test: int  # 0 where the stage keeps the test set closed

    def __post_init__(self) -> None:
        positive_integer("training rows", self.n_train)
        positive_integer("validation rows", self.n_val)


@dataclass(frozen=True)
class TrialSpec:
    """Everything needed to repeat one training run, bit for bit, in a given pack."""

    data: DataSpec
    network: NetworkSpec = field(default_factory=NetworkSpec)
    init: InitSpec = field(default_factory=InitSpec)
    schedule: ScheduleSpec = field(default_factory=ScheduleSpec)
    optimizer: OptimizerSpec = field(default_factory=OptimizerSpec)
    batch_size: int = 100
    lambda_: float = 0.005
    init_seed: int = 0
    order_seed: int = 0

    def __post_init__(self) -> None:
        positive_integer("batch size", self.batch_size)
        require(
            self.batch_size <= self.data.n_train,
            "batch size",
            f"must not exceed the {self.data.n_train} training rows",
            self.batch_size,
        )
        require(math.isfinite(self.lambda_) and self.lambda_ >= 0, "lambda", "must be a number >= 0", self.lambda_)

    @cached_property
    def key(self) -> str:
        """The name of this trial: the first 16 hex digits of the SHA-256 of its canonical JSON."""
        return digest(self)

    @property
    def steps_per_epoch(self) -> int:
        """Mini-batches per epoch."""
        return len(batches(self.data.n_train, self.batch_size))


def batches(n: int, batch_size: int) -> list[slice]:
    """Cut n shuffled rows into mini-batches; the short last one is kept, but a single row joins the batch before."""
    starts = list(range(0, n, batch_size))
    if n % batch_size == 1 and n > 1:  # never true of batches of one, which are all of full size
        starts.pop()
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], n], strict=True)]


PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "dataset": ("data", "name"),
    "hidden": ("network", "hidden"),
    "activation": ("network", "activation"),
    "batch_norm": ("network", "batch_norm"),
    "init": ("init", "scheme"),
    "sigma": ("init", "sigma"),
    "lambda": ("lambda_",),
    "eta_min": ("schedule", "eta_min"),
    "eta_max": ("schedule", "eta_max"),
    "step_size": ("schedule", "step_size"),
    "cycles": ("schedule", "cycles"),
    "batch_size": ("batch_size",),
    "optimizer": ("optimizer", "name"),
    "momentum": ("optimizer", "momentum"),
    "init_seed": ("init_seed",),
    "order_seed": ("order_seed",),
}
"""The public name of each parameter (files, tables, command line) and where a TrialSpec keeps it."""

Setting = Mapping[str, Any]
"""What is asked of a trial: values by parameter name, such as ``{"lambda": 0.005}``."""


def parameter(trial: TrialSpec, name: str) -> Any:
    """Return the value that `trial` gives to the parameter called `name` in PARAMETERS."""
    value: Any = trial
    for part in PARAMETERS[one_of("parameter", name, PARAMETERS)]:
        value = getattr(value, part)
    return value


def with_setting(trial: TrialSpec, setting: Setting) -> TrialSpec:
    """Return `trial` with the parameters of `setting` replaced; parameters of one part change together."""
    changes: dict[str, dict[str, Any]] = {}
    for name, value in setting.items():
        *part, attribute = PARAMETERS[one_of("parameter", name, PARAMETERS)]
        changes.setdefault(part[0] if part else "", {})[attribute] = value
    top = changes.pop("", {})
    parts = {part: dataclasses.replace(getattr(trial, part), **values) for part, values in changes.items()}
    return dataclasses.replace(trial, **top, **parts)


@dataclass(frozen=True)
class Pack:
    """Trials that train in lockstep on the same mini-batches: the unit of work.

    They share the replicate (both seeds), data, network, optimizer, batch size and the schedule's shape; lambda,
    initialisation and the learning rates are arrays over the trials.
    """

    trials: tuple[TrialSpec, ...]

    def __post_init__(self) -> None:
        require(len(self.trials) > 0, "a pack", "must hold at least one trial", 0)
        for trial in self.trials[1:]:
            if common(trial) != common(self.trials[0]):
                raise ConfigError(
                    "the trials of a pack must share replicate, data, network, optimizer, batch size and schedule, "
                    f"got {self.trials[0].key} and {trial.key}"
                )

    @cached_property
    def key(self) -> str:
        """The name of this pack: a hash over its members in order."""
        return digest(self)


def common(trial: TrialSpec) -> TrialSpec:
    """Return `trial` with everything that may differ inside a pack set to one value."""
    schedule = dataclasses.replace(trial.schedule, eta_min=1.0, eta_max=1.0)
    return dataclasses.replace(trial, lambda_=0.0, init=InitSpec(), schedule=schedule)


Value = TypeVar("Value")


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a frozen value: sorted keys, shortest floats, ``lambda_`` written ``lambda``."""
    plain = _renamed(msgspec.to_builtins(value), "lambda_", "lambda")
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)


def plain(value: Any) -> Any:
    """Return a frozen value as nested dictionaries and lists, with its public names."""
    return json.loads(canonical_json(value))


def from_json(text: str, kind: type[Value]) -> Value:
    """Return the `kind` that `text` describes; the inverse of canonical_json.

    Raises:
        DataError: the text is not such a value.
    """
    try:
        return msgspec.convert(_renamed(json.loads(text), "lambda", "lambda_"), kind)
    except (ValueError, ConfigError) as error:
        raise DataError(f"stored {kind.__name__} must match its schema, got {error}") from error


def digest(value: Any) -> str:
    """Return the first 16 hex digits of the SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


def _renamed(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {new if key == old else key: _renamed(item, old, new) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(item, old, new) for item in value]
    return value
