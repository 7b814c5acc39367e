"""What the random search leaves behind: its tables, best.json, its figures, and a few lines on the screen."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console

from pipeline.errors import HostError
from pipeline.files import write_json
from pipeline.report.tables import summary_table
from sweeps.answers import drawn
from sweeps.answers import random_search_figures as figures
from sweeps.answers import random_search_redrawn as redrawn
from sweeps.answers.ended import say_what_ran, write_findings
from sweeps.answers.random_search_conclusion import conclude
from sweeps.answers.random_search_findings import findings
from sweeps.answers.random_search_sections import TITLE, sections
from sweeps.answers.random_search_study import Found, comparable, completed, how_tested, importances, looked_at
from sweeps.answers.tested import difference_in_words, in_words
from sweeps.folders import BEST, FINDINGS
from sweeps.question import Finished, Question
from sweeps.random_search import PARAMETERS, SEARCH, RandomSearch, budgets, stages

FIGURE_NAMES = ("search-progress", "importance", "slices", "parallel-coordinates", "final-accuracy")
IMPORTANCE_COLUMNS = ("parameter", "share", "low", "middle", "high", "p", "settings", "note")


def tables(answer: Found) -> Mapping[str, pd.DataFrame]:
    """Return one row per stage and setting, and the importance of every parameter.

    `share` is the part of the variance of validation accuracy that a parameter explains on its own, `low`,
    `middle` and `high` mean accuracies in thirds of its values (empty for choices), and `p` that of differences
    between these, or choices, adjusted for the number of parameters.
    """
    summary = summary_table(answer.records, PARAMETERS, ascending=False)
    found, settings = importances(answer), len(completed(answer))
    note = (
        f"fANOVA over the {settings} of {answer.configuration.search.count} settings of {SEARCH} that completed, "
        f"{looked_at(answer)}; {how_tested(found)}"
    )
    rows = [(each.parameter, each.share, *(each.means or (None,) * 3), each.p, settings, note) for each in found]
    return {"summary": summary, "importance": pd.DataFrame(rows, columns=list(IMPORTANCE_COLUMNS))}


def write(answer: Found, finished: Finished, console: Console) -> None:
    """Write best.json, the findings and the figures, and say what came out.

    Raises:
        HostError: nothing could be chosen because trials failed.
    """
    best = conclude(answer)
    write_json(finished.folder / BEST, best)
    lines = write_findings(finished, findings(answer, best))
    drawn.draw(answer, finished, console, lambda: _figures(answer), FIGURE_NAMES)
    summarise(best, lines, answer, finished, console)


def _figures(answer: Found) -> Iterator[tuple[str, Figure]]:
    """Yield the figures by name, each of FIGURE_NAMES at most once."""
    yield "search-progress", figures.search_progress(answer)
    if importances(answer):
        yield "importance", figures.parameter_importance(answer)
    if comparable(answer):
        yield "slices", redrawn.slices(answer)
        yield "parallel-coordinates", redrawn.parallel_coordinates(answer)
    if answer.conclusion.winner:
        yield "final-accuracy", figures.final_accuracy(answer)


def summarise(best: Mapping[str, Any], lines: str, answer: Found, finished: Finished, console: Console) -> None:
    """Say what came out, and where it lies.

    Raises:
        HostError: nothing could be chosen because trials failed.
    """
    failed = say_what_ran(answer, finished, console)
    console.print(lines, end="")
    for role, tested in best["test_accuracy_by_role"].items():
        console.print(f"  {role}: {in_words(tested)}")
    for name, difference in best["differences"].items():
        if difference["low"] is not None:
            console.print(difference_in_words(name, difference))
    console.print(f"results in {finished.folder}")
    if failed and best["setting"] is None:
        raise HostError(f"trials must complete for a choice, got {len(failed)} that failed, first: {failed[0].reason}")


QUESTION = Question(
    "random-search",
    RandomSearch,
    stages,
    budgets,
    tables,
    write,
    TITLE,
    sections,
    said=(BEST, FINDINGS),
    optional=True,
)
