"""A two-layer network trained by hand on scikit-learn's digits, in the conventions of CS231n: the loop written out.

affine - ReLU - affine - softmax, a penalty of reg / 2 * sum W^2, momentum, a learning rate that decays every epoch. The
core trains packs: here three networks at once, of three learning rates, on the same mini-batches.

Run it with ``.venv/bin/python examples/two_layer_net.py``.
"""

import numpy as np

from pipeline import data
from pipeline.core.affine import Array
from pipeline.core.losses import Labels, penalty
from pipeline.core.network import Network
from pipeline.core.optimizers import OPTIMIZERS
from pipeline.spec import CONVENTIONS, InitSpec, NetworkSpec, OptimizerSpec

RATES = np.array([0.003, 0.03, 0.3])  # M = 3, one for each network
REG, DECAY = 1e-3, 0.95  # the decay of the learning rate, per epoch
HIDDEN, BATCH, EPOCHS = 50, 50, 15
TRAINED = 1500  # of the 1,797 digits; the others validate


def digits() -> tuple[Array, Labels]:
    """Return the rows, (n, 64) from -1/2 to 1/2, in random order, and their labels."""
    bundled = data.load("digits", warn=print)
    order = np.random.default_rng(0).permutation(len(bundled.x_train))
    return bundled.x_train[order] / 16 - 0.5, bundled.y_train[order]


def accuracy(network: Network, x: Array, labels: Labels) -> Array:
    """Return the share of right rows of every network, (M,); there are no batch-norm statistics to give."""
    right: Array = (network.scores(x, {}).argmax(axis=2) == labels).mean(axis=1)
    return right


def main() -> None:
    """Train and print the cost of every epoch and what the networks are worth at the end."""
    x, labels = digits()
    rng = np.random.default_rng(1)
    spec = NetworkSpec((HIDDEN,), batch_norm="none", dtype="float64")
    network = Network.create(spec, inputs=x.shape[1], classes=10, inits=[InitSpec("he")] * len(RATES), seed=2)
    optimizer, constants = OPTIMIZERS["momentum"], OptimizerSpec("momentum", momentum=0.9)
    state = optimizer.init(network.parameters)
    # the core's penalty is lambda * sum W^2, so that CS231n's is half of it
    lambda_ = np.full(len(RATES), CONVENTIONS["cs231n"].l2_factor * REG)

    print("mean cost of the mini-batches\nepoch" + "".join(f"   rate {rate:<5g}" for rate in RATES))
    for epoch in range(EPOCHS):
        costs = []
        order = rng.permutation(TRAINED)
        for rows in np.split(order, TRAINED // BATCH):
            step = network.loss_and_gradients(x[rows], labels[rows], lambda_)
            costs.append(step.loss + penalty(network.weights, lambda_))
            optimizer.update(network.parameters, step.gradients, state, RATES * DECAY**epoch, constants)
        print(f"{epoch + 1:5}" + "".join(f"   {cost:10.4f}" for cost in np.mean(costs, axis=0)))

    reached = accuracy(network, x[TRAINED:], labels[TRAINED:])
    best = int(reached.argmax())
    print("validation accuracy: " + ", ".join(f"{100 * share:.2f} %" for share in reached))
    print(f"the best learning rate of these is {RATES[best]:g}")


if __name__ == "__main__":
    main()
