"""The 1797 handwritten digits that come with scikit-learn: 8 x 8 pixels of 0 to 16, no official test set."""

import numpy as np

from pipeline.data.dataset import Dataset
from pipeline.data.entry import Bundled


def load() -> Dataset:
    """Return the digits: x_train (1797, 64), ten classes."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - 0.9 s and 60 MB that no worker should spend

    digits = load_digits()
    return Dataset(
        name="digits",
        classes=tuple(str(digit) for digit in digits.target_names),
        x_train=digits.data.astype(np.uint8),  # whole numbers, stored as floats
        y_train=digits.target.astype(np.int64),
        shape=(1, 8, 8),
        pixel_range=(0.0, 16.0),
    )


BUNDLED = Bundled("handwritten digits", load)
