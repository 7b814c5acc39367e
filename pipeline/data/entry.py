"""What the table of data sets holds: those that come with a package, and those that are found or downloaded."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.data.archive import Archive, megabytes
from pipeline.data.dataset import Dataset, Outline
from pipeline.data.download import NoNetworkError, Progress, fetch
from pipeline.errors import ConfigError
from pipeline.files import unreadable

DEFAULT_FOLDER = Path("data")
"""Where data sets are looked for, and downloaded to, where no folder is given."""

Warn = Callable[[str], None]
"""Told what the user should know, in one line."""


@dataclass(frozen=True)
class Request:
    """What a loader may know.

    Attributes:
        data_dir: the folder that the user gave.
        download: whether a missing data set may be downloaded.
        progress: told (bytes here, bytes in all) during a download.
        warn: told what the user should know of what is loaded.
        neighbours: how the names begin of what may lie in the folder of a download, beside the data set itself.
    """

    data_dir: Path | None
    download: bool
    progress: Progress | None
    warn: Warn
    neighbours: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where the data set is looked for."""
        return self.data_dir or DEFAULT_FOLDER


class MissingError(ConfigError):
    """A folder does not hold all of a data set: `archives` are missing from it."""

    def __init__(self, folder: Path, archives: tuple[Archive, ...]) -> None:
        names = ", ".join(archive.name for archive in archives)
        super().__init__(f"{folder} must hold {names}, got no such file")
        self.folder, self.archives = folder, archives


class NotDownloadedError(ConfigError):
    """The data set is not here, and downloading it was not asked for; `outline` is what it will be."""

    def __init__(self, message: str, outline: Outline) -> None:
        super().__init__(message)
        self.outline = outline


@dataclass(frozen=True)
class Bundled:
    """A data set that comes with a package, called `title` in texts."""

    title: str
    read: Callable[[], Dataset]
    stand_ins: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()

    def load(self, _request: Request) -> Dataset:
        """Return it, wherever it is looked for."""
        return self.read()


@dataclass(frozen=True)
class Published:
    """A data set that its publisher offers: found in a folder, or downloaded to it.

    Attributes:
        title: what texts call it.
        outline: what it is known to be before it is here.
        url: the address that the names of its archives are appended to.
        archives: what is downloaded where nothing is here.
        marks: how the names of its files and folders begin.
        read: returns the data set of a folder, and raises MissingError where that does not hold all of it.
        stand_ins: names of the data sets that `read` may return instead, with a warning.
    """

    title: str
    outline: Outline
    url: str
    archives: tuple[Archive, ...]
    marks: tuple[str, ...]
    read: Callable[[Path, Warn], Dataset]
    stand_ins: tuple[str, ...] = ()

    def load(self, request: Request) -> Dataset:
        """Return the data set from the given folder, else from DEFAULT_FOLDER, downloading there what is missing.

        Raises:
            NotDownloadedError: something would have to be downloaded, but must not.
            ConfigError: the given folder does not exist, or holds something else.
            HostError: no network, or a file or folder refuses.
            DataError: what is stored or was downloaded is damaged.
        """
        try:
            try:
                return self.read(request.folder, request.warn)
            except MissingError as missing:
                self._download(missing, request)
            return self.read(request.folder, request.warn)
        except OSError as error:
            raise unreadable(Path(error.filename or request.folder), error) from error

    def _download(self, missing: MissingError, request: Request) -> None:
        whole = missing.archives == self.archives
        if whole and request.data_dir is not None:
            self._check_room(request.data_dir, request.neighbours)
        size = sum(archive.size for archive in missing.archives)
        names = ", ".join(archive.name for archive in missing.archives)
        if not request.download:
            got = "nothing" if whole else f"no {names}"
            address = self.url + names if len(missing.archives) == 1 else self.url
            raise NotDownloadedError(
                f"{self.title} must be in {missing.folder} for this, got {got}; "
                f"a run would download {megabytes(size)} MB from {address}",
                self.outline,
            )
        before = 0
        try:
            for archive in missing.archives:
                progress = _shifted(request.progress, before, size)
                fetch(archive, missing.folder, self.url + archive.name, progress=progress)
                before += archive.size
        except NoNetworkError as error:
            if whole:
                raise
            raise NoNetworkError(f"{missing} ({error})") from error  # what is there needs explaining, not the network

    def _check_room(self, folder: Path, neighbours: tuple[str, ...]) -> None:
        """Refuse a folder that the user named for this data set but that is missing or full of something else."""
        if not folder.is_dir():
            raise ConfigError(f"data folder must exist, got {str(folder)!r}")
        own = tuple(archive.name for archive in self.archives)
        others = sorted(path.name for path in folder.iterdir() if not path.name.startswith((".", *own, *neighbours)))
        if others:
            raise ConfigError(
                f"data folder must hold {self.title} or be empty, got {str(folder)!r} with {', '.join(others[:3])}"
            )


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Return what tells `progress` of one file of several: `before` bytes came with others, `total` is all."""
    if progress is None:
        return None
    return lambda done, _size: progress(before + done, total)
