"""The check values that the notebooks of CS231n print for layers, the loss, dropout and optimizers.

Inputs are the course's formulas. Its random numbers are those of NumPy's legacy generator, drawn in the order of the
notebooks. Where these print figures of a solution, the figures are those that published solutions agree on. The
course's conventions: epsilon 1e-5, running averages that start at zero, dropout by the probability to keep, velocities
of the opposite sign; errors are max |a - b| / (|a| + |b|).
"""

import numpy as np
import pytest
from cs231n import CS231N, EPSILON, error, grid, legacy, mask, numerical, one
from numpy.testing import assert_allclose

from pipeline.core.affine import WeightGradient, affine, input_gradient
from pipeline.core.layers import (
    ACTIVATIONS,
    START,
    batch_norm,
    batch_norm_backward,
    batch_sum,
    layer_norm,
    layer_norm_backward,
    moving_average,
    normalise,
)
from pipeline.core.losses import cross_entropy_and_gradient
from pipeline.core.optimizers import OPTIMIZERS
from pipeline.spec import OptimizerSpec

RELU = ACTIVATIONS["relu"]


# ---- affine and ReLU


def test_affine_forward():
    x, w, b = grid(-0.1, 0.5, 2, 4 * 5 * 6), grid(-0.2, 0.3, 120, 3), grid(-0.3, 0.1, 3)
    expected = [[1.49834967, 1.70660132, 1.91485297], [3.25553199, 3.5141327, 3.77273342]]
    assert error(affine(x, one(w), one(b))[0], expected) < 1e-8


@pytest.mark.parametrize(
    ("rows", "inputs", "units", "activation"), [(10, 6, 5, "identity"), (2, 12, 10, "relu")], ids=["affine", "sandwich"]
)
def test_affine_and_affine_relu_backward(rows, inputs, units, activation):
    draw = legacy().randn
    x, w, b, g = draw(rows, inputs), draw(inputs, units), draw(units), draw(rows, units)
    chosen = ACTIVATIONS[activation]

    def forward(x, w, b):
        return chosen.forward(affine(x, one(w), one(b)))[0]

    by_output = chosen.backward(one(g), one(forward(x, w, b)))
    by_weight = WeightGradient(x, by_output, one(w), decay=np.zeros(1))
    assert error(input_gradient(by_output, one(w))[0], numerical(lambda x: forward(x, w, b), x, g)) < 1e-9
    assert error(by_weight.array()[0], numerical(lambda w: forward(x, w, b), w, g)) < 1e-9
    assert error(batch_sum(by_output)[0], numerical(lambda b: forward(x, w, b), b, g)) < 1e-9


def test_relu_forward():
    expected = [[0, 0, 0, 0], [0, 0, 0.04545455, 0.13636364], [0.22727273, 0.31818182, 0.40909091, 0.5]]
    assert error(RELU.forward(one(grid(-0.5, 0.5, 3, 4)))[0], expected) < 1e-7


def test_relu_backward():
    draw = legacy().randn
    x, g = draw(10, 10), draw(10, 10)
    assert error(RELU.backward(one(g), RELU.forward(one(x)))[0], numerical(RELU.forward, x, g)) < 1e-11


# ---- the loss


def test_softmax_loss():
    rng = legacy()
    scores, labels = 0.001 * rng.randn(50, 10), rng.randint(10, size=50)
    loss, gradient, _ = cross_entropy_and_gradient(one(scores), labels)
    assert_allclose(loss, [2.302545844500738], rtol=0, atol=1e-12)
    by_differences = numerical(lambda s: cross_entropy_and_gradient(one(s), labels)[0], scores, 1.0)
    assert error(gradient[0], by_differences) < 1e-7


# ---- normalisation


def hidden_values(x, w1, w2):
    return RELU.forward(x @ w1) @ w2


def test_batch_norm_forward_in_training():
    draw = legacy().randn
    a = hidden_values(draw(200, 50), draw(50, 60), draw(60, 3))
    assert_allclose(a.mean(axis=0), [-2.3814598, -13.18038246, 1.91780462], rtol=0, atol=1e-7)
    assert_allclose(a.std(axis=0), [27.18502186, 34.21455511, 37.68611762], rtol=0, atol=1e-7)
    for gamma, beta in (([1, 1, 1], [0, 0, 0]), ([1, 2, 3], [11, 12, 13])):
        out, cache = batch_norm(one(a), one(np.array(gamma, float)), one(np.array(beta, float)), EPSILON)
        assert_allclose(out[0].mean(axis=0), beta, rtol=0, atol=1e-12)
        assert_allclose(out[0].std(axis=0), gamma, rtol=0, atol=1e-6)
        assert_allclose(cache.moments.mean[0], a.mean(axis=0), rtol=1e-12)


