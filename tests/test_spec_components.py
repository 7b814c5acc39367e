"""Rows on principal components, as a value: how many columns they have, and what they cannot be."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from pipeline.errors import ConfigError
from pipeline.spec import AugmentSpec, DataSpec, TrialSpec

INTEGERS = "must be a positive integer"
DATA = DataSpec("digits", "d1", inputs=64, classes=10, n_train=1000, n_val=100, n_test=0, shape=(1, 8, 8))


def test_rows_on_components_have_as_many_columns_and_are_no_images_but_still_say_how_many_features_there_are() -> None:
    rows = DATA.on_components(9)
    assert (rows.columns, rows.inputs, rows.components, rows.shape) == (9, 64, 9, ())
    assert (DATA.columns, DATA.components) == (64, None)
    assert DATA.on_components(64).columns == 64
    assert replace(DATA, n_train=65).on_components(64).columns == 64


REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: DATA.on_components(0), f"components {INTEGERS}, got 0"),
    (lambda: DATA.on_components(-3), f"components {INTEGERS}, got -3"),
    (lambda: DATA.on_components(2.5), f"components {INTEGERS}, got 2.5"),
    (
        lambda: DATA.on_components(65),
        "components must not exceed 64, all that 1,000 training rows of 64 features have, got 65",
    ),
    (
        lambda: replace(DATA, n_train=40).on_components(40),
        "components must not exceed 39, all that 40 training rows of 64 features have, got 40",
    ),
    (
        lambda: replace(DATA, components=9),
        "shape must be left out with components, which are no images, got (1, 8, 8)",
    ),
    (
        lambda: replace(DATA, n_test=50).on_components(9),
        "test rows must stay closed with components, an approximation, got 50",
    ),
    (
        lambda: TrialSpec(DATA.on_components(9), augment=AugmentSpec(mirror=True)),
        "augmentation must be of images, got '9 components of the data set digits'",
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_cannot_be_is_refused_in_one_line(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        make()
    assert str(refusal.value) == message
