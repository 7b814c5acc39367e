"""What the lambda search leaves behind besides its tables: best.json, the figures, and a few lines on the screen."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from pipeline.core.schedules import SCHEDULES
from pipeline.files import make_folder
from pipeline.inference import mean_interval
from pipeline.records import Status, TrialRecord
from pipeline.report import curves, final, images, search, style
from pipeline.run.preview import expected
from pipeline.run.stage import NETWORKS, StageResult
from sweeps.cli import Options
from sweeps.lambda_search import Conclusion, LambdaSearch, budgets, stages
from sweeps.session import FIGURES, Finished, load, plain, planned_rows, session, show_plan, terminal, write_best

SEEDS_ONLY = "interval over training seeds; {n} test images add about {points:.1f} points of their own"


def execute(config: LambdaSearch, options: Options) -> None:
    """Run the search that `config` describes and write everything that it leaves behind."""
    console = terminal()
    if options.plan:
        rows = planned_rows(options, console)
        show_plan(expected(stages(config, rows), options.seed, options.pack_width), options, console)
        return
    source = load(options, console)
    expected(stages(config, source.spec), options.seed, options.pack_width)  # refuses bad input early
    sweep = stages(config, source.spec)
    with session("lambda", options, source, config, sweep, budgets=budgets(config), console=console) as run:
        conclusion, finished = run
        best = conclude(conclusion, finished, config)
        write_best(finished.folder, best)
        draw(conclusion, finished, config)
    summarise(best, finished, console)


def conclude(conclusion: Conclusion, finished: Finished, config: LambdaSearch) -> dict[str, Any]:
    """Return the content of best.json."""
    choice = conclusion.choice
    roles = conclusion.roles(config.final.default)
    tested = {role: _test_accuracy(finished, lambda_) for role, lambda_ in roles.items()}
    return {
        "lambda": choice.best if choice else None,
        "lambda_1se": choice.one_se if choice else None,
        "reason": conclusion.reason,
        "test_accuracy": tested.get("chosen"),
        "test_accuracy_by_role": {role: {"lambda": roles[role], **tested[role]} for role in roles},
        "coarse": [plain(tried) for tried in conclusion.ranges],
        "refined": conclusion.refined,
        "refine": plain(choice) if choice else None,
    }


def _test_accuracy(finished: Finished, lambda_: float) -> dict[str, Any]:
    """Return mean, spread and interval of the test accuracies at a lambda, over the seeds that completed."""
    trials = [record for record in _final(finished).records if record.spec.lambda_ == lambda_]
    estimate = mean_interval([record.test_accuracy for record in trials if record.test_accuracy is not None])
    n_test = _final(finished).stage.fixed.data.n_test
    mean = estimate.mean if estimate.n else 0.0
    sampling = 196 * float(np.sqrt(mean * (1 - mean) / n_test))  # half a 95 % binomial interval, in points
    diverged = len(trials) - estimate.n
    return {
        "mean": estimate.mean if estimate.n else None,
        "sd": estimate.sd,
        "n": estimate.n,
        "low": estimate.low,
        "high": estimate.high,
        "note": SEEDS_ONLY.format(n=n_test, points=sampling) + (f"; {diverged} did not complete" if diverged else ""),
    }


def _final(finished: Finished) -> StageResult:
    return finished.results[-1]


def draw(conclusion: Conclusion, finished: Finished, config: LambdaSearch) -> None:
    """Draw every figure of the search; those of the final networks where there is a choice."""
    folder = make_folder(finished.folder / FIGURES)
    searched = [result for result in finished.results if result.stage.name != "final"]
    records = [record for result in searched for record in result.records]
    choice = conclusion.choice
    style.save(
        search.lambda_search(
            records,
            chosen=choice.best if choice else None,
            one_se=choice.one_se if choice else None,
            interval=conclusion.refined,
        ),
        folder,
        "lambda-search",
    )
    last = list(searched[-1].records)
    style.save(curves.learning_curves(last, curves.best_median_worst(last)), folder, "learning-curves")
    _draw_schedule(folder, finished)
    if choice:
        _draw_final(folder, finished, conclusion.roles(config.final.default))


def _draw_schedule(folder: Path, finished: Finished) -> None:
    """Draw the learning rate of the longest stage, step by step."""
    stage = finished.results[-1].stage
    schedule, per_epoch = stage.fixed.schedule, stage.fixed.steps_per_epoch
    n_s = schedule.step_size * per_epoch
    steps = np.arange(schedule.epochs * per_epoch + 1)
    ends = np.array([schedule.eta_min]), np.array([schedule.eta_max])
    eta = [float(SCHEDULES[schedule.kind](int(step), n_s, *ends)[0]) for step in steps]
    figure = curves.learning_rate(
        steps,
        eta,
        steps_per_epoch=per_epoch,
        cycle_ends=[2 * n_s * cycle for cycle in range(1, schedule.cycles + 1)],
        subtitle=f"{stage.name} stage: {schedule.cycles} cycles of {2 * schedule.step_size} epochs",
    )
    style.save(figure, folder, "learning-rate")


def _draw_final(folder: Path, finished: Finished, roles: Mapping[str, float]) -> None:
    """Draw the test accuracies, and the weights and mistakes of the chosen lambda's first network."""
    records = list(_final(finished).records)
    style.save(final.final_accuracy(records, roles), folder, "final-accuracy")
    chosen = [r for r in records if r.spec.lambda_ == roles["chosen"] and r.test_accuracy is not None]
    if chosen:
        _draw_network(folder, finished, chosen[0])


