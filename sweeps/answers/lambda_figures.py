"""The figures of the lambda search that its records alone make."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.core.schedules import SCHEDULES
from pipeline.report import curves, final, search, style
from pipeline.report.rank_correlation import rank_correlation, rank_correlations
from pipeline.run.stage import Stage, StageResult
from sweeps.answers.lambda_conclusion import Found, last


def searched(answer: Found) -> list[StageResult]:
    """Return the search stages: all but the final one."""
    return [result for result in answer.results if result.stage.name != "final"]


def lambda_search(answer: Found) -> Figure:
    """Draw the search, stage upon stage, with what it kept and chose."""
    choice = answer.conclusion.choice
    return search.lambda_search(
        [record for result in searched(answer) for record in result.records],
        chosen=choice.best if choice else None,
        one_se=choice.one_se if choice else None,
        interval=answer.conclusion.refined,
    )


def learning_curves(answer: Found) -> Figure:
    """Draw the learning curves of the best, median and worst lambda of the last search stage."""
    return curves.learning_curves(curves.best_median_worst(searched(answer)[-1].records))


def ranks(answer: Found) -> pd.DataFrame:
    """Return how the lambdas of every search stage rank after every epoch, against how they do in the end."""
    return rank_correlation([record for result in searched(answer) for record in result.records])


def ranked(answer: Found) -> Figure | None:
    """Draw `ranks`; None where no search stage has anything to show."""
    found = ranks(answer)
    return rank_correlations(found, subtitle=style.describe(answer.results[0].records)) if len(found) else None


def final_accuracy(answer: Found) -> Figure:
    """Draw the test accuracies of the final networks."""
    roles = answer.conclusion.roles(answer.configuration.final.default)
    return final.final_accuracy(last(answer).records, roles)


def learning_rate(stage: Stage) -> Figure:
    """Draw the learning rate of a stage, step by step."""
    schedule, per_epoch = stage.fixed.schedule, stage.fixed.steps_per_epoch
    steps = np.arange(schedule.epochs * per_epoch + 1)
    ends = np.array([schedule.eta_min]), np.array([schedule.eta_max])
    eta = [float(SCHEDULES[schedule.kind](int(step), schedule, per_epoch, *ends)[0]) for step in steps]
    return curves.learning_rate(
        steps,
        eta,
        steps_per_epoch=per_epoch,
        cycle_ends=[schedule.cycle_epochs * per_epoch * cycle for cycle in range(1, schedule.cycles + 1)],
        subtitle=f"{stage.name} stage: {schedule.cycles} cycles of {schedule.cycle_epochs} epochs",
    )
