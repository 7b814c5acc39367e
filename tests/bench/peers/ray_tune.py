"""Ray Tune around the PyTorch loop: a trainable function, rows in Ray's object store, workers kept from trial to trial.

Its workers end before they can be asked what they took, and Ray's daemon does not wait for them: trials report their
CPU time themselves. So that of the daemons and of starting workers is not counted, which is in Ray's favour.
"""

import logging
import os
import tempfile
import time
import warnings
from typing import Any

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AIR_NEW_OUTPUT": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}

import ray
import torch
from peers.clock import Clock
from peers.cores import Accuracies
from peers.job import Job, rows
from peers.torch_loop import Tensors, fit
from ray import tune

STORE = 2 * 10**9
"""Bytes of the object store: room for the rows, three times over."""


def trainable(config: dict[str, float], job: Job, data: Any) -> None:
    """Train one network and report its validation accuracy and CPU seconds; where lambda is 0 none (the warm-up)."""
    start = time.process_time()
    torch.set_num_threads(1)
    if config["lambda"] == 0:
        tune.report({"accuracy": 0.0, "cpu": 0.0})
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # rows of the object store are read-only
        tensors = Tensors(job, data)
    torch.manual_seed(1000 * job.seed + round(1e6 * config["lambda"]))
    accuracy = fit(job, tensors, config["lambda"])
    tune.report({"accuracy": accuracy, "cpu": time.process_time() - start})


def race(job: Job, clock: Clock) -> Accuracies:
    """Tune over the job's lambdas with one core a trial; starting Ray and two empty trials are the warm-up."""
    with tempfile.TemporaryDirectory() as folder:
        ray.init(
            num_cpus=job.cores,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=STORE,
        )
        given = tune.with_parameters(trainable, job=job, data=rows(job))
        if job.warm:
            _fit(given, [0.0] * job.cores, folder)
        start = time.process_time()
        with clock:
            results = _fit(given, list(job.lambdas), folder)
        clock.cpu = time.process_time() - start + sum(result.metrics["cpu"] for result in results)
        return [(result.config["lambda"], result.metrics["accuracy"]) for result in results]


def _fit(given: Any, lambdas: list[float], folder: str) -> tune.ResultGrid:
    tuner = tune.Tuner(
        tune.with_resources(given, {"cpu": 1}),
        param_space={"lambda": tune.grid_search(lambdas)},
        tune_config=tune.TuneConfig(reuse_actors=True),
        run_config=tune.RunConfig(verbose=0, storage_path=folder),
    )
    results = tuner.fit()
    if results.errors:
        raise results.errors[0]
    return results
