"""Which rows a run trains on, validates on and tests on; and those rows, standardised, on disk for every worker.

The split of a data set is by index of one stratified permutation with a fixed seed. Test rows, where the data set has
none of its own, are its first fifth; validation rows come next; the rest trains. So the test rows are the same for
every run, and the validation rows of a smaller fraction are among those of a larger one. Rows that the user marked as
validation or test are used as they are, whatever the fraction.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.data.dataset import Dataset, Labels, Outline, Pixels
from pipeline.data.rotation import Rotation
from pipeline.data.rows import Float64s, Indices, StandardRows
from pipeline.errors import require
from pipeline.spec import DataSpec, validation_fraction

SEED = 1998
"""Of the permutation. Another seed is another split: no result would compare with those before."""

TEST_FRACTION = 0.2
"""Of the rows, held out where a data set has no test set of its own."""


@dataclass(frozen=True, eq=False)
class Split:
    """The standardised rows of one split, read-only and shared by every process that opens it.

    x_* are (B, D) float32, of bytes ByteRows; y_* are (B,) int64; the test set is None where it stays closed. Training
    and validation rows stand in the order of the stratified permutation: the first k of them are a stratified sample.
    mean and std (D,) are those of the training rows before standardisation; std is 0 where a feature is constant. With
    a rotation, x_* are (B, r), the standardised rows along its axes.
    """

    x_train: StandardRows
    y_train: Labels
    x_val: StandardRows
    y_val: Labels
    x_test: StandardRows | None
    y_test: Labels | None
    mean: Float64s
    std: Float64s
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    pixel_range: tuple[float, float]
    spec: DataSpec
    rotation: Rotation | None = None

    def images(self, rows: StandardRows) -> Float64s:
        """Return standardised `rows` (B, D) as images (B, height, width, channels) with values in 0..1.

        Raises:
            ConfigError: the rows of this data set are not images.
        """
        low, high = self.pixel_range
        images, std, mean = (as_images(np.asarray(values), self.shape) for values in (rows, self.std, self.mean))
        pixels: Float64s = np.clip((images * std + mean - low) / ((high - low) or 1.0), 0, 1)
        return pixels


def as_images(rows: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return `rows` (B, D), stored as `shape` (channels, height, width), as (B, height, width, channels).

    Raises:
        ConfigError: `shape` is not that of an image.
    """
    require(len(shape) == 3, "the rows of this data set", "must be images to be drawn", shape)
    return rows.reshape(-1, *shape).transpose(0, 2, 3, 1)


def data_spec(
    dataset: Dataset | Outline, val_fraction: float, opens_test: bool, train_rows: int | None = None
) -> DataSpec:
    """Return which rows of `dataset` a stage sees: round(val_fraction * rows) of those that are no test rows validate.

    Of the others the first `train_rows` are trained on, or all where these are fewer. An outline will do for that.

    Raises:
        ConfigError: the fraction is not in (0, 1), or leaves no row to train or to validate on.
    """
    validation_fraction(val_fraction)
    outline = dataset if isinstance(dataset, Outline) else dataset.outline
    held_out = _held_out(outline)
    rest = outline.n_train - held_out
    n_val = round(val_fraction * rest) if outline.n_val is None else outline.n_val
    n_test = held_out if outline.n_test is None else outline.n_test
    n_train = rest - n_val if outline.n_val is None else rest
    require(
        min(n_train, n_val) > 0,
        "validation fraction",
        f"must leave rows to train on and to validate on, of the {rest} that are not for testing",
        val_fraction,
    )
    return DataSpec(
        name=outline.name,
        digest=outline.digest,
        inputs=outline.inputs,
        classes=outline.classes,
        n_train=n_train if train_rows is None else min(train_rows, n_train),
        n_val=n_val,
        n_test=n_test if opens_test else 0,
        shape=outline.shape,
    )


def stratified_permutation(labels: Labels) -> Indices:
    """Return an order of the rows (B,) in which every stretch holds the classes in their overall proportions.

    Row j of the n_c rows of class c, counted in random order, takes the place (j + 1/2) / n_c. The random numbers are
    raw ones of PCG64: NumPy promises these for ever, unlike those of ``Generator.permutation`` (NEP 19).
    """
    shuffled = np.argsort(np.random.PCG64(SEED).random_raw(len(labels)), kind="stable")
    places = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels[shuffled] == label)
        places[members] = (np.arange(len(members)) + 0.5) / len(members)
    return shuffled[np.argsort(places, kind="stable")]


def rows_of(dataset: Dataset, spec: DataSpec) -> Iterator[tuple[str, Pixels, Labels, Indices]]:
    """Yield (part, x, y, indices) for train, val and, where `spec` opens it, test: the part's rows are x[indices]."""
    x, y = dataset.x_train, dataset.y_train
    order = stratified_permutation(y)
    test, rest = np.split(order, [_held_out(dataset.outline)])
    val, train = np.split(rest, [spec.n_val if dataset.x_val is None else 0])
    yield "train", x, y, train[: spec.n_train]
    if dataset.x_val is None or dataset.y_val is None:
        yield "val", x, y, val
    else:
        yield "val", dataset.x_val, dataset.y_val, np.arange(len(dataset.x_val))
    if spec.n_test == 0:
        return
    if dataset.x_test is None or dataset.y_test is None:
        yield "test", x, y, test
    else:
        yield "test", dataset.x_test, dataset.y_test, np.arange(len(dataset.x_test))


def _held_out(outline: Outline) -> int:
    return 0 if outline.n_test is not None else max(1, round(TEST_FRACTION * outline.n_train))
