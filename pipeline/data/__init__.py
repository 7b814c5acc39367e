"""Data sets: found, downloaded or bundled; verified, split, standardised and cached.

``load`` gives raw rows, ``data_spec`` says which of them a stage sees, ``prepare`` writes them standardised, and
workers ``open_split`` by path. To add a data set, write a file with a `Published` or `Bundled` one, and enter it in
TABLE.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.data import cifar10, digits, mnist, npz
from pipeline.data.cache import check_rows, open_split, prepare
from pipeline.data.dataset import Dataset, Outline
from pipeline.data.download import NoNetworkError, Progress
from pipeline.data.entry import DEFAULT_FOLDER, Bundled, NotDownloadedError, Published, Request
from pipeline.data.split import Split, as_images, data_spec
from pipeline.errors import one_of

__all__ = [
    "DEFAULT_FOLDER",
    "TABLE",
    "Dataset",
    "NotDownloadedError",
    "Outline",
    "Split",
    "as_images",
    "called",
    "check_rows",
    "data_spec",
    "load",
    "open_split",
    "prepare",
    "title",
]

TABLE: Mapping[str, Published | Bundled] = {
    "cifar10": cifar10.PUBLISHED,
    "digits": digits.BUNDLED,
    "mnist": mnist.WHOLE,
    "mnist-t10k": mnist.TEST_IMAGES,
}
"""The data sets by name; the first is the one that is meant where none is named."""


def load(
    name: str | None = None,
    data_dir: Path | None = None,
    *,
    download: bool = True,
    progress: Progress | None = None,
    warn: Callable[[str], None],
) -> Dataset:
    """Return the data set that the user asked for.

    Without a name that is CIFAR-10; and the bundled digits, with one warning, only where CIFAR-10 is not found, neither
    name nor folder was given, and there is no network.

    Args:
        name: an entry of TABLE, or a path that ends in ``.npz``.
        data_dir: where it is, or an empty folder to download it to; if it is named, one of other data sets will do too.
        download: whether a missing data set may be downloaded.
        progress: told (bytes here, bytes in all) during a download.
        warn: told in one line what stands in for what was asked for.

    Raises:
        NotDownloadedError: it would have to be downloaded, but `download` is False.
        ConfigError: there is no such data set, file or folder.
        HostError: no network, or a file or folder refuses.
        DataError: what is stored or was downloaded is damaged.
    """
    if name is not None:
        if name.endswith(".npz"):
            return npz.load(Path(name).expanduser())
        neighbours = tuple(mark for entry in TABLE.values() for mark in entry.marks)
        return TABLE[_known(name)].load(Request(data_dir, download, progress, warn, neighbours))
    try:
        return cifar10.PUBLISHED.load(Request(data_dir, download, progress, warn))
    except NoNetworkError as error:
        if data_dir is not None:
            raise
        warn(f"CIFAR-10 is neither in {DEFAULT_FOLDER} nor to be had ({error}); using scikit-learn's digits instead")
        return digits.load()


def called(name: str) -> tuple[str, ...]:
    """Return what the data set may be called that `load` gives for an entry of TABLE: its name, and its stand-ins'.

    Raises:
        ConfigError: there is no such entry.
    """
    return (name, *TABLE[_known(name)].stand_ins)


def title(name: str | None) -> str:
    """Return what texts call a data set: that of TABLE; a user's own goes by its name."""
    entry = TABLE.get(next(iter(TABLE)) if name is None else name)
    return entry.title if entry else str(name)


def _known(name: str) -> str:
    one_of("data set", name, [*TABLE, "path/to/file.npz"])
    return name
