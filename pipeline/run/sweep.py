"""Making a sweep so: of the trials that a sweep wants, the missing ones are computed and recorded in plan order.

A sweep is a generator of stages: it yields a Stage, is sent the StageResult, and returns what it concludes. As every
stage is a pure function of the configuration and of earlier results, running the generator again leads through the
same stages; what is stored already is not computed again.
"""

import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from pipeline.errors import DataError
from pipeline.files import make_folder
from pipeline.records import Provenance, Status, Timing, TrialRecord
from pipeline.run.engines import Engine, Failure
from pipeline.run.samplers import LogRange
from pipeline.run.stage import NETWORKS, PENDING, Search, Stage, StageResult, tasks
from pipeline.run.study import Study
from pipeline.run.worker import Outcome, Task, read_outcome, work
from pipeline.spec import DataSpec

Conclusion = TypeVar("Conclusion")

Sweep = Generator[Stage, StageResult, Conclusion]
"""Yields stages, is sent their results, returns its conclusion."""


class Watcher(Protocol):
    """Someone who is told how a run gets on."""

    def stage(self, stage: Stage, present: int) -> None:
        """A stage begins of which `present` trials are stored already."""
        ...

    def found(self, task: Task, outcome: Outcome) -> None:
        """A pack that an interrupted run computed is used; comes before `packs`."""
        ...

    def packs(self, packs: Sequence[Task]) -> None:
        """These packs are about to be computed."""
        ...

    def finished(self, task: Task, outcome: Outcome) -> None:
        """A pack has been computed."""
        ...

    def warn(self, message: str) -> None:
        """Something is worth a line, and the run goes on."""
        ...


