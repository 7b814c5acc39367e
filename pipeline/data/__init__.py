"""Data sets: found, downloaded or bundled; verified, split, standardised and cached.

``load`` gives raw rows, ``data_spec`` says which of them a stage sees, ``prepare`` writes them standardised, and
workers ``open_split`` by path. To add a data set, write a file with a function that returns a Dataset, and enter it in
TABLE.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.data import cifar10, digits, npz
from pipeline.data.archive import Archive
from pipeline.data.bar import DownloadBar
from pipeline.data.cache import open_split, prepare
from pipeline.data.dataset import Dataset
from pipeline.data.download import URL, NoNetworkError, Progress, fetch
from pipeline.data.split import Split, as_images, data_spec
from pipeline.errors import ConfigError, one_of
from pipeline.spec import DataSpec

__all__ = [
    "DEFAULT_FOLDER",
    "TABLE",
    "Dataset",
    "DownloadBar",
    "NotDownloadedError",
    "Split",
    "as_images",
    "data_spec",
    "load",
    "nominal_cifar10_spec",
    "open_split",
    "prepare",
]

DEFAULT_FOLDER = Path("data")
"""Where CIFAR-10 is looked for, and downloaded to, where no folder is given."""


class NotDownloadedError(ConfigError):
    """The data set is not here, and downloading it was not asked for."""


@dataclass(frozen=True)
class Request:
    """What a loader may know: the folder the user gave, whether it may download, and whom to tell how far that is."""

    data_dir: Path | None = None
    download: bool = True
    progress: Progress | None = None
    url: str = URL
    archive: Archive = cifar10.BINARY.archive


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
        data_dir: where CIFAR-10 is, or an empty folder to download it to.
        download: whether a missing data set may be downloaded.
        progress: told (bytes here, bytes in all) during a download.
        warn: told about the fallback, in one line.

    Raises:
        NotDownloadedError: it would have to be downloaded, but `download` is False.
        ConfigError: there is no such data set, file or folder.
        HostError: no network, or a file or folder refuses.
        DataError: what is stored or was downloaded is damaged.
    """
    request = Request(data_dir, download, progress)
    if name is not None:
        if name.endswith(".npz"):
            return npz.load(Path(name).expanduser())
        return TABLE[one_of("data set", name, [*TABLE, "path/to/file.npz"])](request)
    try:
        return load_cifar10(request)
    except NoNetworkError as error:
        if data_dir is not None:
            raise
        warn(f"CIFAR-10 is neither in {DEFAULT_FOLDER} nor to be had ({error}); using scikit-learn's digits instead")
        return digits.load()


def load_cifar10(request: Request) -> Dataset:
    """Return CIFAR-10 from the given folder, else from DEFAULT_FOLDER, else by downloading it there.

    Raises:
        NotDownloadedError: it would have to be downloaded, but must not.
        ConfigError: the given folder does not exist, or holds something else.
        HostError: no network, or a file or folder refuses.
        DataError: what is stored or was downloaded is damaged.
    """
    folder = request.data_dir or DEFAULT_FOLDER
    source = cifar10.find(folder)
    if source is None:
        if request.data_dir is not None:
            _check_downloadable(folder, request.archive)
        if not request.download:
            size = f"{request.archive.size / 1e6:.0f} MB"
            raise NotDownloadedError(
                f"CIFAR-10 must be in {folder} for this, got nothing; a run would download {size} from {request.url}"
            )
        path = fetch(request.archive, folder, request.url, progress=request.progress)
        source = cifar10.Source(path, cifar10.BINARY)
    return cifar10.read(source)


def _check_downloadable(folder: Path, archive: Archive) -> None:
    """Refuse a folder that the user named for CIFAR-10 but that is missing or full of something else."""
    if not folder.is_dir():
        raise ConfigError(f"data folder must exist, got {str(folder)!r}")
    others = sorted(path.name for path in folder.iterdir() if not path.name.startswith((".", archive.name)))
    if others:
        raise ConfigError(
            f"data folder must hold CIFAR-10 or be empty, got {str(folder)!r} with {', '.join(others[:3])}"
        )


TABLE: Mapping[str, Callable[[Request], Dataset]] = {"cifar10": load_cifar10, "digits": lambda _: digits.load()}
"""The data sets by name."""


def nominal_cifar10_spec(val_fraction: float, opens_test: bool, train_rows: int | None = None) -> DataSpec:
    """Return the DataSpec that CIFAR-10 will have once it is here, but for the digest."""
    rows = 5 * cifar10.ROWS
    n_val = round(val_fraction * rows)
    return DataSpec(
        name="cifar10",
        digest="not downloaded",
        inputs=cifar10.PIXELS,
        classes=len(cifar10.CLASSES),
        n_train=rows - n_val if train_rows is None else train_rows,
        n_val=n_val,
        n_test=cifar10.ROWS if opens_test else 0,
        shape=cifar10.SHAPE,
    )
