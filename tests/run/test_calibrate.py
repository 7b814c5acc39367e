"""A calibration: a step, a row and the memory of one pack, measured without harm."""

import math

import pytest
import rig

from pipeline.run.calibrate import calibrate
from pipeline.spec import Pack


def test_a_calibration_measures_a_step_a_row_and_the_memory() -> None:
    speed = calibrate(Pack(tuple(rig.listed().trials([{"lambda": lambda_} for lambda_ in rig.LAMBDAS], 0)[:3])))
    assert 0 < speed.row < speed.step < 1
    assert math.isfinite(speed.memory)


@pytest.mark.parametrize("how", [{"eta_max": 1e30}, {"lambdas": (1e30,)}], ids=["eta", "lambda"])
def test_a_calibration_cannot_diverge_even_if_the_run_will(how: dict) -> None:
    stage = rig.listed(**how)
    [first, *_] = stage.trials(stage.proposal.settings("", 0, 0, ()), 0)
    assert calibrate(Pack((first,))).step > 0
