"""What the pipeline has stored, or is given as a file, with bytes changed: it is as it was, or there is one line.

A file whose checksum can be known is never read as something else; other rows are no outcome either.
"""

import json
import random
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import rig
from case import Case, Setting
from idx_files import compressed, edition, idx
from pickles import limited, unlike_a_line

from pipeline.data import npz, open_split, prepare
from pipeline.data.idx import parse, size, unpacked
from pipeline.errors import DataError
from pipeline.run import checkpoints, networks
from pipeline.run.task import Task
from pipeline.run.worker import compute, read_outcome, work

FAULT = "stored file changed"
PATIENCE = 20


@dataclass(frozen=True)
class Stored:
    """A file and how it is read: always the same, unless the file is `trusted`, as it has no checksum.

    Of a `slow` one, which is written again, fewer changes are tried.
    """

    path: Path
    read: Callable[[], Any]
    trusted: bool = False
    slow: bool = False


def stored(setting: Setting) -> Iterator[Case]:
    """Yield a case per kind of file and change."""
    rng = random.Random(setting.seed)
    for name, file in files(setting.folder).items():
        whole, truth = file.path.read_bytes(), file.read()
        count = 20 if setting.quick else 400
        for number in range(count // 10 if file.slow else count):
            trouble = trouble_with(file, mutated(whole, rng), truth)
            yield Case(FAULT, wrong=int(bool(trouble)), note=f"{name} {number}: {trouble}" * bool(trouble))
        file.path.write_bytes(whole)


def files(folder: Path) -> dict[str, Stored]:
    """Write a file of every kind into `folder`, and say how it is read."""
    np.savez(folder / "plain.npz", **rig.arrays(40), classes=np.array(["a", "b", "c"]))
    np.savez_compressed(folder / "packed.npz", **rig.arrays(40))
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8)
    (folder / "images").write_bytes(idx(images))
    (folder / "images.gz").write_bytes(compressed(idx(images)))
    mnist = edition(train_rows=10, test_rows=10)
    mnist.write(folder / "mnist")
    [labels] = (folder / "mnist").glob("train-labels*")
    search, final = (rig.task(folder / name, final=name == "final", cycles=2) for name in ("search", "final"))
    rows = rig.split_of(search, folder / "cache")
    work(search, rows)
    compute(final, open_split(rig.split_of(final, folder / "cache")))
    [network, *_] = sorted(final.networks.glob("*.npz"))
    sets = {name: folder / name for name in ("plain.npz", "packed.npz")}
    return {
        **{name: Stored(path, partial(_digest, path)) for name, path in sets.items()},
        **{
            name: Stored(folder / name, partial(_images, folder / name, images.shape), trusted=name == "images")
            for name in ("images", "images.gz")
        },
        "MNIST's labels": Stored(labels, lambda: _values(mnist.train.read(folder / "mnist"))),
        "checkpoint": Stored(search.checkpoint, lambda: _values(checkpoints.read(search))),
        "outcome": Stored(search.result, lambda: read_outcome(search.result)),
        "network": Stored(network, lambda: _values(networks.read(network))),
        **{
            f"cached {name}": Stored(rows / name, partial(_prepared, rows, search), slow=True)
            for name in ("split.json", "x_train.npy", "y_val.npy", "mean.npy")
        },
    }


