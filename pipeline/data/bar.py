"""The progress of a download: a bar on a terminal, a line per tenth elsewhere."""

from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from pipeline.data.archive import megabytes


class DownloadBar:
    """A progress callback, and a context manager that takes the bar away when the download is over, or never began."""

    def __init__(self, what: str, console: Console) -> None:
        self.what, self.console = what, console
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self.task: TaskID | None = None
        self.tenths = -1

    def __enter__(self) -> "DownloadBar":
        return self

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` bytes are here."""
        if self.console.is_terminal:
            if self.task is None:
                self.progress.start()
                self.task = self.progress.add_task(self.what)
            self.progress.update(self.task, completed=done, total=total)
        elif (tenths := 10 * done // total) > self.tenths:
            self.tenths = tenths
            self.console.print(f"{self.what}: {megabytes(done)} of {megabytes(total)} MB")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.task is not None:
            self.progress.stop()
