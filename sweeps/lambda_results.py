"""What the lambda search leaves behind besides its tables: best.json, the figures, and a few lines on the screen."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console

from pipeline.core.schedules import SCHEDULES
from pipeline.errors import HostError
from pipeline.files import make_folder
from pipeline.inference import SHARE, binomial_half_width, mean_interval, paired_difference
from pipeline.records import Status, TrialRecord
from pipeline.report import curves, final, images, search, style
from pipeline.report.document import Section
from pipeline.report.tables import summary_table
from pipeline.run import networks
from pipeline.run.plan import NETWORKS
from pipeline.run.stage import Stage, StageResult
from sweeps.lambda_search import Conclusion, LambdaSearch, budgets, stages
from sweeps.question import Answer, Question
from sweeps.session import FIGURES, Finished, plain, write_best

FIGURE_NAMES = (
    "lambda-search",
    "learning-curves",
    "learning-rate",
    "final-accuracy",
    "first-layer",
    "confusion",
    "misclassified",
)


Found = Answer[LambdaSearch, Conclusion]


def summary(answer: Found) -> dict[str, pd.DataFrame]:
    """Return one row per stage and lambda."""
    return {"summary": summary_table(answer.records)}


def write(answer: Found, finished: Finished, console: Console) -> None:
    """Write best.json and the figures, and say what came out.

    Raises:
        HostError: nothing could be chosen because trials failed.
    """
    best = conclude(answer)
    write_best(finished.folder, best)
    console.print("drawing the figures")
    draw(answer, finished)
    summarise(best, answer, finished, console)


def conclude(answer: Found) -> dict[str, Any]:
    """Return the content of best.json."""
    conclusion = answer.conclusion
    choice = conclusion.choice
    roles = conclusion.roles(answer.configuration.final.default)
    tested = {role: _test_accuracy(answer, lambda_) for role, lambda_ in roles.items()}
    return {
        "lambda": choice.best if choice else None,
        "lambda_1se": choice.one_se if choice else None,
        "reason": conclusion.reason,
        "test_accuracy": tested.get("chosen"),
        "test_accuracy_by_role": {role: {"lambda": roles[role], **tested[role]} for role in roles},
        "differences": _differences(answer, roles),
        "tested_before": sorted({record.spec.lambda_ for record in answer.retired if record.test_accuracy is not None}),
        "coarse": [plain(tried) for tried in conclusion.ranges],
        "refined": conclusion.refined,
        "refine": plain(choice) if choice else None,
    }


def _test_accuracy(answer: Found, lambda_: float) -> dict[str, Any]:
    """Return mean, spread and interval of the test accuracies at a lambda, over the seeds that completed."""
    trials = [record for record in _last(answer).records if record.spec.lambda_ == lambda_]
    accuracies = [record.test_accuracy for record in trials if record.test_accuracy is not None]
    estimate = mean_interval(accuracies, bounds=SHARE)
    notes = ["interval over training seeds"]
    if estimate.n:
        n_test = _last(answer).stage.fixed.data.n_test
        points = 100 * binomial_half_width(estimate.mean, n_test)
        notes.append(f"the choice of these {n_test} test rows adds about ±{points:.1f} points")
    if estimate.n < len(trials):
        notes.append(f"{len(trials) - estimate.n} did not complete")
    return {
        "mean": estimate.mean if estimate.n else None,
        "sd": estimate.sd,
        "n": estimate.n,
        "low": estimate.low,
        "high": estimate.high,
        "note": "; ".join(notes),
    }


def _differences(answer: Found, roles: Mapping[str, float]) -> dict[str, Any]:
    """Return how much more accurate the chosen lambda's networks are than the others, seed by seed."""
    by_lambda: dict[float, dict[int, float | None]] = {}
    for record in _last(answer).records:
        by_lambda.setdefault(record.spec.lambda_, {})[record.replicate] = record.test_accuracy
    return {
        f"chosen - {role}": asdict(
            paired_difference(list(by_lambda[roles["chosen"]].values()), list(by_lambda[lambda_].values()))
        )
        for role, lambda_ in roles.items()
        if lambda_ != roles["chosen"]
    }


def _last(answer: Found) -> StageResult:
    """Return the last stage: the final one, where there is a choice."""
    return answer.results[-1]


def draw(answer: Found, finished: Finished) -> None:
    """Draw every figure of the search; those of the final networks where there is a choice."""
    folder = make_folder(finished.folder / FIGURES)
    drawn = dict(_figures(answer, finished))
    for name in FIGURE_NAMES:
        if name in drawn:
            style.save(drawn[name], folder, name)
        else:  # of an earlier choice, if it is there
            for suffix in (".png", ".svg"):
                (folder / f"{name}{suffix}").unlink(missing_ok=True)


