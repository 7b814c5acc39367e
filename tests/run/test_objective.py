"""The plain Optuna objective: for anyone's study, with anyone's pruner."""

from pathlib import Path

import optuna
import pytest
import rig

from pipeline.data import open_split, prepare
from pipeline.data.split import Split
from pipeline.run.objective import Objective
from pipeline.run.samplers import LogRange
from pipeline.spec import Pack, with_setting
from pipeline.train import train

pytestmark = pytest.mark.usefixtures("quiet_optuna")

RANGE = {"lambda": LogRange(1e-5, 1e-1)}


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    return open_split(prepare(rig.dataset(), rig.fixed().data, tmp_path_factory.mktemp("cache")))


def study(seed: int = 0, pruner: optuna.pruners.BasePruner | None = None) -> optuna.Study:
    sampler = optuna.samplers.TPESampler(seed=seed)
    return optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner or optuna.pruners.NopPruner())


class PruneAt(optuna.pruners.BasePruner):
    """Gives every trial up once it has reported `step`; remembers where it was asked."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.asked: list[int | None] = []

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        self.asked.append(trial.last_step)
        return trial.last_step == self.step


def test_a_study_optimises_it(split: Split) -> None:
    search = study()
    search.optimize(Objective(split, rig.fixed(cycles=2), RANGE), n_trials=4)
    assert [trial.state.name for trial in search.trials] == ["COMPLETE"] * 4
    for trial in search.trials:
        assert trial.distributions == {"lambda": optuna.distributions.FloatDistribution(1e-5, 1e-1, log=True)}
        assert 1e-5 <= trial.params["lambda"] <= 1e-1
    assert search.best_value == max(trial.value for trial in search.trials) > 1 / 3  # better than a guess


def test_it_returns_what_training_that_trial_gives_and_reports_it_at_the_end_of_every_cycle(split: Split) -> None:
    fixed = rig.fixed(cycles=3)
    search = study()
    search.enqueue_trial({"lambda": 0.01})
    search.optimize(Objective(split, fixed, RANGE), n_trials=1)
    reports = list(train(Pack((with_setting(fixed, {"lambda": 0.01}),)), split))
    [trial] = search.trials
    assert trial.value == reports[-1].val.accuracy[0]
    assert trial.intermediate_values == {cycle: reports[2 * cycle].val.accuracy[0] for cycle in (1, 2, 3)}


def test_the_pruner_is_asked_at_the_end_of_a_cycle_and_its_word_ends_the_trial_there(split: Split) -> None:
    pruner = PruneAt(2)
    search = study(pruner=pruner)
    search.optimize(Objective(split, rig.fixed(cycles=3), RANGE), n_trials=2)
    assert pruner.asked == [1, 2, 1, 2]
    assert [trial.state.name for trial in search.trials] == ["PRUNED", "PRUNED"]
    assert [sorted(trial.intermediate_values) for trial in search.trials] == [[1, 2], [1, 2]]


def test_a_network_that_diverges_scores_nothing_and_says_why(split: Split) -> None:
    search = study()
    search.optimize(Objective(split, rig.fixed(eta_max=1e30), RANGE), n_trials=2)
    assert [(trial.state.name, trial.value) for trial in search.trials] == [("COMPLETE", 0.0)] * 2
    assert all("at step" in trial.user_attrs["diverged"] for trial in search.trials)


def test_any_number_of_parameters_may_be_searched_by_their_public_names(split: Split) -> None:
    search = study()
    ranges = RANGE | {"eta_max": LogRange(0.01, 0.5)}
    search.optimize(Objective(split, rig.fixed(), ranges), n_trials=2)
    assert [set(trial.params) for trial in search.trials] == [{"lambda", "eta_max"}] * 2


def test_the_same_lambda_gives_the_same_number_whoever_else_was_tried(split: Split) -> None:
    values = []
    for others in ([], [0.1, 0.0001]):
        search = study()
        for lambda_ in (*others, 0.01):
            search.enqueue_trial({"lambda": lambda_})
        search.optimize(Objective(split, rig.fixed(), RANGE), n_trials=len(others) + 1)
        values.append(search.trials[-1].value)
    assert values[0] == values[1]


def test_it_leaves_nothing_on_disk(split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study().optimize(Objective(split, rig.fixed(), RANGE), n_trials=1)
    assert list(tmp_path.iterdir()) == []