def test_batch_norm_forward_at_test_time_after_fifty_batches():
    draw = legacy().randn
    w1, w2 = draw(50, 60), draw(60, 3)
    gamma, beta, averages = np.ones((1, 3)), np.zeros((1, 3)), None
    for _ in range(50):
        _, cache = batch_norm(one(hidden_values(draw(200, 50), w1, w2)), gamma, beta, EPSILON)
        old = averages or START[CS231N.bn_start](cache.moments)
        averages = moving_average(old, cache.moments, alpha=0.9)
    out = normalise(one(hidden_values(draw(200, 50), w1, w2)), gamma, beta, EPSILON, averages)[0]
    # so tight because averages that start at variance 1 would be off by 2e-6
    assert_allclose(out.mean(axis=0), [-0.03927354, -0.04349152, -0.10452688], rtol=0, atol=1e-8)
    assert_allclose(out.std(axis=0), [1.01531428, 1.01238373, 0.97819988], rtol=0, atol=1e-8)


def test_layer_norm_forward():
    draw = legacy().randn
    a = hidden_values(draw(4, 50), draw(50, 60), draw(60, 3))
    assert_allclose(a.mean(axis=1), [-59.06673243, -47.60782686, -43.31137368, -26.40991744], rtol=0, atol=2e-8)
    assert_allclose(a.std(axis=1), [10.07429373, 28.39478981, 35.28360729, 4.01831507], rtol=0, atol=2e-8)
    for gamma, beta, stds in (
        (1.0, 0.0, [0.99999995, 0.99999999, 1.0, 0.99999969]),
        (3.0, 5.0, [2.99999985, 2.99999998, 2.99999999, 2.99999907]),
    ):
        out = layer_norm(one(a), np.full((1, 3), gamma), np.full((1, 3), beta), EPSILON)[0][0]
        assert_allclose(out.mean(axis=1), np.full(4, beta), rtol=0, atol=2e-8)
        assert_allclose(out.std(axis=1), stds, rtol=0, atol=2e-8)


@pytest.mark.parametrize("norm", [(batch_norm, batch_norm_backward), (layer_norm, layer_norm_backward)])
def test_the_backward_passes_of_both_norms(norm):
    forward, backward = norm
    draw = legacy().randn
    x, gamma, beta, g = 5 * draw(4, 5) + 12, draw(5), draw(5), draw(4, 5)

    def out(x, gamma, beta):
        return forward(one(x), one(gamma), one(beta), EPSILON)[0][0]

    _, cache = forward(one(x), one(gamma), one(beta), EPSILON)
    by_x, by_gamma, by_beta = backward(one(g), cache, one(gamma))
    assert error(by_x[0], numerical(lambda x: out(x, gamma, beta), x, g)) < 1e-8
    assert error(by_gamma[0], numerical(lambda gamma: out(x, gamma, beta), gamma, g)) < 1e-8
    assert error(by_beta[0], numerical(lambda beta: out(x, gamma, beta), beta, g)) < 1e-8


def test_the_folded_backward_pass_of_batch_norm_equals_the_one_through_the_graph():
    draw = legacy().randn
    x, gamma, beta, g = 5 * draw(100, 500) + 12, draw(500), draw(500), draw(100, 500)
    _, cache = batch_norm(one(x), one(gamma), one(beta), EPSILON)
    folded = batch_norm_backward(one(g), cache, one(gamma))
    centred, n = x - x.mean(axis=0), len(x)
    std = np.sqrt((centred**2).mean(axis=0) + EPSILON)
    by_normalised = g * gamma
    by_std = -(by_normalised * centred).sum(axis=0) / std**2
    by_centred = by_normalised / std + centred * by_std / (n * std)
    graph = by_centred - by_centred.sum(axis=0) / n, (g * centred / std).sum(axis=0), g.sum(axis=0)
    for ours, theirs in zip(folded, graph, strict=True):
        assert error(ours[0], theirs) < 1e-9


# ---- dropout


def test_dropout_forward():
    rng = legacy()
    x = rng.randn(500, 500) + 10
    assert_allclose(x.mean(), 10.000207878477502, rtol=0, atol=1e-10)
    for p, mean, dropped in (
        (0.25, 10.014059116977283, 0.749784),
        (0.4, 9.977917658761159, 0.600796),
        (0.7, 9.987811912159426, 0.30074),
    ):
        out = x * mask(rng, CS231N.keep(p), 500, 500)[0]
        assert_allclose(out.mean(), mean, rtol=0, atol=1e-10)
        assert (out == 0).mean() == pytest.approx(dropped, rel=1e-12)


