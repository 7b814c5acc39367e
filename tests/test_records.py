"""What is measured beside the trials: values that no measurement can give are refused, stored ones too."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.errors import ConfigError, DataError
from pipeline.records import Chance, Diagnosis, Spread
from pipeline.spec import InitSpec, canonical_json, from_json, plain


def spread(**how: Any) -> Spread:
    fields = {"init": InitSpec(), "batch_norm": "before", "replicate": 0}
    return Spread(**(fields | {"activations": (1.0, 0.5), "gradients": (0.0, 2.0)} | how))


GOOD = Diagnosis(Chance(0.35, math.log(3)), (spread(), spread(replicate=1)), "0123")


@pytest.mark.parametrize("chance", [Chance(0.0, 0.0), Chance(1.0, -0.0), Chance(0.1, 2.3)])
def test_what_can_be_measured_is_read_back_as_it_was(chance: Chance) -> None:
    for diagnosis in (GOOD, Diagnosis(chance), Diagnosis(chance, (spread(activations=(0.0,), gradients=(1e-30,)),))):
        assert from_json(canonical_json(diagnosis), Diagnosis) == diagnosis


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Chance(2.0, 1.0), "chance accuracy must lie in [0, 1], got 2.0"),
        (lambda: Chance(-0.1, 1.0), "chance accuracy must lie in [0, 1], got -0.1"),
        (lambda: Chance(math.nan, 1.0), "chance accuracy must lie in [0, 1], got nan"),
        (lambda: Chance(0.1, -1.0), "chance loss must be a number >= 0, got -1.0"),
        (lambda: Chance(0.1, math.inf), "chance loss must be a number >= 0, got inf"),
        (lambda: spread(replicate=-1), "replicate must not be negative, got -1"),
        (lambda: spread(batch_norm="befor"), "batch norm must be one of none, before, after, got 'befor'"),
        (lambda: spread(activations=(), gradients=()), "must be one each per layer, got (0, 0)"),
        (lambda: spread(activations=(1.0,)), "must be one each per layer, got (1, 2)"),
        (lambda: spread(activations=(1.0, math.nan)), "activations must be numbers >= 0, got (1.0, nan)"),
        (lambda: spread(gradients=(-1.0, 1.0)), "gradients must be numbers >= 0, got (-1.0, 1.0)"),
        (
            lambda: Diagnosis(Chance(0.1, 1.0), (spread(), spread(activations=(1.0,), gradients=(1.0,)))),
            "spreads must have equally many layers, got [1, 2]",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        make()
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("chance", {"accuracy": 2.0, "loss": 1.0}),
        ("chance", {"accuracy": 0.1, "loss": -1.0}),
        ("chance", {"accuracy": 0.1, "loss": math.nan}),
        ("spreads", [plain(spread()), plain(spread(activations=(1.0,), gradients=(1.0,)))]),
        ("spreads", [plain(spread()) | {"gradients": [1.0]}]),
    ],
)
def test_a_stored_value_that_cannot_have_been_measured_is_damaged_data(part: str, value: Any) -> None:
    text = json.dumps(plain(GOOD) | {part: value})
    with pytest.raises(DataError, match="stored Diagnosis must match its schema, got "):
        from_json(text, Diagnosis)
