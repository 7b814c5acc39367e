"""How the notebooks of CS231n make their inputs and measure errors, for plain arrays of one network."""

import numpy as np

from pipeline.core.affine import laid_wide
from pipeline.core.layers import dropout_masks
from pipeline.spec import CONVENTIONS

CS231N = CONVENTIONS["cs231n"]
EPSILON = CS231N.bn_epsilon
SEED = 231


def legacy(seed=SEED):
    return np.random.RandomState(seed)


def grid(start, stop, *shape):
    return np.linspace(start, stop, int(np.prod(shape))).reshape(shape)


def one(array):
    """Return a plain (B, H) array or (H,) vector as that of a pack of one trial."""
    return laid_wide(array[None]) if array.ndim == 2 else array[None].copy()


def error(a, b):
    """Return the largest relative error, as the course measures it."""
    a, b = np.asarray(a), np.asarray(b)
    return float((abs(a - b) / np.maximum(1e-8, abs(a) + abs(b))).max())


def numerical(f, at, upstream, step=1e-5):
    """Differentiate sum(f(at) * upstream) by every entry of `at`, by centred differences."""
    gradient = np.empty_like(at)
    for index in np.ndindex(at.shape):
        above, below = at.copy(), at.copy()
        above[index] += step
        below[index] -= step
        gradient[index] = ((f(above) - f(below)) * upstream).sum() / (2 * step)
    return gradient


class Uniform:
    """The part of a Generator that masks are drawn with, giving the legacy generator's numbers."""

    def __init__(self, rng):
        self.rng = rng

    def random(self, size, _dtype):
        return self.rng.rand(*size)


def mask(rng, keep, rows, units):
    return dropout_masks(Uniform(rng), np.array([keep]), rows, [units], "float64")[0]
