"""Making a sweep so: of the trials that a sweep wants, the missing ones are computed and recorded in plan order.

A sweep is a generator of stages: it yields a Stage, is sent the StageResult, and returns what it concludes. As every
stage is a pure function of the configuration and of earlier results, running the generator again leads through the
same stages; what is stored already is not computed again.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from pipeline.blas import single_thread
from pipeline.errors import DataError
from pipeline.files import make_folder, remove
from pipeline.records import Leg, Row, Status, TrialRecord
from pipeline.run import checkpoints, networks
from pipeline.run.engines import Engine, Failure
from pipeline.run.plan import NETWORKS, PENDING, Plan, StagePlan
from pipeline.run.provenance import provenance
from pipeline.run.space import Dimension
from pipeline.run.stage import Conclusion, Stage, StageResult, Sweep
from pipeline.run.study import Study
from pipeline.run.task import Outcome, Task
from pipeline.run.worker import read_outcome, waiting, work
from pipeline.spec import DataSpec


class Watcher(Protocol):
    """Someone who is told how a run gets on. Records are those of a pack that were not there before."""

    def stage(self, stage: Stage, present: int) -> None:
        """A stage begins of which `present` trials need no computing."""
        ...

    def found(self, task: Task, records: Sequence[TrialRecord]) -> None:
        """The outcome of a pack waited in its file: an interrupted run computed it."""
        ...

    def resumed(self, task: Task, epoch: int) -> None:
        """A pack goes on after an epoch: an interrupted run left a checkpoint."""
        ...

    def packs(self, packs: Sequence[Task]) -> None:
        """These packs are about to be computed, in this order."""
        ...

    def finished(self, task: Task, records: Sequence[TrialRecord]) -> None:
        """A pack has been computed, for one leg or all of them; whether PRUNED trials go on is yet to be seen."""
        ...

    def dropped(self, stage: Stage, records: Sequence[TrialRecord]) -> None:
        """These trials have ended at the end of a cycle."""
        ...

    def warn(self, message: str) -> None:
        """Something is worth a line, and the run goes on."""
        ...


@dataclass
class Runner:
    """Runs stages for one run folder, whose lock the caller holds. The only writer of its study.

    Attributes:
        plan: how stages become tasks.
        study: the open study of the run folder.
        engine: where packs are computed.
        split: returns the folder of standardised rows for a DataSpec, made if need be.
        watcher: who is told.
        rows: the rows of the stages so far in plan order, by stage.
    """

    plan: Plan
    study: Study
    engine: Engine
    split: Callable[[DataSpec], Path]
    watcher: Watcher
    rows: dict[str, list[Row]] = field(default_factory=dict, init=False)
    _computed: set[tuple[str, int]] = field(default_factory=set, init=False)
    _arithmetic: set[tuple[str, ...]] = field(default_factory=set, init=False)  # of all that is known so far

    @property
    def computed(self) -> int:
        """How many trials were computed so far."""
        return len(self._computed)

    def run(self, sweep: Sweep[Conclusion]) -> tuple[Conclusion, list[StageResult]]:
        """Run all stages of `sweep`; return its conclusion and the results of its stages."""
        results: list[StageResult] = []
        try:
            stage = next(sweep)
            while True:
                results.append(self.stage(stage))
                stage = sweep.send(results[-1])
        except StopIteration as end:
            self._tidy(results)
            return end.value, results

    def stage(self, stage: Stage) -> StageResult:
        """Complete one stage, round by round."""
        staged = StagePlan(self.plan, stage, self.study.rows(stage.name))
        self._arithmetic |= {each.arithmetic for row in staged.rows.values() for each in row.provenances}
        self.watcher.stage(stage, staged.present())
        for tasks in staged.rounds():
            self._complete(staged, tasks)
        self.rows[stage.name] = staged.placed()
        return staged.result()

    def _complete(self, staged: StagePlan, tasks: Sequence[Task]) -> None:
        """Compute the packs of a round, or of a leg of it, of which something is missing; record what has ended.

        Trials that complete are recorded as soon as those before them are, trials that are dropped when all of their
        leg is there: in plan order both.
        """
        missing = {task: staged.missing(task) for task in tasks}
        queue = [task for task in tasks if missing[task]]
        if queue:
            make_folder(self.plan.folder / PENDING)
            if staged.stage.keeps_networks:
                make_folder(self.plan.folder / NETWORKS)
        outcomes: dict[Path, Outcome] = {}
        for task, outcome in self._outcomes(staged, {task: missing[task] for task in queue}):
            self._compare(outcome)
            if task.goes_on:
                staged.standing |= {row.identity: row for row in outcome.rows}
                continue
            outcomes[task.result] = outcome
            while queue and queue[0].result in outcomes:
                first = queue.pop(0)
                self._record(staged, first, outcomes.pop(first.result))
        if staged.stage.prune:
            self._end_leg(staged, tasks)

    def _end_leg(self, staged: StagePlan, tasks: Sequence[Task]) -> None:
        """Record who goes no further; when nobody does, the files of the round may go."""
        ended = staged.dropped(tasks)
        if tasks[0].goes_on:  # or the last leg: all of it is recorded
            new = [row.record for row in ended if self._add(staged, row)]
            if new:
                self.watcher.dropped(staged.stage, new)
        if len(ended) == sum(len(task.numbers) for task in tasks):
            for task in staged.round:
                _forget(task)

    def _outcomes(self, staged: StagePlan, missing: Mapping[Task, Sequence[int]]) -> Iterator[tuple[Task, Outcome]]:
        """Yield the outcomes of all packs: first those that an interrupted run left, then as they finish.

        `missing` says of each pack which of its trials are.
        """
        to_compute: dict[str, Task] = {}
        for task in missing:
            outcome = self._left_over(task)
            if outcome:
                self.watcher.found(task, _new(task, outcome, missing[task]))
                yield task, outcome
            else:
                self._check(task)
                to_compute[task.result.name] = task
        if not to_compute:
            return
        self.watcher.packs(list(to_compute.values()))
        split = self.split(staged.stage.fixed.data)
        with closing(self.engine.run(partial(work, split=split), to_compute)) as results:
            for name, failure in results:
                task = to_compute[name]
                if isinstance(failure, Failure):  # perhaps of something after the outcome was written
                    outcome = self._left_over(task) or _failed(staged, task, failure)
                else:
                    outcome = read_outcome(task.result)
                new = _new(task, outcome, missing[task])
                self._computed |= {(record.stage, record.number) for record in new}
                self.watcher.finished(task, new)
                yield task, outcome

    def _left_over(self, task: Task) -> Outcome | None:
        """Return the outcome that waits in the task's file, if there is one and it is whole."""
        try:
            return waiting(task)
        except DataError as error:
            self.watcher.warn(f"{error}; computing its pack again")
            return None

    def _check(self, task: Task) -> None:
        """Tell of a checkpoint that the worker will go on from, and warn of one that it cannot use."""
        try:
            standing = checkpoints.read(task)
        except DataError as error:
            self.watcher.warn(f"{error}; computing its pack from the start")
            return
        if standing is None or standing.checkpoint.epoch == task.end:  # of a leg whose outcome is lost
            return
        with single_thread():
            here = provenance()
        if checkpoints.goes_on(standing, here):
            self.watcher.resumed(task, standing.checkpoint.epoch)

    def _record(self, staged: StagePlan, task: Task, outcome: Outcome) -> None:
        """Add the rows of a pack that are missing; only then may its files go."""
        for index, row in enumerate(outcome.rows):
            self._add(staged, replace(row, record=task.placed(index, row.record)))
        _forget(task)

    def _add(self, staged: StagePlan, row: Row) -> bool:
        """Add a row unless what was run is stored already; return whether it was not."""
        stored = staged.rows.get(row.identity)
        new = stored is None or (self.plan.retry_failed and stored.record.status is Status.FAILED)
        if new:
            self.study.add(row, _searched(staged.stage))
            staged.rows[row.identity] = row
        return new

    def _compare(self, outcome: Outcome) -> None:
        """Warn once when a run goes on with arithmetic that may give other bits than it began with."""
        if outcome.provenance:
            now = outcome.provenance.arithmetic
            if self._arithmetic and now not in self._arithmetic:
                found = ", ".join(now)
                self.watcher.warn(f"earlier trials were computed with other arithmetic than {found}; see manifest.json")
            self._arithmetic.add(now)

    def _tidy(self, results: Sequence[StageResult]) -> None:
        """Remove what no trial wants: networks of an earlier choice, outcomes recorded just before a kill."""
        kept = [
            record.number
            for result in results
            if result.stage.keeps_networks
            for record in result.records
            if record.status is Status.COMPLETE
        ]
        networks.keep_only(self.plan.folder / NETWORKS, kept)
        shutil.rmtree(self.plan.folder / PENDING, ignore_errors=True)


def _new(task: Task, outcome: Outcome, missing: Sequence[int]) -> list[TrialRecord]:
    """Return the records of an outcome that were missing."""
    return [task.placed(index, outcome.records[index]) for index in missing]


def _failed(staged: StagePlan, task: Task, failure: Failure) -> Outcome:
    """Return the outcome of a pack that gave no results: every trial FAILED, as far as its earlier legs came."""
    records, earlier = [], []
    for index, number in enumerate(task.numbers):
        record, legs = task.record(index, Status.FAILED, failure.reason), tuple[Leg, ...]()
        for source in task.sources:
            row = staged.row(source, source.numbers.index(number)) if number in source.numbers else None
            if row:
                record = replace(record, curves=row.record.curves, batch_losses=row.record.batch_losses)
                legs = row.legs
        records.append(record)
        earlier.append(legs)
    return Outcome(tuple(records), earlier=tuple(earlier))


def _forget(task: Task) -> None:
    """Remove the files of a pack that is recorded."""
    for path in (task.result, task.checkpoint):
        remove(path)


def _searched(stage: Stage) -> Mapping[str, Dimension]:
    """Return the dimensions that Optuna's own tools are told of."""
    return stage.proposal.space.dimensions if stage.proposal.space else {}
