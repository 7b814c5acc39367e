"""Telling the user how a run gets on: a live line on a terminal, one line per event elsewhere."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from pipeline.records import Status
from pipeline.run.stage import Stage
from pipeline.run.worker import Outcome, Task


@dataclass
class Tally:
    """What is known of the running stage; work is counted in trial-epochs, the unit of cost."""

    name: str = ""
    wanted: int = 0
    present: int = 0
    running: int = 0
    best: float | None = None
    ended: Counter[Status] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Take a finished pack into account."""
        self.running -= len(outcome.records)
        for record in outcome.records:
            self.ended[record.status] += 1
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
        parts += [
            f"{self.ended[status]} {status.value.lower()}"
            for status in (Status.PRUNED, Status.DIVERGED, Status.FAILED)
            if self.ended[status]
        ]
        if self.best is not None:
            parts.append(f"best validation accuracy {self.best:.2%}")
        return ", ".join(parts)


@dataclass
class Reporter:
    """A Watcher that writes to a console: `bar` is live on a terminal, None where lines must do."""

    console: Console
    workers: int
    bar: Progress | None
    tally: Tally = field(default_factory=Tally)
    line: TaskID | None = None
    started: float = field(default_factory=time.monotonic)
    work_done: int = 0

    def stage(self, stage: Stage, present: int) -> None:
        """Say what the stage wants, and what of it is there."""
        self.tally = Tally(stage.name, stage.count, present)
        if present == stage.count:
            self.console.print(f"{stage.name}: all {present} trials are present")
            return
        have = f", {present} present" if present else ""
        self.console.print(f"{stage.name}: {stage.count} trials{have}")

    def packs(self, packs: Sequence[Task]) -> None:
        """Start the clock of the packs to compute."""
        self.tally.running = sum(len(task.numbers) for task in packs)
        self.started, self.work_done = time.monotonic(), 0
        if self.bar is not None and packs:
            total = sum(_work(task) for task in packs)
            if self.line is not None:
                self.bar.remove_task(self.line)
            self.line = self.bar.add_task(self.tally.name, total=total, words=self.tally.words())
        self._total = sum(_work(task) for task in packs)

    def finished(self, task: Task, outcome: Outcome) -> None:
        """Count a pack in."""
        self.tally.add(outcome)
        self.work_done += _work(task)
        if self.bar is not None and self.line is not None:
            self.bar.update(self.line, completed=self.work_done, words=self.tally.words())
        else:
            self.console.print(f"{self.tally.name}: {self.tally.words()}{self._left()}")
        for record in outcome.records:
            if record.status in {Status.DIVERGED, Status.FAILED}:
                ended = record.status.value.lower()
                self.console.print(f"{record.stage}: trial {record.number} {ended}: {record.reason}")

    def warn(self, message: str) -> None:
        """Say it on a line of its own."""
        self.console.print(f"warning: {message}")

    def _left(self) -> str:
        left = (time.monotonic() - self.started) * (self._total / self.work_done - 1)
        return f", about {left:.0f} s left" if self.work_done < self._total else ""


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


def _work(task: Task) -> int:
    return len(task.numbers) * task.trials.trials[0].schedule.epochs
