"""A run of a sweep from data to tables: what every sweep does the same way. Composes `pipeline.run` and `.report`."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from pipeline import data
from pipeline.data import Dataset
from pipeline.files import lock, make_folder, write_json
from pipeline.records import Provenance, TrialRecord
from pipeline.report import tables
from pipeline.run.engines import LokyEngine
from pipeline.run.manifest import write_manifest
from pipeline.run.preview import StagePlan, price
from pipeline.run.progress import reporting
from pipeline.run.stage import StageResult
from pipeline.run.study import Study
from pipeline.run.sweep import Runner, Sweep
from pipeline.spec import DataSpec, canonical_json
from sweeps.cli import Options

Conclusion = TypeVar("Conclusion")

CACHE = "cache"
FIGURES = "figures"


def terminal() -> Console:
    """Return the console of a sweep: it prints what it is told, as paths may hold [brackets] and :colons:."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


@dataclass(frozen=True)
class Source:
    """The data set of a run, and the splits that stages may see of it."""

    dataset: Dataset
    cache: Path

    def spec(self, val_fraction: float, opens_test: bool) -> DataSpec:
        """Return which rows a stage sees."""
        return data.data_spec(self.dataset, val_fraction, opens_test)

    def prepared(self, spec: DataSpec) -> Path:
        """Return the folder of the standardised rows, written on first use."""
        return data.prepare(self.dataset, spec, self.cache)


def load(options: Options, console: Console, *, download: bool = True) -> Source:
    """Find, or download, the data set that the options ask for."""
    with data.DownloadBar("CIFAR-10", console) as progress:
        dataset = data.load(
            options.dataset,
            options.data_dir,
            download=download,
            progress=progress,
            warn=lambda message: console.print(f"warning: {message}"),
        )
    return Source(dataset, options.artifacts / CACHE)


def planned_rows(options: Options, console: Console) -> Callable[[float, bool], DataSpec]:
    """Return what `Source.spec` will return in a run; nothing is downloaded to know it."""
    try:
        return load(options, console, download=False).spec
    except data.NotDownloadedError as error:
        console.print(f"note: {error}")
        return data.nominal_cifar10_spec


def run_folder(name: str, dataset: Dataset, options: Options) -> Path:
    """Return where the results of sweep `name` go."""
    scale = "" if options.scale == "full" else f"-{options.scale}"
    run = f"-{options.run}" if options.run else ""
    return options.artifacts / name / f"{dataset.folder_name}{scale}{run}"


@dataclass(frozen=True)
class Finished:
    """A completed run: where it is, what its stages gave, and whether anything had to be computed."""

    folder: Path
    source: Source
    results: list[StageResult]
    computed: int

    @property
    def records(self) -> list[TrialRecord]:
        """The records of all stages, in plan order."""
        return [record for result in self.results for record in result.records]

    def split(self, spec: DataSpec) -> data.Split:
        """Open the split of a stage, for drawing."""
        return data.open_split(self.source.prepared(spec))


@contextmanager
def session(
    name: str,
    options: Options,
    source: Source,
    configuration: Any,
    sweep: Sweep[Conclusion],
    *,
    budgets: Collection[str],
    console: Console,
) -> Iterator[tuple[Conclusion, Finished]]:
    """Complete `sweep` in its folder, write the tables every sweep has, and hold the folder's lock for the block.

    Args:
        name: the sweep's name.
        options: those of the command line.
        source: the data.
        configuration: the sweep's own fields.
        sweep: the stages.
        budgets: dotted keys of the configuration that may grow without a new run.
        console: where progress goes.
    """
    folder = make_folder(run_folder(name, source.dataset, options))
    fingerprint = {
        "sweep": name,
        "seed": options.seed,
        "pack_width": options.pack_width,
        "data": {"name": source.dataset.name, "digest": source.dataset.digest},
        name: configuration,
    }
    keys = [f"{name}.{key}" for key in budgets]

    def note(*computed_with: Provenance) -> list[Provenance]:
        return write_manifest(folder, plain(fingerprint), source.dataset, computed_with)

    with lock(folder), Study.open(folder / "study.db", fingerprint, keys) as study:
        with reporting(console, options.workers) as reporter:
            runner = Runner(
                root=options.seed,
                folder=folder,
                study=study,
                engine=LokyEngine(options.workers),
                split=source.prepared,
                watcher=reporter,
                surroundings=note,
                pack_width=options.pack_width,
                retry_failed=options.retry == "failed",
            )
            conclusion, results = runner.run(sweep)
            everything = note()
            if len(everything) > 1:
                reporter.warn(f"trials were computed with {len(everything)} different surroundings; see manifest.json")
        finished = Finished(folder, source, results, runner.computed)
        _write_tables(finished, study)
        yield conclusion, finished


def show_plan(plans: list[StagePlan], options: Options, console: Console) -> None:
    """Price `plans` by a short calibration and print what a run would take; nothing is written or downloaded."""
    for line in price(plans, LokyEngine(options.workers), options.workers).lines():
        console.print(line)


def write_best(folder: Path, best: Mapping[str, Any]) -> None:
    """Write best.json: what the sweep concludes, in numbers and words."""
    write_json(folder / "best.json", best)


def _write_tables(finished: Finished, study: Study) -> None:
    records = finished.records
    timings = {
        (result.stage.name, number): timing
        for result in finished.results
        for number, timing in study.timings(result.stage.name).items()
    }
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
