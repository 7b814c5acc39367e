"""Data sets that are hardly any, by name: one class, no variance, a row or two, labels and pixels that are none."""

from collections.abc import Mapping

import numpy as np

N, D = 60, 6
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D))
Y = np.arange(N) % 3
BYTES = RNG.integers(0, 256, (N, D), np.uint8)

Arrays = Mapping[str, np.ndarray]


def a_set(x: np.ndarray = X, y: np.ndarray = Y, **others: np.ndarray) -> Arrays:
    return {"x_train": x, "y_train": y, **others}


def held_out(x: np.ndarray = X, y: np.ndarray = Y, rows: int = 9) -> Arrays:
    """Return rows to validate and to test on, so that all others train."""
    return {"x_val": x[:rows], "y_val": y[:rows], "x_test": x[:rows], "y_test": y[:rows]}


def few(rows: int, x: np.ndarray = X) -> Arrays:
    """Return a set of so many training rows, of three named classes."""
    return a_set(x[:rows], Y[:rows], **held_out(x), classes=np.array(["a", "b", "c"]))


def with_one(value: object, of: np.ndarray = X) -> np.ndarray:
    """Return `of` with another value in one place."""
    array = of.copy()
    array.flat[5] = value
    return array


def constant(column: int, of: np.ndarray = X) -> np.ndarray:
    array = of.copy()
    array[:, column] = 7
    return array


TRAINED = {
    "nothing special": a_set(),
    "bytes": a_set(BYTES),
    "one class of two": a_set(y=0 * Y, classes=np.array(["a", "b"])),
    "as many classes as rows": a_set(y=np.arange(N)),
    "one constant feature": a_set(constant(2)),
    "one constant feature of bytes": a_set(constant(2, BYTES)),
    "constant pixels": a_set(np.ones_like(X)),
    "constant bytes": a_set(np.full_like(BYTES, 255)),
    "zeros": a_set(np.zeros_like(X)),
    "constant but for the held-out rows": a_set(np.ones_like(X), **held_out()),
    "constant but for one row": a_set(with_one(1, np.zeros_like(X))),
    "features that are equal": a_set(np.repeat(X[:, :1], D, axis=1)),
    "rows that are equal": a_set(np.repeat(X[:1], N, axis=0)),
    "rows that are equal, by class": a_set(X[Y]),
    "one feature": a_set(X[:, :1]),
    "one constant feature alone": a_set(np.ones((N, 1))),
    "images of one pixel": a_set(BYTES[:, :1].reshape(N, 1, 1, 1)),
    "more features than rows": a_set(np.tile(X[:12], 30), Y[:12], **held_out(np.tile(X, 30))),
    "large numbers": a_set(X * 1e37),
    "small numbers": a_set(X * 1e-37),
    "numbers that squared are 0": a_set(X * 1e-200),
    "denormal numbers": a_set(X * 1e-320),
    "small differences of large numbers": a_set(1e9 + X),
    "numbers and an outlier": a_set(with_one(1e30)),
    "half precision": a_set(X.astype(np.float16)),
    "truth values": a_set(X > 0),
    **{f"{rows} training rows": few(rows) for rows in (1, 2, 3, 12, 13)},
    "a row each to validate and test on": a_set(**held_out(rows=1)),
}
"""What can be trained on: sets by name."""

REFUSED = {
    "one class": a_set(y=0 * Y),
    "NaN pixel": a_set(with_one(np.nan)),
    "infinite pixel": a_set(with_one(-np.inf)),
    "NaN pixel to validate on": a_set(**held_out(with_one(np.nan))),
    "pixel beyond float32": a_set(with_one(1e300)),
    "pixel beyond float64": a_set(X.astype(np.longdouble) * np.longdouble("1e4000")),
    "pixel beyond float32 once standardised": a_set(X * 1e-30, **held_out(X * 1e30)),
    "label above the classes": a_set(y=with_one(9, Y)),
    "label above the named classes": a_set(y=with_one(3, Y), classes=np.array(["a", "b", "c"])),
    "label above the classes to validate on": a_set(**held_out(y=with_one(3, Y))),
    "label below 0": a_set(y=with_one(-1, Y)),
    "label of 2 ** 63 - 1": a_set(y=with_one(2**63 - 1, Y)),
    "label of 2 ** 64 - 1": a_set(y=with_one(2**64 - 1, Y.astype(np.uint64))),
    "label left out": a_set(y=2 * Y),
    "labels of floats": a_set(y=Y + 0.5),
    "labels of whole floats": a_set(y=Y.astype(float)),
    "labels of text": a_set(y=Y.astype(str)),
    "labels of truth values": a_set(y=Y > 0),
    "labels of one-hot rows": a_set(y=np.eye(3, dtype=int)[Y]),
    "labels of another number": a_set(y=Y[1:]),
    "no labels": {"x_train": X},
    "no rows": {"y_train": Y},
    "nothing at all": {},
    "0 training rows": a_set(X[:0], Y[:0]),
    "0 rows to validate on": a_set(**held_out(rows=0)),
    "0 features": a_set(X[:, :0]),
    "rows of one number": a_set(X[:, 0]),
    "rows without labels to test on": a_set(x_test=X),
    "other features to validate on": a_set(x_val=X[:, 1:], y_val=Y),
    "bytes to validate on": a_set(x_val=BYTES, y_val=Y),
    "complex numbers": a_set(X * 1j),
    "text": a_set(X.astype(str)),
    "dates": a_set(X.astype("M8[s]")),
    "records": a_set(np.zeros((N, D), [("a", "f4")])),
    "objects": a_set(X.astype(object)),
    "a misspelt name": a_set(X_test=X),
    "classes that are numbers": a_set(classes=np.arange(3)),
}
"""What must be refused, as damaged data."""
