"""What the lambda search leaves behind besides its tables: best.json, the figures, and a few lines on the screen."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console

from pipeline.errors import HostError
from pipeline.files import write_json
from pipeline.records import TrialRecord
from pipeline.report import images
from pipeline.report.tables import summary_table
from pipeline.run import networks
from pipeline.run.plan import NETWORKS
from sweeps.answers import drawn, lambda_figures
from sweeps.answers.ended import say_what_ran
from sweeps.answers.lambda_conclusion import Found, conclude, last
from sweeps.answers.lambda_sections import TITLE, sections
from sweeps.answers.tested import difference_in_words, in_words
from sweeps.folders import BEST
from sweeps.lambda_search import LambdaSearch, budgets, stages
from sweeps.question import Finished, Question

FIGURE_NAMES = (
    "lambda-search",
    "learning-curves",
    "rank-correlation",
    "learning-rate",
    "final-accuracy",
    "first-layer",
    "confusion",
    "misclassified",
)


def summary(answer: Found) -> dict[str, pd.DataFrame]:
    """Return one row per stage and lambda; and how lambdas rank epoch by epoch."""
    return {"summary": summary_table(answer.records), "rank_correlation": lambda_figures.ranks(answer)}


def write(answer: Found, finished: Finished, console: Console) -> None:
    """Write best.json and the figures, and say what came out.

    Raises:
        HostError: nothing could be chosen because trials failed.
    """
    best = conclude(answer, _variance(answer, finished))
    write_json(finished.folder / BEST, best)
    draw(answer, finished, console)
    summarise(best, answer, finished, console)


def _variance(answer: Found, finished: Finished) -> float | None:
    """Return what share of the variance of the training rows a screened search kept, to four digits."""
    if not answer.conclusion.screen:
        return None
    rotation = finished.source.split(answer.results[0].stage.fixed.data).rotation
    return round(rotation.share, 4) if rotation else None


def draw(answer: Found, finished: Finished, console: Console) -> None:
    """Draw every figure of the search; those of the final networks where there is a choice."""
    drawn.draw(answer, finished, console, partial(_figures, answer, finished), FIGURE_NAMES)


def _figures(answer: Found, finished: Finished) -> Iterator[tuple[str, Figure]]:
    """Yield the figures by name, each of FIGURE_NAMES at most once."""
    yield "lambda-search", lambda_figures.lambda_search(answer)
    yield "learning-curves", lambda_figures.learning_curves(answer)
    ranked = lambda_figures.ranked(answer)
    if ranked:
        yield "rank-correlation", ranked
    yield "learning-rate", lambda_figures.learning_rate(last(answer).stage)
    choice = answer.conclusion.choice
    if choice:
        yield "final-accuracy", lambda_figures.final_accuracy(answer)
        final = last(answer).records
        chosen = [record for record in final if record.spec.lambda_ == choice.best and record.test_accuracy is not None]
        if chosen:
            yield from _network_figures(answer, finished, chosen[0])


def _network_figures(answer: Found, finished: Finished, record: TrialRecord) -> Iterator[tuple[str, Figure]]:
    """Draw one network: its first layer, its confusions, its most confident mistakes."""
    split = finished.source.split(last(answer).stage.fixed.data)
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
    failed = say_what_ran(answer, finished, console)
    if best["screen"]:
        components, variance = best["screen"]["components"], best["screen"]["variance"]
        console.print(f"the coarse stage is approximate: {components} principal components, {variance:.2%} of variance")
    if best["lambda"] is None:
        console.print(best["reason"])
    else:
        console.print(f"lambda {best['lambda']:g}, one-standard-error lambda {best['lambda_1se']:g}")
        for role, tested in best["test_accuracy_by_role"].items():
            console.print(f"  {role} ({tested['lambda']:g}): {in_words(tested)}")
        for name, difference in best["differences"].items():
            if difference["low"] is not None:
                console.print(difference_in_words(name, difference))
    if best["tested_before"]:
        lambdas = ", ".join(f"{lambda_:g}" for lambda_ in best["tested_before"])
        console.print(f"the choice has moved: the test set was opened before, for lambda {lambdas}")
    console.print(f"results in {finished.folder}")
    if failed and best["lambda"] is None:
        raise HostError(f"trials must complete for a choice, got {len(failed)} that failed, first: {failed[0].reason}")


QUESTION = Question("lambda", LambdaSearch, stages, budgets, summary, write, TITLE, sections, said=(BEST,))
