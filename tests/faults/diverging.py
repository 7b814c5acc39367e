"""Sweeps in which everything diverges: they end as others do, and say so wherever they say anything."""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from case import Case, Setting
from command import Place
from refused import rows
from scenes import in_turn

FAULT, SOME = "everything diverges", "something diverges"
SAID = "very trial diverged"
"""Every, at the beginning of a sentence or within one."""
REASON = re.compile(r"(mini-batch|training|validation) (loss|cost) is -?(nan|inf) at step \d+")
METRICS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "test_accuracy")

LAMBDAS = "--low 1e30 --high 1e38"
RATES = "--eta-max 1e37"
EVERYTHING: Mapping[str, tuple[str, ...]] = {
    "lambda": (
        LAMBDAS,
        f"{LAMBDAS} --coarse.sampler random",
        f"{LAMBDAS} --coarse.sampler sobol",
        f"{LAMBDAS} --coarse.sampler tpe",
        f"{LAMBDAS} --coarse.cycles 2 --coarse.prune 0.5",
        f"{LAMBDAS} --screen 3",
    ),
    "random-search": (
        "--space.eta-max 1e36 1e37",
        "--space.eta-max 1e36 1e37 --search.cycles 2 --search.prune 0.5",
        "--space.eta-max 1e36 1e37 --search.sampler tpe --search.round-size 4",
    ),
    **dict.fromkeys(("optimizers", "activations"), ("--etas.values 1e36 1e37",)),
}
"""The flags that make a sweep diverge as a whole, in one way or more; those of all others are RATES."""

QUICK = (("lambda", 4),)
"""Which of these CI tries."""
SWEEPS = ("lambda", "random-search", "depth")


def flags(sweep: str) -> tuple[str, ...]:
    """Return the ways to make a sweep diverge as a whole."""
    return EVERYTHING.get(sweep, (RATES,))


def diverging(setting: Setting) -> Iterator[Case]:
    """Yield a case per sweep and way to make it diverge."""
    ways = [(sweep, way) for sweep in SWEEPS for way in range(len(flags(sweep)))]
    tried = QUICK if setting.quick else ways
    scenes = [partial(_diverged, *one, setting.folder / f"{one[0]}-{one[1]}") for one in tried]
    yield from in_turn(FAULT, scenes)
    samplers = ("tpe",) if setting.quick else ("grid", "random", "sobol", "tpe")
    yield from in_turn(SOME, [partial(_partly, sampler, setting.folder / sampler) for sampler in samplers])


def _diverged(sweep: str, way: int, folder: Path) -> Iterator[Case]:
    place = Place(folder)
    rows(folder / "tiny.npz", (1, 2, 3))
    data = ("--scale", "smoke", "--dataset", str(folder / "tiny.npz"))
    line = [sweep, *data, "--jobs", "1", "--batch-size", "10", *flags(sweep)[way].split()]
    starts = [place.finish(*line, warm=True), *([] if way else [place.finish("report", *data, warm=True)])]
    run = starts[0]
    wrong = [f"{start.err.splitlines()[:1]}" for start in starts if start.wait() or start.err]
    if SAID not in run.out:
        wrong.append("the terminal does not say so")
    [where] = (place.artifacts / sweep).iterdir()
    wrong += wrong_of(where)
    for text in (place.artifacts / "report").rglob("report.md"):
        if SAID not in text.read_text():
            wrong.append("the report does not say so")
    tracebacks = sum(start.traceback() for start in starts)
    yield Case(FAULT, wrong=int(bool(wrong)), tracebacks=tracebacks, note=f"{' '.join(line)}: {'; '.join(wrong)}")


def _partly(sampler: str, folder: Path) -> Iterator[Case]:
    """Search where the larger half of the lambdas diverges."""
    place = Place(folder)
    rows(folder / "tiny.npz", (1, 2, 3))
    searched = f"--low 1e-4 --high 1e4 --eta-min 0.01 --coarse.count 12 --coarse.sampler {sampler} --refine.count 8"
    line = f"lambda --scale smoke --dataset {folder / 'tiny.npz'} --jobs 1 --batch-size 10 {searched}"
    run = place.finish(*line.split(), warm=True)
    [where] = (place.artifacts / "lambda").iterdir()
    with (where / "trials.csv").open(newline="") as file:
        trials = list(csv.DictReader(file))
    best = json.loads((where / "best.json").read_text())
    wrong = [f"exit code {run.wait()}"] if run.wait() or run.err else []
    coarse, refine = ([one for one in trials if one["stage"] == stage] for stage in ("coarse", "refine"))
    lost = [one for one in coarse if one["status"] == "DIVERGED"]
    if not 0 < len(lost) < len(coarse):
        wrong.append(f"{len(lost)} of {len(coarse)} coarse trials diverged, which tries nothing")
    if not all(REASON.fullmatch(one["reason"]) for one in lost):
        wrong.append("a trial does not say which number was lost in which step")
    found = means(refine)
    if found.get(best["lambda"]) != max(found.values()) or best["lambda_1se"] not in found:
        wrong.append(f"{best['lambda']} is chosen, {best['lambda_1se']} within a standard error")
    if all(one["status"] == "DIVERGED" for one in coarse[-8:]):
        wrong.append("in the end the sampler proposes what diverges alone")
    note = f"{line}: {'; '.join(wrong)}"
    yield Case(SOME, wrong=int(bool(wrong)), tracebacks=run.traceback(), note=note)


def means(trials: list[dict[str, str]]) -> dict[float, float]:
    """Return the mean validation accuracy of every lambda of which all trials completed."""
    own: dict[float, list[dict[str, str]]] = {}
    for trial in trials:
        own.setdefault(float(trial["lambda"]), []).append(trial)
    return {
        lambda_: sum(float(one["val_accuracy"]) for one in each) / len(each)
        for lambda_, each in own.items()
        if all(one["status"] == "COMPLETE" for one in each)
    }


def wrong_of(folder: Path) -> list[str]:
    """Return what is wrong in the folder of a run in which everything diverged."""
    wrong = []
    with (folder / "trials.csv").open(newline="") as file:
        trials = list(csv.DictReader(file))
    if not trials or {trial["status"] for trial in trials} != {"DIVERGED"}:
        wrong.append("a trial has another status")
    if not all(REASON.fullmatch(trial["reason"]) for trial in trials):
        wrong.append("a trial does not say which number was lost in which step")
    if any(trial[metric] for trial in trials for metric in METRICS):
        wrong.append("a trial has metrics")
    with (folder / "summary.csv").open(newline="") as file:
        if any(row["n"] != "0" or row["val_accuracy_mean"] for row in csv.DictReader(file)):
            wrong.append("something is averaged")
    said = "".join((folder / name).read_text() for name in ("findings.md", "best.json") if (folder / name).exists())
    if SAID not in said:
        wrong.append("neither best.json nor findings.md says so")
    if (folder / "best.json").exists():
        best = json.loads((folder / "best.json").read_text())
        if any(best.get(key) is not None for key in ("lambda", "lambda_1se", "setting", "test_accuracy")):
            wrong.append("something is chosen")
    return wrong
