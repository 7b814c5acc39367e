"""The packed network: forward pass, loss and gradients, moving averages, dropping trials."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.core.affine import Array, Gradient, WeightGradient, affine, input_gradient, laid_wide
from pipeline.core.initialise import initialise
from pipeline.core.layers import (
    ACTIVATIONS,
    BatchNormCache,
    Moments,
    batch_norm,
    batch_norm_backward,
    batch_sum,
    moving_average,
    normalise,
)
from pipeline.core.losses import Labels, cross_entropy_and_gradient
from pipeline.spec import InitSpec, NetworkSpec

Statistics = list[Moments]
"""Mean and variance of the normalised values of every hidden layer; empty without batch norm."""


@dataclass(frozen=True)
class Hidden:
    """What the backward pass needs of one hidden layer: its input, its activation's output, batch norm's cache."""

    x: Array
    activated: Array
    norm: BatchNormCache | None


@dataclass
class Network:
    """M networks of one architecture.

    Attributes:
        spec: the architecture.
        parameters: W1, b1, gamma1, beta1, W2, ...: (M, D, H) matrices and (M, H) vectors.
        averages: the moving averages of equations (38)(39), one per hidden layer; empty before the first mini-batch.
    """

    spec: NetworkSpec
    parameters: dict[str, Array]
    averages: Statistics

    @classmethod
    def create(cls, spec: NetworkSpec, inputs: int, classes: int, inits: Sequence[InitSpec], seed: int) -> "Network":
        """Return untrained networks, one for each of `inits`."""
        return cls(spec, initialise(spec, inputs, classes, inits, seed), [])

    @property
    def size(self) -> int:
        """M, the number of trials."""
        return len(self.parameters["W1"])

    @property
    def depth(self) -> int:
        """k, the number of weight matrices."""
        return len(self.spec.hidden) + 1

    @property
    def weights(self) -> list[Array]:
        """W1 to Wk."""
        return [self.parameters[f"W{layer}"] for layer in range(1, self.depth + 1)]

    def loss_and_gradients(
        self, x: Array, labels: Labels, lambda_: Array
    ) -> tuple[Array, dict[str, Gradient], Statistics]:
        """Apply the networks to one mini-batch and differentiate, equations (12)-(37).

        Args:
            x: (B, D), shared by the trials.
            labels: (B,) class indices.
            lambda_: (M,) penalties.

        Returns:
            The mean cross-entropy (M,), without the penalty; the gradients of the cost, penalty included, by
            parameter name; the batch's statistics, for `average`.
        """
        hidden, top = self._hidden(x)
        loss, g = cross_entropy_and_gradient(self._scores(top), labels)
        return loss, self._backward(g, hidden, top, 2 * lambda_), moments(hidden)

    def scores(self, x: Array, statistics: Statistics) -> Array:
        """Return the class scores (M, B, C) of rows x (B, D) at test time, by `statistics`, equations (5)-(9)."""
        p, spec = self.parameters, self.spec
        activation = ACTIVATIONS[spec.activation].forward

        def normalised(x: Array, layer: int) -> Array:
            return normalise(x, p[f"gamma{layer}"], p[f"beta{layer}"], spec.bn_epsilon, statistics[layer - 1])

        for layer in range(1, self.depth):
            x = affine(x, p[f"W{layer}"], p.get(f"b{layer}"))
            if spec.batch_norm == "before":
                x = normalised(x, layer)
            x = activation(x)
            if spec.batch_norm == "after":
                x = normalised(x, layer)
        return self._scores(x)

    def statistics(self, x: Array) -> Statistics:
        """Return the statistics of rows x (B, D) taken as one batch; nothing is changed."""
        if self.spec.batch_norm == "none":
            return []  # spares a forward pass for nothing, after every epoch
        return moments(self._hidden(x)[0])

    def activated(self, x: Array) -> list[Array]:
        """Return what the activations of the hidden layers give for a batch x (B, D), (M, B, H) each."""
        return [layer.activated for layer in self._hidden(x)[0]]

    def average(self, statistics: Statistics) -> None:
        """Take one mini-batch's statistics into the moving averages."""
        alpha = self.spec.bn_alpha
        old: Sequence[Moments | None] = self.averages or [None] * len(statistics)
        self.averages = [moving_average(a, b, alpha) for a, b in zip(old, statistics, strict=True)]

    def keep(self, trials: Sequence[int]) -> "Network":
        """Return the networks of the given trials (indices into M) alone."""
        index = list(trials)
        parameters = {name: array[index] for name, array in self.parameters.items()}
        parameters["W1"] = laid_wide(parameters["W1"])
        averages = [Moments(m.mean[index], m.variance[index]) for m in self.averages]
        return Network(self.spec, parameters, averages)

    def _scores(self, x: Array) -> Array:
        """The output layer, equation (18): x is the top hidden layer, or the batch itself in a linear classifier."""
        return affine(x, self.parameters[f"W{self.depth}"], self.parameters[f"b{self.depth}"])

    def _hidden(self, x: Array) -> tuple[list[Hidden], Array]:
        """Run the hidden layers on a batch, equations (12)-(17); also return what the output layer gets."""
        p, spec = self.parameters, self.spec
        activation = ACTIVATIONS[spec.activation].forward
        hidden: list[Hidden] = []
        for layer in range(1, self.depth):
            out = affine(x, p[f"W{layer}"], p.get(f"b{layer}"))
            norm = None
            if spec.batch_norm == "before":
                out, norm = batch_norm(out, p[f"gamma{layer}"], p[f"beta{layer}"], spec.bn_epsilon)
            activated = out = activation(out)
            if spec.batch_norm == "after":  # on a copy, for batch norm overwrites its input
                out, norm = batch_norm(out.copy("K"), p[f"gamma{layer}"], p[f"beta{layer}"], spec.bn_epsilon)
            hidden.append(Hidden(x, activated, norm))
            x = out
        return hidden, x

    def _backward(self, g: Array, hidden: list[Hidden], top: Array, decay: Array) -> dict[str, Gradient]:
        """Propagate g, the gradient by the scores, to every parameter, equations (22)-(30)."""
        gradients: dict[str, Gradient] = {}
        for layer in range(self.depth, 0, -1):
            x = top if layer == self.depth else hidden[layer - 1].x
            if layer < self.depth:
                g = self._hidden_backward(g, layer, hidden[layer - 1], gradients)
            weight = self.parameters[f"W{layer}"]
            gradients[f"W{layer}"] = WeightGradient(x, g, weight, decay)
            if f"b{layer}" in self.parameters:
                gradients[f"b{layer}"] = batch_sum(g)
            if layer > 1:
                g = input_gradient(g, weight)
        return gradients

    def _hidden_backward(self, g: Array, layer: int, cache: Hidden, gradients: dict[str, Gradient]) -> Array:
        """Take g from a hidden layer's output to its affine map's, noting the gradients of gamma and beta."""
        backward = ACTIVATIONS[self.spec.activation].backward
        if self.spec.batch_norm != "after":
            g = backward(g, cache.activated)
        if cache.norm:
            gamma = self.parameters[f"gamma{layer}"]
            g, gradients[f"gamma{layer}"], gradients[f"beta{layer}"] = batch_norm_backward(g, cache.norm, gamma)
        if self.spec.batch_norm == "after":
            g = backward(g, cache.activated)
        return g


def moments(hidden: list[Hidden]) -> Statistics:
    """Return the batch's statistics from what the forward pass kept."""
    return [layer.norm.moments for layer in hidden if layer.norm]
