"""What `load` uses for which request: found, downloaded, bundled, or refused; nothing is ever quietly replaced."""

import io
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from cifar_files import BATCHES, ROWS, binary, write_folder
from idx_files import STEMS, edition
from rich.console import Console

from pipeline import data
from pipeline.data import NotDownloadedError, cifar10, entry, load, mnist
from pipeline.data.bar import DownloadBar
from pipeline.data.cifar10 import BINARY
from pipeline.data.download import NoNetworkError
from pipeline.data.entry import Published
from pipeline.errors import ConfigError, DataError, HostError


@pytest.fixture(autouse=True)
def small_batches_and_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    read = cifar10.read
    monkeypatch.setattr(cifar10, "read", lambda source: read(source, ROWS))


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def network(monkeypatch):
    """Return a list of what is fetched; set `error` on it to have that raised instead."""

    class Fetched(list):
        error: Exception | None = None

    fetched = Fetched()

    def fetch(archive, folder, url, *, progress):
        fetched.append((folder, url))
        if fetched.error:
            raise fetched.error
        return write_folder(folder / BINARY.folder, BINARY, binary)

    monkeypatch.setattr(entry, "fetch", fetch)
    return fetched


URL = f"{cifar10.URL}{BINARY.archive.name}"
NONE = NoNetworkError("https://example.invalid must be reachable, got no route")


def test_cifar10_in_the_default_folder_needs_no_name(network, warnings):
    write_folder(Path("data") / BINARY.folder, BINARY, binary)
    dataset = load(warn=warnings.append)
    assert dataset.name == "cifar10"
    assert (network, warnings) == ([], [])


@pytest.mark.parametrize("name", [None, "cifar10"])
def test_cifar10_in_a_given_folder(name, network, warnings, tmp_path):
    write_folder(tmp_path / "there" / BINARY.folder, BINARY, binary)
    assert load(name, tmp_path / "there", warn=warnings.append).name == "cifar10"
    assert (network, warnings) == ([], [])


@pytest.mark.parametrize("name", [None, "cifar10"])
def test_what_is_not_there_is_downloaded_into_the_default_folder(name, network, warnings):
    assert load(name, warn=warnings.append).name == "cifar10"
    assert network == [(Path("data"), URL)]
    assert warnings == []


def test_an_empty_given_folder_is_downloaded_to(network, warnings, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / ".lock").touch()
    (folder / f"{BINARY.archive.name}.part").touch()  # of an interrupted download
    assert load(None, folder, warn=warnings.append).name == "cifar10"
    assert network == [(folder, URL)]


