"""What the depth sweep leaves behind: its tables, figures and sections of the report."""

from collections.abc import Sequence

import pandas as pd
from rich.console import Console

from pipeline.report.document import Section
from pipeline.report.tables import summary_table
from pipeline.run.stage import StageResult
from sweeps.depth import Depth
from sweeps.grid import budgets, stages
from sweeps.question import Answer, Question
from sweeps.session import Finished

Found = Answer[Depth, StageResult]


def own_tables(answer: Found) -> dict[str, pd.DataFrame]:
    return {"summary": summary_table(answer.records, ("init", "sigma", "hidden", "batch_norm"))}


def write(answer: Found, finished: Finished, console: Console) -> None:
    console.print(f"results in {finished.folder}")


def sections(answer: Found) -> Sequence[Section]:
    return []


QUESTION = Question("depth", Depth, stages, budgets, own_tables, write, "ii), iii) Networks of 2 to 9 layers", sections)
