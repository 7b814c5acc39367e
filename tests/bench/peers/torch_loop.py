"""PyTorch as its tutorials write it: the network, optimizer and schedule, and the loop over epochs and batches."""

from collections.abc import Iterator
from itertools import islice, pairwise

import torch
from peers.cores import Accuracies
from peers.job import Job, Rows, rows
from torch import nn

WARM_UP = 20
"""Steps of a trial outside the clock, in which torch loads what it loads late."""

Batches = Iterator[tuple[torch.Tensor, torch.Tensor]]


class Tensors:
    """The rows of a job as tensors, and batches of them by index, in a new order every epoch."""

    def __init__(self, job: Job, loaded: Rows | None = None) -> None:
        loaded = loaded or rows(job)
        self.x, self.y, self.x_val, self.y_val = map(torch.from_numpy, (loaded.x, loaded.y, loaded.x_val, loaded.y_val))
        self.batch_size = job.batch_size

    def batches(self) -> Batches:
        """Yield the mini-batches of an epoch."""
        for index in torch.randperm(len(self.x)).split(self.batch_size):
            yield self.x[index], self.y[index]


def network(inputs: int, hidden: tuple[int, ...], classes: int, *, averages: bool = True) -> nn.Sequential:
    """Return an untrained network, its weights by He's rule; `averages`: whether batch norm keeps moving averages."""
    layers: list[nn.Module] = []
    for d, h in pairwise((inputs, *hidden)):
        layers += [nn.Linear(d, h), nn.BatchNorm1d(h, track_running_stats=averages), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Linear((inputs, *hidden)[-1], classes))
    for layer in net:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    return net


def sgd(
    net: nn.Sequential, lambda_: float, job: Job, per_epoch: int
) -> tuple[torch.optim.SGD, torch.optim.lr_scheduler.CyclicLR]:
    """Return the optimizer, whose decay is the gradient 2 lambda W of the penalty on weights only, and its schedule."""
    weights = [parameter for parameter in net.parameters() if parameter.ndim == 2]
    others = [parameter for parameter in net.parameters() if parameter.ndim != 2]
    groups = [{"params": weights, "weight_decay": 2 * lambda_}, {"params": others}]
    optimizer = torch.optim.SGD(groups, lr=job.eta_min)
    up = job.step_size * per_epoch
    return optimizer, torch.optim.lr_scheduler.CyclicLR(
        optimizer, job.eta_min, job.eta_max, step_size_up=up, cycle_momentum=False
    )


def train(
    net: nn.Sequential, lambda_: float, job: Job, epochs: Iterator[Batches], per_epoch: int
) -> list[torch.Tensor]:
    """Train `net` on the batches of every epoch; return the losses, without the penalty, of all steps."""
    optimizer, scheduler = sgd(net, lambda_, job, per_epoch)
    losses = []
    net.train()
    for batches in epochs:
        for x, y in batches:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.detach())
    return losses


def fit(job: Job, tensors: Tensors, lambda_: float) -> float:
    """Train one network on index batches, and return its validation accuracy."""
    net = network(tensors.x.shape[1], job.hidden, int(tensors.y.max()) + 1)
    per_epoch = -(-len(tensors.x) // job.batch_size)
    train(net, lambda_, job, (tensors.batches() for _ in range(job.epochs)), per_epoch)
    return accuracy(net, tensors)


def warm_up(job: Job, tensors: Tensors) -> None:
    """Take some steps with a network that nobody needs."""
    if job.warm:
        net = network(tensors.x.shape[1], job.hidden, int(tensors.y.max()) + 1)
        train(net, 0.0, job, iter([islice(tensors.batches(), WARM_UP)]), WARM_UP)
        accuracy(net, tensors)


def accuracy(net: nn.Module, tensors: Tensors) -> float:
    """Return the share of validation rows that are classified right."""
    net.eval()
    with torch.no_grad():
        return (net(tensors.x_val).argmax(1) == tensors.y_val).double().mean().item()


def by_loader(job: Job, lambdas: tuple[float, ...]) -> Iterator[Accuracies]:
    """Race with a DataLoader instead of index batches: a `Worker`."""
    torch.set_num_threads(1)
    torch.manual_seed(1000 * job.seed + round(1e6 * lambdas[0]))
    tensors = Tensors(job)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(tensors.x, tensors.y), batch_size=job.batch_size, shuffle=True
    )
    warm_up(job, tensors)
    yield []
    accuracies = []
    for lambda_ in lambdas:
        net = network(tensors.x.shape[1], job.hidden, int(tensors.y.max()) + 1)
        train(net, lambda_, job, (iter(loader) for _ in range(job.epochs)), len(loader))
        accuracies.append((lambda_, accuracy(net, tensors)))
    yield accuracies
