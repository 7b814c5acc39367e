"""Telling the user how a run gets on: a live line on a terminal, one line per event elsewhere."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from pipeline.records import Status, TrialRecord
from pipeline.run.stage import Stage
from pipeline.run.task import Task


@dataclass
class Tally:
    """What is known of the running stage."""

    name: str = ""
    wanted: int = 0
    present: int = 0
    running: int = 0
    best: float | None = None
    shows_best: bool = True  # not of a stage that opens the test set: it chooses nothing
    ended: Counter[Status] = field(default_factory=Counter)

    def add(self, records: Sequence[TrialRecord]) -> None:
        """Take the new records of a finished pack into account; PRUNED trials may go on, until they are dropped."""
        for record in records:
            self.ended[record.status] += record.status is not Status.PRUNED
            accuracy = record.final("val_accuracy")
            if accuracy is not None and (self.best is None or accuracy > self.best):
                self.best = accuracy

    @property
    def done(self) -> int:
        """Trials that need no more work."""
        return self.present + self.ended.total()

    def words(self) -> str:
        """Return what a user wants to know, in one line."""
        parts = [f"{self.done}/{self.wanted} trials"]
        if self.running:
            parts.append(f"{self.running} running")
        parts += [
            f"{self.ended[status]} {status.value.lower()}"
            for status in (Status.PRUNED, Status.DIVERGED, Status.FAILED)
            if self.ended[status]
        ]
        if self.best is not None and self.shows_best:
            parts.append(f"best validation accuracy {self.best:.2%}")
        return ", ".join(parts)


@dataclass
class Reporter:
    """A Watcher that writes to a console: `bar` is live on a terminal, None where lines must do.

    Work is counted in trial-epochs, the unit of cost.
    """

    console: Console
    workers: int
    bar: Progress | None
    tally: Tally = field(default_factory=Tally)
    line: TaskID | None = None
    started: float = field(default_factory=time.monotonic)
    queue: list[Task] = field(default_factory=list)
    work_wanted: int = 0

    def stage(self, stage: Stage, present: int) -> None:
        """Say what the stage wants, and what of it is there."""
        self.tally = Tally(stage.name, stage.count, present, shows_best=not stage.fixed.data.n_test)
        if present == stage.count:
            self._say(f"{stage.name}: all {present} trials are present")
            return
        have = f", {present} present" if present else ""
        self._say(f"{stage.name}: {stage.count} trials{have}")

    def found(self, task: Task, records: Sequence[TrialRecord]) -> None:
        """Count a pack in that was computed before."""
        self.tally.add(records)
        self._say(f"{task.stage}: {len(records)} trials of an interrupted run are used")
        self._say_why(records)

    def resumed(self, task: Task, epoch: int) -> None:
        """Say where a pack goes on."""
        self._say(f"{task.stage}: a pack goes on after epoch {epoch} of {task.end}")

    def packs(self, packs: Sequence[Task]) -> None:
        """Start the clock of the packs to compute."""
        self.queue, self.work_wanted = list(packs), _work(packs)
        self._count_running()
        self.started = time.monotonic()
        if self.bar is not None and packs:
            if self.line is not None:
                self.bar.remove_task(self.line)
            self.line = self.bar.add_task(self.tally.name, total=self.work_wanted, words=self.tally.words())

    def finished(self, task: Task, records: Sequence[TrialRecord]) -> None:
        """Count a pack in."""
        self.tally.add(records)
        self.queue.remove(task)
        self._count_running()
        if self.bar is not None and self.line is not None:
            self.bar.update(self.line, completed=self.work_wanted - _work(self.queue), words=self.tally.words())
        else:
            self._say(f"{self.tally.name}: {self.tally.words()}{self._left()}")
        self._say_why(records)

    def dropped(self, stage: Stage, records: Sequence[TrialRecord]) -> None:
        """Say how many trials go no further."""
        pruned = [record for record in records if record.status is Status.PRUNED]
        self.tally.ended[Status.PRUNED] += len(pruned)
        if pruned:
            self._say(f"{stage.name}: {len(pruned)} trials dropped after cycle {pruned[0].curves.cycle[-1]}")

    def _count_running(self) -> None:
        """Packs start in order, one per worker."""
        self.tally.running = sum(len(task.numbers) for task in self.queue[: self.workers])

    def _say_why(self, records: Sequence[TrialRecord]) -> None:
        for record in records:
            if record.status in {Status.DIVERGED, Status.FAILED}:
                ended = record.status.value.lower()
                self._say(f"{record.stage}: trial {record.number} {ended}: {record.reason}")

    def warn(self, message: str) -> None:
        """Say it on a line of its own."""
        self._say(f"warning: {message}")

    def _say(self, line: str) -> None:
        self.console.print(line, markup=False, emoji=False)  # reasons and paths may hold [brackets] and :colons:

    def _left(self) -> str:
        left = _work(self.queue)
        if not left:
            return ""
        seconds = (time.monotonic() - self.started) * left / (self.work_wanted - left)
        return f", about {seconds:.0f} s left"


@contextmanager
def reporting(console: Console, workers: int) -> Iterator[Reporter]:
    """Report on `console` while the block runs."""
    if not console.is_terminal:
        yield Reporter(console, workers, None)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[words]}"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        yield Reporter(console, workers, bar)


def _work(packs: Sequence[Task]) -> int:
    return sum(task.work for task in packs)
