"""Where PyTorch defines the same thing, the core agrees with it in float64. Needs the extra `torch`; skipped without.

PyTorch's layers are those of one network: our arrays have a trial axis of one in front.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from small import C, D, assert_close, some_batch, some_network

from pipeline.core.affine import as_array, laid_wide
from pipeline.core.layers import (
    ACTIVATIONS,
    LEAK,
    START,
    batch_norm,
    batch_norm_backward,
    dropout_masks,
    layer_norm,
    layer_norm_backward,
    moving_average,
    normalise,
)
from pipeline.core.losses import cross_entropy, cross_entropy_and_gradient
from pipeline.core.optimizers import OPTIMIZERS
from pipeline.core.schedules import SCHEDULES
from pipeline.spec import OptimizerSpec, ScheduleSpec

torch = pytest.importorskip("torch")

B, H = 7, 5
EPSILON = 1e-5


def rows(seed=0, scale=2.0):
    """Return standard normals (B, H), times a scale."""
    return scale * np.random.default_rng(seed).standard_normal((B, H))


def one(array):
    """Return a plain (B, H) array or (H,) vector as that of a pack of one trial."""
    return laid_wide(array[None]) if array.ndim == 2 else array[None].copy()


def leaf(array):
    """Return a tensor of its own that gradients are taken by."""
    return torch.tensor(np.array(array), requires_grad=True)


def agree(ours, theirs):
    """Assert that one of our arrays, its trial axis left out, is a tensor."""
    assert_allclose(ours[0], theirs.detach().numpy(), rtol=1e-10, atol=1e-12)


ITS_ACTIVATIONS = {
    "relu": torch.relu,
    "identity": lambda x: x * 1,
    "leaky_relu": lambda x: torch.nn.functional.leaky_relu(x, LEAK),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_and_their_gradients(name):
    x, g = rows(), rows(1)
    x[0, 0] = 0.0  # at the kink too
    tensor = leaf(x)
    out = ITS_ACTIVATIONS[name](tensor)
    out.backward(torch.tensor(g))
    ours = ACTIVATIONS[name].forward(one(x))
    agree(ours, out)
    agree(ACTIVATIONS[name].backward(one(g), ours), tensor.grad)


@pytest.mark.parametrize("scale", [1.0, 300.0])  # exp(300) is beyond float32, its sums beyond float64
def test_softmax_cross_entropy(scale):
    scores, labels = rows(scale=scale), np.random.default_rng(1).integers(H, size=B)
    tensor = leaf(scores)
    loss = torch.nn.functional.cross_entropy(tensor, torch.tensor(labels), reduction="none")
    loss.mean().backward()
    agree(cross_entropy(one(scores), labels), loss)
    ours, gradient, _ = cross_entropy_and_gradient(one(scores), labels)
    assert_allclose(ours[0], loss.mean().item(), rtol=1e-12)
    agree(gradient, tensor.grad)


def scale_and_shift():
    rng = np.random.default_rng(3)
    return 1 + 0.3 * rng.standard_normal(H), rng.standard_normal(H)


def set_to(layer, gamma, beta):
    """Give a norm of PyTorch, in float64, our scale and shift."""
    layer.double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(gamma))
        layer.bias.copy_(torch.tensor(beta))
    return layer


@pytest.mark.parametrize(
    ("forward", "backward", "make"),
    [
        (batch_norm, batch_norm_backward, lambda: torch.nn.BatchNorm1d(H, eps=EPSILON)),
        (layer_norm, layer_norm_backward, lambda: torch.nn.LayerNorm(H, eps=EPSILON)),
    ],
    ids=["batch norm", "layer norm"],
)
def test_norms_in_training_and_their_gradients(forward, backward, make):
    gamma, beta = scale_and_shift()
    x, g = rows() + 3, rows(1)
    layer, tensor = set_to(make(), gamma, beta), leaf(x)
    out = layer(tensor)
    out.backward(torch.tensor(g))
    ours, cache = forward(one(x), one(gamma), one(beta), EPSILON)
    agree(ours, out)
    by_x, by_gamma, by_beta = backward(one(g), cache, one(gamma))
    agree(by_x, tensor.grad)
    agree(by_gamma, layer.weight.grad)
    agree(by_beta, layer.bias.grad)


def test_running_averages_of_batch_norm_and_evaluation_by_them():
    """PyTorch weighs the new batch with its momentum, 1 - alpha, and starts at mean 0 and variance 1.

    Its running variance divides by n - 1, ours by n as in training: it is given ours before it evaluates.
    """
    gamma, beta = scale_and_shift()
    layer = set_to(torch.nn.BatchNorm1d(H, eps=EPSILON, momentum=0.1), gamma, beta)
    averages = unbiased = None
    for seed in range(4):
        x = rows(seed) + seed
        layer(torch.tensor(x))
        _, cache = batch_norm(one(x), one(gamma), one(beta), EPSILON)
        started = START["standard"](cache.moments)
        averages = moving_average(averages or started, cache.moments, alpha=0.9)
        before = started.variance if unbiased is None else unbiased
        unbiased = 0.9 * before + 0.1 * cache.moments.variance * B / (B - 1)
    agree(averages.mean, layer.running_mean)
    agree(unbiased, layer.running_var)
    layer.running_var.copy_(torch.tensor(averages.variance[0]))
    x = rows(9)
    agree(normalise(one(x), one(gamma), one(beta), EPSILON, averages), layer.eval()(torch.tensor(x)))


def test_dropout_with_the_mask_that_pytorch_drew():
    """Its parameter is the probability to drop, .2 here; what it keeps it scales as ours."""
    x, g = rows(), rows(1)
    torch.manual_seed(0)
    tensor = leaf(x)
    out = torch.nn.functional.dropout(tensor, p=0.2)
    out.backward(torch.tensor(g))
    mask = (out != 0).numpy() / 0.8
    assert 0 < (mask == 0).sum() < mask.size
    ours = dropout_masks(np.random.default_rng(0), np.array([0.8]), 1000, [H], "float64")[0]
    assert_allclose(np.unique(ours), np.unique(mask), rtol=1e-15)
    assert_allclose(x * mask, out.detach(), rtol=1e-12)
    assert_allclose(g * mask, tensor.grad, rtol=1e-12)


def its_norm(spec, tensors, layer, s):
    functional, parameters = torch.nn.functional, (tensors[f"gamma{layer}"], tensors[f"beta{layer}"])
    if spec.layer_norm != "none":
        return functional.layer_norm(s, s.shape[1:], *parameters, eps=spec.bn_epsilon)
    return functional.batch_norm(s, None, None, *parameters, training=True, eps=spec.bn_epsilon)


def its_loss(spec, tensors, x, labels, masks=()):
    """Return the loss of one network on a batch, by PyTorch's functions."""
    outputs, top = [torch.tensor(x)], len(spec.hidden) + 1
    for layer in range(1, top):
        out = outputs[-1] @ tensors[f"W{layer}"] + tensors.get(f"b{layer}", 0)
        out = out + sum(outputs[start] for start, end in spec.skips if end == layer)
        if spec.norm_of(layer) == "before":
            out = its_norm(spec, tensors, layer, out)
        out = ITS_ACTIVATIONS[spec.activation](out)
        if spec.norm_of(layer) == "after":
            out = its_norm(spec, tensors, layer, out)
        outputs.append(out * torch.tensor(masks[layer - 1]) if masks else out)
    scores = outputs[-1] @ tensors[f"W{top}"] + tensors[f"b{top}"]
    return torch.nn.functional.cross_entropy(scores, torch.tensor(labels))


