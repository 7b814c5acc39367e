"""A calibration: a step and a row of one pack, measured without harm."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import rig

from pipeline.data import Split
from pipeline.run.calibrate import LAYERS, ROWS, Speed, calibrate
from pipeline.spec import NetworkSpec, Pack
from pipeline.train import EpochReport, train


def test_a_calibration_measures_a_step_and_a_row() -> None:
    speed = calibrate(Pack(tuple(rig.listed().trials([{"lambda": lambda_} for lambda_ in rig.LAMBDAS], 0)[:3])))
    assert 0 < speed.row < speed.step < 1


@pytest.mark.parametrize("how", [{"eta_max": 1e30}, {"lambdas": (1e30,)}], ids=["eta", "lambda"])
def test_a_calibration_cannot_diverge_even_if_the_run_will(how: dict) -> None:
    stage = rig.listed(**how)
    [first, *_] = stage.trials(stage.proposal.settings("", 0, 0, ()), 0)
    assert calibrate(Pack((first,))).step > 0


@pytest.mark.parametrize(("layers", "rows"), [(1, ROWS), (LAYERS, ROWS), (2 * LAYERS, ROWS // 2), (300 * LAYERS, 20)])
def test_very_deep_networks_are_measured_on_fewer_rows_down_to_one_batch(
    layers: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def watched(pack: Pack, split: object) -> None:
        seen.append(pack.trials[0].data.n_train)
        raise NotImplementedError

    monkeypatch.setattr("pipeline.run.calibrate.train", watched)
    fixed = rig.fixed()
    deep = replace(fixed, data=replace(fixed.data, n_train=50_000), network=NetworkSpec((1,) * layers))
    with pytest.raises(NotImplementedError):
        calibrate(Pack((deep,)))
    assert seen == [rows]


def test_components_cost_what_as_many_features_do_though_there_be_more_of_them_than_measured_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shapes = []

    def watched(pack: Pack, split: Split) -> Iterator[EpochReport]:
        shapes.append(split.x_train.shape)
        return train(pack, split)

    monkeypatch.setattr("pipeline.run.calibrate.train", watched)
    data = replace(rig.fixed().data, inputs=3000, n_train=2000).on_components(50)
    deep = NetworkSpec((1,) * 300 * LAYERS)
    assert calibrate(Pack((replace(rig.fixed(), data=data, network=deep),))).step >= 0
    assert calibrate(Pack((replace(rig.fixed(), data=data),))).step > 0
    assert shapes == [(20, 50), (2000, 50)]


def test_a_network_that_cannot_even_be_measured_costs_nothing_for_it_ends_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def diverged(pack: Pack, split: object) -> list[EpochReport]:
        first = next(train(pack, split))
        return [replace(first, network=first.network.keep([]))]

    monkeypatch.setattr("pipeline.run.calibrate.train", diverged)
    assert calibrate(Pack((rig.fixed(),))) == Speed(0.0, 0.0)
