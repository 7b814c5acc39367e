"""A run of a sweep from data to tables: what every sweep does the same way. Composes `pipeline.run` and `.report`."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from pipeline.errors import DataError
from pipeline.files import exists, lock, make_folder, remove_leftovers
from pipeline.records import Row, TrialRecord
from pipeline.report import tables
from pipeline.run.engines import LokyEngine
from pipeline.run.manifest import write_manifest
from pipeline.run.memory import fitting_workers, usable_memory
from pipeline.run.plan import PENDING, Plan
from pipeline.run.preview import StageNeeds, expected, price
from pipeline.run.progress import reporting
from pipeline.run.stage import Sweep
from pipeline.run.study import Study
from pipeline.run.sweep import Runner
from pipeline.spec import canonical_json, from_json, plain
from sweeps.cli import Options
from sweeps.fit import Fit, fit
from sweeps.folders import STUDY, run_folder
from sweeps.measured import measured
from sweeps.question import Answer, Conclusion, Config, Finished, Question
from sweeps.source import Source
from sweeps.terminal import terminal


@dataclass(frozen=True)
class Session:
    """One invocation of a sweep.

    Attributes:
        name: the sweep's name.
        options: those of the command line.
        configuration: the sweep's own fields.
        budgets: dotted keys of the configuration that may grow without a new run.
        source: the data.
        console: where progress goes.
    """

    name: str
    options: Options
    configuration: Any
    budgets: Collection[str]
    source: Source
    console: Console

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return run_folder(self.name, self.source.folder_name, self.options)

    @property
    def stored(self) -> bool:
        """Whether anything is stored; without data nobody knows whose study it is."""
        return self.source.dataset is not None and exists(self._study)

    @property
    def begun(self) -> int:
        """How many packs have left files, be they of a run that was interrupted or of one that is at work."""
        return len({path.stem for path in (self.folder / PENDING).glob("[!.]*")})

    def needs(self, sweep: Sweep[Any], fitted: Fit) -> list[StageNeeds]:
        """Return what a run would have to compute, in the light of what is stored, if anything is; nothing is written.

        Raises:
            ConfigError: the run would be refused.
        """
        if not self.stored:
            return fitted.needs
        with self._opened() as study:
            return expected(sweep, self._plan, study.rows)

    @contextmanager
    def completed(self, sweep: Sweep[Conclusion]) -> Iterator[tuple[Answer[Any, Conclusion], Finished]]:
        """Complete `sweep`, write the manifest, and hold the folder's lock for the block."""
        folder, workers = make_folder(self.folder), self.options.workers
        with lock(folder), self._opened() as study:
            remove_leftovers(folder)
            with reporting(self.console, workers) as reporter:
                engine = LokyEngine(workers, self.options.trial_timeout)
                runner = Runner(self._plan, study, engine, self.source.prepared, reporter)
                conclusion, results = runner.run(sweep)
            rows = [row for stage in runner.rows.values() for row in stage]
            fingerprint = plain(self._fingerprint)
            write_manifest(folder, fingerprint, rows)
            answer = Answer(self.configuration, conclusion, results, rows, retired(study, rows), fingerprint)
            yield answer, Finished(folder, self.source, runner.computed)

    def _opened(self) -> Study:
        return Study.open(self._study, self._fingerprint, self._keys, self._completed)

    def _completed(self, stored: Any) -> Any:
        """Return a stored fingerprint with the defaults of the fields that its configuration did not have yet."""
        try:
            config = from_json(canonical_json(stored[self.name]), type(self.configuration))
        except (KeyError, DataError):  # of something else: the differences are told one by one
            return stored
        return stored | {self.name: plain(config)}

    @property
    def _study(self) -> Path:
        return self.folder / STUDY

    @property
    def _plan(self) -> Plan:
        return Plan(self.options.seed, self.folder, self.options.pack_width, self.options.retry == "failed")

    @property
    def _fingerprint(self) -> dict[str, Any]:
        """What a run folder belongs to: all that decides its results."""
        return {
            "sweep": self.name,
            "seed": self.options.seed,
            "pack_width": self.options.pack_width,
            "data": self.source.identity,
            self.name: self.configuration,
        }

    @property
    def _keys(self) -> list[str]:
        return [f"{self.name}.{key}" for key in self.budgets]


def run(question: Question[Config, Conclusion], config: Config, options: Options, fitted: Fit | None = None) -> None:
    """Preview or complete a sweep: its trials, tables, diagnosis, and whatever else it leaves behind.

    Bad input has been refused by `fit`, before anything is written; what does not fit what is stored is, here.
    """
    console = terminal()
    fitted = fitted or fit(question.stages, config, options)
    source = fitted.source
    session = Session(question.name, options, config, question.budgets(config), source, console)
    stages = partial(question.stages, config, source.spec)
    needs = session.needs(stages(), fitted)
    packs = [pack for need in needs for pack in need.packs]
    workers = fitting_workers(packs, options.workers, usable_memory(), console.print)
    if options.plan:
        for line in price(needs, LokyEngine(workers), workers, as_bytes=source.found.as_bytes).lines():
            console.print(line)
        if packs and (begun := session.begun):
            console.print(f"packs that were begun: {begun}; a run goes on from what they left")
        return
    for rows in dict.fromkeys(need.stage.fixed.data for need in needs if need.packs):
        source.check(rows, console.print)  # also before anything is written, but not for a preview: it takes long
    session = replace(session, options=replace(options, jobs=workers))
    with session.completed(stages()) as (found, finished):
        answer = found
        if question.diagnose:
            diagnose = partial(question.diagnose, found.results, finished)
            diagnosis = measured(diagnose, finished.folder, found.rows, lambda text: console.print(f"warning: {text}"))
            answer = replace(found, diagnosis=diagnosis)
        _write_tables(finished.folder, answer, question.tables(answer))
        question.write(answer, finished, console)


def retired(study: Study, rows: Iterable[Row]) -> list[TrialRecord]:
    """Return the stored trials that are not among the wanted `rows`, those of stages that were not reached included."""
    wanted = {row.identity for row in rows}
    return [row.record for stage in study.stages() for key, row in study.rows(stage).items() if key not in wanted]


def _write_tables(folder: Path, answer: Answer[Any, Any], own: Mapping[str, pd.DataFrame]) -> None:
    """Write the tables of every sweep and its `own`."""
    records = answer.records
    timings = {(row.record.stage, row.record.number): row.timings for row in answer.rows}
    every = {
        "trials": tables.trials_table(records),
        "curves": tables.curves_table(records),
        "batch_losses": tables.batch_losses_table(records),
        "timings": tables.timings_table(records, timings),
    }
    for name, frame in {**every, **own}.items():
        tables.write_csv(folder / f"{name}.csv", frame)
