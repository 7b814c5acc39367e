"""What every initialisation scheme promises; a new one is tested by entering it in SCALES."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small import assert_same_bits

from pipeline.core.initialise import SCALES, initialise
from pipeline.spec import INITS as NAMES
from pipeline.spec import InitSpec, NetworkSpec

SPEC = NetworkSpec((40, 30), dtype="float64")
every_scheme = pytest.mark.parametrize("scheme", SCALES)


def an_init(scheme):
    return InitSpec(scheme, 0.02 if scheme == "normal" else None)


def start(*inits, seed=0):
    return initialise(SPEC, 50, 10, inits, seed)


def test_specifications_may_name_exactly_the_entries():
    assert set(SCALES) == set(NAMES)


@every_scheme
def test_weights_have_mean_zero_and_the_stated_standard_deviation(scheme):
    p = start(an_init(scheme))
    for name, fan_in in {"W1": 50, "W2": 40, "W3": 30}.items():
        W, sigma = p[name][0], SCALES[scheme](fan_in, an_init(scheme))
        assert abs(W.mean()) < 4 * sigma / np.sqrt(W.size)
        assert abs(W.std() / sigma - 1) < 4 / np.sqrt(2 * W.size)  # four standard errors


@every_scheme
def test_the_seed_and_nothing_else_decides_the_draw(scheme):
    assert_same_bits(start(an_init(scheme)), start(an_init(scheme)))
    assert (start(an_init(scheme))["W1"] != start(an_init(scheme), seed=1)["W1"]).all()


@every_scheme
def test_pack_mates_change_no_bit(scheme):
    alone = start(an_init(scheme))
    packed = start(InitSpec("normal", 3.0), an_init(scheme), InitSpec("he"))
    assert_same_bits(alone, {name: array[[1]] for name, array in packed.items()})


@every_scheme
def test_trials_of_a_replicate_start_at_multiples_of_one_draw(scheme):
    p = start(InitSpec("normal", 1.0), an_init(scheme))
    for layer in (1, 2, 3):
        ratio = p[f"W{layer}"][1] / p[f"W{layer}"][0]
        assert_allclose(ratio, ratio[0, 0], rtol=1e-12)


@every_scheme
def test_trials_share_no_memory(scheme):
    p = start(an_init(scheme), an_init(scheme))
    for array in p.values():
        kept = array[1].copy()
        array[0] += 1
        assert_array_equal(array[1], kept)