def trouble_with(file: Stored, content: bytes, truth: Any) -> str:
    """Return what is wrong with how `file` is read with that content: as before, or one line."""
    file.path.write_bytes(content)
    try:
        with limited(PATIENCE), warnings.catch_warnings():
            warnings.simplefilter("error")
            found = file.read()
    except DataError as error:
        return unlike_a_line(str(error))
    except BaseException as error:  # whatever it is, it must be counted, not end the count
        return f"{type(error).__name__}: {error}"[:200]
    return "" if file.trusted or found == truth else "something else was read, without a word"


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Return `content` with one to three changes: bits, bytes, stretches lost, zeroed, doubled, moved or made up."""
    for _ in range(rng.randrange(1, 4)):
        at, to = sorted(rng.randrange(len(content) + 1) for _ in range(2))
        if rng.random() < 0.5:  # near an end, where the headers are
            at, to = rng.choice([(at % 200, at % 200 + to % 20), (max(len(content) - to % 400, 0), len(content))])
        before, middle, after = content[:at], content[at:to], content[to:]
        made_up = bytes(rng.randrange(256) for _ in range(min(len(middle), 30)))
        content = rng.choice(
            [
                before + _flipped(middle, rng) + after,
                before + _flipped(middle, rng) + after,
                before + made_up + after[max(len(made_up) - len(middle), 0) :],
                before + bytes(len(middle)) + after,
                before + after,
                before + middle + middle + after,
                after + middle + before,
                before,
            ]
        )
    return content


FOREIGN_TEXTS = {
    "nothing": "",
    "null": "null",
    "a number": "7",
    "a list": "[]",
    "an empty object": "{}",
    "records that are a number": '{"records": 7}',
    "a record that is a list": '{"records": [[]]}',
    "a lone surrogate": '"\\ud800"',
    "not a number": '{"records": [NaN]}',
    "nested a hundred thousand deep": 100_000 * "[" + 100_000 * "]",
    "a number of many digits": '{"records": ' + 5000 * "9" + "}",
    "half of it": '{"records": [',
}
"""Contents of an outcome with the right digest, that is none."""


def outcome_of(text: str) -> bytes:
    """Return the file of an outcome with that text."""
    return f"{sha256(text.encode(errors='surrogatepass')).hexdigest()}\n{text}\n".encode(errors="surrogatepass")


def foreign_checkpoints(folder: Path, about: str) -> dict[str, Path]:
    """Write .npz files that are no checkpoint, some of which say `about`, and return them by name."""
    members = {
        "nothing": {},
        "no list of its members": {"about": np.array(about)},
        "a number for its members": {"members": np.array(5)},
        "a table of its members": {"about": np.array(about), "members": np.array([["about", "W1"]])},
        "numbers for its members": {"about": np.array(about), "members": np.arange(1)},
        "about a number": {"about": np.array(7), "members": np.array(["about"])},
        "about text that nests": {"about": np.array(100_000 * "["), "members": np.array(["about"])},
        "an average without its variance": {
            "about": np.array(about),
            "average 1 mean": np.zeros(3),
            "members": np.array(["about", "average 1 mean"]),
        },
        "an average of no layer": {
            "about": np.array(about),
            "average x mean": np.zeros(3),
            "members": np.array(["about", "average x mean"]),
        },
    }
    paths = {}
    for number, (name, arrays) in enumerate(members.items()):
        paths[name] = folder / f"foreign{number}.npz"
        np.savez(paths[name], **arrays)
    return paths


def about(path: Path) -> str:
    """Return what the checkpoint at `path` says of itself."""
    with np.load(path, allow_pickle=False) as stored_:
        return json.dumps(json.loads(str(stored_["about"])))


def _digest(path: Path) -> str:
    return npz.load(path).digest


def _images(path: Path, shape: tuple[int, ...]) -> Any:
    return _values(parse(unpacked(path, size(shape) + 1), str(path), shape))


def _prepared(folder: Path, task: Task) -> Any:
    """Prepare a split again, and return what it is then."""
    prepare(rig.dataset(), task.trials.trials[0].data, folder.parent)
    arrays = {path.name: path.read_bytes() for path in folder.glob("*.npy")}
    split = open_split(folder)
    return arrays, split.spec, split.classes, split.shape, split.pixel_range


def _flipped(content: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(content)
    if damaged:
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def _values(value: Any) -> Any:
    """Return nested values in which arrays are bytes, to be compared."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {key: _values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_values(item) for item in value]
    return _values(vars(value)) if hasattr(value, "__dict__") and not isinstance(value, type) else value
