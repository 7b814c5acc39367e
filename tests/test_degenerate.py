"""Data sets that are hardly any, with the generators of the fault harness: finite numbers, or one line."""

from functools import partial

import degenerate
import pytest
from degenerate import NETWORKS, commands, trainings, trouble_with, trouble_with_command
from degenerate_sets import REFUSED, TRAINED

GROUPS = {
    **{norm: [name for name, training in trainings() if training.network == NETWORKS[norm]] for norm in NETWORKS},
    "other statistics": [name for name, training in trainings() if training.evaluation.statistics != "ema"],
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder in which every set is prepared once."""
    return tmp_path_factory.mktemp("prepared")


@pytest.mark.parametrize("group", GROUPS)
def test_training_and_prediction_are_finite_and_warn_of_nothing(group, prepared):
    every = dict(trainings())
    troubles = {name: trouble_with(every[name], prepared) for name in GROUPS[group]}
    assert {name: trouble for name, trouble in troubles.items() if trouble} == {}


@pytest.mark.parametrize("name", commands(quick=True))
def test_the_command_ends_with_its_code_and_at_most_one_line_and_what_it_refuses_leaves_nothing(name, tmp_path):
    assert trouble_with_command(commands()[name], tmp_path / "here") == ""


def test_every_set_is_trained_on_with_every_network_or_refused():
    assert not REFUSED.keys() & TRAINED.keys()
    assert len(TRAINED) >= 30
    assert len(REFUSED) >= 35
    assert all(len(GROUPS[norm]) >= len(TRAINED) + 10 for norm in NETWORKS)
    assert len(GROUPS["other statistics"]) == 16


def test_the_harness_notices_what_is_refused_what_is_not_finite_and_other_codes(tmp_path, monkeypatch):
    training = dict(trainings())["nothing special, no norm"]
    with monkeypatch.context() as patch:
        patch.setitem(degenerate.TRAINED, training.rows, REFUSED["NaN pixel"])
        assert trouble_with(training, tmp_path).startswith("DataError: ")
    with monkeypatch.context() as patch:
        schedule = partial(degenerate.ScheduleSpec, kind="constant")
        patch.setattr(degenerate, "ScheduleSpec", lambda **how: schedule(**how | {"eta_max": 1e30}))
        assert "Divergence" in trouble_with(training, tmp_path)
    command = degenerate.Command(REFUSED["one class"], code=2)
    assert trouble_with_command(command, tmp_path / "command").startswith("exit code 4, error: ")
