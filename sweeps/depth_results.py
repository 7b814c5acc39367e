"""What the depth sweep leaves behind: its tables, its figures, and what they say on the screen."""

from collections.abc import Sequence

from rich.console import Console

from pipeline.diagnosis import chance_level
from pipeline.errors import HostError
from pipeline.files import make_folder
from pipeline.records import Diagnosis, Status
from pipeline.report import style
from pipeline.report.depth import accuracy_by_depth
from pipeline.report.depth_findings import Names, findings
from pipeline.run.blas import single_thread
from pipeline.run.stage import StageResult
from sweeps.depth import Depth
from sweeps.depth_figures import curves, figure_name, of_network
from sweeps.depth_sections import Found, chance_accuracy, own_tables, sections
from sweeps.grid import budgets, stages
from sweeps.question import Question
from sweeps.session import FIGURES, Finished, write_best


def diagnose(results: Sequence[StageResult], finished: Finished) -> Diagnosis:
    """Measure what the best constant guess comes to."""
    split = finished.split(results[-1].stage.fixed.data)
    if split.y_test is None:
        raise ValueError("the stage of a grid opens the test set")
    with single_thread():
        return Diagnosis(chance_level(split.y_train, split.y_test))


def write(answer: Found, finished: Finished, console: Console) -> None:
    """Write what came out in words (best.json) and the figures, and say it.

    Raises:
        HostError: every trial failed.
    """
    tables = own_tables(answer)
    sentences = findings(tables["summary"], tables["effects"], chance_accuracy(answer))
    write_best(finished.folder, {"findings": sentences})
    console.print("drawing the figures")
    draw(answer, finished)
    if not finished.computed:
        console.print("all trials are present; nothing to run")
    for sentence in sentences:
        console.print(f"- {sentence}")
    failed = [record for record in answer.records if record.status is Status.FAILED]
    if failed:
        console.print(f"{len(failed)} trials failed; the same command with RETRY=failed trains them again")
    console.print(f"results in {finished.folder}")
    if len(failed) == len(answer.records):
        raise HostError(f"trials must complete, got {len(failed)} that failed, first: {failed[0].reason}")


def draw(answer: Found, finished: Finished) -> None:
    """Draw test accuracy by depth, and the learning curves of every network."""
    folder = make_folder(finished.folder / FIGURES)
    style.save(accuracy_by_depth(answer.records, chance_accuracy(answer)), folder, "test-accuracy")
    names = Names.of(own_tables(answer)["summary"])
    for hidden in names.networks:
        style.save(curves(of_network(answer.records, hidden)), folder, figure_name(hidden, names))


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
