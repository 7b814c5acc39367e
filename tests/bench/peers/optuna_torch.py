"""Optuna around an ordinary PyTorch objective: two processes on one journal, or threads of one process (n_jobs)."""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import optuna
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from peers.clock import Clock
from peers.cores import Accuracies, on_every_core
from peers.job import Job
from peers.torch_loop import Tensors, fit, warm_up

NAME = "race"


def processes(job: Job, clock: Clock) -> Accuracies:
    """Run one process per core on a shared study, as the page on distributed optimization has it."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "journal.log")
        _study(job, JournalStorage(JournalFileBackend(path)))
        return on_every_core(partial(_worker, path=path), job, clock)


def threads(job: Job, clock: Clock) -> Accuracies:
    """Run one process whose study has as many threads as cores."""
    torch.set_num_threads(1)
    torch.manual_seed(job.seed)
    tensors = Tensors(job)
    _warm_up(job, tensors)
    study = _study(job, None)
    done: Accuracies = []
    with clock:
        study.optimize(partial(_objective, job=job, tensors=tensors, done=done), len(job.lambdas), n_jobs=job.cores)
    return done


def _study(job: Job, storage: JournalStorage | None) -> optuna.Study:
    """Return a new study that has the job's lambdas waiting."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(study_name=NAME, storage=storage, direction="maximize")
    for lambda_ in job.lambdas:
        study.enqueue_trial({"lambda": lambda_})
    return study


def _worker(job: Job, lambdas: tuple[float, ...], path: str) -> Iterator[Accuracies]:
    """Take as many waiting trials as the process has lambdas, whichever they are."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    torch.set_num_threads(1)
    torch.manual_seed(1000 * job.seed + round(1e6 * lambdas[0]))
    tensors = Tensors(job)
    _warm_up(job, tensors)
    study = optuna.load_study(study_name=NAME, storage=JournalStorage(JournalFileBackend(path)))
    done: Accuracies = []
    yield done
    study.optimize(partial(_objective, job=job, tensors=tensors, done=done), len(lambdas))
    yield done


def _warm_up(job: Job, tensors: Tensors) -> None:
    """Take some steps, and let Optuna load what it loads late."""
    warm_up(job, tensors)
    if job.warm:
        optuna.create_study().optimize(lambda trial: trial.suggest_float("lambda", 0, 1), n_trials=1)


def _objective(trial: optuna.Trial, job: Job, tensors: Tensors, done: Accuracies) -> float:
    lambda_ = trial.suggest_float("lambda", min(job.lambdas), max(job.lambdas), log=True)
    accuracy = fit(job, tensors, lambda_)
    done.append((lambda_, accuracy))
    return accuracy
