"""Figures of a comparison that show its images, which only a run has: the report is made from records alone."""

from collections.abc import Callable, Iterator, Mapping

from matplotlib.figure import Figure

from pipeline.data import Split
from pipeline.report.augmented import augmented_images, shifted_images
from pipeline.spec import AugmentSpec, parameter
from sweeps.answers.comparison_sections import Found

SHOWN = range(4)
"""Training images, the first of the split: they are in random order."""


def pages(answer: Found, split: Split) -> Iterator[tuple[str, Figure]]:
    """Yield the pages that the comparison names, where its rows are images."""
    if split.shape:
        for name in answer.configuration.pages:
            yield name, PAGES[name](answer, split)


def _augmented(answer: Found, split: Split) -> Figure:
    """Draw the last of the augmentations that were compared."""
    specs: list[AugmentSpec] = [parameter(record.spec, "augment") for record in answer.conclusion.tested.records]
    return augmented_images(split, SHOWN, specs[-1], subtitle=split.spec.name)


def _shifted(_answer: Found, split: Split) -> Figure:
    return shifted_images(split, SHOWN)


PAGES: Mapping[str, Callable[[Found, Split], Figure]] = {"augmented": _augmented, "shifted": _shifted}
"""What is drawn, by name."""
