"""The preview: it counts exactly what the run does, prices it by training, and writes nothing."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import rig

from pipeline.errors import ConfigError, HostError
from pipeline.inference import predicted_half_width
from pipeline.run.preview import TYPICAL_SD, Preview, Speed, StagePlan, calibrate, expected, price
from pipeline.run.stage import Search, Stage
from pipeline.spec import NetworkSpec, Pack

SPEED = Speed(step=0.001, row=0.00001, memory=50_000_000)


def preview(plans: list[StagePlan], workers: int = 1, speed: Speed = SPEED, startup: float = 0.0) -> Preview:
    """Price by a speed known beforehand."""
    speeds = {(plan.stage.name, len(pack.trials)): speed for plan in plans for pack in plan.packs}
    return Preview(plans, speeds, startup, workers)


STAGES: dict[str, Callable[[], Stage]] = {
    "listed": lambda: rig.listed(replicates=3),
    "grid": lambda: rig.searched(count=5, replicates=3),
    "random": lambda: rig.searched(sampler="random", count=6, replicates=3, round_=2),
    "sobol": lambda: rig.searched(sampler="sobol", count=6, replicates=2, round_=3),
    "tpe": lambda: rig.searched(sampler="tpe", count=4, replicates=2, round_=2),
}


@pytest.mark.parametrize("width", [None, 2])
@pytest.mark.parametrize("make", STAGES.values(), ids=STAGES)
def test_it_counts_trials_and_packs_exactly_as_the_run_does(
    make: Callable[[], Stage], width: int | None, tmp_path: Path
) -> None:
    stage = make()
    [plan] = expected(rig.sweep_of(stage), 0, width)
    ran = rig.run(tmp_path / "run", stage, width=width)
    sizes: dict[int, int] = {}
    for record in ran.records:
        sizes[record.pack] = sizes.get(record.pack, 0) + 1
    assert plan.stage.count == len(ran.records)
    assert [len(pack.trials) for pack in plan.packs] == [sizes[pack] for pack in sorted(sizes)]
    if not isinstance(stage.proposal, Search) or stage.proposal.sampler == "grid":
        assert [pack.key for pack in plan.packs] == list(dict.fromkeys(record.pack_key for record in ran.records))


def test_every_stage_is_planned_as_if_the_search_went_well() -> None:
    stages = [rig.searched("coarse"), rig.searched("refine"), rig.listed("final", final=True)]
    assert [plan.stage for plan in expected(rig.sweep_of(*stages), 0, None)] == stages


def test_what_a_stage_refuses_is_refused_by_the_preview() -> None:
    def sweep():
        yield rig.searched("coarse")
        yield rig.listed(replicates=0)

    with pytest.raises(ConfigError, match="replicates of search must be a positive integer, got 0"):
        expected(sweep(), 0, None)


def test_the_packs_of_a_stage_go_to_whichever_worker_is_free_first() -> None:
    # A pack: 2 epochs x 8 steps x 1 ms + 3 x (144 + 16) rows x 10 us = 20.8 ms; 6 packs; 6 trials x 10 ms to record.
    [plan] = plans = expected(rig.sweep_of(rig.listed()), 0, 1)
    assert len(plan.packs) == 6
    for workers, rounds in {1: 6, 2: 3, 4: 2, 6: 1, 8: 1}.items():
        assert preview(plans, workers).seconds(plan) == pytest.approx(rounds * 0.0208 + 0.06)


def test_the_total_is_that_of_all_stages_and_of_what_surrounds_them() -> None:
    plans = expected(rig.sweep_of(rig.searched("coarse"), rig.listed("final", final=True)), 0, None)
    priced, surroundings = preview(plans, startup=2.0), preview([], startup=2.0)
    assert priced.total_seconds == pytest.approx(
        surroundings.total_seconds + sum(priced.seconds(plan) for plan in plans)
    )
    assert surroundings.total_seconds > 2.0


def test_the_test_set_costs_one_look_at_its_rows() -> None:
    closed, opened = (
        expected(rig.sweep_of(rig.listed("final", (0.1,), 1, final=final)), 0, None) for final in (False, True)
    )
    difference = preview(opened).seconds(opened[0]) - preview(closed).seconds(closed[0])
    assert difference == pytest.approx(40 * SPEED.row)


def test_its_lines_say_trials_packs_minutes_memory_and_the_interval_that_the_seeds_will_buy() -> None:
    plans = expected(rig.sweep_of(rig.searched("coarse", count=4), rig.listed("final", (0.1,), 1, final=True)), 0, 1)
    coarse, final, predicted, memory, assumed = preview(plans, workers=2).lines()
    half = 100 * predicted_half_width(TYPICAL_SD, 2)
    assert coarse.startswith("coarse: 4 settings x 2 replicates = 8 trials of 2 epochs in 8 packs, 0 s; ")
    assert coarse.endswith(f"95 % interval of a mean accuracy about ±{half:.1f} points")
    assert final.endswith("no interval from one seed")
    assert re.fullmatch(r"predicted: \d+ s on 2 workers, if no range has to be moved", predicted)
    assert memory == "memory: 50 MB per worker and 0 MB of rows that they share"
    assert "0.004" in assumed


def test_an_hour_is_said_in_minutes() -> None:
    plans = expected(rig.sweep_of(rig.listed()), 0, None)
    slow = preview(plans, speed=Speed(step=100.0, row=0.0, memory=0))
    assert any("min on 1 worker" in line for line in slow.lines())


def test_memory_is_that_of_the_largest_worker_and_the_largest_stage() -> None:
    plans = expected(rig.sweep_of(rig.listed("a"), rig.listed("b", final=True)), 0, None)
    speeds = {("a", 3): SPEED, ("b", 3): replace(SPEED, memory=70)}
    priced = Preview(plans, speeds, 0.0, 1)
    assert priced.worker_memory == SPEED.memory
    assert priced.shared_memory == 4 * 6 * (144 + 16 + 40)


def test_a_calibration_measures_a_step_a_row_and_the_memory() -> None:
    speed = calibrate(Pack(tuple(rig.listed().trials([{"lambda": lambda_} for lambda_ in rig.LAMBDAS], 0)[:3])))
    assert 0 < speed.row < speed.step < 1
    assert math.isfinite(speed.memory)


@pytest.mark.parametrize("how", [{"eta_max": 1e30}, {"lambdas": (1e30,)}], ids=["eta", "lambda"])
def test_a_calibration_cannot_diverge_even_if_the_run_will(how: dict) -> None:
    stage = rig.listed(**how)
    [first, *_] = stage.trials(stage.proposal.settings("", 0, 0, ()), 0)
    assert calibrate(Pack((first,))).step > 0


def test_equal_packs_are_measured_once_by_every_worker() -> None:
    engine = rig.InProcess()
    plans = expected(rig.sweep_of(rig.listed("coarse"), rig.listed("refine"), rig.listed("final", final=True)), 0, None)
    priced = price(plans, engine, 2)
    assert engine.ran == ["0", "1", "0", "1"]  # who is ready, then one size of pack
    assert {stage for stage, _ in priced.speeds} == {"coarse", "refine", "final"}
    assert len(set(priced.speeds.values())) == 1


def test_packs_that_differ_are_measured_each() -> None:
    wide = replace(rig.fixed(), network=NetworkSpec(hidden=(9,)))
    other = replace(rig.listed("wide"), fixed=wide)
    engine = rig.InProcess()
    price(expected(rig.sweep_of(rig.listed(), rig.listed("two", (0.1, 0.2)), other), 0, None), engine, 1)
    assert engine.ran == ["0"] * (1 + 3)


def test_a_pack_that_cannot_be_trained_here_cannot_be_priced() -> None:
    engine = rig.InProcess(failing=lambda _: True)
    with pytest.raises(HostError, match=r"a pack must train here to be priced, got worker died 3 times"):
        price(expected(rig.sweep_of(rig.listed()), 0, None), engine, 2)


def test_it_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    price(expected(rig.sweep_of(rig.listed()), 0, None), rig.InProcess(), 1).lines()
    assert list(tmp_path.iterdir()) == []
