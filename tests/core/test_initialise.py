"""Where networks start: the normals of a known generator times the scale of the scheme."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.core.affine import wide
from pipeline.core.initialise import initialise
from pipeline.spec import InitSpec, NetworkSpec

SPEC = NetworkSpec((50, 8), batch_norm="none", dtype="float64")
HE, XAVIER, NORMAL = InitSpec("he"), InitSpec("xavier"), InitSpec("normal", 0.001)


def test_every_scheme_scales_the_same_normals_by_its_fan_in():
    p = initialise(SPEC, 200, 10, [HE, XAVIER, NORMAL], seed=3)
    rng = np.random.default_rng(3)
    scales = {"W1": (0.1, 200**-0.5, 0.001), "W2": (0.2, 50**-0.5, 0.001), "W3": (0.5, 8**-0.5, 0.001)}
    for name, shape in {"W1": (200, 50), "W2": (50, 8), "W3": (8, 10)}.items():
        normals = rng.standard_normal(shape)
        for m, scale in enumerate(scales[name]):  # sqrt(2/200) = .1, sqrt(2/50) = .2, sqrt(2/8) = .5
            assert_allclose(p[name][m], normals * scale, rtol=1e-14)


def test_the_first_of_many_inputs_start_with_the_scale_of_all_of_them():
    """The next layers, and weights of a given sigma, do not ask how many inputs there are."""
    p = initialise(SPEC, 20, 10, [HE, XAVIER, NORMAL], seed=3, fan_in=200)
    alone = initialise(SPEC, 20, 10, [HE, XAVIER, NORMAL], seed=3)
    normals = np.random.default_rng(3).standard_normal((20, 50))
    for m, scale in enumerate((0.1, 200**-0.5, 0.001)):
        assert_allclose(p["W1"][m], normals * scale, rtol=1e-14)
    for name in p.keys() - {"W1"}:
        assert_array_equal(p[name], alone[name])


def test_float32_parameters_are_the_rounded_float64_ones():
    single = initialise(NetworkSpec((4,), dtype="float32"), 6, 3, [HE, NORMAL], seed=3)
    double = initialise(NetworkSpec((4,), dtype="float64"), 6, 3, [HE, NORMAL], seed=3)
    for name, array in single.items():
        assert array.dtype == np.float32
        assert_array_equal(array, double[name].astype(np.float32))


@pytest.mark.parametrize(
    ("batch_norm", "names"),
    [
        ("none", {"W1", "b1", "W2", "b2", "W3", "b3"}),
        ("before", {"W1", "gamma1", "beta1", "W2", "gamma2", "beta2", "W3", "b3"}),
        ("after", {"W1", "b1", "gamma1", "beta1", "W2", "b2", "gamma2", "beta2", "W3", "b3"}),
    ],
)
def test_there_is_a_bias_wherever_batch_norm_does_not_subtract_it_again(batch_norm, names):
    p = initialise(NetworkSpec((5, 4), batch_norm=batch_norm), 6, 3, [HE, XAVIER], seed=3)
    assert p.keys() == names
    for name, array in p.items():
        if not name.startswith("W"):
            assert array.shape[0] == 2
            assert_array_equal(array, 1.0 if name.startswith("gamma") else 0.0)


def test_the_first_matrix_lies_ready_for_the_wide_product():
    first = initialise(SPEC, 200, 10, [HE, XAVIER], seed=3)["W1"]
    assert np.shares_memory(wide(first), first)
