"""What the init-sensitivity sweep leaves behind: its tables, figures and sections of the report."""

from collections.abc import Sequence

import pandas as pd
from rich.console import Console

from pipeline.report.document import Section
from pipeline.report.tables import summary_table
from pipeline.run.stage import StageResult
from sweeps.grid import budgets, stages
from sweeps.init_sensitivity import InitSensitivity
from sweeps.question import Answer, Question
from sweeps.session import Finished

Found = Answer[InitSensitivity, StageResult]


def own_tables(answer: Found) -> dict[str, pd.DataFrame]:
    return {"summary": summary_table(answer.records, ("init", "sigma", "hidden", "batch_norm"))}


def write(answer: Found, finished: Finished, console: Console) -> None:
    console.print(f"results in {finished.folder}")


def sections(answer: Found) -> Sequence[Section]:
    return []


QUESTION = Question(
    "init-sensitivity",
    InitSensitivity,
    stages,
    budgets,
    own_tables,
    write,
    "v) Sensitivity to initialisation",
    sections,
)
