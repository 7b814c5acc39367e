"""Stored networks: what is written comes back, and nothing else is taken for a network of a trial."""

import pickle
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.layers import Moments
from pipeline.core.network import Network
from pipeline.errors import DataError, HostError
from pipeline.evaluate import Prediction
from pipeline.run import networks
from pipeline.run.networks import is_whole, keep_only, read, write
from pipeline.spec import InitSpec, NetworkSpec

IDENTITY = ("0123456789abcdef", "fedcba9876543210")
"""The keys of a trial and of its pack."""

D, H, C, N = 4, 3, 2, 5
NETWORK = Network.create(NetworkSpec(hidden=(H,)), D, C, [InitSpec(), InitSpec()], seed=3)
NETWORK.averages = {1: Moments(np.arange(2.0 * H).reshape(2, H), np.arange(2.0 * H).reshape(2, H) + 1)}
PREDICTION = Prediction(np.arange(2 * N).reshape(2, N) % C, np.linspace(0.5, 1, 2 * N).reshape(2, N))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of the second network of a pack."""
    path = tmp_path / "7.npz"
    write(path, IDENTITY, NETWORK, PREDICTION, 1)
    return path


def test_a_file_holds_everything_of_one_network_of_its_pack_and_its_keys(path: Path) -> None:
    with np.load(path, allow_pickle=False) as file:
        stored = dict(file)
    assert sorted(stored.pop("members").tolist()) == sorted(stored)
    assert (str(stored.pop("key")), str(stored.pop("pack_key"))) == IDENTITY
    expected = {name: array[1] for name, array in NETWORK.parameters.items()}
    expected |= {"mean1": NETWORK.averages[1].mean[1], "variance1": NETWORK.averages[1].variance[1]}
    expected |= {"test_predicted": PREDICTION.classes[1], "test_confidence": PREDICTION.confidence[1]}
    assert set(stored) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(stored[name], array, strict=True)


def test_a_figure_reads_first_layer_and_predictions(path: Path) -> None:
    network = read(path)
    np.testing.assert_array_equal(network.first_layer, NETWORK.parameters["W1"][1], strict=True)
    np.testing.assert_array_equal(network.predicted, PREDICTION.classes[1], strict=True)
    np.testing.assert_array_equal(network.confidence, PREDICTION.confidence[1], strict=True)


def test_equal_networks_are_equal_files(path: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.npz"
    write(again, IDENTITY, NETWORK, PREDICTION, 1)
    assert again.read_bytes() == path.read_bytes()


def test_a_network_is_whole_for_its_own_trial_in_its_own_pack_alone(path: Path) -> None:
    key, pack_key = IDENTITY
    assert is_whole(path, IDENTITY)
    for other in ((key, key), (pack_key, pack_key), (pack_key, key), (key, ""), (key, pack_key[:-1])):
        assert not is_whole(path, other)
    assert not is_whole(path.with_name("8.npz"), IDENTITY)


def test_a_truncated_network_is_not_whole_wherever_it_ends(path: Path) -> None:
    content = path.read_bytes()
    for end in [*range(0, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:end])
        assert not is_whole(path, IDENTITY), f"{end} of {len(content)} bytes"
    with pytest.raises(DataError, match=r"7\.npz must be a network of a finished run, got "):
        read(path)


def test_a_changed_byte_of_any_array_is_found(path: Path) -> None:
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        ends = [info.header_offset + 30 + len(info.filename) + info.file_size for info in archive.infolist()]
    for end in ends:  # the last byte of an array, up to what NumPy adds to headers
        path.write_bytes(content[: end - 1] + bytes([content[end - 1] ^ 1]) + content[end:])
        assert not is_whole(path, IDENTITY), f"byte {end - 1}"


def test_no_damage_passes_for_a_network_or_ends_in_another_error(path: Path) -> None:
    """Some bytes mean nothing, such as dates: where a change of one is not noticed, everything is as written."""
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        directory = archive.start_dir
    for place in [*range(64), *range(directory, len(content))]:  # a file's header, and what lists the files
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        if is_whole(path, IDENTITY):
            np.testing.assert_array_equal(read(path).first_layer, NETWORK.parameters["W1"][1], strict=True)
        else:
            with suppress(DataError):
                read(path)


@pytest.mark.parametrize("lost", ["beta1", "W2", "mean1", "key", "test_confidence", "members"])
def test_a_network_that_has_lost_a_member_is_not_whole(path: Path, lost: str) -> None:
    with np.load(path, allow_pickle=False) as file:
        stored = dict(file)
    del stored[lost]
    np.savez(path, **stored)
    assert not is_whole(path, IDENTITY)
    with pytest.raises(DataError, match="must be a network of a finished run"):
        read(path)


def as_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"key": IDENTITY[0], "pack_key": IDENTITY[1]}))


def as_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def as_objects(path: Path) -> None:
    np.savez(path, key=np.array([IDENTITY[0]], dtype=object), W1=np.array([None]))


def as_somebody_elses(path: Path) -> None:
    np.savez(path, weights=np.zeros(3))


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_nothing(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("other", [as_pickle, as_array, as_objects, as_somebody_elses, as_folder, as_nothing])
def test_what_is_no_network_is_refused_in_one_line(path: Path, other: Callable[[Path], None]) -> None:
    other(path)
    assert not is_whole(path, IDENTITY)
    with pytest.raises(DataError, match=r"7\.npz must be a network of a finished run, got ") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_network_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"7\.npz must be writable"):
        write(tmp_path / "missing" / "7.npz", IDENTITY, NETWORK, PREDICTION, 0)
    assert list(tmp_path.iterdir()) == []


def test_the_wanted_networks_stay_and_files_of_other_names_are_somebody_elses(tmp_path: Path) -> None:
    foreign = {"best.npz", "-1.npz", "3.5.npz", "3.txt", ".npz", "3x.npz", "².npz", "٣.npz"}
    for name in {f"{number}.npz" for number in range(12)} | foreign:
        (tmp_path / name).write_bytes(b"")
    keep_only(tmp_path, [0, 3, 11, 99])
    assert {path.name for path in tmp_path.iterdir()} == {"0.npz", "3.npz", "11.npz"} | foreign
    keep_only(tmp_path, ())
    assert {path.name for path in tmp_path.iterdir()} == foreign


def test_without_a_folder_there_is_nothing_to_remove(tmp_path: Path) -> None:
    keep_only(tmp_path / "missing", [1])
    assert not (tmp_path / "missing").exists()


def test_a_file_is_read_once_until_it_is_written_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_: list[Path] = []
    arrays = networks._arrays
    monkeypatch.setattr(networks, "_arrays", lambda path: read_.append(path) or arrays(path))
    for identity, whole in ((IDENTITY, True), (IDENTITY[::-1], False), (IDENTITY, True)):
        assert is_whole(path, identity) is whole
    assert read_ == [path]
    write(path, IDENTITY[::-1], NETWORK, PREDICTION, 0)
    assert is_whole(path, IDENTITY[::-1])
    assert read_ == [path] * 2
