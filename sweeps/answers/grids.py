"""What every grid leaves behind besides its tables: findings.md, figures, and a few lines on the screen."""

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.figure import Figure
from rich.console import Console

from pipeline.data import Split
from pipeline.diagnosis import chance_level
from pipeline.errors import HostError
from pipeline.records import Chance, Diagnosis, Status
from pipeline.run.stage import StageResult
from sweeps.answers import drawn
from sweeps.answers.ended import say_what_ran, write_findings
from sweeps.question import Answer, Finished


def tested_split(results: Sequence[StageResult], finished: Finished) -> Split:
    """Return the rows of a grid's last stage, which opens the test set."""
    return finished.source.split(results[-1].stage.fixed.data)


def measured_chance(split: Split) -> Chance:
    """Return what the best constant guess comes to on the rows of a grid, which opens the test set."""
    if split.y_test is None:
        raise ValueError("a grid opens the test set, got a split without test rows")
    return chance_level(split.y_train, split.y_test)


def diagnosis(answer: Answer[Any, Any]) -> Diagnosis:
    """Return what a grid measured beside its trials."""
    if answer.diagnosis is None:
        raise ValueError("a grid measures chance level, got an answer without a diagnosis")
    return answer.diagnosis


def write_answer(
    answer: Answer[Any, Any],
    finished: Finished,
    console: Console,
    findings: Iterable[str],
    figures: Iterable[tuple[str, Figure]],
    *,
    told_lost: bool = False,
) -> None:
    """Write the findings and the figures (by name), and say what came out; `told_lost`: findings tell what diverged.

    `figures` is iterated over where they have to be drawn.

    Raises:
        HostError: no trial completed because trials failed.
    """
    lines = write_findings(finished, findings)
    drawn.draw(answer, finished, console, lambda: figures)
    failed = say_what_ran(answer, finished, console)
    ended = [record.status for record in answer.records]
    diverged = ended.count(Status.DIVERGED)
    if diverged and not told_lost:
        console.print(f"{diverged} of {len(ended)} trials diverged")
    console.print(lines, end="")
    console.print(f"results in {finished.folder}")
    if failed and len(failed) + diverged == len(ended):
        raise HostError(
            f"trials must complete to be compared, got {len(failed)} that failed, first: {failed[0].reason}"
        )
