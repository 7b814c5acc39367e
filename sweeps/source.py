"""The data set of a run, and the splits that its stages may see."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from pipeline import data
from pipeline.data import Dataset, Outline, Split
from pipeline.data.bar import DownloadBar
from pipeline.spec import DataSpec
from sweeps.cli import Options

CACHE = "cache"


@dataclass(frozen=True)
class Source:
    """The data set of a run, and the splits that stages may see of it.

    In a preview for which it would have to be downloaded, `found` is what is known of it.
    """

    found: Dataset | Outline
    cache: Path

    @property
    def dataset(self) -> Dataset | None:
        """The data set, if it is here."""
        return self.found if isinstance(self.found, Dataset) else None

    @property
    def folder_name(self) -> str:
        """What run folders are called after."""
        return self.dataset.folder_name if self.dataset else self.found.name

    @property
    def identity(self) -> dict[str, Any]:
        """What a run folder belongs to."""
        return {"name": self.dataset.name, "digest": self.dataset.digest} if self.dataset else {}

    def spec(self, val_fraction: float, opens_test: bool, train_rows: int | None = None) -> DataSpec:
        """Return which rows a stage sees; of the training rows the first `train_rows`, or all."""
        return data.data_spec(self.found, val_fraction, opens_test, train_rows)

    def check(self, spec: DataSpec, tell: Callable[[str], None]) -> None:
        """Refuse rows that `prepared` would refuse; nothing is written. `tell` is told of what takes long.

        Raises:
            ConfigError: the training rows have fewer principal components than are wanted.
            DataError: a row is not finite once it is standardised.
        """
        if self.dataset is not None:
            data.check_rows(self.dataset, spec, self.cache, tell)

    def prepared(self, spec: DataSpec) -> Path:
        """Return the folder of the standardised rows, written on first use."""
        if self.dataset is None:
            raise ValueError("a preview has no rows to prepare")
        return data.prepare(self.dataset, spec, self.cache)

    def split(self, spec: DataSpec) -> Split:
        """Open the split of a stage, for drawing and diagnosing."""
        return data.open_split(self.prepared(spec))


def load(options: Options, console: Console) -> Source:
    """Find, or unless this is a preview download, the data set that the options ask for."""
    cache = options.artifacts / CACHE
    try:
        with DownloadBar(data.title(options.dataset), console) as progress:
            dataset = data.load(
                options.dataset,
                options.data_dir,
                download=not options.plan,
                progress=progress,
                warn=lambda message: console.print(f"warning: {message}"),
            )
    except data.NotDownloadedError as error:
        console.print(f"note: {error}")
        return Source(error.outline, cache)
    return Source(dataset, cache)