def _figures(answer: Found, finished: Finished) -> Iterator[tuple[str, Figure]]:
    """Yield the figures by name, each of FIGURE_NAMES at most once."""
    conclusion = answer.conclusion
    searched = [result for result in answer.results if result.stage.name != "final"]
    choice = conclusion.choice
    yield (
        "lambda-search",
        search.lambda_search(
            [record for result in searched for record in result.records],
            chosen=choice.best if choice else None,
            one_se=choice.one_se if choice else None,
            interval=conclusion.refined,
        ),
    )
    last = list(searched[-1].records)
    yield "learning-curves", curves.learning_curves(last, curves.best_median_worst(last))
    yield "learning-rate", _learning_rate(_last(answer).stage)
    if choice:
        records = list(_last(answer).records)
        yield "final-accuracy", final.final_accuracy(records, conclusion.roles(answer.configuration.final.default))
        chosen = [r for r in records if r.spec.lambda_ == choice.best and r.test_accuracy is not None]
        if chosen:
            yield from _network_figures(answer, finished, chosen[0])


def _learning_rate(stage: Stage) -> Figure:
    """Draw the learning rate of a stage, step by step."""
    schedule, per_epoch = stage.fixed.schedule, stage.fixed.steps_per_epoch
    n_s = schedule.step_size * per_epoch
    steps = np.arange(schedule.epochs * per_epoch + 1)
    ends = np.array([schedule.eta_min]), np.array([schedule.eta_max])
    eta = [float(SCHEDULES[schedule.kind](int(step), n_s, *ends)[0]) for step in steps]
    return curves.learning_rate(
        steps,
        eta,
        steps_per_epoch=per_epoch,
        cycle_ends=[2 * n_s * cycle for cycle in range(1, schedule.cycles + 1)],
        subtitle=f"{stage.name} stage: {schedule.cycles} cycles of {2 * schedule.step_size} epochs",
    )


def _network_figures(answer: Found, finished: Finished, record: TrialRecord) -> Iterator[tuple[str, Figure]]:
    """Draw one network: its first layer, its confusions, its most confident mistakes."""
    split = finished.split(_last(answer).stage.fixed.data)
    network = networks.read(finished.folder / NETWORKS / f"{record.number}.npz")
    subtitle = f"final network of λ = {record.spec.lambda_:g}, replicate {record.replicate}"
    layer = images.first_layer(network.first_layer, split.shape, subtitle=subtitle)
    if layer:
        yield "first-layer", layer
    x, y = split.x_test, split.y_test
    if x is None or y is None:  # the final stage opens the test set
        return
    predicted, confidence = network.predicted, network.confidence
    yield "confusion", images.confusion_matrix(y, predicted, split.classes, subtitle=subtitle)
    if split.shape:
        page = images.misclassified(
            lambda rows: split.images(x[rows]), y, predicted, confidence, split.classes, subtitle=subtitle
        )
        yield "misclassified", page


def summarise(best: Mapping[str, Any], answer: Found, finished: Finished, console: Console) -> None:
    """Say what came out, and where it lies.

    Raises:
        HostError: nothing could be chosen because trials failed.
    """
    if not finished.computed:
        console.print("all trials are present; nothing to run")
    failed = [record for record in answer.records if record.status is Status.FAILED]
    if failed:
        console.print(f"{len(failed)} trials failed; the same command with RETRY=failed trains them again")
    if best["lambda"] is None:
        console.print(best["reason"])
    else:
        console.print(f"lambda {best['lambda']:g}, one-standard-error lambda {best['lambda_1se']:g}")
        for role, tested in best["test_accuracy_by_role"].items():
            console.print(f"  {role} ({tested['lambda']:g}): {_words(tested)}")
        for name, difference in best["differences"].items():
            if difference["low"] is not None:
                low, mean, high = (100 * difference[key] for key in ("low", "mean", "high"))
                console.print(f"  {name}, seed by seed: {mean:+.2f} points, 95 % interval {low:+.2f} to {high:+.2f}")
    if best["tested_before"]:
        lambdas = ", ".join(f"{lambda_:g}" for lambda_ in best["tested_before"])
        console.print(f"the choice has moved: the test set was opened before, for lambda {lambdas}")
    console.print(f"results in {finished.folder}")
    if failed and best["lambda"] is None:
        raise HostError(f"trials must complete for a choice, got {len(failed)} that failed, first: {failed[0].reason}")


def _words(tested: Mapping[str, Any]) -> str:
    if tested["mean"] is None:
        return "no network completed"
    words = f"test accuracy {100 * tested['mean']:.2f} %"
    if tested["sd"] is not None:
        low, high, sd = (100 * tested[key] for key in ("low", "high", "sd"))
        words += f", 95 % interval {low:.2f} to {high:.2f}, sd {sd:.2f}"
    return f"{words}, n = {tested['n']}"


def sections(answer: Found) -> list[Section]:
    """Return item iv) of the assignment: the range searched, the best lambdas, and what the final networks reach."""
    return []


QUESTION = Question("lambda", LambdaSearch, stages, budgets, summary, write, "iv) The search for lambda", sections)
