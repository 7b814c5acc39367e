"""What a stage wants, as tasks in plan order, and which of it is there: the same for a run and for its preview."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from pipeline.records import Row, Status, TrialRecord
from pipeline.run.packing import pack_members
from pipeline.run.pruning import cut
from pipeline.run.stage import Stage, StageResult
from pipeline.run.task import Task
from pipeline.spec import Pack, TrialSpec

NETWORKS = "networks"
PENDING = ".pending"
"""Folders inside a run folder: what the final stage keeps, and outcomes that wait to be recorded."""


@dataclass(frozen=True)
class Plan:
    """How stages become tasks.

    Attributes:
        root: the root seed.
        folder: the run folder.
        pack_width: trials per pack, or None for the rule.
        retry_failed: whether FAILED trials count as missing.
    """

    root: int
    folder: Path
    pack_width: int | None = None
    retry_failed: bool = False


@dataclass
class StagePlan:
    """One stage, task by task, beside the rows that are there.

    `rows` holds what is stored, by what was run, `standing` what is known of legs that others go on from; whoever
    completes tasks adds to either before asking for the next ones.
    """

    plan: Plan
    stage: Stage
    rows: dict[tuple[str, str], Row]
    standing: dict[tuple[str, str], Row] = field(default_factory=dict, init=False)
    tasks: list[Task] = field(default_factory=list, init=False)
    round: list[Task] = field(default_factory=list, init=False)  # those of the round that was begun last
    _reasons: dict[int, str] = field(default_factory=dict, init=False)  # of the trials that were dropped, by number
    _first: int = field(default=0, init=False)  # number of the first trial of the round
    _settings: int = field(default=1, init=False)  # settings of the round

    def rounds(self) -> Iterator[list[Task]]:
        """Yield the tasks of one round after the other, of stages that prune of one leg after the other.

        Before the next, the rows of all tasks of the last must be there.
        """
        self.tasks, self._reasons = [], {}
        for round_ in range(self.stage.proposal.rounds):
            earlier = self.records()
            settings = self.stage.proposal.settings(self.stage.name, self.plan.root, round_, earlier)
            yield from self._legs(self.stage.trials(settings, self.plan.root), len(earlier))

    def missing(self, task: Task) -> list[int]:
        """Return the indices of the task's trials that are not there, or without the network they should have."""
        return [index for index in range(len(task.numbers)) if not self._present(task, index)]

    def row(self, task: Task, index: int) -> Row | None:
        """Return what is known of the trial at `index` at the end of `task`; the row of a later leg knows it too."""
        identity = task.identity(index)
        if identity in self.standing:
            return self.standing[identity]
        found = self.rows.get(identity)
        if not task.goes_on or (found and found.record.status is not Status.FAILED):
            return found
        later = self._later.get(identity)  # of a failed trial: a retry
        return later.at_end_of(task.key, task.end) if later else found

    def dropped(self, tasks: Sequence[Task]) -> list[Row]:
        """Return the rows of a complete leg whose trials go no further, in plan order, each with its place and why."""
        kept = set(self._going_on(tasks) if tasks[0].goes_on else ())
        return [row for row in self._placed(tasks) if row.record.number not in kept]

    def placed(self) -> list[Row]:
        """Return the rows of all tasks so far in plan order, each with its place in this plan."""
        return self._placed(self.tasks)

    def records(self) -> list[TrialRecord]:
        """Return the records of the placed rows."""
        return [row.record for row in self.placed()]

    def result(self) -> StageResult:
        """Return the result of the completed stage."""
        return StageResult(self.stage, tuple(self.records()))

    def present(self) -> int:
        """Count the trials that need no computing, as far as the rounds can be told from what is stored."""
        ahead = StagePlan(self.plan, self.stage, dict(self.rows))
        count = 0
        for tasks in ahead.rounds():
            wanted = [(task, index) for task in tasks for index in range(len(task.numbers))]
            gaps = sum(len(self.missing(task)) for task in tasks)
            if tasks[0].goes_on and not gaps:
                count += len(ahead.dropped(tasks))
                continue
            count += len(wanted) - gaps
            if gaps and self.stage.proposal.looks_back:
                break
            lost = {task.identity(index): Row(task.record(index, Status.FAILED)) for task, index in wanted}
            if tasks[0].goes_on:  # and no leg follows a gap
                ahead.standing |= lost
            else:
                ahead.rows = lost | ahead.rows
        return count

    def _present(self, task: Task, index: int) -> bool:
        row = self.row(task, index)
        if row is None or (self.plan.retry_failed and row.record.status is Status.FAILED):
            return False
        return task.has_network(index, row.record)

    def _legs(self, trials: Sequence[TrialSpec], first: int) -> Iterator[list[Task]]:
        """Yield the tasks of a round, the first trial of which has number `first`, leg after leg."""
        numbers, before = list(range(first, first + len(trials))), list[Task]()
        self._first, self._settings, self.round = first, len(trials) // self.stage.replicates, []
        for cycle in self.stage.legs:
            tasks = self._tasks([(number, trials[number - first]) for number in numbers], cycle, before)
            self.tasks += tasks
            self.round += tasks
            yield tasks
            numbers, before = self._going_on(tasks) if tasks[0].goes_on else [], tasks
            if not numbers:
                return

    def _going_on(self, tasks: Sequence[Task]) -> list[int]:
        """Return the numbers of the trials of a complete leg that go on, in plan order; note why the others do not."""
        at = {row.record.number: row.record for row in self._placed(tasks)}
        places = {number: divmod(number - self._first, self._settings) for number in at}
        settings = sorted({setting for _, setting in places.values()})
        accuracies, losses = np.full((2, len(settings), self.stage.replicates), np.nan)
        for number, (replicate, setting) in places.items():
            place = settings.index(setting), replicate
            accuracies[place], losses[place] = (_or_nan(at[number].last(name)) for name in ("val_accuracy", "val_loss"))
        found = cut(accuracies, self.stage.prune, tasks[0].cycle or 0, losses)
        kept = {settings[index] for index in found.kept}
        why = {settings[index]: reason for index, reason in found.reasons.items()}
        self._reasons |= {number: why[setting] for number, (_, setting) in places.items() if setting in why}
        return [number for number, (_, setting) in places.items() if setting in kept]

    def _placed(self, tasks: Sequence[Task]) -> list[Row]:
        """Return the rows of tasks in plan order; of a trial that is in several, that of the last one."""
        last = {number: (task, index) for task in tasks for index, number in enumerate(task.numbers)}
        return [self._in_place(*last[number]) for number in sorted(last)]

    def _in_place(self, task: Task, index: int) -> Row:
        """Return the row of a trial with its place in this plan, and why it is dropped here, if it is."""
        row = self.row(task, index)
        if row is None:
            raise KeyError(task.identity(index))
        record = task.placed(index, row.record)
        if record.status is Status.PRUNED:
            record = replace(record, reason=self._reasons.get(record.number, ""))
        return replace(row, record=record)

    @cached_property
    def _later(self) -> Mapping[tuple[str, str], Row]:
        """The stored rows by the trial and every leg that it had come through before its last one.

        Of trials that are computed now, `standing` has these legs.
        """
        return {(row.record.spec.key, leg): row for row in self.rows.values() for leg in row.record.came_from}

    def _tasks(self, trials: Sequence[tuple[int, TrialSpec]], cycle: int | None, before: Sequence[Task]) -> list[Task]:
        """Divide numbered trials into tasks for one leg, or all of them at once; `before` are those of the last leg."""
        networks = self.plan.folder / NETWORKS if self.stage.keeps_networks else None
        packs = pack_members([trial for _, trial in trials], self.plan.pack_width)
        came_from = {number: place for place, source in enumerate(before) for number in source.numbers}
        out = []
        for pack, members in enumerate(packs, start=len(self.tasks)):
            numbers = tuple(trials[member][0] for member in members)
            task = Task(
                stage=self.stage.name,
                pack=pack,
                replicate=(numbers[0] - self._first) // self._settings,
                numbers=numbers,
                trials=Pack(tuple(trials[member][1] for member in members)),
                result=self.plan.folder / PENDING,
                networks=networks,
                cycle=cycle,
                sources=tuple(before[place] for place in sorted({came_from[each] for each in numbers if before})),
            )
            out.append(replace(task, result=task.result / f"{task.stage}-{task.key}.json"))
        return out


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