LAMBDA, ETA = np.array([0.0, 0.05]), np.array([0.01, 0.03])
NETWORKS = {
    "plain": {"batch_norm": "none"},
    "batch norm before": {"batch_norm": "before"},
    "batch norm after": {"batch_norm": "after"},
    "layer norm before": {"batch_norm": "none", "layer_norm": "before"},
    "layer norm after": {"batch_norm": "none", "layer_norm": "after"},
    "the first layer normalised": {"batch_norm": "before", "num_bn_layers": 1},
    "skip": {"batch_norm": "none", "skips": ((1, 3),)},
    "skip over a bare layer, batch norm": {"batch_norm": "before", "skips": ((1, 3),)},
    "skip over a normalised layer": {"batch_norm": "after", "skips": ((1, 3),), "skip_norm": True},
    "tanh": {"batch_norm": "before", "activation": "tanh"},
}


def networks(**spec):
    """Return a pack of two networks, of 3 weight matrices or 4 with a skip, and each of them as tensors."""
    hidden = (5, 4, 5) if "skips" in spec else (5, 4)
    network = some_network((D, *hidden, C), M=2, bn_epsilon=EPSILON, **spec)
    return network, [{name: leaf(array[m]) for name, array in network.parameters.items()} for m in range(2)]


@pytest.mark.parametrize("dropout", [False, True], ids=["all units", "dropout"])
@pytest.mark.parametrize("spec", NETWORKS.values(), ids=NETWORKS)
def test_the_loss_and_the_gradients_of_whole_networks(spec, dropout):
    network, both = networks(**spec)
    x, labels = some_batch()
    rng, keep = np.random.default_rng(4), np.array([0.8, 0.6])
    masks = dropout_masks(rng, keep, len(x), network.spec.hidden, "float64") if dropout else []
    step = network.loss_and_gradients(x, labels, LAMBDA, masks)
    for m, tensors in enumerate(both):
        loss = its_loss(network.spec, tensors, x, labels, [mask[m] for mask in masks])
        squares = sum((tensor**2).sum() for name, tensor in tensors.items() if name.startswith("W"))
        (loss + LAMBDA[m] * squares).backward()
        assert_allclose(step.loss[m], loss.item(), rtol=1e-12)
        ours = {name: as_array(gradient)[m] for name, gradient in step.gradients.items()}
        assert_close(ours, {name: tensor.grad.numpy() for name, tensor in tensors.items()}, atol=1e-12)


