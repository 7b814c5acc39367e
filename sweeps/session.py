"""A run of a sweep from data to tables: what every sweep does the same way. Composes `pipeline.run` and `.report`."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from pipeline import data
from pipeline.data import Dataset
from pipeline.files import lock, make_folder, remove_leftovers, write_json
from pipeline.records import Row, TrialRecord
from pipeline.report import tables
from pipeline.run.engines import LokyEngine
from pipeline.run.manifest import write_manifest
from pipeline.run.memory import fitting_workers, usable_memory
from pipeline.run.plan import Plan
from pipeline.run.preview import StageNeeds, expected, price
from pipeline.run.progress import reporting
from pipeline.run.study import Study
from pipeline.run.sweep import Runner, Sweep
from pipeline.spec import DataSpec, canonical_json
from sweeps.cli import Options
from sweeps.question import Answer, Conclusion, Config, Question
from sweeps.terminal import Terminal

CACHE = "cache"
STUDY = "study.db"
DIAGNOSIS = "diagnosis.json"
FIGURES = "figures"


def terminal() -> Console:
    """Return the console of a sweep: it prints what it is told, as paths may hold [brackets] and :colons:."""
    return Terminal(highlight=False, markup=False, emoji=False, soft_wrap=True)


@dataclass(frozen=True)
class Source:
    """The data set of a run, and the splits that stages may see of it.

    `dataset` is None in a preview for which CIFAR-10 would have to be downloaded; its sizes are known.
    """

    dataset: Dataset | None
    cache: Path

    @property
    def folder_name(self) -> str:
        """What run folders are called after."""
        return self.dataset.folder_name if self.dataset else "cifar10"

    @property
    def identity(self) -> dict[str, Any]:
        """What a run folder belongs to."""
        return {"name": self.dataset.name, "digest": self.dataset.digest} if self.dataset else {}

    def spec(self, val_fraction: float, opens_test: bool) -> DataSpec:
        """Return which rows a stage sees."""
        if self.dataset is None:
            return data.nominal_cifar10_spec(val_fraction, opens_test)
        return data.data_spec(self.dataset, val_fraction, opens_test)

    def prepared(self, spec: DataSpec) -> Path:
        """Return the folder of the standardised rows, written on first use."""
        if self.dataset is None:
            raise ValueError("a preview has no rows to prepare")
        return data.prepare(self.dataset, spec, self.cache)


def load(options: Options, console: Console) -> Source:
    """Find, or unless this is a preview download, the data set that the options ask for."""
    cache = options.artifacts / CACHE
    try:
        with data.DownloadBar("CIFAR-10", console) as progress:
            dataset = data.load(
                options.dataset,
                options.data_dir,
                download=not options.plan,
                progress=progress,
                warn=lambda message: console.print(f"warning: {message}"),
            )
    except data.NotDownloadedError as error:
        console.print(f"note: {error}")
        return Source(None, cache)
    return Source(dataset, cache)


@dataclass(frozen=True)
class Finished:
    """A run that has just been completed: where it is, its data, and whether anything had to be computed."""

    folder: Path
    source: Source
    computed: int

    def split(self, spec: DataSpec) -> data.Split:
        """Open the split of a stage, for drawing and diagnosing."""
        return data.open_split(self.source.prepared(spec))


def run_folder(name: str, data_name: str, options: Options) -> Path:
    """Return where the results of a sweep on a data set go."""
    scale = [options.scale] if options.scale != "full" else []
    return options.artifacts / name / "-".join([data_name, *scale, *([options.run] if options.run else [])])


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

    def needs(self, sweep: Sweep[Any]) -> list[StageNeeds]:
        """Return what a run would have to compute, in the light of what is stored; nothing is written.

        Raises:
            ConfigError: the run would be refused.
        """
        if self.source.dataset is None or not self._study.exists():  # without data nobody knows whose study it is
            return expected(sweep, self._plan, lambda _stage: {})
        with Study.open(self._study, self._fingerprint, self._keys) as study:
            return expected(sweep, self._plan, study.rows)

    @contextmanager
    def completed(self, sweep: Sweep[Conclusion]) -> Iterator[tuple[Answer[Any, Conclusion], Finished]]:
        """Complete `sweep`, write the manifest, and hold the folder's lock for the block."""
        folder, workers = make_folder(self.folder), self.options.workers
        with lock(folder), Study.open(self._study, self._fingerprint, self._keys) as study:
            remove_leftovers(folder)
            with reporting(self.console, workers) as reporter:
                runner = Runner(self._plan, study, LokyEngine(workers), self.source.prepared, reporter)
                conclusion, results = runner.run(sweep)
            rows = [row for stage in runner.rows.values() for row in stage]
            fingerprint = plain(self._fingerprint)
            write_manifest(folder, fingerprint, rows)
            answer = Answer(self.configuration, conclusion, results, rows, retired(study, rows), fingerprint)
            yield answer, Finished(folder, self.source, runner.computed)

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


def run(question: Question[Config, Conclusion], config: Config, options: Options) -> None:
    """Preview or complete a sweep: its trials, tables, diagnosis, and whatever else it leaves behind."""
    console = terminal()
    source = load(options, console)
    session = Session(question.name, options, config, question.budgets(config), source, console)
    stages = partial(question.stages, config, source.spec)
    needs = session.needs(stages())  # bad input is refused here, before anything is written
    packs = [pack for need in needs for pack in need.packs]
    workers = fitting_workers(packs, options.workers, usable_memory(), console.print)
    if options.plan:
        for line in price(needs, LokyEngine(workers), workers).lines():
            console.print(line)
        return
    session = replace(session, options=replace(options, jobs=workers))
    with session.completed(stages()) as (found, finished):
        answer = found
        if question.diagnose:
            answer = replace(found, diagnosis=question.diagnose(found.results, finished))
            write_json(finished.folder / DIAGNOSIS, plain(answer.diagnosis))
        _write_tables(finished.folder, answer, question.tables(answer))
        question.write(answer, finished, console)


def write_best(folder: Path, best: Mapping[str, Any]) -> None:
    """Write best.json: what the sweep concludes, in numbers and words."""
    write_json(folder / "best.json", best)


def retired(study: Study, rows: Iterable[Row]) -> list[TrialRecord]:
    """Return the stored trials that are not among the wanted `rows`, those of stages that were not reached included."""
    wanted = {row.identity for row in rows}
    return [row.record for stage in study.stages() for key, row in study.rows(stage).items() if key not in wanted]


def _write_tables(folder: Path, answer: Answer[Any, Any], own: Mapping[str, pd.DataFrame]) -> None:
    """Write the tables of every sweep and its `own`."""
    records = answer.records
    timings = {(row.record.stage, row.record.number): row.timing for row in answer.rows if row.timing}
    every = {
        "trials": tables.trials_table(records),
        "curves": tables.curves_table(records),
        "batch_losses": tables.batch_losses_table(records),
        "timings": tables.timings_table(records, timings),
    }
    for name, frame in {**every, **own}.items():
        tables.write_csv(folder / f"{name}.csv", frame)


def plain(value: Any) -> Any:
    """Return a frozen value as nested dictionaries and lists, with its public names."""
    return json.loads(canonical_json(value))
