"""How a network is trained: the learning rate over the run, and what an optimizer makes of it."""

from dataclasses import dataclass

from pipeline.errors import one_of, require
from pipeline.spec.rules import positive, positive_integer

SCHEDULES = ("triangular", "constant", "step", "exponential", "cosine")
OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")

MOST_EPOCHS = 10**8
"""Of a run: far more than anybody can wait for, and steps can still be counted."""


@dataclass(frozen=True)
class ScheduleSpec:
    """A learning rate over `cycles` cycles of 2 * `step_size` epochs each.

    `triangular` cycles between `eta_min` and `eta_max`; `constant` stays at eta_max; from there `step` multiplies by
    `decay` after every `decay_every` epochs, and `exponential` does so in every step, by `decay` per epoch, both never
    below eta_min; `cosine` climbs from eta_min to eta_max in `warm_up` epochs and falls back over the rest of the run.
    """

    kind: str = "triangular"
    eta_min: float = 1e-5
    eta_max: float = 1e-1
    step_size: int = 5
    cycles: int = 2
    decay: float | None = None
    decay_every: int | None = None
    warm_up: int = 0

    def __post_init__(self) -> None:
        one_of("schedule", self.kind, SCHEDULES)
        positive("eta min", self.eta_min)
        positive("eta max", self.eta_max)
        require(self.eta_min <= self.eta_max, "eta min", "must not exceed eta max", (self.eta_min, self.eta_max))
        positive_integer("step size (epochs)", self.step_size)
        positive_integer("cycles", self.cycles)
        rule = f"must be at most {MOST_EPOCHS:,}"
        require(self.epochs <= MOST_EPOCHS, "epochs (twice the step size, times the cycles)", rule, self.epochs)
        self._check_decay()
        cosine = self.kind == "cosine"
        require(cosine or self.warm_up == 0, "warm up", f"belongs to schedule cosine, not to {self.kind}", self.warm_up)
        rule = f"must be epochs, fewer than the {self.epochs} of the run"
        require(0 <= self.warm_up < self.epochs, "warm up", rule, self.warm_up)

    def _check_decay(self) -> None:
        decays, steps = self.kind in ("step", "exponential"), self.kind == "step"
        belongs = f"belongs to schedule step{'' if steps else ' or exponential'}, not to {self.kind}"
        if decays:
            given = self.decay is not None and 0 < self.decay <= 1
            require(given, "decay", f"must be a factor in (0, 1] with schedule {self.kind}", self.decay)
        else:
            require(self.decay is None, "decay", belongs, self.decay)
        if steps:
            given = self.decay_every is not None and self.decay_every >= 1
            require(given, "decay every", "must be a positive number of epochs with schedule step", self.decay_every)
        else:
            rule = f"belongs to schedule step, not to {self.kind}"
            require(self.decay_every is None, "decay every", rule, self.decay_every)

    @property
    def cycle_epochs(self) -> int:
        """Epochs of a cycle."""
        return 2 * self.step_size

    @property
    def epochs(self) -> int:
        """Epochs of a whole run."""
        return self.cycle_epochs * self.cycles


@dataclass(frozen=True)
class OptimizerSpec:
    """An entry of the optimizer table and the constants of all of them.

    momentum is that of momentum and Nesterov, decay_rate RMSProp's, beta1 and beta2 those of Adam and AdamW; epsilon
    is added to the root of what AdaGrad, RMSProp and these two divide by.
    """

    name: str = "sgd"
    momentum: float = 0.9
    decay_rate: float = 0.99
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        one_of("optimizer", self.name, OPTIMIZERS)
        for what in ("momentum", "decay_rate", "beta1", "beta2"):
            value = getattr(self, what)
            require(0 <= value < 1, what.replace("_", " "), "must lie in [0, 1)", value)
        positive("optimizer epsilon", self.epsilon)
