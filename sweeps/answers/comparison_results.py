"""What a comparison leaves behind: its tables, its figures, and what they say on the screen."""

from collections.abc import Iterator, Sequence
from functools import partial

import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console

from pipeline.blas import single_thread
from pipeline.diagnosis import initial_spreads
from pipeline.records import Diagnosis, Status
from pipeline.report.comparison import effects, measures
from pipeline.report.comparison_findings import findings
from pipeline.report.escape import escape_table
from pipeline.report.tables import summary_table
from pipeline.run.stage import StageResult
from sweeps.answers.comparison_pages import pages
from sweeps.answers.comparison_sections import Found, figures, sections, study, tuned
from sweeps.answers.grids import measured_chance, tested_split, write_answer
from sweeps.comparison import Compared, Comparison, budgets, stages
from sweeps.question import Finished, Question


def diagnose(config: type[Comparison], results: Sequence[StageResult], finished: Finished) -> Diagnosis:
    """Measure what the best constant guess comes to, and where it is asked for the spreads before training."""
    split = tested_split(results, finished)
    chance = measured_chance(split)
    if not config.spreads:
        return Diagnosis(chance)
    with single_thread():
        return Diagnosis(chance, tuple(initial_spreads(results[-1].records, split)))


def tables(answer: Found) -> dict[str, pd.DataFrame]:
    """Return a row per cell, per effect and per metric of a cell, and how the learning rates were chosen."""
    told, tuning = study(answer), answer.conclusion.tuning
    found = {
        "summary": escape_table(told.records, told.chance, told.design.parameters),
        "effects": effects(told),
        "measures": measures(told),
    }
    if tuning is None:
        return found
    return found | {"tuning": summary_table(tuning.records, (*told.design.parameters, "eta_max"), ascending=False)}


def write(answer: Found, finished: Finished, console: Console) -> None:
    """Write findings and figures, and say what came out.

    Raises:
        HostError: no trial completed because trials failed.
    """
    tuning = answer.conclusion.tuning
    lost = [] if tuning is None else [one for one in tuning.records if one.status is Status.DIVERGED]
    if tuning is not None and lost:
        console.print(f"in the choice of learning rates {len(lost)} of {len(tuning.records)} trials diverged")
    told = study(answer)
    sentences = [*tuned(answer, told), *findings(told)]
    write_answer(answer, finished, console, sentences, _drawn(answer, finished), told_lost=True)


def _drawn(answer: Found, finished: Finished) -> Iterator[tuple[str, Figure]]:
    """Yield all figures by name; only drawing asks for the rows."""
    yield from ((name, figure) for name, figure, _ in figures(answer))
    yield from pages(answer, tested_split(answer.results, finished))


def question(config: type[Comparison]) -> Question[Comparison, Compared]:
    """Return the question that a kind of comparison asks."""
    return Question(
        config.stage_name,
        config,
        stages,
        budgets,
        tables,
        write,
        config.title,
        sections,
        partial(diagnose, config),
        optional=True,
        datasets=config.datasets,
    )
