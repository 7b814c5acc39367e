"""The public names of what a trial is made of, and settings: values by such names."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from pipeline.errors import one_of
from pipeline.spec.trial import TrialSpec

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "dataset": ("data", "name"),
    "train_rows": ("data", "n_train"),
    "components": ("data", "components"),
    "hidden": ("network", "hidden"),
    "activation": ("network", "activation"),
    "batch_norm": ("network", "batch_norm"),
    "bn_epsilon": ("network", "bn_epsilon"),
    "bn_alpha": ("network", "bn_alpha"),
    "bn_start": ("network", "bn_start"),
    "layer_norm": ("network", "layer_norm"),
    "num_bn_layers": ("network", "num_bn_layers"),
    "skips": ("network", "skips"),
    "skip_norm": ("network", "skip_norm"),
    "init": ("init", "scheme"),
    "sigma": ("init", "sigma"),
    "lambda": ("lambda_",),
    "l2_factor": ("l2_factor",),
    "keep": ("keep",),
    "schedule": ("schedule", "kind"),
    "eta_min": ("schedule", "eta_min"),
    "eta_max": ("schedule", "eta_max"),
    "step_size": ("schedule", "step_size"),
    "cycles": ("schedule", "cycles"),
    "decay": ("schedule", "decay"),
    "decay_every": ("schedule", "decay_every"),
    "warm_up": ("schedule", "warm_up"),
    "batch_size": ("batch_size",),
    "optimizer": ("optimizer", "name"),
    "momentum": ("optimizer", "momentum"),
    "decay_rate": ("optimizer", "decay_rate"),
    "beta1": ("optimizer", "beta1"),
    "beta2": ("optimizer", "beta2"),
    "augment": ("augment",),
    "statistics": ("evaluation", "statistics"),
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
