"""The standardised rows of a split as files of float32: what a user of the other contestants would have made."""

from pathlib import Path

import numpy as np

from pipeline.data import open_split


def float_rows(split: Path, cache: Path) -> Path:
    """Return a folder in `cache` with the training and validation rows of a `split` as float32, written anew.

    x_train.npy (B, D), y_train.npy (B,) and x_val.npy, y_val.npy, as a Job's `folder` is read.
    """
    opened = open_split(split)
    folder = cache / "float32" / split.name
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "val"):
        np.save(folder / f"x_{part}.npy", np.asarray(getattr(opened, f"x_{part}")))
        np.save(folder / f"y_{part}.npy", getattr(opened, f"y_{part}"))
    return folder
