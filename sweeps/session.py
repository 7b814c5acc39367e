"""A run of a sweep from data to tables: what every sweep does the same way. Composes `pipeline.run` and `.report`."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from pipeline import data
from pipeline.data import Dataset
from pipeline.files import lock, make_folder, remove_leftovers, write_json
from pipeline.records import Row, TrialRecord
from pipeline.report import tables
from pipeline.run.engines import LokyEngine
from pipeline.run.manifest import write_manifest
from pipeline.run.plan import Plan
from pipeline.run.preview import StageNeeds, expected, price
from pipeline.run.progress import reporting
from pipeline.run.stage import StageResult
from pipeline.run.study import Study
from pipeline.run.sweep import Runner, Sweep
from pipeline.spec import DataSpec, canonical_json
from sweeps.cli import Options
from sweeps.terminal import Terminal

Conclusion = TypeVar("Conclusion")

Rows = Callable[[float, bool], DataSpec]
"""(fraction of the training rows to validate on, whether the test set is opened) -> the rows of a stage."""

CACHE = "cache"
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
    """A completed run: where it is, what its stages gave, and whether anything had to be computed."""

    folder: Path
    source: Source
    results: list[StageResult]
    computed: int
    retired: list[TrialRecord]  # stored trials that the sweep does not want any more: an extension moved the choice

    @property
    def records(self) -> list[TrialRecord]:
        """The records of all stages, in plan order."""
        return [record for result in self.results for record in result.records]

    def split(self, spec: DataSpec) -> data.Split:
        """Open the split of a stage, for drawing."""
        return data.open_split(self.source.prepared(spec))


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
        options, scale = self.options, self.options.scale
        parts = [
            self.source.folder_name,
            *([scale] if scale != "full" else []),
            *([options.run] if options.run else []),
        ]
        return options.artifacts / self.name / "-".join(parts)

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
    def completed(self, sweep: Sweep[Conclusion]) -> Iterator[tuple[Conclusion, Finished]]:
        """Complete `sweep`, write the tables and the manifest, and hold the folder's lock for the block."""
        folder, workers = make_folder(self.folder), self.options.workers
        with lock(folder), Study.open(self._study, self._fingerprint, self._keys) as study:
            remove_leftovers(folder)
            with reporting(self.console, workers) as reporter:
                runner = Runner(self._plan, study, LokyEngine(workers), self.source.prepared, reporter)
                conclusion, results = runner.run(sweep)
            rows = [row for stage in runner.rows.values() for row in stage]
            write_manifest(folder, plain(self._fingerprint), rows)
            finished = Finished(folder, self.source, results, runner.computed, _retired(study, runner))
            _write_tables(finished, rows)
            yield conclusion, finished

    @property
    def _study(self) -> Path:
        return self.folder / "study.db"

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


def run(
    name: str,
    options: Options,
    configuration: Any,
    *,
    budgets: Collection[str],
    stages: Callable[[Rows], Sweep[Conclusion]],
    write: Callable[[Conclusion, Finished, Console], None],
) -> None:
    """Preview or complete a sweep.

    Args:
        name: the sweep's name.
        options: those of the command line.
        configuration: the sweep's own fields.
        budgets: dotted keys of the configuration that may grow without a new run.
        stages: the sweep, from what says which rows a stage sees.
        write: writes what the sweep leaves behind besides its tables, and says what came out.
    """
    console = terminal()
    source = load(options, console)
    session = Session(name, options, configuration, budgets, source, console)
    needs = session.needs(stages(source.spec))  # bad input is refused here, before anything is written
    if options.plan:
        for line in price(needs, LokyEngine(options.workers), options.workers).lines():
            console.print(line)
        return
    with session.completed(stages(source.spec)) as (conclusion, finished):
        write(conclusion, finished, console)


def write_best(folder: Path, best: Mapping[str, Any]) -> None:
    """Write best.json: what the sweep concludes, in numbers and words."""
    write_json(folder / "best.json", best)


def _retired(study: Study, runner: Runner) -> list[TrialRecord]:
    """Return the stored trials that no stage of this run wanted, those of stages that it did not reach among them."""
    wanted = {row.identity for rows in runner.rows.values() for row in rows}
    return [row.record for stage in study.stages() for key, row in study.rows(stage).items() if key not in wanted]


def _write_tables(finished: Finished, rows: Sequence[Row]) -> None:
    records = finished.records
    timings = {(row.record.stage, row.record.number): row.timing for row in rows if row.timing}
    for name, frame in {
        "trials": tables.trials_table(records),
        "curves": tables.curves_table(records),
        "summary": tables.summary_table(records),
        "timings": tables.timings_table(records, timings),
    }.items():
        tables.write_csv(finished.folder / f"{name}.csv", frame)


def plain(value: Any) -> Any:
    """Return a frozen value as nested dictionaries and lists, with its public names."""
    return json.loads(canonical_json(value))