ITS_OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "momentum": lambda groups: torch.optim.SGD(groups, momentum=0.9),
    "nesterov": lambda groups: torch.optim.SGD(groups, momentum=0.9, nesterov=True),
    "adagrad": lambda groups: torch.optim.Adagrad(groups, eps=1e-8),
    "rmsprop": lambda groups: torch.optim.RMSprop(groups, alpha=0.99, eps=1e-8),
    "adam": lambda groups: torch.optim.Adam(groups, betas=(0.9, 0.999), eps=1e-8),
    "adamw": lambda groups: torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8),
}
"""With our constants. Its velocities lack the learning rate, which is the same while that is constant."""


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_ten_steps_of_every_optimizer(name):
    """The decay that PyTorch adds to gradients, and AdamW to steps, is our 2 * lambda, of weight matrices alone."""
    network, both = networks(batch_norm="before")
    optimizer, state = OPTIMIZERS[name], OPTIMIZERS[name].init(network.parameters)
    theirs = [
        ITS_OPTIMIZERS[name](
            [
                {"params": [tensor], "lr": ETA[m], "weight_decay": 2 * LAMBDA[m] if key.startswith("W") else 0.0}
                for key, tensor in tensors.items()
            ]
        )
        for m, tensors in enumerate(both)
    ]
    for seed in range(10):
        x, labels = some_batch(seed=seed)
        step = network.loss_and_gradients(x, labels, LAMBDA)
        optimizer.update(network.parameters, step.gradients, state, ETA, OptimizerSpec(name))
        for tensors, its in zip(both, theirs, strict=True):
            its.zero_grad()
            its_loss(network.spec, tensors, x, labels).backward()
            its.step()
    for m, tensors in enumerate(both):
        ours = {key: array[m] for key, array in network.parameters.items()}
        assert_close(ours, {key: tensor.detach().numpy() for key, tensor in tensors.items()}, rtol=1e-9, atol=1e-12)


SCHEDULERS = torch.optim.lr_scheduler
ITS_SCHEDULES = {
    "triangular": ({}, lambda o: SCHEDULERS.CyclicLR(o, 0.01, 1.0, step_size_up=4, cycle_momentum=False)),
    "constant": ({}, lambda o: SCHEDULERS.ConstantLR(o, factor=1.0)),
    "step": ({"decay": 0.8, "decay_every": 3}, lambda o: SCHEDULERS.StepLR(o, step_size=3, gamma=0.8)),
    "exponential": ({"decay": 0.9}, lambda o: SCHEDULERS.ExponentialLR(o, gamma=0.9)),
    "cosine": ({}, lambda o: SCHEDULERS.CosineAnnealingLR(o, T_max=16, eta_min=0.01)),
}


@pytest.mark.parametrize("kind", SCHEDULES)
def test_every_step_of_the_schedules(kind):
    constants, make = ITS_SCHEDULES[kind]
    spec = ScheduleSpec(kind, eta_min=0.01, eta_max=1.0, step_size=4, cycles=2, **constants)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer)
    for t in range(spec.epochs + 1):  # every one of them a step
        ours = SCHEDULES[kind](t, spec, 1, np.array([spec.eta_min]), np.array([spec.eta_max]))
        assert_allclose(ours, scheduler.get_last_lr(), rtol=1e-10)
        optimizer.step()
        scheduler.step()
