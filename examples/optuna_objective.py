"""An Optuna objective of one's own over lambda and the largest learning rate, on scikit-learn's digits.

`pipeline.run.objective.Objective` does this for any parameters that have a range. Here it is written out, to be changed
at will: the batch norm is asked too, and every trial is worth its mean over three pairs of seeds, because one pair
says as much about its luck as about its parameters.

Run it with ``.venv/bin/python examples/optuna_objective.py``; the standardised rows are kept in artifacts/cache.
"""

from pathlib import Path

import numpy as np
import optuna

from pipeline import data
from pipeline.blas import single_thread
from pipeline.data.split import Split
from pipeline.spec import Pack, ScheduleSpec, TrialSpec, with_setting
from pipeline.train import train

SEEDS = (0, 1, 2)
N_TRIALS = 12
DEFAULT = {"lambda": 0.005, "eta_max": 0.1, "batch_norm": "before"}


def rows() -> Split:
    """Return the digits, standardised: nine tenths of what is not held out train, one tenth validates."""
    digits = data.load("digits", warn=print)
    spec = data.data_spec(digits, val_fraction=0.1, opens_test=False)
    return data.open_split(data.prepare(digits, spec, Path("artifacts/cache")))


def accuracy(split: Split, trial: TrialSpec) -> float:
    """Train one network and return its last validation accuracy; 0 if it diverged."""
    reached = 0.0
    for report in train(Pack((trial,)), split):
        reached = float(report.val.accuracy[0]) if len(report.trials) else 0.0
    return reached


def main() -> None:
    """Search, and print the best parameters beside the defaults."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    split = rows()
    fixed = TrialSpec(split.spec, schedule=ScheduleSpec(step_size=2, cycles=1))

    def objective(trial: optuna.Trial) -> float:
        setting = {
            "lambda": trial.suggest_float("lambda", 1e-5, 1e-1, log=True),
            "eta_max": trial.suggest_float("eta_max", 1e-2, 1.0, log=True),
            "batch_norm": trial.suggest_categorical("batch_norm", ["none", "before", "after"]),
        }
        seeded = (with_setting(fixed, setting | {"init_seed": seed, "order_seed": seed}) for seed in SEEDS)
        with single_thread():
            return float(np.mean([accuracy(split, each) for each in seeded]))

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.enqueue_trial(DEFAULT)
    study.optimize(objective, n_trials=N_TRIALS)

    print(f"validation accuracy, means of {len(SEEDS)} seeds, {N_TRIALS} trials")
    for title, trial in (("default", study.trials[0]), ("best", study.best_trial)):
        parameters = ", ".join(
            f"{name} = {value:.2g}" if isinstance(value, float) else f"{name} = {value}"
            for name, value in trial.params.items()
        )
        print(f"{title:8} {100 * (trial.value or 0):.2f} %  {parameters}")
    print("The best of many is lucky too: what it is worth, other rows have to say.")


if __name__ == "__main__":
    main()
