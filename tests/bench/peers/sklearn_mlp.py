"""scikit-learn's MLPClassifier under joblib. It has no batch norm and no cyclic rate: the rate is the cycle's mean."""

import warnings

from joblib import Parallel, delayed
from peers.clock import Clock
from peers.cores import Accuracies
from peers.job import Job, Rows, rows
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier


def classifier(job: Job, lambda_: float) -> MLPClassifier:
    """Return the network; scikit-learn's penalty is alpha / (2 B) * sum W^2, with B examples in a batch."""
    return MLPClassifier(
        job.hidden,
        solver="sgd",
        momentum=0,
        alpha=2 * job.batch_size * lambda_,
        batch_size=job.batch_size,
        learning_rate_init=(job.eta_min + job.eta_max) / 2,
        max_iter=job.epochs,
        n_iter_no_change=job.epochs + 1,
        random_state=job.seed,
    )


def race(job: Job, clock: Clock) -> Accuracies:
    """Fit the lambdas on one process per core, which map the rows from their files."""
    mapped = rows(job, mapped=True)
    few = Rows(mapped.x[:1000], mapped.y[:1000], mapped.x_val[:1000], mapped.y_val[:1000])
    with Parallel(n_jobs=job.cores) as parallel:
        if job.warm:
            parallel(delayed(_fit)(job, few, job.lambdas[0]) for _ in range(job.cores))
        with clock:
            return list(parallel(delayed(_fit)(job, mapped, lambda_) for lambda_ in job.lambdas))


def _fit(job: Job, mapped: Rows, lambda_: float) -> tuple[float, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # four epochs are what is asked for
        fitted = classifier(job, lambda_).fit(mapped.x, mapped.y)
    return lambda_, float(fitted.score(mapped.x_val, mapped.y_val))
