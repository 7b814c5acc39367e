"""The slow, obvious oracle: a k-layer network as the DD2424 handouts write it, one example at a time.

It imports nothing from `pipeline` and shares none of its choices: columns and s = W x + b instead of rows and x W,
weights of shape (H, D), biases kept before batch norm, the unfolded equations (31)-(37), layer norm by its Jacobian,
gradients collected at outputs, momentum with the sign of CS231n, derivatives of activations taken at their input.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

ACTIVATIONS: dict[str, Callable[[float], float]] = {
    "relu": lambda s: s if s > 0 else 0.0,
    "identity": lambda s: s,
    "leaky_relu": lambda s: s if s > 0 else 0.01 * s,
    "sigmoid": lambda s: 1 / (1 + math.exp(-s)),
    "tanh": math.tanh,
}
SLOPES: dict[str, Callable[[float], float]] = {
    "relu": lambda s: 1.0 if s > 0 else 0.0,
    "identity": lambda _: 1.0,
    "leaky_relu": lambda s: 1.0 if s > 0 else 0.01,
    "sigmoid": lambda s: math.exp(-s) / (1 + math.exp(-s)) ** 2,
    "tanh": lambda s: 1 / math.cosh(s) ** 2,
}


def elementwise(f, s):
    return np.array([f(float(value)) for value in s])


@dataclass
class Layer:
    """W (H, D), b (H,) where it has one; gamma and beta (H,) where it is normalised.

    Averages are None before the first mini-batch.
    """

    W: np.ndarray
    b: np.ndarray | None
    gamma: np.ndarray | None = None
    beta: np.ndarray | None = None
    average: tuple[np.ndarray, np.ndarray] | None = None

    def parameters(self):
        return {k: getattr(self, k) for k in ("W", "b", "gamma", "beta") if getattr(self, k) is not None}


def under(skips):
    """Return the layers that are jumped over: l of equation (40) for a skip from l - 1 to l + 1."""
    return {layer for start, end in skips for layer in range(start + 1, end)}


def initial_layers(sizes, scheme, sigma, seed, *, normalised=(), bare=()):
    """Draw standard normals (D, H) layer by layer and scale them; `bare` layers have neither norm nor bias."""
    rng = np.random.default_rng(seed)
    layers = []
    for number, (D, H) in enumerate(pairwise(sizes), start=1):
        scale = {"he": math.sqrt(2 / D), "xavier": 1 / math.sqrt(D), "normal": sigma}[scheme]
        gamma, beta = (np.ones(H), np.zeros(H)) if number in normalised and number not in bare else (None, None)
        b = None if number in bare else np.zeros(H)
        layers.append(Layer(scale * rng.standard_normal((D, H)).T, b, gamma, beta))
    return layers


@dataclass
class Trace:
    """What a forward pass saw in one hidden layer, a list over the examples each."""

    inputs: list
    activation_inputs: list
    unnormalised: list
    normalised: list
    mask: list
    mean: np.ndarray | None = None
    variance: np.ndarray | None = None


@dataclass
class Reference:
    """The network; `start` is the (mean, variance) that moving averages start from, where not from the first batch.

    Layers with a gamma are normalised: by batch norm or by layer norm, whichever is not "none". A skip (i, j) adds what
    layer i puts out to what layer j gets before its norm.
    """

    layers: list[Layer]
    activation: str = "relu"
    batch_norm: str = "none"
    layer_norm: str = "none"
    epsilon: float = 2.0**-52
    alpha: float = 0.9
    start: tuple[float, float] | None = None
    skips: tuple[tuple[int, int], ...] = ()
    velocity: dict = field(default_factory=dict)

    def place(self, layer):
        """Where a layer is normalised."""
        both = {self.batch_norm, self.layer_norm} - {"none"}
        return both.pop() if both and layer.gamma is not None else "none"

    def forward(self, examples, statistics=None, masks=None):
        """Return the scores of every example and the traces; batch statistics unless others are given.

        masks: for every hidden layer, for every example, what its units are multiplied by.
        """
        outputs, traces = [list(examples)], []
        for number, layer in enumerate(self.layers[:-1], start=1):
            trace = Trace(outputs[-1], [], [], [], masks[number - 1] if masks else [1.0] * len(examples))
            xs = [layer.W @ x if layer.b is None else layer.W @ x + layer.b for x in outputs[-1]]
            for start, end in self.skips:
                if end == number:
                    xs = [x + earlier for x, earlier in zip(xs, outputs[start], strict=True)]
            given = statistics[number - 1] if statistics else None
            if self.place(layer) == "before":
                xs = self._normalise(xs, layer, trace, given)
            trace.activation_inputs = xs
            xs = [elementwise(ACTIVATIONS[self.activation], s) for s in xs]
            if self.place(layer) == "after":
                xs = self._normalise(xs, layer, trace, given)
            outputs.append([x * mask for x, mask in zip(xs, trace.mask, strict=True)])
            traces.append(trace)
        traces.append(Trace(outputs[-1], [], [], [], []))
        return [self.layers[-1].W @ x + self.layers[-1].b for x in outputs[-1]], traces

    def _normalise(self, xs, layer, trace, given):
        trace.unnormalised = xs
        if self.layer_norm != "none":
            spreads = [math.sqrt(sum((v - sum(x) / len(x)) ** 2 for v in x) / len(x) + self.epsilon) for x in xs]
            trace.normalised = [(x - sum(x) / len(x)) / spread for x, spread in zip(xs, spreads, strict=True)]
            return [layer.gamma * x + layer.beta for x in trace.normalised]
        n = len(xs)
        mean = sum(xs) / n
        variance = sum((x - mean) ** 2 for x in xs) / n
        trace.mean, trace.variance = given or (mean, variance)
        trace.normalised = [(x - trace.mean) / np.sqrt(trace.variance + self.epsilon) for x in xs]
        return [layer.gamma * x + layer.beta for x in trace.normalised]

    def losses(self, scores, labels):
        return [math.log(sum(math.exp(v - s[y]) for v in s)) for s, y in zip(scores, labels, strict=True)]

    def penalty(self, lambda_):
        return lambda_ * sum(float(w) ** 2 for layer in self.layers for w in layer.W.ravel())

    def gradients(self, examples, labels, lambda_, masks=None):
        """Return the gradients of the cost, a dictionary per layer, and the mean loss and traces."""
        scores, traces = self.forward(examples, masks=masks)
        n, depth = len(scores), len(self.layers)
        at_output = [[0.0] * n for _ in range(depth + 1)]  # of every layer; 0 is the input
        for i, (s, y) in enumerate(zip(scores, labels, strict=True)):
            p = np.exp(s - max(s)) / sum(np.exp(s - max(s)))
            p[y] -= 1
            at_output[depth][i] = p / n
        result = [{} for _ in self.layers]
        for k in range(depth, 0, -1):
            layer, trace, by, g = self.layers[k - 1], traces[k - 1], result[k - 1], at_output[k]
            if k < depth:
                g = [gi * mask for gi, mask in zip(g, trace.mask, strict=True)]
                slopes = [elementwise(SLOPES[self.activation], s) for s in trace.activation_inputs]
                if self.place(layer) == "after":
                    g = self._normalise_backward(g, layer, trace, by)
                g = [gi * slope for gi, slope in zip(g, slopes, strict=True)]
                if self.place(layer) == "before":
                    g = self._normalise_backward(g, layer, trace, by)
            by["W"] = sum(np.outer(gi, x) for gi, x in zip(g, trace.inputs, strict=True)) + 2 * lambda_ * layer.W
            by["b"] = sum(g)
            at_output[k - 1] = [old + layer.W.T @ gi for old, gi in zip(at_output[k - 1], g, strict=True)]
            for start, end in self.skips:
                if end == k:
                    at_output[start] = [old + gi for old, gi in zip(at_output[start], g, strict=True)]
        return result, sum(self.losses(scores, labels)) / n, traces

    def _normalise_backward(self, g, layer, trace, by):
        """Equations (25)-(37), unfolded; of layer norm the Jacobian of every example."""
        n = len(g)
        by["gamma"] = sum(gi * s for gi, s in zip(g, trace.normalised, strict=True))
        by["beta"] = sum(g)
        g = [gi * layer.gamma for gi in g]
        if self.layer_norm != "none":
            return [self._jacobian(s) @ gi for gi, s in zip(g, trace.unnormalised, strict=True)]
        g1 = [gi * (trace.variance + self.epsilon) ** -0.5 for gi in g]
        g2 = [gi * (trace.variance + self.epsilon) ** -1.5 for gi in g]
        centred = [s - trace.mean for s in trace.unnormalised]
        c = sum(gi * d for gi, d in zip(g2, centred, strict=True))
        return [gi - sum(g1) / n - d * c / n for gi, d in zip(g1, centred, strict=True)]

    def _jacobian(self, s):
        """Return the derivatives of the normalised units of one example by its units, a symmetric (H, H)."""
        H, centred = len(s), s - sum(s) / len(s)
        deviation = math.sqrt(sum(centred**2) / H + self.epsilon)
        return (np.eye(H) - 1 / H) / deviation - np.outer(centred, centred) / (H * deviation**3)

    def step(self, examples, labels, eta, lambda_, *, rho=0.0, masks=None):
        """Take one mini-batch: update the averages, then every parameter; return loss and accuracy before that."""
        scores, _ = self.forward(examples, masks=masks)
        gradients, loss, traces = self.gradients(examples, labels, lambda_, masks)
        for layer, trace in zip(self.layers, traces, strict=True):
            if trace.mean is not None:
                new = (trace.mean, trace.variance)
                old = layer.average or self.start or new
                layer.average = tuple(self.alpha * o + (1 - self.alpha) * n for o, n in zip(old, new, strict=True))
        for k, (layer, by) in enumerate(zip(self.layers, gradients, strict=True)):
            for name, value in layer.parameters().items():
                self.velocity[k, name] = rho * self.velocity.get((k, name), 0.0) - eta * by[name]
                setattr(layer, name, value + self.velocity[k, name])
        return loss, self.accuracy(scores, labels)

    def evaluate(self, examples, labels, lambda_, statistics=None):
        """Return (loss, cost, accuracy) at test time, by the averages unless other statistics are given."""
        scores, _ = self.forward(examples, statistics or [layer.average for layer in self.layers])
        loss = sum(self.losses(scores, labels)) / len(scores)
        return loss, loss + self.penalty(lambda_), self.accuracy(scores, labels)

    def accuracy(self, scores, labels):
        return sum(int(np.argmax(s)) == y for s, y in zip(scores, labels, strict=True)) / len(scores)

    def batch_statistics(self, examples):
        _, traces = self.forward(examples)
        return [(trace.mean, trace.variance) for trace in traces]


def dropped(rng, keep, n, widths):
    """Draw what the units of every hidden layer are multiplied by for n examples: 0, or 1 / keep where they stay."""
    return [[[1 / keep if u < keep else 0.0 for u in row] for row in rng.random((n, H), np.float32)] for H in widths]


def cyclic_eta(t, n_s, low, high):
    """Equations (14) and (15) of assignment 2: l counts the cycles."""
    l = t // (2 * n_s)  # noqa: E741 - the handout's name
    if t <= (2 * l + 1) * n_s:
        return low + (t - 2 * l * n_s) / n_s * (high - low)
    return high - (t - (2 * l + 1) * n_s) / n_s * (high - low)


def cut(order, batch_size):
    """Return the mini-batches of one epoch, lists of row numbers; a last batch of one joins the one before."""
    result = []
    for row in order:
        if not result or len(result[-1]) == batch_size:
            result.append([])
        result[-1].append(int(row))
    if len(result) > 1 and batch_size > 1 and len(result[-1]) == 1:
        single = result.pop()
        result[-1] += single
    return result
