"""Data sets that are hardly any: training and prediction are finite, or there is one line that says why not."""

import contextlib
import io
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
from case import Case, Setting
from degenerate_sets import REFUSED, TRAINED, Arrays, X, Y, a_set, few
from pickles import unlike_a_line
from rig import lambda_command

from pipeline.data import data_spec, npz, open_split, prepare
from pipeline.data.augment import PixelScale
from pipeline.data.split import Split
from pipeline.evaluate import predict
from pipeline.spec import EvaluationSpec, NetworkSpec, Pack, ScheduleSpec, TrialSpec
from pipeline.statistics import statistics_for
from pipeline.train import train
from sweeps.__main__ import main

TRAINING = "degenerate data, trained on"
COMMAND = "degenerate data, given to the command"


def degenerate(setting: Setting) -> Iterator[Case]:
    """Yield a case per training, and per command."""
    for name, training in list(trainings())[:: 20 if setting.quick else 1]:
        trouble = trouble_with(training, setting.folder)
        yield Case(TRAINING, wrong=int(bool(trouble)), note=f"{name}: {trouble}" * bool(trouble))
    for number, (name, command) in enumerate(commands(setting.quick).items()):
        trouble = trouble_with_command(command, setting.folder / f"command{number}")
        yield Case(COMMAND, wrong=int(bool(trouble)), note=f"{name}: {trouble}" * bool(trouble))


NETWORKS = {
    **{f"batch norm {place}": NetworkSpec((4, 3), batch_norm=place) for place in ("before", "after")},
    **{
        f"layer norm {place}": NetworkSpec((4, 3), batch_norm="none", layer_norm=place) for place in ("before", "after")
    },
    "no norm": NetworkSpec((4, 3), batch_norm="none"),
    "a unit per layer, batch norm": NetworkSpec((1, 1)),
    "a unit per layer, layer norm": NetworkSpec((1, 1), batch_norm="none", layer_norm="before"),
}
EVALUATIONS = {
    "averages": EvaluationSpec(),
    "precise": EvaluationSpec("precise", rows=5),
    "adaptive": EvaluationSpec("adaptive"),
}


@dataclass(frozen=True)
class Training:
    """What is trained: a set of TRAINED, in mini-batches of `batch_size` (at most all rows), by a network."""

    rows: str
    network: NetworkSpec
    batch_size: int = 20
    evaluation: EvaluationSpec = field(default_factory=EvaluationSpec)


def trainings() -> Iterator[tuple[str, Training]]:
    """Yield, by name, every set with every kind of network, and sizes of mini-batches that do not fit the rows."""
    for norm, network in NETWORKS.items():
        for rows in TRAINED:
            yield f"{rows}, {norm}", Training(rows, network)
        for rows, size in ((12, 4), (12, 5), (12, 11), (12, 12), (13, 4), (13, 12), (3, 2), (3, 1), (2, 1), (1, 1)):
            yield f"{rows} rows by {size}, {norm}", Training(f"{rows} training rows", network, size)
    for kind, evaluation in EVALUATIONS.items():
        for rows in ("constant pixels", "1 training rows", "2 training rows", "a row each to validate and test on"):
            for size in (1, 20):
                yield f"{rows} by {size}, {kind}", Training(rows, NETWORKS["batch norm before"], size, evaluation)


def trouble_with(training: Training, folder: Path) -> str:
    """Return what is not finite when a data set is trained on, or what was raised or warned."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return _not_finite(training, _split(training.rows, folder))
    except Exception as error:  # whatever it is, it must be counted, not end the count
        return f"{type(error).__name__}: {error}"[:200]


@cache
def _split(rows: str, folder: Path) -> Split:
    path = folder / f"{rows}.npz"
    np.savez(path, **TRAINED[rows])
    dataset = npz.load(path)
    return open_split(prepare(dataset, data_spec(dataset, 0.1, opens_test=True), folder / "cache"))


def _not_finite(training: Training, split: Split) -> str:
    trial = TrialSpec(
        split.spec,
        network=training.network,
        schedule=ScheduleSpec(step_size=1, cycles=1, eta_max=0.1),
        batch_size=min(training.batch_size, split.spec.n_train),
        evaluation=training.evaluation,
    )
    for report in train(Pack((trial, replace(trial, lambda_=0.1))), split):
        for name in ("train", "val"):
            if not all(np.isfinite(values).all() for values in vars(getattr(report, name)).values()):
                return f"{name} is {getattr(report, name)} after epoch {report.epoch}"
        if report.diverged:
            return f"{report.diverged[0]}"
    network, x, scale = report.network, split.x_test, PixelScale.of(split)
    statistics = statistics_for(network, x, report.statistics, training.evaluation, scale)
    prediction = predict(network, x, statistics)
    probable = (prediction.confidence > 0) & (prediction.confidence <= 1)
    return "" if probable.all() else f"confidences are {prediction.confidence}"


@dataclass(frozen=True)
class Command:
    """A search for lambda with some flags, and the exit code that it must have."""

    arrays: Arrays
    code: int
    flags: Mapping[str, object] = field(default_factory=dict)


def commands(quick: bool = False) -> dict[str, Command]:
    """Return by name the commands to try: what must be refused, and (one where `quick`) what must be done."""
    done = {
        "three rows by two": Command(few(3), 0, {"batch-size": 2}),
        "constant pixels": Command(TRAINED["constant pixels"], 0),
        "one row, batch norm": Command(few(1), 0, {"batch-size": 1}),
        "one row, layer norm": Command(
            few(1), 0, {"batch-size": 1, "network.batch-norm": "none", "network.layer-norm": "before"}
        ),
        "rows that are equal": Command(TRAINED["rows that are equal"], 0),
        "constant but for the held-out rows": Command(TRAINED["constant but for the held-out rows"], 0),
    }
    return (
        {name: Command(arrays, 4) for name, arrays in REFUSED.items()}
        | {
            "fewer rows than a batch": Command(few(3), 2, {"batch-size": 4}),
            "a fraction that leaves no row to validate on": Command(a_set(), 2, {"coarse.val-fraction": 0.001}),
            "a fraction that leaves no row to train on": Command(a_set(), 2, {"coarse.val-fraction": 0.999}),
            "a final fraction that leaves no row": Command(a_set(), 2, {"final.val-fraction": 0.001}),
            "four rows in all": Command(a_set(X[:4], Y[:4]), 2),
            "more components than rows": Command(few(3), 2, {"batch-size": 2, "screen": 4}),
        }
        | (dict(list(done.items())[:1]) if quick else done)
    )


def trouble_with_command(command: Command, folder: Path) -> str:
    """Return how a command ends otherwise than it must: with its code, and unless that is 0 in one line."""
    folder.mkdir(parents=True)
    path, out, err = folder / "a set.npz", folder / "out", io.StringIO()
    np.savez(path, **command.arrays)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
        code = main(lambda_command(path, out, **command.flags))
    lines = err.getvalue().splitlines()
    if code != command.code or len(lines) != (code != 0):
        return f"exit code {code}, {' | '.join(lines)}"[:300]
    if code == 0:
        return ""
    if out.exists():
        return f"something was written: {sorted(path.name for path in out.rglob('*'))[:5]}"
    return unlike_a_line(lines[0], "error: ")
