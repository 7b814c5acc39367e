"""The training run as a plain Optuna objective, for those who write their own study."""

from dataclasses import dataclass

import optuna

from pipeline.blas import single_thread
from pipeline.data.split import Split
from pipeline.run.samplers import LogRange
from pipeline.spec import Pack, TrialSpec, with_setting
from pipeline.train import train


@dataclass(frozen=True)
class Objective:
    """Maximises validation accuracy: ``study.optimize(Objective(split, fixed, {"lambda": LogRange(1e-5, 1e-1)}))``.

    Each parameter is asked of the trial by its public name, on a log scale, as ``trial.suggest_float("lambda", low,
    high, log=True)``. Reports the validation accuracy at the end of every cycle, the only moments at which ranks mean
    something, and stops there if the study's pruner says so. A network that diverges scores 0.

    Attributes:
        split: the rows.
        fixed: everything that is not searched, seeds included.
        searched: ranges by parameter name (`pipeline.spec.PARAMETERS`).
    """

    split: Split
    fixed: TrialSpec
    searched: dict[str, LogRange]

    def __call__(self, trial: optuna.Trial) -> float:
        """Train one network and return its validation accuracy, a count / n.

        Raises:
            optuna.TrialPruned: the study's pruner gave the trial up at the end of a cycle.
        """
        setting = {name: trial.suggest_float(name, r.low, r.high, log=True) for name, r in self.searched.items()}
        pack = Pack((with_setting(self.fixed, setting),))
        cycle_length = self.fixed.schedule.cycle_epochs
        accuracy = 0.0
        with single_thread():
            for report in train(pack, self.split):
                if not len(report.trials):
                    trial.set_user_attr("diverged", report.diverged[0].reason)
                    return 0.0
                accuracy = float(report.val.accuracy[0])
                if report.epoch and report.epoch % cycle_length == 0:
                    trial.report(accuracy, step=report.cycle)
                    if trial.should_prune():
                        raise optuna.TrialPruned
        return accuracy
