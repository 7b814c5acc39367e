"""What the init-sensitivity sweep leaves behind: its tables, its figures, and what it says on the screen."""

from collections.abc import Sequence

import pandas as pd
from rich.console import Console

from pipeline.diagnosis import chance_level, initial_spreads
from pipeline.errors import HostError
from pipeline.files import make_folder
from pipeline.records import Diagnosis, Spread, Status
from pipeline.report import escape, style
from pipeline.run.blas import single_thread
from pipeline.run.stage import StageResult
from sweeps.grid import budgets, stages
from sweeps.init_sections import TITLE, Found, diagnosis, figures, findings, sections
from sweeps.init_sensitivity import InitSensitivity
from sweeps.question import Question
from sweeps.session import FIGURES, Finished, write_best

INITIALISATION_COLUMNS = ("init", "sigma", "batch_norm", "replicate", "layer", "activation_sd", "gradient_rms")


def diagnose(results: Sequence[StageResult], finished: Finished) -> Diagnosis:
    """Measure chance level and the spread of numbers in every network before its first step."""
    [grid] = results
    split = finished.split(grid.stage.fixed.data)
    if split.y_test is None:
        raise ValueError("a grid opens the test set, got a split without test rows")
    with single_thread():
        return Diagnosis(chance_level(split.y_train, split.y_test), tuple(initial_spreads(grid.records, split)))


def own_tables(answer: Found) -> dict[str, pd.DataFrame]:
    """Return the summary by initialisation and batch norm, batch norm's effects, and the spreads before training."""
    measured = diagnosis(answer)
    return {
        "summary": escape.escape_table(answer.records, measured.chance),
        "effects": escape.norm_effects(answer.records, measured.chance),
        "initialisation": _spread_table(measured.spreads),
    }


def _spread_table(spreads: Sequence[Spread]) -> pd.DataFrame:
    """Return one row per untrained network and layer: INITIALISATION_COLUMNS, layers counted by their weights."""
    rows = [
        (spread.init.scheme, spread.init.sigma, spread.batch_norm, spread.replicate, layer, *pair)
        for spread in spreads
        for layer, pair in enumerate(zip(spread.activations, spread.gradients, strict=True), start=1)
    ]
    return pd.DataFrame(rows, columns=list(INITIALISATION_COLUMNS))


def write(answer: Found, finished: Finished, console: Console) -> None:
    """Write best.json and the figures, and say what came out.

    Raises:
        HostError: no trial completed because trials failed.
    """
    sentences = findings(answer)
    write_best(finished.folder, {"findings": sentences})
    console.print("drawing the figures")
    folder = make_folder(finished.folder / FIGURES)
    for picture in figures(answer):
        style.save(picture.figure, folder, picture.name)
    if not finished.computed:
        console.print("all trials are present; nothing to run")
    failed = [record for record in answer.records if record.status is Status.FAILED]
    diverged = sum(record.status is Status.DIVERGED for record in answer.records)
    if failed:
        console.print(f"{len(failed)} trials failed; the same command with RETRY=failed trains them again")
    if diverged:
        console.print(f"{diverged} of {len(answer.records)} trials diverged")
    for sentence in sentences:
        console.print(f"- {sentence}")
    console.print(f"results in {finished.folder}")
    if failed and len(failed) + diverged == len(answer.records):
        raise HostError(
            f"trials must complete to be compared, got {len(failed)} that failed, first: {failed[0].reason}"
        )


QUESTION = Question(
    "init-sensitivity",
    InitSensitivity,
    stages,
    budgets,
    own_tables,
    write,
    TITLE,
    sections,
    diagnose,
)
