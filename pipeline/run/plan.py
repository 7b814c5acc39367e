"""What a stage wants, as tasks in plan order, and which of it is there: the same for a run and for its preview."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.records import Row, Status, TrialRecord
from pipeline.run.packing import pack_members
from pipeline.run.stage import Stage, StageResult
from pipeline.run.worker import Task
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

    `rows` holds what is stored, by what was run; whoever completes a round adds to it before asking for the next.
    """

    plan: Plan
    stage: Stage
    rows: dict[tuple[str, str], Row]
    tasks: list[Task] = field(default_factory=list, init=False)

    def rounds(self) -> Iterator[list[Task]]:
        """Yield the tasks of one round after the other; before the next, all of the last must be in `rows`."""
        self.tasks = []
        for round_ in range(self.stage.proposal.rounds):
            earlier = self.records()
            settings = self.stage.proposal.settings(self.stage.name, self.plan.root, round_, earlier)
            trials = self.stage.trials(settings, self.plan.root)
            new = self._tasks(trials, len(earlier))
            self.tasks += new
            yield new

    def missing(self, task: Task) -> list[int]:
        """Return the indices of the task's trials that are not there, or without the network they should have."""
        return [index for index in range(len(task.numbers)) if not self._present(task, index)]

    def placed(self) -> list[Row]:
        """Return the rows of all tasks so far in plan order, each with its place in this plan."""
        found = [
            (task, index, self.rows[task.identity(index)]) for task in self.tasks for index in range(len(task.numbers))
        ]
        rows = [replace(row, record=task.placed(index, row.record)) for task, index, row in found]
        return sorted(rows, key=lambda row: row.record.number)

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
            count += sum(len(task.numbers) - len(self.missing(task)) for task in tasks)
            wanted = [(task, index) for task in tasks for index in range(len(task.numbers))]
            gaps = [Row(task.record(index, Status.FAILED)) for task, index in wanted]
            gaps = [row for row in gaps if row.identity not in self.rows]
            if gaps and self.stage.proposal.looks_back:
                break
            ahead.rows |= {row.identity: row for row in gaps}
        return count

    def _present(self, task: Task, index: int) -> bool:
        row = self.rows.get(task.identity(index))
        if row is None or (self.plan.retry_failed and row.record.status is Status.FAILED):
            return False
        return task.has_network(index, row.record)

    def _tasks(self, trials: Sequence[TrialSpec], first: int) -> list[Task]:
        """Divide the trials of a round, the first of which has number `first`, into tasks."""
        per_replicate = len(trials) // self.stage.replicates
        networks = self.plan.folder / NETWORKS if self.stage.keeps_networks else None
        out = []
        for pack, members in enumerate(pack_members(trials, self.plan.pack_width), start=len(self.tasks)):
            packed = Pack(tuple(trials[member] for member in members))
            out.append(
                Task(
                    stage=self.stage.name,
                    pack=pack,
                    replicate=members[0] // per_replicate,
                    numbers=tuple(first + member for member in members),
                    trials=packed,
                    result=self.plan.folder / PENDING / f"{self.stage.name}-{packed.key}.json",
                    networks=networks,
                )
            )
        return out
