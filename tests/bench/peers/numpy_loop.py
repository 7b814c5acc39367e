"""Plain NumPy as students hand it in: float64, an example a column, one network at a time, new arrays everywhere."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from peers.cores import Accuracies
from peers.job import Job, rows

EPSILON, MOVING = 1e-5, 0.9


class Network:
    """Lists over the layers: W (H, D), b (H, 1); over the hidden ones gamma, beta, mean and variance (H, 1)."""

    def __init__(self, sizes, rng):
        self.W = [rng.standard_normal((h, d)) * np.sqrt(2 / d) for d, h in pairwise(sizes)]
        self.b = [np.zeros((h, 1)) for h in sizes[1:]]
        self.gamma = [np.ones((h, 1)) for h in sizes[1:-1]]
        self.beta = [np.zeros((h, 1)) for h in sizes[1:-1]]
        self.mean, self.variance = ([None] * len(self.gamma) for _ in range(2))

    def forward(self, X, training):
        """Return the probabilities (C, B) of examples X (D, B), and what each hidden layer must remember."""
        kept = []
        for layer in range(len(self.gamma)):
            s = self.W[layer] @ X + self.b[layer]
            if training:
                mean, variance = s.mean(axis=1, keepdims=True), s.var(axis=1, keepdims=True)
                self._average(layer, mean, variance)
            else:
                mean, variance = self.mean[layer], self.variance[layer]
            normalised = (s - mean) / np.sqrt(variance + EPSILON)
            out = np.maximum(0, self.gamma[layer] * normalised + self.beta[layer])
            kept.append((X, s - mean, variance, normalised, out))
            X = out
        s = self.W[-1] @ X + self.b[-1]
        e = np.exp(s - s.max(axis=0))
        return e / e.sum(axis=0), kept

    def _average(self, layer, mean, variance):
        if self.mean[layer] is None:
            self.mean[layer], self.variance[layer] = mean, variance
        self.mean[layer] = MOVING * self.mean[layer] + (1 - MOVING) * mean
        self.variance[layer] = MOVING * self.variance[layer] + (1 - MOVING) * variance

    def gradients(self, X, Y, lambda_):
        """Return the mean cross-entropy of a batch X (D, B), Y (C, B) one-hot, and the gradients, penalty included."""
        n = X.shape[1]
        P, kept = self.forward(X, training=True)
        loss = -np.mean(np.log(np.sum(Y * P, axis=0)))
        G = P - Y
        top = kept[-1][-1]
        W, b = [G @ top.T / n + 2 * lambda_ * self.W[-1]], [G.sum(axis=1, keepdims=True) / n]
        gamma, beta = [], []
        for layer in reversed(range(len(kept))):
            X, centred, variance, normalised, out = kept[layer]
            G = (self.W[layer + 1].T @ G) * (out > 0)
            gamma.insert(0, (G * normalised).sum(axis=1, keepdims=True) / n)
            beta.insert(0, G.sum(axis=1, keepdims=True) / n)
            G = G * self.gamma[layer]
            G1, G2 = G * (variance + EPSILON) ** -0.5, G * (variance + EPSILON) ** -1.5
            c = (G2 * centred).sum(axis=1, keepdims=True)
            G = G1 - G1.sum(axis=1, keepdims=True) / n - centred * c / n
            W.insert(0, G @ X.T / n + 2 * lambda_ * self.W[layer])
            b.insert(0, G.sum(axis=1, keepdims=True) / n)
        return loss, (W, b, gamma, beta)

    def step(self, X, Y, lambda_, eta):
        """Take one step of SGD and return the loss before it, without the penalty."""
        loss, gradients = self.gradients(X, Y, lambda_)
        for parameters, by in zip((self.W, self.b, self.gamma, self.beta), gradients, strict=True):
            for layer, gradient in enumerate(by):
                parameters[layer] = parameters[layer] - eta * gradient
        return loss


def worker(job: Job, lambdas: tuple[float, ...]) -> Iterator[Accuracies]:
    """Race the lambdas of one process: a `Worker`."""
    loaded = rows(job)
    X, X_val = (np.ascontiguousarray(x.T, dtype=np.float64) for x in (loaded.x, loaded.x_val))
    classes = int(loaded.y.max()) + 1
    Y, sizes, per_epoch = np.eye(classes)[:, loaded.y], (len(X), *job.hidden, classes), -(-X.shape[1] // job.batch_size)
    rng = np.random.default_rng([job.seed, round(1e6 * lambdas[0])])
    if job.warm:
        Network(sizes, rng).step(X[:, :100], Y[:, :100], 0, job.eta_min)
    yield []
    accuracies = []
    for lambda_ in lambdas:
        network, t = Network(sizes, rng), 0
        for _ in range(job.epochs):
            order = rng.permutation(X.shape[1])
            for start in range(0, len(order), job.batch_size):
                index = order[start : start + job.batch_size]
                network.step(X[:, index], Y[:, index], lambda_, job.eta(t, per_epoch))
                t += 1
        guesses = network.forward(X_val, training=False)[0].argmax(axis=0)
        accuracies.append((lambda_, float(np.mean(guesses == loaded.y_val))))
    yield accuracies
