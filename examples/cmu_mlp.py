"""The MLP of CMU 11-785, homework 1 part 1: its constructor and methods, and get_training_stats, around the core.

Linear - batch norm in the first num_bn_layers layers - activation, softmax cross-entropy, momentum; running averages
start at mean 0 and variance 1. All hidden layers have one activation here, and the output layer has none. There is no
zero_grads to call: gradients are made anew by every backward pass.

Run it with ``.venv/bin/python examples/cmu_mlp.py``, which trains on scikit-learn's digits.
"""

from dataclasses import replace

import numpy as np

from pipeline import data
from pipeline.core.affine import Array
from pipeline.core.losses import Labels, cross_entropy
from pipeline.core.network import Network, Step
from pipeline.core.optimizers import OPTIMIZERS
from pipeline.spec import CONVENTIONS, InitSpec, NetworkSpec, OptimizerSpec

CMU = CONVENTIONS["cmu"]
COMMON = NetworkSpec(bn_epsilon=CMU.bn_epsilon, bn_start=CMU.bn_start, dtype="float64")
Rows = tuple[Array, Labels]  # (n, D) and (n,)


class MLP:
    """A pack of one network, with its optimizer."""

    def __init__(
        self,
        input_size: int,
        output_size: int,
        hiddens: list[int],
        *,
        activation: str,
        lr: float,
        momentum: float = 0.0,
        num_bn_layers: int = 0,
    ) -> None:
        place, first = ("before", num_bn_layers) if num_bn_layers else ("none", None)
        spec = replace(COMMON, hidden=tuple(hiddens), activation=activation, batch_norm=place, num_bn_layers=first)
        self.network = Network.create(spec, input_size, output_size, [InitSpec("xavier")], seed=0)
        self.constants = OptimizerSpec("momentum", momentum=momentum)
        self.velocities = OPTIMIZERS["momentum"].init(self.network.parameters)
        self.lr = np.array([lr])

    def forward_backward(self, x: Array, labels: Labels) -> Step:
        """Do both passes over a mini-batch; batch norm uses its statistics and takes them into the averages."""
        step = self.network.loss_and_gradients(x, labels, lambda_=np.zeros(1))
        self.network.average(step.statistics)
        return step

    def step(self, step: Step) -> None:
        """Apply the gradients: v = momentum * v + lr * gradient; W -= v."""
        OPTIMIZERS["momentum"].update(self.network.parameters, step.gradients, self.velocities, self.lr, self.constants)

    def evaluate(self, x: Array, labels: Labels) -> tuple[float, float]:
        """Return loss and error over rows; batch norm uses the running averages."""
        scores = self.network.scores(x, self.network.averages)
        return float(cross_entropy(scores, labels).mean()), float((scores[0].argmax(axis=1) != labels).mean())


def get_training_stats(mlp: MLP, dataset: tuple[Rows, Rows], nepochs: int, batch_size: int) -> tuple[Array, ...]:
    """Train, and return training losses and errors, validation losses and errors: (nepochs,) each.

    The training ones are means over the mini-batches of an epoch, as training itself saw them.
    """
    (x, labels), validation = dataset
    rng = np.random.default_rng(0)
    stats = np.empty((4, nepochs))
    for epoch in range(nepochs):
        seen = []
        for rows in np.array_split(rng.permutation(len(x)), len(x) // batch_size):
            step = mlp.forward_backward(x[rows], labels[rows])
            mlp.step(step)
            seen.append((step.loss[0], 1 - step.accuracy[0]))
        stats[:, epoch] = *np.mean(seen, axis=0), *mlp.evaluate(*validation)
    return tuple(stats)


def main() -> None:
    """Train with and without batch norm in the first layer and print the four arrays."""
    digits = data.load("digits", warn=print)
    x, labels = digits.x_train / 16 - 0.5, digits.y_train
    dataset = (x[:1500], labels[:1500]), (x[1500:], labels[1500:])
    for num_bn_layers in (0, 1):
        mlp = MLP(64, 10, [64, 32], activation="tanh", lr=0.008, momentum=0.9, num_bn_layers=num_bn_layers)
        print(f"num_bn_layers={num_bn_layers}")
        names = "training losses", "training errors", "validation losses", "validation errors"
        for name, values in zip(names, get_training_stats(mlp, dataset, 8, 50), strict=True):
            print(f"  {name:18}" + " ".join(f"{value:.3f}" for value in values))


if __name__ == "__main__":
    main()
