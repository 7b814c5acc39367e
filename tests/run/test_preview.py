"""The preview: it counts exactly what the run does, prices it by training, and writes nothing."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import rig

from pipeline.errors import ConfigError, HostError
from pipeline.inference import predicted_half_width
from pipeline.run.calibrate import Speed
from pipeline.run.memory import worker_bytes
from pipeline.run.plan import Plan
from pipeline.run.preview import TYPICAL_SD, Preview, StageNeeds, expected, kind, price
from pipeline.run.stage import Listed, Search, Stage
from pipeline.run.study import Study
from pipeline.spec import InitSpec, NetworkSpec, OptimizerSpec, Pack, ScheduleSpec

SPEED = Speed(step=0.001, row=0.00001)


NOWHERE = Path("nowhere")


def needs_of(*stages: Stage, width: int | None = None) -> list[StageNeeds]:
    """Return what stages need of which nothing is stored."""
    return expected(rig.sweep_of(*stages), Plan(0, NOWHERE, width))


def needs_in(folder: Path, *stages: Stage, width: int | None = None, retry: bool = False) -> list[StageNeeds]:
    """Return what stages need beside what is stored in `folder`."""
    with Study.open(folder / "study.db", rig.CONFIGURATION) as study:
        return expected(rig.sweep_of(*stages), Plan(0, folder, width, retry), study.rows)


def preview(
    needs: list[StageNeeds], workers: int = 1, speed: Speed = SPEED, startup: float = 0.0, *, as_bytes: bool = False
) -> Preview:
    """Price by a speed known beforehand."""
    speeds = {kind(pack): speed for need in needs for pack in need.packs}
    return Preview(needs, speeds, startup, workers, as_bytes)


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
    [need] = needs_of(stage, width=width)
    ran = rig.run(tmp_path / "run", stage, width=width)
    sizes: dict[int, int] = {}
    for record in ran.records:
        sizes[record.pack] = sizes.get(record.pack, 0) + 1
    assert need.stage.count == len(ran.records)
    assert [len(pack.trials) for pack in need.packs] == [sizes[pack] for pack in sorted(sizes)]
    if not isinstance(stage.proposal, Search) or stage.proposal.sampler == "grid":
        assert [pack.key for pack in need.packs] == list(dict.fromkeys(record.pack_key for record in ran.records))


def test_what_is_stored_needs_nothing_and_the_rest_needs_its_packs(tmp_path: Path) -> None:
    rig.run(tmp_path / "run", rig.searched(sampler="random", count=4, round_=2), width=2)
    larger = rig.searched(sampler="random", count=6, replicates=3, round_=2)
    [need] = needs_in(tmp_path / "run", larger, width=2)
    assert (need.present, need.missing) == (8, 10)  # of 6 x 3
    ran = rig.run(tmp_path / "run", larger, width=2)
    assert ran.watched.stages[0] == ("search", need.present)
    computed = {number for numbers in ran.watched.packed for number in numbers}
    keys = [record.pack_key for record in ran.records if record.number in computed]
    assert [pack.key for pack in need.packs] == list(dict.fromkeys(keys))


def test_half_a_pack_that_is_missing_is_a_pack_to_train_and_half_of_it_is_present(tmp_path: Path, monkeypatch) -> None:
    add, calls = Study.add, iter(range(9))

    def dying(study: Study, *row: object) -> None:
        add(study, *row)
        if next(calls) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Study, "add", dying)
        with pytest.raises(KeyboardInterrupt):
            rig.run(tmp_path / "run", rig.listed(), width=2)
    [need] = needs_in(tmp_path / "run", rig.listed(), width=2)  # packs of 2, 1, 2, 1
    assert (need.present, [len(pack.trials) for pack in need.packs]) == (4, [2, 1])
    assert rig.run(tmp_path / "run", rig.listed(), width=2).watched.stages == [("search", 4)]


def test_the_stages_that_follow_are_those_of_what_is_stored(tmp_path: Path) -> None:
    def sweep():
        _, scores = (yield rig.searched(count=4)).scores("lambda")
        seen.append(scores.tolist())
        yield rig.listed("final", (0.1,), 1, final=True)

    seen: list[list[list[float]]] = []
    ran = rig.run(tmp_path / "run", rig.searched(count=4))
    with Study.open(tmp_path / "run" / "study.db", rig.CONFIGURATION) as study:
        needs = expected(sweep(), Plan(0, tmp_path / "run"), study.rows)
    assert seen == [ran.results[0].scores("lambda")[1].tolist()]
    assert [(need.present, need.missing) for need in needs] == [(8, 0), (0, 1)]


def test_failed_trials_are_there_unless_a_retry_is_asked_for(tmp_path: Path) -> None:
    rig.run(tmp_path / "run", rig.listed(), width=2, engine=rig.InProcess(failing=lambda _: True))
    for retry, missing in ((False, 0), (True, 6)):
        [need] = needs_in(tmp_path / "run", rig.listed(), width=2, retry=retry)
        assert (need.missing, need.failed) == (missing, 6 - missing)
        said = "6 trials have failed; with RETRY=failed they are trained again"
        assert (said in preview([need]).lines()) is not retry


def test_a_network_that_is_missing_is_a_pack_to_train(tmp_path: Path) -> None:
    final = rig.listed("final", final=True)
    rig.run(tmp_path / "run", final, width=2)
    assert [need.missing for need in needs_in(tmp_path / "run", final, width=2)] == [0]
    (tmp_path / "run" / "networks" / "1.npz").unlink()
    [need] = needs_in(tmp_path / "run", final, width=2)
    assert (need.missing, [len(pack.trials) for pack in need.packs]) == (1, [2])


def test_where_nothing_is_missing_nothing_is_measured_and_one_line_says_so(tmp_path: Path) -> None:
    rig.run(tmp_path / "run", rig.listed())
    priced = price(needs_in(tmp_path / "run", rig.listed()), rig.forbidden(), 2, as_bytes=False)
    stage, verdict = priced.lines()
    assert stage.startswith(
        "search: 3 settings x 2 replicates = 6 trials of 2 epochs, 6 present; 0 packs to train, 0 s"
    )
    assert verdict == "all trials are present; nothing to run"


def test_it_changes_no_byte_of_what_is_stored(tmp_path: Path) -> None:
    rig.run(tmp_path / "run", rig.listed("final", final=True))
    before = rig.files(tmp_path)
    needs_in(tmp_path / "run", rig.listed("final", replicates=3, final=True))
    assert rig.files(tmp_path) == before


def test_every_stage_is_planned_as_if_the_search_went_well() -> None:
    stages = [rig.searched("coarse"), rig.searched("refine"), rig.listed("final", final=True)]
    assert [need.stage for need in needs_of(*stages)] == stages


def test_what_a_stage_refuses_is_refused_by_the_preview() -> None:
    def sweep():
        yield rig.searched("coarse")
        yield rig.listed(replicates=0)

    with pytest.raises(ConfigError, match="replicates of stage search must be a positive integer, got 0"):
        expected(sweep(), Plan(0, NOWHERE))


def test_the_packs_of_a_stage_go_to_whichever_worker_is_free_first() -> None:
    # A pack: 2 epochs x 8 steps x 1 ms + 3 x (144 + 16) rows x 10 us = 20.8 ms; 6 packs; 6 trials x 10 ms to record.
    [need] = needs = needs_of(rig.listed(), width=1)
    assert len(need.packs) == 6
    for workers, rounds in {1: 6, 2: 3, 4: 2, 6: 1, 8: 1}.items():
        assert preview(needs, workers).seconds(need) == pytest.approx(rounds * 0.0208 + 0.06)


def test_packs_of_a_leg_wait_for_all_of_the_one_before() -> None:
    """Four packs of 2 epochs x 8 steps x 1 s, then two: on 3 workers twice 16 s, then once; 8 trials to record."""
    stage = rig.listed(lambdas=(0.001, 0.01, 0.1, 0.3), cycles=2, prune=0.5)
    [need] = needs = needs_of(stage, width=2)
    assert [len(queue) for queue in need.queues] == [4, 2]
    for workers, packs in {1: 6, 2: 2 + 1, 3: 2 + 1, 4: 1 + 1, 6: 1 + 1}.items():
        assert preview(needs, workers, Speed(1.0, 0.0)).seconds(need) == pytest.approx(16 * packs + 0.08)


def test_packs_of_a_round_wait_for_all_of_the_one_before() -> None:
    """Two rounds of three packs of 16 s each."""
    [need] = needs = needs_of(rig.searched(sampler="random", count=6, replicates=1, round_=3), width=1)
    assert [len(queue) for queue in need.queues] == [3, 3]
    for workers, packs in {1: 6, 2: 2 + 2, 3: 1 + 1, 4: 1 + 1, 6: 1 + 1}.items():
        assert preview(needs, workers, Speed(1.0, 0.0)).seconds(need) == pytest.approx(16 * packs + 0.06)


def test_of_what_is_proposed_in_rounds_the_worst_are_dropped_within_each() -> None:
    def line(sampler: str) -> str:
        searched = replace(rig.searched(sampler=sampler, count=8, round_=4), fixed=rig.fixed(cycles=2), prune=0.5)
        return preview(needs_of(searched)).lines()[0]

    assert "the worst 50 % of the settings dropped between cycles;" in line("grid")
    assert "the worst 50 % of the settings proposed together dropped between cycles;" in line("tpe")


def test_the_total_is_that_of_all_stages_and_of_what_surrounds_them() -> None:
    needs = needs_of(rig.searched("coarse"), rig.listed("final", final=True))
    priced, surroundings = preview(needs, startup=2.0), preview([], startup=2.0)
    assert priced.total_seconds == pytest.approx(
        surroundings.total_seconds + sum(priced.seconds(need) for need in needs)
    )
    assert surroundings.total_seconds > 2.0


def test_the_test_set_costs_one_look_at_its_rows() -> None:
    closed, opened = (needs_of(rig.listed("final", (0.1,), 1, final=final)) for final in (False, True))
    difference = preview(opened).seconds(opened[0]) - preview(closed).seconds(closed[0])
    assert difference == pytest.approx(40 * SPEED.row)


def test_its_lines_say_trials_packs_minutes_memory_and_the_interval_that_the_seeds_will_buy() -> None:
    needs = needs_of(rig.searched("coarse", count=4), rig.listed("final", (0.1,), 1, final=True), width=1)
    coarse, final, predicted, memory, assumed = preview(needs, workers=2).lines()
    half = 100 * predicted_half_width(TYPICAL_SD, 2)
    assert coarse.startswith("coarse: 4 settings x 2 replicates = 8 trials of 2 epochs; 8 packs to train, 0 s; ")
    assert coarse.endswith(f"95 % interval of a mean accuracy about ±{half:.1f} points")
    assert final.endswith("no interval, from one seed")
    assert re.fullmatch(r"predicted: \d+ s on 2 workers, if no range has to be moved", predicted)
    assert re.fullmatch(r"memory: 6\d MB per worker and 0 MB of rows that they share", memory)
    assert "0.004" in assumed


def test_an_hour_is_said_in_minutes() -> None:
    needs = needs_of(rig.listed())
    slow = preview(needs, speed=Speed(step=100.0, row=0.0))
    assert any("min on 1 worker" in line for line in slow.lines())


def test_memory_is_that_of_the_largest_pack_and_the_largest_stage() -> None:
    needs = needs_of(rig.listed("a", (0.1,)), rig.listed("b"), rig.listed("c", (0.1, 0.2), final=True))
    priced = preview(needs)
    assert priced.worker_memory == worker_bytes(needs[1].packs[0])  # of three trials
    assert priced.shared_memory == 4 * 6 * (144 + 16 + 40)
    assert preview(needs, as_bytes=True).shared_memory == 6 * (144 + 16 + 40)


def test_of_bytes_the_rows_along_principal_axes_are_floats_and_may_be_the_larger_file() -> None:
    fixed, rows = rig.fixed(), replace(rig.fixed().data, n_test=0)
    rotated = Stage("a", replace(fixed, data=rows.on_components(2)), rig.listed().proposal, 1)
    whole = Stage("b", replace(fixed, data=rows), rig.listed().proposal, 1)
    assert preview(needs_of(rotated), as_bytes=True).shared_memory == 4 * 2 * (144 + 16)
    assert preview(needs_of(rotated, whole), as_bytes=True).shared_memory == 4 * 2 * (144 + 16)


def networks_of(*sizes: int, times: int = 1) -> Stage:
    """Return a stage of networks of one hidden layer."""
    return Stage("grid", rig.fixed(), Listed(tuple({"hidden": (size,)} for size in sizes)), times)


def test_each_network_of_a_stage_has_its_own_price() -> None:
    [need] = needs = needs_of(networks_of(6, 9))
    assert [len(pack.trials) for pack in need.packs] == [1, 1]
    speeds = {kind(pack): Speed(seconds, 0.0) for pack, seconds in zip(need.packs, (1.0, 100.0), strict=True)}
    # 2 epochs x 8 steps each, and 2 trials to record
    assert Preview(needs, speeds, 0.0, 1, as_bytes=False).seconds(need) == pytest.approx(16 * (1 + 100) + 0.02)
    assert Preview(needs, speeds, 0.0, 2, as_bytes=False).seconds(need) == pytest.approx(16 * 100 + 0.02)


@pytest.mark.parametrize(
    ("change", "measured"),
    [
        ({"lambda_": 0.3, "init_seed": 3, "order_seed": 4, "init": InitSpec("normal", 0.1)}, 1),
        ({"schedule": ScheduleSpec(step_size=3, cycles=2)}, 1),
        ({"batch_size": 21}, 2),
        ({"optimizer": OptimizerSpec("momentum")}, 2),
        ({"network": NetworkSpec((6,), batch_norm="none")}, 2),
        ({"network": NetworkSpec((6,), dtype="float64")}, 2),
        ({"data": replace(rig.fixed().data, inputs=7)}, 2),
        ({"data": rig.fixed().data.on_components(3)}, 2),
        ({"data": replace(rig.fixed().data, classes=4)}, 2),
        ({"data": rig.fixed(opens_test=True).data}, 1),
    ],
    ids=str,
)
def test_packs_are_measured_apart_where_a_step_of_theirs_costs_something_else(
    change: dict[str, object], measured: int
) -> None:
    one, other = (Pack((spec,)) for spec in (rig.fixed(), replace(rig.fixed(), **change)))
    engine = rig.InProcess()
    needs = [StageNeeds(rig.listed(), 0, ((one, other),))]
    priced = price(needs, engine, 1, as_bytes=False)
    assert engine.ran == ["0"] * (1 + measured)  # who is ready, then the kinds of packs
    assert set(priced.speeds) == {kind(one), kind(other)}
    assert priced.total_seconds > 0


def test_only_a_search_may_have_to_move_its_range() -> None:
    def prediction(*stages: Stage) -> str:
        [line] = [line for line in preview(needs_of(*stages)).lines() if line.startswith("predicted: ")]
        return line

    assert "if no range has to be moved" in prediction(rig.searched("coarse"), rig.listed("final", final=True))
    assert "range" not in prediction(networks_of(6, 9))


def test_equal_packs_are_measured_once_by_every_worker() -> None:
    engine = rig.InProcess()
    needs = needs_of(rig.listed("coarse"), rig.listed("refine"), rig.listed("final", final=True))
    priced = price(needs, engine, 2, as_bytes=False)
    assert engine.ran == ["0", "1", "0", "1"]  # who is ready, then one kind of pack
    assert [each.size for each in priced.speeds] == [3]


def test_packs_that_differ_are_measured_each() -> None:
    wide = replace(rig.fixed(), network=NetworkSpec(hidden=(9,)))
    other = replace(rig.listed("wide"), fixed=wide)
    engine = rig.InProcess()
    price(needs_of(rig.listed(), rig.listed("two", (0.1, 0.2)), other), engine, 1, as_bytes=False)
    assert engine.ran == ["0"] * (1 + 3)


def test_a_pack_that_cannot_be_trained_here_cannot_be_priced() -> None:
    engine = rig.InProcess(failing=lambda _: True)
    with pytest.raises(HostError, match=r"a pack must train here to be priced, got worker died 3 times"):
        price(needs_of(rig.listed()), engine, 2, as_bytes=False)


def test_it_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    price(needs_of(rig.listed()), rig.InProcess(), 1, as_bytes=False).lines()
    assert list(tmp_path.iterdir()) == []
