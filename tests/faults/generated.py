"""Configurations that nobody thought of: refused in one line, or every kind of pack in them trains; nothing else."""

import contextlib
import io
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import numpy as np
from case import Case, Setting
from refused import rows

from pipeline import data
from pipeline.blas import single_thread
from pipeline.data import Split
from pipeline.run.samplers import SAMPLERS
from pipeline.spec import (
    ACTIVATIONS,
    BATCH_NORM,
    BN_STARTS,
    CONVENTIONS,
    DTYPES,
    INITS,
    LAYER_NORM,
    OPTIMIZERS,
    SCHEDULES,
    STATISTICS,
    DataSpec,
    Pack,
)
from pipeline.train import train
from sweeps import SWEEPS
from sweeps.__main__ import main
from sweeps.experiments import COMMANDS

FAULT = "generated configurations"
COUNT, QUICK = 500, 20
NAMES = [name for name in SWEEPS if name not in COMMANDS]
PATIENCE = 60.0
"""Seconds after which a configuration counts as hung."""

WORDS = ("", " ", "x", "nan", "None", "é", "a\nb", "../x", "-x", "1.5", "1e3", "true", "sgd", "none", "50-30")
INTEGERS = (0, 1, 1, 2, 2, 3, 4, 5, 8, -1, 20, 144, 145, 10**7, 2**62, 10**30)
FLOATS = (0.0, 1e-37, 1e-5, 1e-3, 0.1, 0.25, 0.5, 0.9, 1.0, 2.0, -1.0, 30.0, 1e30, 1e300, "1e400", "nan", "-inf")
KNOWN: dict[str, tuple[str, ...]] = {
    "activation": ACTIVATIONS,
    "batch_norm": BATCH_NORM,
    "bn_start": BN_STARTS,
    "convention": tuple(CONVENTIONS),
    "dtype": DTYPES,
    "layer_norm": LAYER_NORM,
    "name": OPTIMIZERS,
    "names": (*OPTIMIZERS, *ACTIVATIONS),
    "networks": ("5", "5-4", "3-3-3", "0", "5-"),
    "norms": (*BATCH_NORM, "batch", "layer"),
    "places": BATCH_NORM,
    "sampler": (*SAMPLERS, "qmc"),
    "schedule": SCHEDULES,
    "scheme": INITS,
    "skips": ("1-3", "2-4", "3-5", "1-2", "3-1"),
    "statistics": STATISTICS,
}
"""Values of fields that are names; now and then they get one of WORDS."""


def command(random: Random) -> list[str]:
    """Return a sweep and a few of its flags with values that may be valid, at the edge, or wrong."""
    name = random.choice(NAMES)
    every = dict(_flags(SWEEPS[name].configuration.at_scale("smoke")))
    chosen = random.sample(sorted(every), k=min(random.choice((1, 1, 2, 2, 3, 4)), len(every)))
    words = [name, "--scale", "smoke"]
    for flag in chosen:
        words += [flag, *_values(every[flag], random)]
    if random.random() < 0.1:
        words += ["--pack-width", str(random.choice(INTEGERS))]
    if random.random() < 0.05:
        words += ["--seed", str(random.choice(INTEGERS))]
    return words


@dataclass(frozen=True)
class Field:
    """A field of a configuration: its name and its default."""

    name: str
    default: Any


def _flags(default: Any, prefix: str = "--") -> Iterator[tuple[str, Field]]:
    for one in fields(default):
        value, name = getattr(default, one.name), one.name.rstrip("_").replace("_", "-")
        if is_dataclass(value):
            yield from _flags(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{'no-' if value is True else ''}{name}", Field(one.name, value)


def _values(field: Field, random: Random) -> list[str]:
    if isinstance(field.default, bool):
        return []
    if field.name == "log_range":
        return [str(random.choice(FLOATS)), str(random.choice(FLOATS)), str(random.choice(INTEGERS))]
    pool: tuple[Any, ...] = KNOWN.get(field.name, ())
    if field.name == "hidden" and field.default and isinstance(field.default[0], str):
        pool = KNOWN["networks"]
    sample = field.default[0] if isinstance(field.default, tuple) and field.default else field.default
    if not pool:
        pool = INTEGERS if isinstance(sample, int) else FLOATS if isinstance(sample, float) else (*INTEGERS, *FLOATS)
    count = random.choice((0, 1, 1, 2, 2, 3)) if isinstance(field.default, tuple) else 1
    return [str(random.choice(WORDS if random.random() < 0.05 else pool)) for _ in range(count)]


def outcome(words: list[str], folder: Path) -> str:
    """Return what is wrong with how a command line ends, or nothing: see the module. `folder` holds the data."""
    taken: list[Any] = []
    line = [*words, "--dataset", str(folder / "tiny.npz"), "--artifacts", str(folder / "artifacts")]
    out, err = io.StringIO(), io.StringIO()
    with warnings.catch_warnings(), mock.patch("sweeps.session.run", lambda *request: taken.append(request[-1])):
        warnings.simplefilter("error")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(line)
        if (folder / "artifacts").exists():
            return "something was written"
        if code == 2:
            said = err.getvalue()
            return "" if said.startswith("error: ") and len(said.splitlines()) == 1 else f"not one line: {said}"
        if code or err.getvalue() or not taken:
            return f"exit code {code}: {err.getvalue()}"
        try:
            return _trains(taken[0], folder / "cache")
        except Exception as error:
            return f"{type(error).__name__}: {error} {traceback.format_exc().splitlines()[-3:]}"


def _trains(fitted: Any, cache: Path) -> str:
    """Train one pack of each kind that a run would need for an epoch; return what is wrong of it, or nothing."""
    packs = {pack.trials[0].common: pack for need in fitted.needs for pack in need.packs}
    splits: dict[DataSpec, Split] = {}
    for pack in packs.values():
        rows_ = pack.trials[0].data
        if rows_ not in splits:
            splits[rows_] = data.open_split(data.prepare(fitted.source.found, rows_, cache))
        if wrong := _epoch(pack, splits[rows_]):
            return wrong
    return ""


def _epoch(pack: Pack, split: Split) -> str:
    """Train a pack for an epoch; every trial is finite in all that is reported of it, or it has diverged."""
    with single_thread():
        reports = train(pack, split)
        untrained = next(reports)
        report = next(reports, untrained)  # where a penalty that is no number has lost all before the first step
    for part in (report.train, report.val):
        if not all(np.isfinite(getattr(part, name)).all() for name in ("loss", "cost", "accuracy")):
            return f"a trial that has not diverged is not finite: {part}"
    if len(report.trials) + len(report.diverged) != len(pack.trials) or not all(one.reason for one in report.diverged):
        return "a trial is neither there nor said to have diverged"
    return ""


def generated(setting: Setting) -> Iterator[Case]:
    """Yield a case per configuration."""
    rows(setting.folder / "tiny.npz", (1, 2, 3))
    random = Random(f"{setting.seed} {FAULT}")
    for _ in range(QUICK if setting.quick else COUNT):
        words, began = command(random), time.monotonic()
        wrong = outcome(words, setting.folder)
        if (took := time.monotonic() - began) > PATIENCE:
            wrong = f"it took {took:.0f} s; {wrong}"
        yield Case(FAULT, wrong=int(bool(wrong)), tracebacks=int("Traceback" in wrong), note=f"{words}: {wrong}")
