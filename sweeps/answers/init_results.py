"""What the init-sensitivity sweep leaves behind: its tables, its figures, and what it says on the screen."""

from collections.abc import Sequence

import pandas as pd
from rich.console import Console

from pipeline.blas import single_thread
from pipeline.diagnosis import initial_spreads
from pipeline.records import Diagnosis, Spread
from pipeline.report import escape
from pipeline.run.stage import StageResult
from sweeps.answers.grids import diagnosis, measured_chance, tested_split, write_answer
from sweeps.answers.init_sections import TITLE, Found, figures, findings, sections
from sweeps.grid import budgets, stages
from sweeps.init_sensitivity import InitSensitivity
from sweeps.question import Finished, Question

INITIALISATION_COLUMNS = ("init", "sigma", "batch_norm", "replicate", "layer", "activation_sd", "gradient_rms")


def diagnose(results: Sequence[StageResult], finished: Finished) -> Diagnosis:
    """Measure chance level and the spread of numbers in every network before its first step."""
    split = tested_split(results, finished)
    with single_thread():
        return Diagnosis(measured_chance(split), tuple(initial_spreads(results[0].records, split)))


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
    """Write findings and figures, and say what came out.

    Raises:
        HostError: no trial completed because trials failed.
    """
    drawn = ((picture.name, picture.figure) for picture in figures(answer))
    write_answer(answer, finished, console, findings(answer), drawn)


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
