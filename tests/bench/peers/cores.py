"""One process per core for those peers that leave it to their user to keep the cores busy."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier

from peers.clock import Clock
from peers.job import Job

Accuracies = list[tuple[float, float]]
"""(lambda, validation accuracy) of every trial."""

Worker = Callable[[Job, tuple[float, ...]], Iterator[Accuracies]]
"""(job, the lambdas of this process): prepares up to its first yield, then races, and yields the accuracies."""

PATIENCE = 300
"""Seconds in which every process must be ready."""

_start: list[Barrier] = []
"""That of the race, in each of its processes."""


def on_every_core(worker: Worker, job: Job, clock: Clock) -> Accuracies:
    """Run `worker` in one process per core, with one thread each; the clock runs from when all are ready."""
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    shares, context = job.shares(), get_context("spawn")
    start = context.Barrier(len(shares) + 1)
    with ProcessPoolExecutor(len(shares), context, _share, (start,)) as pool:
        futures = [pool.submit(_race, worker, job, share) for share in shares]
        for future in futures:
            future.add_done_callback(lambda done: start.abort() if done.exception() else None)
        try:
            start.wait(PATIENCE)
        except threading.BrokenBarrierError as broken:
            errors = [future.exception() for future in futures]
            raise next((error for error in errors if not isinstance(error, type(broken))), broken) from None
        with clock:
            return [pair for future in futures for pair in future.result()]


def _share(start: Barrier) -> None:
    _start.append(start)


def _race(worker: Worker, job: Job, share: tuple[float, ...]) -> Accuracies:
    racing = worker(job, share)
    next(racing)
    _start[-1].wait(PATIENCE)
    return next(racing)
