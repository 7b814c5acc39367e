"""The packed network: forward pass, loss and gradients, moving averages, dropping trials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np

from pipeline.core.affine import Array, Gradient, Inputs, WeightGradient, affine, fold, input_gradient, laid_wide
from pipeline.core.initialise import initialise
from pipeline.core.layers import (
    ACTIVATIONS,
    START,
    BatchNormCache,
    LayerNormCache,
    Moments,
    batch_norm,
    batch_norm_backward,
    batch_sum,
    layer_norm,
    layer_norm_backward,
    moving_average,
    normalise,
)
from pipeline.core.losses import Labels, cross_entropy_and_gradient
from pipeline.spec import InitSpec, NetworkSpec

Statistics = Mapping[int, Moments]
"""Mean and variance of the normalised values of every hidden layer with batch norm, by its number, from 1."""

Masks = Sequence[Array]
"""What the output of every hidden layer is multiplied by, (M, B, H) each; none without dropout."""


@dataclass(frozen=True)
class Hidden:
    """What the backward pass needs of one hidden layer: its input, its activation's output, norm's cache, its mask."""

    x: Array
    activated: Array
    norm: BatchNormCache | LayerNormCache | None
    mask: Array | None


class Step(NamedTuple):
    """What one mini-batch comes to.

    Attributes:
        loss: the mean cross-entropies (M,), without the penalty.
        gradients: those of the cost, penalty included, by parameter name.
        statistics: the batch's, for `Network.average`.
        accuracy: the shares of right examples (M,).
    """

    loss: Array
    gradients: dict[str, Gradient]
    statistics: Statistics
    accuracy: Array


@dataclass
class Network:
    """M networks of one architecture.

    Attributes:
        spec: the architecture.
        parameters: W1, b1, gamma1, beta1, W2, ...: (M, D, H) matrices and (M, H) vectors.
        averages: the moving averages of equations (38)(39); empty before the first mini-batch.
        scale: (M,) between `scaled` and `folded`, when W1 is scale * parameters["W1"]; else None.
    """

    spec: NetworkSpec
    parameters: dict[str, Array]
    averages: Statistics
    scale: Array | None = None

    @classmethod
    def create(
        cls,
        spec: NetworkSpec,
        inputs: int,
        classes: int,
        inits: Sequence[InitSpec],
        seed: int,
        *,
        fan_in: int | None = None,
    ) -> "Network":
        """Return untrained networks, one for each of `inits`; `fan_in` as for `initialise`."""
        return cls(spec, initialise(spec, inputs, classes, inits, seed, fan_in=fan_in), {})

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

    def loss_and_gradients(self, x: Array, labels: Labels, lambda_: Array, masks: Masks = ()) -> Step:
        """Apply the networks to one mini-batch and differentiate, equations (12)-(37), (40)(41).

        Args:
            x: (B, D), shared by the trials.
            labels: (B,) class indices.
            lambda_: (M,) penalties.
            masks: those of `dropout_masks`.
        """
        hidden, top = self._hidden(x, masks)
        loss, g, accuracy = cross_entropy_and_gradient(self._scores(top), labels)
        return Step(loss, self._backward(g, hidden, top, 2 * lambda_), moments(hidden), accuracy)

    def scores(self, x: Array, statistics: Statistics) -> Array:
        """Return the class scores (M, B, C) of rows x (B, D) at test time, by `statistics`, equations (5)-(9)."""
        outputs = [x]
        for layer in range(1, self.depth):
            outputs.append(self._layer(layer, outputs, statistics, None)[1])
            if not self.spec.skips:
                outputs[-2] = outputs[0]  # no longer needed: spares the memory
        return self._scores(outputs[-1])

    def statistics(self, x: Array | Inputs) -> Statistics:
        """Return the statistics of rows x (B, D), in any precision, taken as one batch; nothing is changed."""
        if self.spec.batch_norm == "none":
            return {}  # spares a forward pass for nothing, after every epoch
        outputs = [cast(Array, x)]  # which the first affine map alone looks at, a part at a time
        found: dict[int, Moments] = {}
        for layer in range(1, self.depth):  # as in `_hidden`, but without keeping every layer: x may have many rows
            kept, out = self._layer(layer, outputs, None, None)
            found.update(moments([kept], layer))
            outputs.append(out)
            if not self.spec.skips:
                outputs[-2] = outputs[0]
        return found

    def activated(self, x: Array, masks: Masks = ()) -> list[Array]:
        """Return what the activations of the hidden layers give for a batch x (B, D), (M, B, H) each."""
        return [layer.activated for layer in self._hidden(x, masks)[0]]

    def scaled(self) -> None:
        """Let steps of SGD shrink W1 by a scale from here on, until `folded`: see `WeightGradient`."""
        self.scale = np.ones(self.size)

    def folded(self) -> None:
        """Take the scale into W1."""
        if self.scale is not None:
            fold(self.parameters["W1"], self.scale, self.scale != 1)
        self.scale = None

    def average(self, statistics: Statistics) -> None:
        """Take one mini-batch's statistics into the moving averages."""
        alpha, start = self.spec.bn_alpha, START[self.spec.bn_start]
        self.averages = {
            layer: moving_average(self.averages[layer] if self.averages else start(new), new, alpha)
            for layer, new in statistics.items()
        }

    def keep(self, trials: Sequence[int]) -> "Network":
        """Return the networks of the given trials (indices into M) alone."""
        index = list(trials)
        parameters = {name: array[index] for name, array in self.parameters.items()}
        parameters["W1"] = laid_wide(parameters["W1"])
        return Network(self.spec, parameters, of_trials(self.averages, index))

    def _scores(self, x: Array) -> Array:
        """The output layer, equation (18): x is the top hidden layer, or the batch itself in a linear classifier."""
        return self._affine(self.depth, x)

    def _affine(self, layer: int, x: Array) -> Array:
        scale = self.scale if layer == 1 else None
        weight, bias = self.parameters[f"W{layer}"], self.parameters.get(f"b{layer}")
        return affine(x, weight, bias, scale, by_unit=layer == self.depth)

    def _hidden(self, x: Array, masks: Masks = ()) -> tuple[list[Hidden], Array]:
        """Run the hidden layers on a batch, equations (12)-(17); also return what the output layer gets."""
        outputs, hidden = [x], []
        for layer in range(1, self.depth):
            kept, out = self._layer(layer, outputs, None, masks[layer - 1] if masks else None)
            hidden.append(kept)
            outputs.append(out)
        return hidden, outputs[-1]

    def _layer(
        self, layer: int, outputs: Sequence[Array], statistics: Statistics | None, mask: Array | None
    ) -> tuple[Hidden, Array]:
        """Run one hidden layer on what the input and the layers before put out: affine, skip, norm, activation, mask.

        Batch norm uses the `statistics`, or those of the batch itself.
        """
        x, place = outputs[layer - 1], self.spec.norm_of(layer)
        out, norm = self._affine(layer, x), None
        for start, end in self.spec.skips:
            if end == layer:
                out += outputs[start]
        if place == "before":
            out, norm = self._normalised(out, layer, statistics)
        activated = out = ACTIVATIONS[self.spec.activation].forward(out)
        if place == "after":  # on a copy, for norms overwrite their input
            out, norm = self._normalised(out.copy("K"), layer, statistics)
        if mask is not None:
            out = out * mask
        return Hidden(x, activated, norm, mask), out

    def _normalised(
        self, s: Array, layer: int, statistics: Statistics | None
    ) -> tuple[Array, BatchNormCache | LayerNormCache | None]:
        gamma, beta = self.parameters[f"gamma{layer}"], self.parameters[f"beta{layer}"]
        if self.spec.layer_norm != "none":
            return layer_norm(s, gamma, beta, self.spec.bn_epsilon)
        if statistics is None:
            return batch_norm(s, gamma, beta, self.spec.bn_epsilon)
        return normalise(s, gamma, beta, self.spec.bn_epsilon, statistics[layer]), None

    def _backward(self, g: Array, hidden: list[Hidden], top: Array, decay: Array) -> dict[str, Gradient]:
        """Propagate g, the gradient by the scores, to every parameter, equations (22)-(30).

        A skip hands the gradient at the layer where it ends on to the output of the layer where it starts.
        """
        gradients: dict[str, Gradient] = {}
        affine_gradients: dict[int, Array] = {}
        for layer in range(self.depth, 0, -1):
            x = top if layer == self.depth else hidden[layer - 1].x
            if layer < self.depth:
                for start, end in self.spec.skips:
                    if start == layer:
                        g += affine_gradients[end]
                g = self._hidden_backward(g, layer, hidden[layer - 1], gradients)
            affine_gradients[layer] = g
            weight = self.parameters[f"W{layer}"]
            gradients[f"W{layer}"] = WeightGradient(x, g, weight, decay, self.scale if layer == 1 else None)
            if f"b{layer}" in self.parameters:
                gradients[f"b{layer}"] = batch_sum(g)
            if layer > 1:
                g = input_gradient(g, weight)
        return gradients

    def _hidden_backward(self, g: Array, layer: int, cache: Hidden, gradients: dict[str, Gradient]) -> Array:
        """Take g from a hidden layer's output to its affine map's, noting the gradients of gamma and beta."""
        backward, place = ACTIVATIONS[self.spec.activation].backward, self.spec.norm_of(layer)
        if cache.mask is not None:
            g *= cache.mask
        if place != "after":
            g = backward(g, cache.activated)
        if cache.norm:
            gamma = self.parameters[f"gamma{layer}"]
            by_norm = norm_backward(g, cache.norm, gamma)
            g, gradients[f"gamma{layer}"], gradients[f"beta{layer}"] = by_norm
        if place == "after":
            g = backward(g, cache.activated)
        return g


def norm_backward(g: Array, cache: BatchNormCache | LayerNormCache, gamma: Array) -> tuple[Array, Array, Array]:
    """Return the gradients by what was normalised, (M, B, H), and by gamma and beta, (M, H) each."""
    if isinstance(cache, LayerNormCache):
        return layer_norm_backward(g, cache, gamma)
    return batch_norm_backward(g, cache, gamma)


def moments(hidden: Sequence[Hidden], first: int = 1) -> Statistics:
    """Return the batch's statistics, by layer, from what the forward pass kept of the layers from `first` on."""
    return {
        layer: kept.norm.moments for layer, kept in enumerate(hidden, first) if isinstance(kept.norm, BatchNormCache)
    }


def of_trials(statistics: Statistics, trials: Sequence[int]) -> Statistics:
    """Return the statistics of the given trials (indices into M) alone."""
    index = list(trials)
    return {layer: Moments(m.mean[index], m.variance[index]) for layer, m in statistics.items()}
