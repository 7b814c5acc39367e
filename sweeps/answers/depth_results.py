"""What the depth sweep leaves behind: its tables, its figures, and what they say on the screen."""

from collections.abc import Iterator, Sequence

from matplotlib.figure import Figure
from rich.console import Console

from pipeline.records import Diagnosis
from pipeline.report.depth import accuracy_by_depth
from pipeline.report.depth_findings import findings
from pipeline.run.stage import StageResult
from sweeps.answers.depth_figures import curves, figure_name, of_network
from sweeps.answers.depth_sections import Found, own_tables, sections, study
from sweeps.answers.grids import diagnosis, measured_chance, tested_split, write_answer
from sweeps.depth import Depth
from sweeps.grid import budgets, stages
from sweeps.question import Finished, Question


def diagnose(results: Sequence[StageResult], finished: Finished) -> Diagnosis:
    """Measure what the best constant guess comes to."""
    return Diagnosis(measured_chance(tested_split(results, finished)))


def write(answer: Found, finished: Finished, console: Console) -> None:
    """Write findings and figures, and say what came out.

    Raises:
        HostError: no trial completed because trials failed.
    """
    write_answer(answer, finished, console, findings(study(answer)), figures(answer))


def figures(answer: Found) -> Iterator[tuple[str, Figure]]:
    """Yield test accuracy by depth, and the learning curves of every network, by name."""
    yield "test-accuracy", accuracy_by_depth(answer.records, diagnosis(answer).chance)
    names = study(answer).names
    for hidden in names.networks:
        yield figure_name(hidden, names), curves(of_network(answer.records, hidden))


QUESTION = Question(
    "depth",
    Depth,
    stages,
    budgets,
    own_tables,
    write,
    "ii), iii) Networks of 2 to 9 layers",
    sections,
    diagnose,
)