def _draw_network(folder: Path, finished: Finished, record: TrialRecord) -> None:
    """Draw one network: its first layer, its confusions, its most confident mistakes."""
    split = finished.split(_final(finished).stage.fixed.data)
    with np.load(finished.folder / NETWORKS / f"{record.number}.npz", allow_pickle=False) as stored:
        weights, predicted, confidence = stored["W1"], stored["test_predicted"], stored["test_confidence"]
    subtitle = f"final network of λ = {record.spec.lambda_:g}, replicate {record.replicate}"
    layer = images.first_layer(weights, split.shape, subtitle=subtitle)
    if layer:
        style.save(layer, folder, "first-layer")
    if split.x_test is None or split.y_test is None:  # the final stage opens the test set
        return
    style.save(images.confusion_matrix(split.y_test, predicted, split.classes, subtitle=subtitle), folder, "confusion")
    if split.shape:
        pages = images.misclassified(
            split.images(split.x_test), split.y_test, predicted, confidence, split.classes, subtitle=subtitle
        )
        style.save(pages, folder, "misclassified")


def summarise(best: Mapping[str, Any], finished: Finished, console: Console) -> None:
    """Say what came out, and where it lies."""
    if not finished.computed:
        console.print("all trials are present; nothing to run")
    failed = sum(record.status is Status.FAILED for record in finished.records)
    if failed:
        console.print(f"{failed} trials failed; the same command with RETRY=failed trains them again")
    if best["lambda"] is None:
        console.print(best["reason"])
    else:
        console.print(f"lambda {best['lambda']:g}, one-standard-error lambda {best['lambda_1se']:g}")
        for role, tested in best["test_accuracy_by_role"].items():
            console.print(f"  {role} ({tested['lambda']:g}): {_words(tested)}")
    console.print(f"results in {finished.folder}")


def _words(tested: Mapping[str, Any]) -> str:
    if tested["mean"] is None:
        return "no network completed"
    words = f"test accuracy {tested['mean']:.2%}"
    if tested["sd"] is not None:
        words += f", 95 % interval {tested['low']:.2%} to {tested['high']:.2%}, sd {tested['sd']:.2%}"
    return f"{words}, n = {tested['n']}"
