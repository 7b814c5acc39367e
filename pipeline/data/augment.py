"""Training images changed at random, each time they are seen: mirrored, moved, turned, zoomed, brighter, starker.

Rows are standardised per pixel, so a pixel that moves is made raw, moved, and standardised as where it then is. All
changes are made in one pass over a few images at a time, which stay in a cache. Positions are rounded to the nearest
pixel: one gather, a third of the cost of interpolating between four, and images stay as sharp as those of a test set.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.rows import Floats
from pipeline.data.split import Split
from pipeline.spec import AugmentSpec

PART = 20
"""Images changed at once: few enough for a cache and for memory that is used again, enough to make the calls cheap."""

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class PixelScale:
    """How standardised rows and pixels of `shape` (channels, height, width) become each other.

    mean and std (D,) are those of the pixels above black; inverse is 1 / std, and 0 for a constant pixel, whose
    standardised value is 0. span is the distance from black to white.
    """

    mean: Floats
    std: Floats
    inverse: Floats
    shape: tuple[int, ...]
    span: float

    @classmethod
    def of(cls, split: Split) -> "PixelScale":
        """Return the scale of the rows of `split`."""
        low, high = split.pixel_range
        mean, std = (split.mean - low).astype(np.float32), split.std.astype(np.float32)
        inverse = np.divide(1, std, out=np.zeros_like(std), where=std > 0)
        return cls(mean, std, inverse, split.spec.shape, high - low)


@dataclass(frozen=True, eq=False)
class Changes:
    """What is done to B images, in this order; every array is (B,).

    zoom and angle (radians, counter-clockwise) about the centre, then down and right by so many pixels, then mirrored;
    contrast scales distances from the image's mean, brightness is added, as a share of the way from black to white.
    """

    mirrored: NDArray[np.bool_]
    down: Values
    right: Values
    angle: Values
    zoom: Values
    brightness: Values
    contrast: Values

    @classmethod
    def draw(cls, spec: AugmentSpec, B: int, rng: np.random.Generator) -> "Changes":
        """Draw those of B images: seven numbers each, whatever `spec` asks for.

        So two specs see the same draws, scaled by their strengths, and the first images are changed alike in a batch of
        any size.
        """
        uniform = rng.random((B, 7)).T
        both_ways = 2 * uniform - 1
        moved = np.floor(uniform[1:3] * (2 * spec.shift + 1)) - spec.shift
        return cls(
            mirrored=(uniform[0] < 0.5) & spec.mirror,
            down=moved[0],
            right=moved[1],
            angle=np.deg2rad(spec.rotation * both_ways[3]),
            zoom=1 + spec.zoom * both_ways[4],
            brightness=spec.brightness * both_ways[5],
            contrast=1 + spec.contrast * both_ways[6],
        )

    def of(self, part: slice) -> "Changes":
        """Return those of some of the images."""
        return Changes(**{name: values[part] for name, values in vars(self).items()})

    @property
    def turns(self) -> bool:
        """Whether rows and columns mix."""
        return bool(self.angle.any() or (self.zoom != 1).any())

    @property
    def moves(self) -> bool:
        """Whether any pixel changes its place."""
        return self.turns or bool(self.mirrored.any() or self.down.any() or self.right.any())

    @property
    def relights(self) -> bool:
        """Whether any pixel changes its value."""
        return bool(self.brightness.any() or (self.contrast != 1).any())


def augment(rows: Floats, spec: AugmentSpec, scale: PixelScale, rng: np.random.Generator) -> Floats:
    """Return standardised `rows` (B, D) of images, changed at random as `spec` says.

    Without anything to change these are `rows` themselves, and nothing is drawn.
    """
    return changed(rows, Changes.draw(spec, len(rows), rng), scale) if spec.active else rows


def changed(rows: Floats, changes: Changes, scale: PixelScale) -> Floats:
    """Return standardised `rows` (B, D) of images, changed; what moves in from outside repeats the edge."""
    out = np.empty_like(rows)
    for start in range(0, len(rows), PART):
        part = slice(start, start + PART)
        values, these = np.multiply(rows[part], scale.std, out=out[part]), changes.of(part)
        values += scale.mean
        if these.moves:
            values[...] = _moved(values, these, scale.shape)
        if these.relights:
            _relight(values, these, scale.span)
        values -= scale.mean
        values *= scale.inverse
    return out


def _moved(values: Floats, changes: Changes, shape: tuple[int, ...]) -> Floats:
    """Return raw `values` (B, D) with every pixel taken from where its image has been moved from."""
    C, H, W = shape
    places = _sources(changes, H, W).reshape(-1, H * W) + C * H * W * np.arange(len(values))[:, None]
    moved, flat = np.empty((len(values), C, H * W), np.float32), values.reshape(-1)
    for channel in range(C):
        moved[:, channel] = np.take(flat[channel * H * W :], places, mode="clip")  # faster; no place is outside
    return moved.reshape(values.shape)


def _sources(changes: Changes, H: int, W: int) -> NDArray[np.intp]:
    """Return for every pixel of B images, (B, H, W), the place in its image, row * W + column, that it shows."""
    sign = np.where(changes.mirrored, -1, 1)
    y = _centred(H) - changes.down.astype(np.float32)[:, None]
    x = _centred(W) * sign.astype(np.float32)[:, None] - changes.right.astype(np.float32)[:, None]
    y, x = y[:, :, None], x[:, None, :]
    if changes.turns:
        cosine = (np.cos(changes.angle) / changes.zoom).astype(np.float32)[:, None, None]
        sine = (np.sin(changes.angle) / changes.zoom).astype(np.float32)[:, None, None]
        y, x = cosine * y + sine * x, cosine * x - sine * y
    return W * _nearest(y, H) + _nearest(x, W)


def _centred(n: int) -> Floats:
    """Return the coordinates of n pixels from their middle."""
    return np.arange(n, dtype=np.float32) - np.float32((n - 1) / 2)


def _nearest(coordinates: Floats, n: int) -> NDArray[np.intp]:
    """Return the nearest of n pixels."""
    nearest: Floats = np.rint(coordinates + np.float32((n - 1) / 2))
    nearest.clip(0, n - 1, out=nearest)
    return nearest.astype(np.intp)


def _relight(values: Floats, changes: Changes, span: float) -> None:
    """Change contrast and brightness of raw `values` (B, D) in place; they stay between black and white."""
    means = values.mean(axis=1)
    offset = means * (1 - changes.contrast) + span * changes.brightness
    values *= changes.contrast.astype(np.float32)[:, None]
    values += offset.astype(np.float32)[:, None]
    np.clip(values, 0, np.float32(span), out=values)