def test_dropout_backward():
    draw = legacy().randn
    x, g = draw(10, 10) + 10, draw(10, 10)
    kept = mask(legacy(123), 0.2, 10, 10)[0]
    assert set(np.unique(kept)) == {0.0, 5.0}
    assert error(g * kept, numerical(lambda x: x * kept, x, g)) < 1e-9


# ---- optimizers: w from -.4 to .6 and its gradient from -.6 to .4, 20 numbers each

W, DW = grid(-0.4, 0.6, 4, 5), grid(-0.6, 0.4, 4, 5)
UPDATES = {
    "momentum": (
        OptimizerSpec("momentum", momentum=0.9),
        0.001,
        {"W1": -grid(0.6, 0.9, 4, 5)},
        {
            "W1": """
            0.1406      0.20738947  0.27417895  0.34096842  0.40775789
            0.47454737  0.54133684  0.60812632  0.67491579  0.74170526
            0.80849474  0.87528421  0.94207368  1.00886316  1.07565263
            1.14244211  1.20923158  1.27602105  1.34281053  1.4096""",
        },
        {
            "W1": """
            -0.5406     -0.55475789 -0.56891579 -0.58307368 -0.59723158
            -0.61138947 -0.62554737 -0.63970526 -0.65386316 -0.66802105
            -0.68217895 -0.69633684 -0.71049474 -0.72465263 -0.73881053
            -0.75296842 -0.76712632 -0.78128421 -0.79544211 -0.8096""",
        },
    ),
    "rmsprop": (
        OptimizerSpec("rmsprop", decay_rate=0.99, epsilon=1e-8),
        0.01,
        {"W1": grid(0.6, 0.9, 4, 5)},
        {
            "W1": """
            -0.39223849 -0.34037513 -0.28849239 -0.23659121 -0.18467247
            -0.132737   -0.08078555 -0.02881884  0.02316247  0.07515774
             0.12716641  0.17918792  0.23122175  0.28326742  0.33532447
             0.38739248  0.43947102  0.49155973  0.54365823  0.59576619""",
        },
        {
            "W1": """
            0.5976      0.6126277   0.6277108   0.64284931  0.65804321
            0.67329252  0.68859723  0.70395734  0.71937285  0.73484377
            0.75037008  0.7659518   0.78158892  0.79728144  0.81302936
            0.82883269  0.84469141  0.86060554  0.87657507  0.8926""",
        },
    ),
    "adam": (
        OptimizerSpec("adam", beta1=0.9, beta2=0.999, epsilon=1e-8),
        0.01,
        {"t": np.array(5.0), "first W1": grid(0.6, 0.9, 4, 5), "second W1": grid(0.7, 0.5, 4, 5)},
        {
            "W1": """
            -0.40094747 -0.34836187 -0.29577703 -0.24319299 -0.19060977
            -0.1380274  -0.08544591 -0.03286534  0.01971428  0.0722929
             0.1248705   0.17744702  0.23002243  0.28259667  0.33516969
             0.38774145  0.44031188  0.49288093  0.54544852  0.59801459""",
        },
        {
            "t": "6",
            "first W1": """
            0.48        0.49947368  0.51894737  0.53842105  0.55789474
            0.57736842  0.59684211  0.61631579  0.63578947  0.65526316
            0.67473684  0.69421053  0.71368421  0.73315789  0.75263158
            0.77210526  0.79157895  0.81105263  0.83052632  0.85""",
            "second W1": """
            0.69966     0.68908382  0.67851319  0.66794809  0.65738853
            0.64683452  0.63628604  0.6257431   0.61520571  0.60467385
            0.59414753  0.58362676  0.57311152  0.56260183  0.55209767
            0.54159906  0.53110598  0.52061845  0.51013645  0.49966""",
        },
    ),
}
"""Constants, learning rate, state before, parameter after, state after."""


@pytest.mark.parametrize("name", UPDATES)
def test_optimizers(name):
    constants, eta, state, parameter, expected_state = UPDATES[name]
    parameters, state = {"W1": W[None].copy()}, {key: array[None].copy() for key, array in state.items()}
    OPTIMIZERS[name].update(parameters, {"W1": DW[None].copy()}, state, np.array([eta]), constants)
    for ours, published in ((parameters, parameter), (state, expected_state)):
        assert ours.keys() == published.keys()
        for key, text in published.items():
            bound = 1e-7 if name == "momentum" else 1e-6  # the course's
            assert error(ours[key].ravel(), [float(number) for number in text.split()]) < bound, key