def test_a_given_folder_of_something_else_is_a_mistake(network, warnings, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    with pytest.raises(ConfigError, match=r"data folder must hold CIFAR-10 or be empty, got .*photos' with cat.jpg"):
        load(None, tmp_path / "photos", warn=warnings.append)
    assert (network, warnings) == ([], [])


@pytest.mark.parametrize("name", [None, "cifar10"])
def test_a_given_folder_that_does_not_exist_is_a_mistake(name, network, warnings, tmp_path):
    with pytest.raises(ConfigError, match="data folder must exist, got"):
        load(name, tmp_path / "typo", warn=warnings.append)
    assert (network, warnings) == ([], [])
    assert not (tmp_path / "typo").exists()


def test_the_digits_stand_in_with_one_warning_where_nothing_was_asked_and_nobody_answers(network, warnings):
    network.error = NONE
    assert load(warn=warnings.append).folder_name == "digits"
    (warning,) = warnings
    assert "got no route" in warning
    assert "digits" in warning
    assert "\n" not in warning


@pytest.mark.parametrize(("name", "folder"), [("cifar10", None), (None, "."), ("cifar10", ".")])
def test_what_was_asked_for_is_never_replaced(name, folder, network, warnings):
    network.error = NONE
    with pytest.raises(NoNetworkError):
        load(name, folder and Path(folder), warn=warnings.append)
    assert warnings == []


@pytest.mark.parametrize("error", [HostError("404"), DataError("checksum")])
def test_a_failed_download_is_no_reason_to_fall_back(error, network, warnings):
    network.error = error
    with pytest.raises(type(error)):
        load(warn=warnings.append)
    assert warnings == []


def test_damaged_data_is_no_reason_to_fall_back(network, warnings):
    folder = write_folder(Path("data") / BINARY.folder, BINARY, binary)
    (folder / f"{BATCHES[0]}.bin").write_bytes(b"")
    network.error = NONE
    with pytest.raises(DataError, match=r"data_batch_1.bin must hold"):
        load(warn=warnings.append)
    assert (network, warnings) == ([], [])


@pytest.mark.parametrize("name", [None, "cifar10"])
def test_a_preview_downloads_nothing_and_says_what_a_run_would(name, network, warnings):
    with pytest.raises(NotDownloadedError, match=r"a run would download 170 MB from https://.*cifar-10-binary.tar.gz"):
        load(name, download=False, warn=warnings.append)
    assert (network, warnings, list(Path().iterdir())) == ([], [], [])


def test_digits_need_neither_folder_nor_network(network, warnings):
    assert load("digits", Path("missing"), warn=warnings.append).name == "digits"
    assert (network, warnings) == ([], [])


def test_a_path_that_ends_in_npz_is_the_users_own(warnings):
    np.savez("mine.npz", x_train=np.eye(4), y_train=[0, 1, 0, 1])
    assert load("mine.npz", warn=warnings.append).name == "mine"
    with pytest.raises(ConfigError, match=r"must be an existing .npz file, got 'yours.npz'"):
        load("yours.npz", warn=warnings.append)


def test_an_unknown_name_is_answered_with_the_nearest(warnings):
    with pytest.raises(
        ConfigError, match=r"data set must be one of cifar10, digits, .*'cifar11'; did you mean 'cifar10'\?"
    ):
        load("cifar11", warn=warnings.append)


@pytest.fixture
def small_mnist(monkeypatch):
    """A tiny MNIST in the place of the official one, in the default folder."""
    tiny = edition()
    tiny.write(Path("data"))
    monkeypatch.setitem(data.TABLE, "mnist", mnist.whole(tiny.train, tiny.test, ""))
    monkeypatch.setitem(data.TABLE, "mnist-t10k", mnist.test_images(tiny.test, ""))


@pytest.mark.parametrize("name", sorted(data.TABLE))
def test_every_data_set_of_the_table_can_be_split_and_opened(name, network, small_mnist, warnings, tmp_path):
    dataset = load(name, warn=warnings.append)
    spec = data.data_spec(dataset, 0.2, opens_test=True)
    split = data.open_split(data.prepare(dataset, spec, tmp_path / "cache"))
    assert dataset.name == name
    assert split.x_train.shape == (spec.n_train, spec.inputs)
    assert split.images(split.x_val).shape[0] == spec.n_val
    assert np.isfinite(split.x_test).all()
    assert data.title(name)
    assert data.called(name)[0] == name


@pytest.mark.parametrize("name", [name for name, each in data.TABLE.items() if isinstance(each, Published)])
def test_what_may_be_downloaded_is_described_as_it_will_be(name, network, warnings, tmp_path):
    with pytest.raises(NotDownloadedError, match=r"a run would download .* MB from https://") as caught:
        load(name, tmp_path, download=False, warn=warnings.append)
    spec = data.data_spec(caught.value.outline, 0.1, opens_test=True)
    assert (caught.value.outline.name, spec.name) == (name, name)
    assert math.prod(spec.shape) == spec.inputs
    assert min(spec.n_train, spec.n_val, spec.n_test) >= 1000
    assert (network, warnings) == ([], [])


def test_one_that_stands_in_for_another_is_one_of_the_names_that_it_may_be_called(small_mnist, warnings):
    for stem in STEMS[:2]:
        (Path("data") / stem).unlink()
    assert load("mnist", warn=warnings.append).name in data.called("mnist")
    assert len(warnings) == 1


def test_a_named_data_set_may_be_downloaded_beside_others_but_not_one_that_nobody_named(network, warnings, tmp_path):
    folder = edition().write(tmp_path / "there")
    assert load("cifar10", folder, warn=warnings.append).name == "cifar10"
    assert network == [(folder, URL)]
    shutil.rmtree(folder / BINARY.folder)
    with pytest.raises(ConfigError, match=r"data folder must hold CIFAR-10 or be empty, got .* with t10k-images"):
        load(None, folder, warn=warnings.append)


def test_the_bar_is_a_line_per_tenth_where_there_is_no_terminal():
    console = Console(record=True, width=80, force_terminal=False, file=io.StringIO())
    with DownloadBar("CIFAR-10", console) as bar:
        for done in range(0, 200_000_001, 5_000_000):
            bar(done, 200_000_000)
    lines = console.export_text().splitlines()
    assert len(lines) == 11
    assert (lines[0], lines[-1]) == ("CIFAR-10: 0 of 200 MB", "CIFAR-10: 200 of 200 MB")


def test_the_lines_of_a_small_download_say_more_than_0_of_0_mb():
    console = Console(record=True, width=80, force_terminal=False, file=io.StringIO())
    with DownloadBar("MNIST", console) as bar:
        bar(4_542, 1_653_419)
    assert console.export_text() == "MNIST: 0.00454 of 1.65 MB\n"


def test_the_bar_is_a_bar_on_a_terminal():
    console = Console(record=True, width=120, force_terminal=True, file=io.StringIO())
    with DownloadBar("CIFAR-10", console) as bar:
        bar(50_000_000, 200_000_000)
    text = console.export_text()
    assert "50.0/200.0 MB" in text
