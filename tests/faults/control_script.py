"""The script that people write: a seeded sampler, a study that is loaded where it exists, threads, a CSV at the end."""

import sys
from pathlib import Path

import numpy as np
import optuna
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

TRIALS = 30


def objective(trial):
    x, y = load_digits(return_X_y=True)
    penalty = trial.suggest_float("lambda", 1e-5, 1e-1, log=True)
    network = MLPClassifier((50, 50), alpha=penalty, max_iter=3, random_state=0)
    with np.errstate(all="ignore"):
        return network.fit(x[:400], y[:400]).score(x[400:500], y[400:500])


def main():
    folder = Path(sys.argv[1])
    study = optuna.create_study(
        study_name="lambda",
        storage=f"sqlite:///{folder}/study.db",
        sampler=optuna.samplers.TPESampler(seed=0),
        direction="maximize",
        load_if_exists=True,
    )
    left = TRIALS - len([trial for trial in study.trials if trial.state == optuna.trial.TrialState.COMPLETE])
    study.optimize(objective, n_trials=max(left, 0), n_jobs=2)
    study.trials_dataframe().to_csv(folder / "trials.csv", index=False)


if __name__ == "__main__":
    main()
