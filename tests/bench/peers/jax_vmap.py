"""JAX: vmap over lambda of one training step, lax.scan over the steps of an epoch, all of it compiled ahead of time."""

import os
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

os.environ |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "NPROC": "1"}
# One thread in each of the processes took 3 % less CPU time than as many threads as cores in each.

import jax
import jax.numpy as jnp
from peers.cores import Accuracies
from peers.job import Job, rows

Parameters = dict[str, Any]
"""W, b: lists over the layers; gamma, beta, mean, variance (the moving averages): lists over the hidden layers."""

MOVING, EPSILON = 0.9, 1e-5


def initial(key: Any, sizes: tuple[int, ...]) -> Parameters:
    """Return an untrained network of layers `sizes`, its weights by He's rule."""
    keys = jax.random.split(key, len(sizes) - 1)
    hidden = sizes[1:-1]
    shapes = zip(keys, pairwise(sizes), strict=True)
    return {
        "W": [jax.random.normal(key, (d, h)) * jnp.sqrt(2 / d) for key, (d, h) in shapes],
        "b": [jnp.zeros(h) for h in sizes[1:]],
        "gamma": [jnp.ones(h) for h in hidden],
        "beta": [jnp.zeros(h) for h in hidden],
        "mean": [jnp.zeros(h) for h in hidden],
        "variance": [jnp.ones(h) for h in hidden],
    }


def scores(p: Parameters, x: Any, moments: list[tuple[Any, Any]] | None = None) -> tuple[Any, list[tuple[Any, Any]]]:
    """Return the scores of rows x (B, D), normalised by `moments` or by their own, and what they were normalised by."""
    used = []
    for layer, (gamma, beta) in enumerate(zip(p["gamma"], p["beta"], strict=True)):
        s = x @ p["W"][layer] + p["b"][layer]
        mean, variance = moments[layer] if moments else (s.mean(0), s.var(0))
        used.append((mean, variance))
        x = jax.nn.relu((s - mean) / jnp.sqrt(variance + EPSILON) * gamma + beta)
    return x @ p["W"][-1] + p["b"][-1], used


def loss(p: Parameters, x: Any, y: Any) -> tuple[Any, list[tuple[Any, Any]]]:
    """Return the mean cross-entropy of a batch, without the penalty, and the batch's moments."""
    s, used = scores(p, x)
    return -jnp.take_along_axis(jax.nn.log_softmax(s), y[:, None], 1).mean(), used


def step(p: Parameters, lambda_: Any, x: Any, y: Any, eta: Any) -> tuple[Parameters, Any]:
    """Return one network after one step of SGD, and its loss before it."""
    (value, used), g = jax.value_and_grad(loss, has_aux=True)(p, x, y)
    new = {"W": [w - eta * (dw + 2 * lambda_ * w) for w, dw in zip(p["W"], g["W"], strict=True)]}
    for name in ("b", "gamma", "beta"):
        new[name] = [v - eta * dv for v, dv in zip(p[name], g[name], strict=True)]
    for place, name in enumerate(("mean", "variance")):
        olds = zip(p[name], used, strict=True)
        new[name] = [MOVING * old + (1 - MOVING) * moments[place] for old, moments in olds]
    return new, value


def worker(job: Job, lambdas: tuple[float, ...]) -> Iterator[Accuracies]:
    """Race the lambdas of one process: a `Worker`."""
    loaded = rows(job)
    x, y, x_val, y_val = map(jnp.asarray, (loaded.x, loaded.y, loaded.x_val, loaded.y_val))
    del loaded
    sizes = (x.shape[1], *job.hidden, int(y.max()) + 1)
    n, batch = len(x) // job.batch_size * job.batch_size, job.batch_size
    per_epoch, knobs = n // batch, jnp.array(lambdas)
    steps = jax.vmap(step, in_axes=(0, 0, None, None, None))

    def epoch(networks: Parameters, key: Any, etas: Any, x: Any, y: Any) -> Parameters:
        def body(networks: Parameters, now: tuple[Any, Any]) -> tuple[Parameters, None]:
            index, eta = now
            return steps(networks, knobs, x[index], y[index], eta)[0], None

        order = jax.random.permutation(key, len(x))[:n].reshape(per_epoch, batch)
        return jax.lax.scan(body, networks, (order, etas))[0]

    def right(networks: Parameters, x: Any, y: Any) -> Any:
        def one(p: Parameters) -> Any:
            return (scores(p, x, list(zip(p["mean"], p["variance"], strict=True)))[0].argmax(1) == y).mean()

        return jax.vmap(one)(networks)

    etas = jnp.array([job.eta(t, per_epoch) for t in range(job.epochs * per_epoch)]).reshape(job.epochs, per_epoch)
    key = jax.random.key(1000 * job.seed + round(1e6 * lambdas[0]))
    networks = jax.jit(jax.vmap(lambda key: initial(key, sizes)))(jax.random.split(key, len(lambdas)))
    compiled = jax.jit(epoch, donate_argnums=0).lower(networks, key, etas[0], x, y).compile()
    measured = jax.jit(right).lower(networks, x_val, y_val).compile()
    jax.block_until_ready((networks, etas, x, y, x_val, y_val))
    yield []
    for number in range(job.epochs):
        networks = compiled(networks, jax.random.fold_in(key, number), etas[number], x, y)
    yield list(zip(lambdas, measured(networks, x_val, y_val).tolist(), strict=True))
