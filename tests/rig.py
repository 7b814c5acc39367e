"""Small runs: 200 rows of data, sweeps of tiny networks, engines without processes, a Watcher that remembers."""

import dataclasses
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.blas import single_thread
from pipeline.data import Dataset, data_spec, prepare
from pipeline.records import Curves, Status, TrialRecord
from pipeline.report import tables
from pipeline.run.engines import Failure
from pipeline.run.plan import Plan, StagePlan
from pipeline.run.samplers import LogRange
from pipeline.run.stage import Listed, Search, Stage, StageResult
from pipeline.run.study import Study
from pipeline.run.sweep import Runner, Watcher
from pipeline.run.task import Task
from pipeline.spec import NetworkSpec, ScheduleSpec, TrialSpec

ROWS, D, C = 200, 6, 3
LAMBDAS = (0.001, 0.01, 0.1)
LAMBDA_SIZES = {
    **{"network.hidden": 6, "batch-size": 20, "pack-width": 2, "jobs": 1},
    **{"coarse.count": 4, "coarse.replicates": 2, "coarse.step-size": 1, "coarse.cycles": 1},
    **{"refine.count": 4, "refine.replicates": 2, "refine.step-size": 1, "refine.cycles": 1},
    **{"final.replicates": 2, "final.step-size": 1, "final.cycles": 1},
}
CONFIGURATION = {"asked": "by the tests"}


def arrays(rows: int = ROWS) -> dict[str, np.ndarray]:
    """Return x_train (rows, D) and y_train (rows,) of a data set: classes apart from each other, with overlap."""
    y = np.arange(rows) % C
    x = np.random.default_rng(5).standard_normal((rows, D))
    x[:, :C] += 1.5 * np.eye(C)[y]
    return {"x_train": x, "y_train": y}


def npz(folder: Path, rows: int = ROWS, shape: tuple[int, ...] = (D,)) -> Path:
    """Write the data set as a user's own file, whose rows may be images of a `shape`, and return its path."""
    path, written = folder / "tiny.npz", arrays(rows)
    np.savez(path, **written | {"x_train": written["x_train"].reshape(rows, *shape)})
    return path


def lambda_command(npz: Path | str, out: Path, **flags: object) -> list[str]:
    """Return the command line of a small search: LAMBDA_SIZES and `flags`, where "_" is "-" and True is a switch."""
    given = {name.replace("_", "-"): value for name, value in flags.items()}
    values = {"dataset": npz, "artifacts": out} | LAMBDA_SIZES | given
    words: list[str] = ["lambda"]
    for name, value in values.items():
        if value is not None:
            several = str(value).split() if name == "network.hidden" else [str(value)]
            words += [f"--{name}", *(several if value is not True else [])]
    return words


@lru_cache
def dataset() -> Dataset:
    """Return the data set as a loader does."""
    return Dataset("tiny", ("a", "b", "c"), **arrays())


def fixed(*, opens_test: bool = False, eta_max: float = 0.1, cycles: int = 1) -> TrialSpec:
    """Return what the trials of a stage share: 2 epochs per cycle of a network of 6 hidden units."""
    return TrialSpec(
        data_spec(dataset(), 0.1, opens_test),
        network=NetworkSpec(hidden=(6,)),
        schedule=ScheduleSpec(step_size=1, cycles=cycles, eta_max=eta_max),
        batch_size=20,
    )


def listed(
    name: str = "search",
    lambdas: Sequence[float] = LAMBDAS,
    replicates: int = 2,
    *,
    final: bool = False,
    prune: float = 0.0,
    **how: Any,
) -> Stage:
    """Return a stage of known lambdas; the final one opens the test set and keeps its networks."""
    settings = tuple({"lambda": lambda_} for lambda_ in lambdas)
    return Stage(name, fixed(opens_test=final, **how), Listed(settings), replicates, keeps_networks=final, prune=prune)


def searched(
    name: str = "search", sampler: str = "grid", count: int = 3, replicates: int = 2, round_: int = 2
) -> Stage:
    """Return a stage that searches lambda from 1e-5 to 1e-1."""
    return Stage(name, fixed(), Search("lambda", LogRange(1e-5, 1e-1), sampler, count, round_), replicates)


def sweep_of(*stages: Stage) -> Generator[Stage, StageResult, list[StageResult]]:
    """Yield the stages, whatever they give, and conclude with what they gave."""
    results: list[StageResult] = []
    for stage in stages:
        results += [(yield stage)]
    return results


@dataclass
class InProcess:
    """An engine without processes. `order` may shuffle the names; `failing` names give a Failure; `ran` remembers."""

    order: Callable[[list[str]], list[str]] = lambda names: names
    failing: Callable[[str], bool] = lambda _: False
    ran: list[str] = field(default_factory=list)
    reason: str = "worker died 3 times (SIGKILL(-9))"

    def run(
        self, function: Callable[[Any], Any], items: Mapping[str, Any]
    ) -> Generator[tuple[str, Any | Failure], None, None]:
        for name in self.order(list(items)):
            self.ran.append(name)
            if self.failing(name):
                yield name, Failure(self.reason)
            else:
                with single_thread():
                    result = function(items[name])
                yield name, result


def shuffled(seed: int) -> InProcess:
    """Return an engine whose results arrive in a random order."""
    return InProcess(order=lambda names: [str(name) for name in np.random.default_rng(seed).permutation(names)])


