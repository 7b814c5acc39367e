"""Principal axes: orthonormal, in order, signed, those of an independent decomposition, no more than there are."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from pipeline.data import rotation
from pipeline.data.rotation import principal_axes
from pipeline.errors import ConfigError

N, D = 300, 8


def standard_rows(n=N, d=D, seed=0):
    """Return standardised rows (n, d), float32, of features that go together more or less."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d)) * np.geomspace(3, 0.3, d) @ rng.standard_normal((d, d))
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float32)


X = standard_rows()


@pytest.mark.parametrize("count", [1, 3, D])
def test_axes_are_orthonormal_and_variances_those_of_the_rows_along_them(count):
    found = principal_axes([X[:100], X[100:]], count)
    assert found.axes.shape == (D, count)
    np.testing.assert_allclose(found.axes.T @ found.axes, np.eye(count), atol=1e-12)
    np.testing.assert_allclose(found.rotate(X).var(axis=0), found.variances, rtol=1e-5)
    assert (np.diff(found.variances) <= 0).all()
    assert found.rotate(X).dtype == np.float32


def test_they_are_the_right_singular_vectors_and_keep_their_share_of_the_squares():
    _, singular, vectors = np.linalg.svd(X.astype(np.float64), full_matrices=False)
    found = principal_axes([X], 4)
    np.testing.assert_allclose(found.variances, singular[:4] ** 2 / N, rtol=1e-5)
    np.testing.assert_allclose(np.abs(np.sum(found.axes * vectors[:4].T, axis=0)), 1, atol=1e-8)
    assert found.share == pytest.approx((singular[:4] ** 2).sum() / (singular**2).sum(), rel=1e-6)
    assert found.total == pytest.approx(D, rel=1e-5)  # of standardised features: one each


def test_two_features_by_hand():
    """Covariances (1, -.5), (-.5, 1): the axis (1, -1) / sqrt 2 has variance 1.5 of 2, and a largest entry > 0."""
    a, b = np.array([1, -1, 1, -1]), np.array([1, 1, -1, -1])
    x = np.column_stack([a, -0.5 * a + np.sqrt(0.75) * b]).astype(np.float32)
    found = principal_axes([x], 2)
    np.testing.assert_allclose(found.variances, [1.5, 0.5], rtol=1e-6)
    np.testing.assert_allclose(np.abs(found.axes), np.sqrt(0.5), rtol=1e-6)
    assert principal_axes([x], 1).share == pytest.approx(0.75)


@pytest.mark.parametrize("seed", range(5))
def test_the_largest_entry_of_an_axis_is_positive(seed):
    axes = principal_axes([standard_rows(seed=seed)], D).axes
    assert (axes.max(axis=0) == np.abs(axes).max(axis=0)).all()


def test_all_axes_keep_every_distance():
    rotated = principal_axes([X], D).rotate(X)
    for one, other in ((0, 1), (5, 200)):
        before, after = (np.linalg.norm(rows[one] - rows[other]) for rows in (X, rotated))
        assert after == pytest.approx(before, rel=1e-5)


def test_a_feature_that_never_changes_is_on_no_axis():
    x = standard_rows()
    x[:, 3] = 0
    found = principal_axes([x], D - 1)
    np.testing.assert_allclose(found.axes[3], 0, atol=1e-12)
    assert found.total == pytest.approx(D - 1, rel=1e-5)
    assert found.share == pytest.approx(1)


def constant(x):
    x[:, :2] = 0
    return x, D - 2


def repeated(x):
    x[:, 1] = x[:, 0]
    return x, D - 1


def dependent(x):
    x[:, 2] = 0.6 * x[:, 0] - 0.8 * x[:, 1]  # to the last bit of float32
    return x, D - 1


def few(x):
    return x[:5] - x[:5].mean(axis=0), 4


@pytest.mark.parametrize("make", [constant, repeated, dependent, few])
def test_more_axes_than_directions_are_refused(make):
    x, rank = make(standard_rows())
    assert principal_axes([x], rank).axes.shape == (D, rank)
    for count in (rank + 1, D):
        with pytest.raises(ConfigError, match=rf"^components must not exceed {rank}, .*beyond rounding, got {count}$"):
            principal_axes([x], count)


def test_more_features_than_anybody_has_memory_for_are_refused(monkeypatch):
    monkeypatch.setattr(rotation, "MOST_FEATURES", D - 1)
    with pytest.raises(ConfigError, match=r"^features must be at most 7 to find principal axes, got 8$"):
        principal_axes([X], 2)


def test_the_bits_do_not_depend_on_how_many_threads_the_caller_has():
    x = standard_rows(1500, 400)

    def bits(threads):
        with threadpool_limits(threads, user_api="blas"):
            found = principal_axes([x], 40)
        return found.axes.tobytes(), found.variances.tobytes()

    assert bits(1) == bits(2) == bits(4)
