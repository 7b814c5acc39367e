"""torch.func: networks of all lambdas in one vmap, as the tutorial on model ensembling has it."""

import copy
from collections.abc import Callable, Iterator
from itertools import islice

import torch
from peers.cores import Accuracies
from peers.job import Job
from peers.torch_loop import WARM_UP, Tensors, network
from torch import nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

Parameters = dict[str, torch.Tensor]


class Ensemble:
    """Networks of one shape, a lambda each, with stacked parameters (M, ...) that steps of SGD change in place.

    Batch norm keeps no moving averages, which vmap does not allow: it always normalises by the rows it is given.
    """

    def __init__(self, networks: list[nn.Sequential], lambdas: tuple[float, ...]) -> None:
        stacked, buffers = stack_module_state(networks)
        self.parameters = {name: value.detach() for name, value in stacked.items()}
        self.lambdas = torch.tensor(lambdas, dtype=next(iter(stacked.values())).dtype)
        base = copy.deepcopy(networks[0]).to("meta")

        def scores(parameters: Parameters, x: torch.Tensor) -> torch.Tensor:
            return functional_call(base, (parameters, buffers), (x,))

        def loss(parameters: Parameters, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return nn.functional.cross_entropy(scores(parameters, x), y)

        self.scores: Callable[..., torch.Tensor] = vmap(scores, in_dims=(0, None))
        self._step = vmap(grad_and_value(loss), in_dims=(0, None, None))

    def step(self, x: torch.Tensor, y: torch.Tensor, eta: float) -> torch.Tensor:
        """Take one step of SGD and return the losses (M,), without the penalties."""
        gradients, losses = self._step(self.parameters, x, y)
        decay = 1 - 2 * eta * self.lambdas
        for name, parameter in self.parameters.items():
            if parameter.ndim == 3:  # weight matrices
                parameter.mul_(decay[:, None, None])
            parameter.sub_(gradients[name], alpha=eta)
        return losses


def worker(job: Job, lambdas: tuple[float, ...]) -> Iterator[Accuracies]:
    """Race the lambdas of one process: a `Worker`."""
    torch.set_num_threads(1)
    torch.manual_seed(1000 * job.seed + round(1e6 * lambdas[0]))
    tensors = Tensors(job)
    shape = (tensors.x.shape[1], job.hidden, int(tensors.y.max()) + 1)

    def untrained() -> Ensemble:
        return Ensemble([network(*shape, averages=False) for _ in lambdas], lambdas)

    if job.warm:
        warm = untrained()
        for x, y in islice(tensors.batches(), WARM_UP):
            warm.step(x, y, job.eta_min)
    yield []
    ensemble = untrained()
    per_epoch, t = -(-len(tensors.x) // job.batch_size), 0
    for _ in range(job.epochs):
        for x, y in tensors.batches():
            ensemble.step(x, y, job.eta(t, per_epoch))
            t += 1
    with torch.no_grad():
        right = ensemble.scores(ensemble.parameters, tensors.x_val).argmax(2) == tensors.y_val
    yield list(zip(lambdas, right.double().mean(1).tolist(), strict=True))
