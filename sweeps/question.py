"""A sweep as its session and the report see it: a question, and what answers it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pipeline.records import Diagnosis, Row, TrialRecord
from pipeline.spec import DataSpec
from sweeps.folders import FINDINGS

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from pipeline.report.document import Section
    from pipeline.run.stage import StageResult, Sweep
    from sweeps.source import Source

Config = TypeVar("Config")
Conclusion = TypeVar("Conclusion")


class Rows(Protocol):
    """Gives the rows of a stage."""

    def __call__(self, val_fraction: float, opens_test: bool, train_rows: int | None = None, /) -> DataSpec:
        """Return them: what fraction validates, whether the test set is opened, how many train at most."""
        ...


@dataclass(frozen=True)
class Answer(Generic[Config, Conclusion]):
    """A completed sweep, whether it has just run or is read from its store.

    Attributes:
        configuration: the sweep's own fields.
        conclusion: what its generator returned.
        results: those of its stages.
        rows: the rows of all stages in plan order: records, what they cost, what computed them.
        retired: stored trials that the sweep does not want any more: an extension moved the choice.
        fingerprint: what the run folder belongs to: the configuration, root seed and data set, as stored.
        diagnosis: what was measured beside the trials, where the sweep does that.
    """

    configuration: Config
    conclusion: Conclusion
    results: Sequence[StageResult]
    rows: Sequence[Row]
    retired: Sequence[TrialRecord]
    fingerprint: Mapping[str, Any]
    diagnosis: Diagnosis | None = None

    @property
    def records(self) -> list[TrialRecord]:
        """The records of all stages, in plan order."""
        return [row.record for row in self.rows]


@dataclass(frozen=True)
class Finished:
    """A run that has just been completed: where it is, its data, and how many trials had to be computed."""

    folder: Path
    source: Source
    computed: int


@dataclass(frozen=True)
class Question(Generic[Config, Conclusion]):
    """One sweep: what it runs, and what it makes of the results.

    Attributes:
        name: in the table of sweeps, on the command line and in `artifacts`.
        configuration: the dataclass of its own fields.
        stages: its generator, from the configuration and from what says which rows a stage sees.
        budgets: dotted keys of the configuration that may grow without a new run.
        tables: its own tables by name, `summary` among them; written as CSVs beside those of every sweep.
        write: writes what else it leaves behind (figures, best.json), and says what came out.
        title: of its part of the report, where this cannot be told yet.
        sections: its part of the report.
        diagnose: measures what is no trial; stored beside the results, so that the report need not compute it.
        said: the files that say what came out: what was chosen, what was found.
        optional: whether the report names it among what else can be run, where it has not run.
        datasets: names of data sets of its own, the first of which it runs on unless told otherwise; the report of
            another data set tells of a run on one of them where there is none on that.
    """

    name: str
    configuration: type[Config]
    stages: Callable[[Config, Rows], Sweep[Conclusion]]
    budgets: Callable[[Config], Collection[str]]
    tables: Callable[[Answer[Config, Conclusion]], Mapping[str, pd.DataFrame]]
    write: Callable[[Answer[Config, Conclusion], Finished, Console], None]
    title: str
    sections: Callable[[Answer[Config, Conclusion]], Sequence[Section]]
    diagnose: Callable[[Sequence[StageResult], Finished], Diagnosis] | None = None
    said: tuple[str, ...] = (FINDINGS,)
    optional: bool = False
    datasets: tuple[str, ...] = ()
