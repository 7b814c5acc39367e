"""Test sets that have shifted away from the training set: they show what adapting batch norm's statistics buys.

Strengths are fixed, so that accuracies compare, and such that the effect shows: each costs a plain 50-50 network on
CIFAR-10 about five points or more. Such networks look at large areas: they hardly notice fine noise, or a blur of one
pixel.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.rows import Floats, StandardRows
from pipeline.data.split import Split
from pipeline.data.standardise import standardise
from pipeline.errors import one_of

BRIGHTNESS, CONTRAST, BLUR, NOISE = 0.25, 0.5, 3.0, 0.3
"""What is added; what distances from an image's mean are multiplied by; and, in pixels and in shares of the way from
black to white, two standard deviations: of the Gaussian that blurs, and of the noise."""

BLOCK = 250
"""Images shifted at once, with a generator of their own: the result does not depend on which rows are asked for."""

SEED = 1998

Images = NDArray[np.float64]


def _brighter(images: Images, _: np.random.Generator) -> Images:
    return images + BRIGHTNESS


def _flatter(images: Images, _: np.random.Generator) -> Images:
    means: Images = images.mean(axis=(1, 2, 3), keepdims=True)
    return means + CONTRAST * (images - means)


def _blurred(images: Images, _: np.random.Generator) -> Images:
    from scipy.ndimage import gaussian_filter  # noqa: PLC0415  (loads slowly, in every worker)

    blurred = np.empty_like(images)
    gaussian_filter(images, (0, BLUR, BLUR, 0), output=blurred, mode="nearest")
    return blurred


def _noisy(images: Images, rng: np.random.Generator) -> Images:
    return images + rng.normal(0, NOISE, images.shape)


SHIFTS: Mapping[str, Callable[[Images, np.random.Generator], Images]] = {
    "brightness": _brighter,
    "contrast": _flatter,
    "blur": _blurred,
    "noise": _noisy,
}
"""By name, what happens to images (B, height, width, channels) with values in 0..1; what leaves 0..1 is cut off."""


def shift(images: Images, name: str, rng: np.random.Generator) -> Images:
    """Return `images` (B, height, width, channels), values in 0..1, shifted.

    Raises:
        ConfigError: there is no shift of that name.
    """
    return np.clip(SHIFTS[one_of("shift of the test set", name, SHIFTS)](images, rng), 0, 1)


class ShiftedRows:
    """Standardised rows (n, D) of images, shifted where they are asked for: a slice of them takes memory, not all."""

    def __init__(self, rows: StandardRows, name: str, split: Split) -> None:
        self._rows, self._name, self._split = rows, name, split

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, part: slice) -> NDArray[Any]:
        start, stop, _ = part.indices(len(self))
        first = start // BLOCK
        blocks = [self._block(block) for block in range(first, -(-stop // BLOCK))]
        return np.concatenate([*blocks, self._rows[:0]])[start - first * BLOCK : stop - first * BLOCK]

    def _block(self, block: int) -> Floats:
        rows = self._rows[block * BLOCK : (block + 1) * BLOCK]
        images = shift(self._split.images(rows), self._name, np.random.default_rng([SEED, block]))
        low, high = self._split.pixel_range
        pixels = low + (high - low) * images.transpose(0, 3, 1, 2).reshape(len(rows), -1)
        return standardise(pixels, self._split.mean, self._split.std)
