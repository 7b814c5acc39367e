"""Training and evaluating on rows of bytes: bit for bit what the same rows as an array of floats give."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from small import assert_same_bits, pack_of, run, trial

from pipeline.core.affine import AT_ONCE
from pipeline.core.network import Network
from pipeline.data import Dataset, Split, data_spec, open_split, prepare
from pipeline.data.augment import PixelScale
from pipeline.data.rows import ByteRows
from pipeline.data.shifts import ShiftedRows
from pipeline.diagnosis import initial_spreads
from pipeline.evaluate import measure, predict
from pipeline.records import Status, TrialRecord
from pipeline.spec import AugmentSpec, EvaluationSpec, InitSpec, NetworkSpec
from pipeline.statistics import estimate, statistics_for

N_TRAIN = 2 * AT_ONCE + 300
"""More rows than one product takes."""


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Split, Split]:
    """Return images of bytes as they are kept, and the same split with rows of floats."""
    rng = np.random.default_rng(7)
    y = np.arange(N_TRAIN + 200) % 3
    x = (rng.integers(0, 200, (len(y), 12)) + 25 * y[:, None]).astype(np.uint8)
    x[:, 4] = 77  # never changes
    dataset = Dataset("toy", ("a", "b", "c"), x, y, x[:90], y[:90], x[:120], y[:120], shape=(3, 2, 2))
    spec = data_spec(dataset, 0.1, opens_test=True, train_rows=N_TRAIN)
    split = open_split(prepare(dataset, spec, tmp_path_factory.mktemp("cache")))
    parts = {name: np.asarray(getattr(split, name)) for name in ("x_train", "x_val", "x_test")}
    return split, dataclasses.replace(split, **parts)


MOVED = AugmentSpec(mirror=True, shift=1, brightness=0.2)
HOW = {
    "float32": {"dtype": "float32"},
    "float64": {"dtype": "float64"},
    "no batch norm": {"dtype": "float32", "batch_norm": "none"},
    "linear": {"dtype": "float32", "hidden": (), "batch_norm": "none"},
    "skips": {"dtype": "float32", "hidden": (4,) * 5, "skips": ((1, 3),)},
    "PreciseBN": {"dtype": "float32", "evaluation": EvaluationSpec("precise", rows=AT_ONCE + 7)},
    "AdaptiveBN": {"dtype": "float64", "evaluation": EvaluationSpec("adaptive")},
    "AdaptiveBN of changed rows": {"dtype": "float32", "evaluation": EvaluationSpec("adaptive", augment=MOVED)},
    "augmentation": {"dtype": "float32", "augment": MOVED},
}


@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
def test_a_pack_trains_and_is_measured_on_bytes_as_on_the_floats_they_stand_for(how: dict, splits) -> None:
    bytes_, floats = splits
    assert isinstance(bytes_.x_train, ByteRows)
    assert type(floats.x_train) is np.ndarray
    fields = {name: how[name] for name in ("evaluation", "augment") if name in how}
    network = {name: value for name, value in how.items() if name not in fields}
    base = dataclasses.replace(trial(bytes_, batch_size=150, **network), **fields)
    pack = pack_of(base, (0.0, 0.01))
    of_bytes, of_floats = run(pack, bytes_), run(pack, floats)
    assert len(of_bytes) == 3
    for one, other in zip(of_bytes, of_floats, strict=True):
        assert_same_bits(one, other)
    assert (of_bytes[0]["train_loss"] != of_bytes[-1]["train_loss"]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_networks_are_measured_and_classify_bytes_as_the_floats(dtype: str, splits) -> None:
    bytes_, floats = splits
    network = Network.create(NetworkSpec((5, 4), batch_norm="before", dtype=dtype), 12, 3, [InitSpec()] * 2, 0)
    everything = EvaluationSpec("adaptive")
    found = []
    for split in (bytes_, floats):
        whole = estimate(network, split.x_train, EvaluationSpec("precise", rows=N_TRAIN))
        adapted = statistics_for(network, split.x_test, whole, everything, PixelScale.of(split))
        measured = measure(network, split.x_train, split.y_train, whole, np.zeros(2))
        predicted = predict(network, split.x_test, adapted)
        shifted = predict(network, ShiftedRows(split.x_test, "contrast", split), whole)
        found.append({**vars(measured), **vars(predicted), "shifted": shifted.confidence})
        found[-1] |= {f"{name}{layer}": getattr(m, name) for layer, m in whole.items() for name in ("mean", "variance")}
    assert_same_bits(*found)


def test_images_and_spreads_of_bytes_are_those_of_the_floats(splits) -> None:
    bytes_, floats = splits
    record = TrialRecord("grid", 0, 0, 0, trial(bytes_, dtype="float32"), Status.COMPLETE)
    assert_array_equal(bytes_.images(bytes_.x_val), floats.images(floats.x_val))
    assert_array_equal(bytes_.images(bytes_.x_val[[3, 1]]), floats.images(floats.x_val[[3, 1]]))
    assert_array_equal(ShiftedRows(bytes_.x_val, "noise", bytes_)[3:9], ShiftedRows(floats.x_val, "noise", floats)[3:9])
    assert list(initial_spreads([record], bytes_)) == list(initial_spreads([record], floats))
