"""Ray Tune around the PyTorch loop: a trainable function whose rows lie in Ray's object store."""

import logging
import os
import tempfile
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
    """Train one network and report its validation accuracy; none where nothing is asked for (the warm-up)."""
    torch.set_num_threads(1)
    if config["lambda"] == 0:
        tune.report({"accuracy": 0.0})
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # rows of the object store are read-only
        tensors = Tensors(job, data)
    torch.manual_seed(1000 * job.seed + round(1e6 * config["lambda"]))
    tune.report({"accuracy": fit(job, tensors, config["lambda"])})


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
        _fit(given, [0.0] * job.cores, folder)
        with clock:
            results = _fit(given, list(job.lambdas), folder)
        return [(result.config["lambda"], result.metrics["accuracy"]) for result in results]


def _fit(given: Any, lambdas: list[float], folder: str) -> tune.ResultGrid:
    tuner = tune.Tuner(
        tune.with_resources(given, {"cpu": 1}),
        param_space={"lambda": tune.grid_search(lambdas)},
        run_config=tune.RunConfig(verbose=0, storage_path=folder),
    )
    results = tuner.fit()
    if results.errors:
        raise results.errors[0]
    return results