def forbidden() -> InProcess:
    """Return an engine that must not be asked for anything."""

    def refuse(names: list[str]) -> list[str]:
        assert names == [], f"nothing was to be computed, got {names}"
        return names

    return InProcess(order=refuse)


@dataclass
class Watched:
    """A Watcher that remembers everything it is told."""

    stages: list[tuple[str, int]] = field(default_factory=list)
    packed: list[list[int]] = field(default_factory=list)
    computed: list[list[int]] = field(default_factory=list)
    left_over: list[list[int]] = field(default_factory=list)
    pruned: list[list[int]] = field(default_factory=list)
    resumptions: list[tuple[list[int], int]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def stage(self, stage: Stage, present: int) -> None:
        self.stages.append((stage.name, present))

    def packs(self, packs: Sequence[Task]) -> None:
        self.packed.append([number for task in packs for number in task.numbers])

    def resumed(self, task: Task, epoch: int) -> None:
        self.resumptions.append((list(task.numbers), epoch))

    def found(self, task: Task, records: Sequence[TrialRecord]) -> None:
        self.left_over.append([record.number for record in records])

    def finished(self, task: Task, records: Sequence[TrialRecord]) -> None:
        self.computed.append([record.number for record in records])

    def dropped(self, stage: Stage, records: Sequence[TrialRecord]) -> None:
        self.pruned.append([record.number for record in records])

    def warn(self, message: str) -> None:
        self.warnings.append(message)


@dataclass
class Ran:
    """What a run came to: the conclusion, its runner, and what was told on the way."""

    results: list[StageResult]
    runner: Runner
    watched: Watched
    engine: InProcess

    @property
    def records(self) -> list[TrialRecord]:
        return [record for result in self.results for record in result.records]


def run(
    folder: Path,
    *stages: Stage,
    engine: InProcess | None = None,
    width: int | None = None,
    retry: bool = False,
    watcher: Watcher | None = None,
) -> Ran:
    """Run `stages` in `folder`, as a session does, with an engine in this process."""
    engine, watched = engine or InProcess(), Watched()
    folder.mkdir(exist_ok=True)
    if not (folder / "study.db").exists():
        (folder / "study.db").write_bytes(_empty_study())
    with Study.open(folder / "study.db", CONFIGURATION) as study:
        runner = Runner(
            plan=Plan(0, folder, width, retry),
            study=study,
            engine=engine,
            split=lambda spec: prepare(dataset(), spec, folder.parent / "cache"),
            watcher=watcher or watched,
        )
        results, _ = runner.run(sweep_of(*stages))
    return Ran(results, runner, watched, engine)


@lru_cache
def _empty_study() -> bytes:
    """Return the file of a study without trials, which takes a while to make."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.db"
        Study.open(path, CONFIGURATION).close()
        return path.read_bytes()


def results_of(stage: Stage, root: int, accuracy: Callable[[float, int], float | None]) -> StageResult:
    """Return a stage's result by hand: `accuracy` of (lambda, replicate), None for a trial that diverged."""
    settings = stage.proposal.settings(stage.name, root, 0, ())
    records = []
    for number, spec in enumerate(stage.trials(settings, root)):
        replicate = number // len(settings)
        value = accuracy(spec.lambda_, replicate)
        status = Status.DIVERGED if value is None else Status.COMPLETE
        curves = Curves(val_accuracy=(0.0 if value is None else value,))
        records.append(TrialRecord(stage.name, number, replicate, replicate, spec, status, curves))
    return StageResult(stage, tuple(records))


def without_times(records: Sequence[TrialRecord]) -> list[dict[str, Any]]:
    """Return records as dictionaries, to compare bit for bit."""
    return [dataclasses.asdict(record) for record in records]


def files(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below `folder` by its path; the lock, which names a process, is left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


class Killed(BaseException):
    """The process ends here."""


def csv(ran: Ran) -> tuple[str, str]:
    """Return trials.csv and curves.csv of a run."""
    return tables.trials_table(ran.records).to_csv(), tables.curves_table(ran.records).to_csv()


def results(folder: Path) -> dict[str, bytes]:
    """Return what lies in a run folder besides the study, whose file keeps times: the trained networks."""
    return {name: content for name, content in files(folder).items() if name != "study.db"}


def dies(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, after: int) -> None:
    """Let the call of `owner.name` number `after` raise Killed once it is done; 0 for before the first."""
    original, calls = getattr(owner, name), iter(range(1, 10**6))

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if not after:
            raise Killed
        answer = original(*args, **kwargs)
        if next(calls) == after:
            raise Killed
        return answer

    monkeypatch.setattr(owner, name, wrapped)


def task(folder: Path, lambdas: tuple[float, ...] = LAMBDAS, *, final: bool = False, **how: object) -> Task:
    """Return the first pack of a stage, whose outcome goes to `folder`."""
    stage = listed("final" if final else "search", lambdas, 1, final=final, **how)
    [only] = next(StagePlan(Plan(0, folder), stage, {}).rounds())
    only.result.parent.mkdir(exist_ok=True, parents=True)
    if only.networks:
        only.networks.mkdir(exist_ok=True)
    return only


def split_of(task: Task, cache: Path) -> Path:
    """Return the folder of the rows of a task, prepared in `cache`."""
    return prepare(dataset(), task.trials.trials[0].data, cache)
