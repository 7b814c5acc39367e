"""A user's own .npz: taken as it is where it is plain, refused in one line where it is not."""

import numpy as np
import pytest

from pipeline.data.npz import load
from pipeline.errors import ConfigError, DataError

X = np.arange(24.0).reshape(6, 4)
Y = np.array([0, 1, 2, 0, 1, 2])


@pytest.fixture
def save(tmp_path):
    def save(**arrays):
        path = tmp_path / "my set.npz"
        np.savez(path, **arrays)
        return path

    return save


def test_rows_and_labels_come_back_as_they_are(save):
    dataset = load(save(x_train=X, y_train=Y, x_test=X[:2], y_test=Y[:2]))
    np.testing.assert_array_equal(dataset.x_train, X)
    np.testing.assert_array_equal(dataset.x_test, X[:2])
    assert dataset.x_val is None
    assert dataset.classes == ("0", "1", "2")
    assert (dataset.shape, dataset.pixel_range) == ((), (0, 23))
    assert (dataset.name, dataset.folder_name) == ("my set", f"my-set-{dataset.digest[:8]}")


def test_classes_may_be_named_and_may_then_be_missing_from_training(save):
    assert load(save(x_train=X, y_train=Y, classes=["a", "b", "c", "d"])).classes == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        ((6, 5, 4), (1, 5, 4)),
        ((6, 1, 5, 4), (1, 5, 4)),
        ((6, 3, 5, 4), (3, 5, 4)),
        ((6, 5, 4, 1), (1, 5, 4)),
        ((6, 5, 4, 3), (3, 5, 4)),
        ((6, 3, 5, 3), (3, 5, 3)),  # either way: taken as channels first
        ((6, 2, 5, 4), ()),
        ((6, 2, 2, 2, 2), ()),
        ((6, 7), ()),
    ],
)
def test_images_are_flattened_channel_by_channel(given, shape, save):
    images = np.random.default_rng(0).integers(0, 256, given, np.uint8)
    dataset = load(save(x_train=images, y_train=Y))
    assert dataset.shape == shape
    assert dataset.x_train.dtype == np.uint8
    channels_last = len(given) == 4 and shape != given[1:] and shape != ()
    expected = np.moveaxis(images, -1, 1) if channels_last else images
    np.testing.assert_array_equal(dataset.x_train, expected.reshape(6, -1))


@pytest.mark.parametrize("dtype", ["bool", "float16", "float32", ">f8", "int16", "int64", "uint8"])
def test_any_plain_number_keeps_its_value(dtype, save):
    x = (X * 10 - 5).astype(dtype) if dtype not in ("bool", "uint8") else X.astype(dtype)
    np.testing.assert_array_equal(load(save(x_train=x, y_train=Y)).x_train, x.astype(np.float64))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x_train": X}, r"must hold x_train and y_train, got x_train$"),
        ({}, "must hold x_train and y_train, got no arrays"),
        ({"x_train": X, "y_train": Y, "X_test": X}, r"must hold only .*, got 'X_test'; did you mean 'x_test'\?"),
        ({"x_train": X, "y_train": Y, "x_val": X}, "must have both x_val and y_val, got only x_val"),
        ({"x_train": X, "y_train": Y[:5]}, "must have 6 integer labels"),
        ({"x_train": X, "y_train": Y.astype(float)}, "y_train must hold integer labels, got float64"),
        ({"x_train": X, "y_train": np.eye(6, 3, dtype=int)}, r"must be one label per row, got the shape \(6, 3\)"),
        ({"x_train": X, "y_train": Y + 1}, r"must hold every label from 0 up .*, got 1..3 without 0"),
        ({"x_train": X, "y_train": 2 * Y}, "got 0..4 without 1"),
        ({"x_train": X, "y_train": Y - 1}, "y_train must hold labels from 0 up, got -1"),
        ({"x_train": X, "y_train": 0 * Y}, "must have at least 2 classes, got 1"),
        ({"x_train": X, "y_train": Y, "classes": ["a", "b"]}, r"labels must lie in 0..1, got \[2\]"),
        ({"x_train": X, "y_train": Y, "classes": np.arange(3)}, "classes must be a list of names, got int64"),
        (
            {"x_train": X, "y_train": Y, "x_test": X[:1], "y_test": Y[2:3] + 1},
            r"test: labels must lie in 0..2, got \[3\]",
        ),
        ({"x_train": X, "y_train": Y, "x_val": X[:, :3], "y_val": Y}, "x_val must have the 4 features"),
        ({"x_train": np.array([[1, "a"]]), "y_train": Y}, "x_train must hold numbers, got <U"),
        ({"x_train": X * 1j, "y_train": Y}, "must hold numbers, got complex128"),
        ({"x_train": np.arange(6.0), "y_train": Y}, r"must be rows or images .*, got the shape \(6,\)"),
        ({"x_train": np.full_like(X, np.nan), "y_train": Y}, "pixels must be finite"),
    ],
)
def test_what_makes_no_data_set_is_refused_in_one_line(arrays, message, save):
    with pytest.raises(DataError, match=message) as caught:
        load(save(**arrays))
    assert "\n" not in str(caught.value)


class Trap:
    def __reduce__(self):
        return exec, ("raise SystemExit('executed')",)


def test_objects_are_refused_and_not_unpickled(save):
    path = save(x_train=np.array([Trap(), 1], dtype=object), y_train=Y[:2])
    with pytest.raises(DataError, match=r"must be an .npz of plain arrays, got Object arrays"):
        load(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive", b"\x80\x02]."])
def test_what_is_no_npz_is_refused(content, tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x.npz must be an .npz of plain arrays, got"):
        load(path)


def test_a_single_array_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    with path.open("wb") as file:
        np.save(file, X)
    with pytest.raises(DataError, match=r"must be an .npz of plain arrays"):
        load(path)


def test_a_truncated_or_altered_file_is_refused(save):
    path = save(x_train=X, y_train=Y)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(DataError):
        load(path)
    at = whole.index(X.tobytes()) + 20
    path.write_bytes(whole[:at] + b"\xff" + whole[at + 1 :])
    with pytest.raises(DataError, match="Bad CRC-32"):
        load(path)


def test_a_missing_file_is_a_mistake_of_the_command(tmp_path):
    for path in (tmp_path / "none.npz", tmp_path):
        with pytest.raises(ConfigError, match=r"data set must be an existing .npz file, got"):
            load(path)