@dataclass
class Runner:
    """Runs stages for one run folder, whose lock the caller holds. The only writer of its study.

    Attributes:
        root: the root seed.
        folder: the run folder.
        study: its open study.
        engine: where packs are computed.
        split: returns the folder of standardised rows for a DataSpec, made if need be.
        watcher: who is told.
        surroundings: told of what a pack was computed with, once for each kind, before the pack is recorded.
        pack_width: trials per pack, or None for the rule.
        retry_failed: whether FAILED trials count as missing.
        computed: how many trials were computed so far.
        provenances: what `surroundings` was told.
    """

    root: int
    folder: Path
    study: Study
    engine: Engine
    split: Callable[[DataSpec], Path]
    watcher: Watcher
    surroundings: Callable[[Provenance], object]
    pack_width: int | None = None
    retry_failed: bool = False
    computed: int = field(default=0, init=False)
    provenances: list[Provenance] = field(default_factory=list, init=False)

    def run(self, sweep: Sweep[Conclusion]) -> tuple[Conclusion, list[StageResult]]:
        """Run all stages of `sweep`; return its conclusion and the results of its stages."""
        results: list[StageResult] = []
        try:
            stage = next(sweep)
            while True:
                results.append(self.stage(stage))
                stage = sweep.send(results[-1])
        except StopIteration as end:
            # What waits still was recorded just before a kill, or is of settings that no stage wants any more.
            shutil.rmtree(self.folder / PENDING, ignore_errors=True)
            return end.value, results

    def stage(self, stage: Stage) -> StageResult:
        """Complete one stage, round by round."""
        stored = {record.number: record for record in self.study.records(stage.name)}
        self.watcher.stage(stage, self._count_present(stage, stored))
        for wanted in self._rounds(stage, stored):
            self._complete(stage, wanted, stored)
        if stage.keeps_networks:
            self._drop_networks(stage)
        return StageResult(stage, tuple(stored[number] for number in range(stage.count)))

    def _drop_networks(self, stage: Stage) -> None:
        """Remove the networks of numbers that an earlier, larger choice had and this one has not."""
        for path in (self.folder / NETWORKS).glob("*.npz"):
            if int(path.stem) >= stage.count:
                path.unlink()

    def _rounds(self, stage: Stage, stored: dict[int, TrialRecord]) -> Iterator[list[Task]]:
        """Yield the tasks of one round after the other; before the next, all trials of the last must be stored."""
        records: list[TrialRecord] = []
        packs = 0
        for round_ in range(stage.proposal.rounds):
            settings = stage.proposal.settings(stage.name, self.root, round_, records)
            trials = stage.trials(settings, self.root)
            wanted = tasks(stage, trials, (len(records), packs), self.folder, self.pack_width)
            yield wanted
            packs += len(wanted)
            records += [stored[len(records) + index] for index in range(len(trials))]

    def _count_present(self, stage: Stage, stored: dict[int, TrialRecord]) -> int:
        """Count the trials that need no computing, as far as the rounds can be told from what is stored."""
        present = 0
        for wanted in self._rounds(stage, stored):
            present += sum(self._present(task, index, stored) for task in wanted for index in _indices(task))
            if any(number not in stored for task in wanted for number in task.numbers):
                break
        return present

    def _complete(self, stage: Stage, wanted: Sequence[Task], stored: dict[int, TrialRecord]) -> None:
        """Compute the packs of `wanted` of which a record is missing; record them, in plan order, into `stored`."""
        missing = [task for task in wanted if not all(self._present(task, index, stored) for index in _indices(task))]
        if not missing:
            return
        make_folder(self.folder / PENDING)
        if stage.keeps_networks:
            make_folder(self.folder / NETWORKS)
        outcomes: dict[str, Outcome] = {}
        queue = list(missing)
        for task, outcome in self._outcomes(missing, self.split(stage.fixed.data)):
            outcomes[task.result.name] = outcome
            while queue and queue[0].result.name in outcomes:
                first = queue.pop(0)
                self._record(stage, first, outcomes.pop(first.result.name), stored)

    def _outcomes(self, missing: Sequence[Task], split: Path) -> Iterable[tuple[Task, Outcome]]:
        """Yield the outcomes of all packs: first those that an interrupted run left, then as they finish."""
        to_compute = {}
        for task in missing:
            outcome = self._left_over(task)
            if outcome:
                self.watcher.found(task, outcome)
                yield task, outcome
            else:
                to_compute[task.result.name] = task
        self.watcher.packs(list(to_compute.values()))
        with closing(self.engine.run(partial(work, split=split), to_compute)) as results:
            for name, failure in results:
                task = to_compute[name]
                outcome = _failed(task, failure) if isinstance(failure, Failure) else read_outcome(task.result)
                self.computed += len(task.numbers)
                self.watcher.finished(task, outcome)
                yield task, outcome

    def _left_over(self, task: Task) -> Outcome | None:
        """Return the outcome that waits in the task's file, if there is one, it is whole, and of this very task."""
        if not task.result.exists():
            return None
        try:
            outcome = read_outcome(task.result)
        except DataError as error:
            self.watcher.warn(f"{error}; computing its pack again")
            return None
        # A stage whose settings have changed since may want the same pack under other numbers.
        return outcome if [record.number for record in outcome.records] == list(task.numbers) else None

    def _present(self, task: Task, index: int, stored: dict[int, TrialRecord]) -> bool:
        """Whether the trial at `index` of the task is stored, as run in this very pack."""
        record = stored.get(task.numbers[index])
        if record is None or record.pack_key != task.trials.key:
            return False
        return not (self.retry_failed and record.status is Status.FAILED)

    def _record(self, stage: Stage, task: Task, outcome: Outcome, stored: dict[int, TrialRecord]) -> None:
        """Add the rows of a pack that are missing; only then may its file go."""
        if outcome.provenance and outcome.provenance not in self.provenances:
            self.provenances.append(outcome.provenance)
            self.surroundings(outcome.provenance)
        for index, record in enumerate(outcome.records):
            if not self._present(task, index, stored):
                self.study.add(record, outcome.timing, _searched(stage))
                stored[record.number] = record
        task.result.unlink(missing_ok=True)


def _indices(task: Task) -> range:
    return range(len(task.numbers))


def _failed(task: Task, failure: Failure) -> Outcome:
    """Return the outcome of a pack that gave no results: every trial FAILED, with the reason."""
    records = tuple(task.record(index, Status.FAILED, failure.reason) for index in _indices(task))
    return Outcome(records, Timing(0.0, 0.0, len(records), 0), None)


def _searched(stage: Stage) -> dict[str, LogRange]:
    """Return the ranges that Optuna's own tools are told of."""
    return {stage.proposal.name: stage.proposal.searched} if isinstance(stage.proposal, Search) else {}
