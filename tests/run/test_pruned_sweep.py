"""Stages that drop settings at the ends of cycles: what they leave equals a simulation by hand, wherever it was cut."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import rig
from pruned_runs import CYCLES, FINAL, PRUNED, WIDTH, left, pruned
from rig import csv
from small import assert_same_bits, photograph

from pipeline.checkpoint import gathered
from pipeline.data import open_split, prepare
from pipeline.errors import ConfigError
from pipeline.records import Status
from pipeline.report import tables
from pipeline.run import worker
from pipeline.run.packing import into_packs
from pipeline.run.plan import Plan
from pipeline.run.preview import expected
from pipeline.run.replay import UnfinishedError, replay
from pipeline.run.stage import Stage, means
from pipeline.run.study import Study
from pipeline.spec import Pack, TrialSpec
from pipeline.train import train

# What it computes


def simulated(stage: Stage, width: int | None, cache: Path) -> dict[int, tuple[list[dict[str, Any]], int]]:
    """Train a stage of one round slowly: every leg from scratch where it can be, ranked by hand.

    Return for every trial, by number, the pictures of its epochs and the last cycle that it was in.
    """
    trials = stage.trials(stage.proposal.settings(stage.name, 0, 0, ()), 0)
    count, split = len(trials) // stage.replicates, open_split(prepare(rig.dataset(), stage.fixed.data, cache))
    numbers = list(range(len(trials)))
    pictures: dict[int, list[dict[str, Any]]] = {number: [] for number in numbers}
    last: dict[int, int] = {}
    before: list[tuple[Pack, Any]] = []
    for cycle in range(1, stage.fixed.schedule.cycles + 1):
        after, scores = [], {}
        for pack in into_packs([trials[number] for number in numbers], width):
            mates = [each for each in before if each[0].trials[0].init_seed == pack.trials[0].init_seed]
            start = gathered(pack, mates) if before else None
            for report in train(pack, split, start):
                for position, trial in enumerate(report.trials.tolist()):
                    number = trials.index(pack.trials[trial])
                    picture = photograph(report)
                    pictures[number].append({name: picture[name][position] for name in ("val_accuracy", "train_loss")})
                    reached = float(report.val.accuracy[position]), -float(report.val.loss[position])
                    scores[number] = reached if report.epoch == 2 * cycle else None
                if report.epoch == 2 * cycle:
                    after.append((pack, report.checkpoint()))
                    break
        last |= dict.fromkeys(numbers, cycle)
        settings = sorted({number % count for number in numbers})
        of = {s: [scores.get(s + count * r) for r in range(stage.replicates)] for s in settings}
        ranks = {s: tuple(-sum(x) for x in zip(*v, strict=True)) if None not in v else (np.inf,) for s, v in of.items()}
        wanted = len(settings) - int(stage.prune * len(settings) + 1e-9)
        kept = [s for s in sorted(settings, key=lambda s: (ranks[s], s))[:wanted] if np.isfinite(ranks[s][0])]
        numbers = [number for number in numbers if number % count in kept]
        before = after
    return {number: (pictures[number], last[number]) for number in pictures}


@pytest.mark.parametrize("width", [None, 2, 1])
@pytest.mark.parametrize("prune", [0.4, 0.5, 0.9])
def test_a_stage_leaves_what_a_simulation_by_hand_comes_to(tmp_path: Path, prune: float, width: int | None) -> None:
    stage = dataclasses.replace(PRUNED, prune=prune)
    found = simulated(stage, width, tmp_path / "by-hand")
    for record in rig.run(tmp_path / "run", stage, width=width).records:
        pictures, cycle = found[record.number]
        assert record.curves.val_accuracy == tuple(float(picture["val_accuracy"]) for picture in pictures)
        assert record.curves.train_loss == tuple(float(picture["train_loss"]) for picture in pictures)
        assert len(record.came_from) == cycle - 1
        ended = Status.COMPLETE if cycle == CYCLES else Status.PRUNED
        assert record.status is (Status.DIVERGED if record.spec.lambda_ == 1e30 else ended)


def test_the_same_settings_go_in_every_replicate_and_nothing_of_them_is_trained_further(tmp_path: Path) -> None:
    records = pruned(rig.run(tmp_path / "run", PRUNED, width=WIDTH))
    by_setting: dict[float, set[tuple[str, int]]] = {}
    for record in records:
        by_setting.setdefault(record.spec.lambda_, set()).add((record.status.value, len(record.curves.epoch)))
    assert all(len(ends) == 1 for lambda_, ends in by_setting.items() if lambda_ < 1e30)
    kept = sorted(len(record.curves.epoch) for record in records if record.replicate == 0)
    assert kept == [1, 3, 5, 7, 7, 7]  # of six settings 4, then 3: one diverged in its first epoch


def test_a_dropped_trial_says_its_rank_and_keeps_its_curves_and_last_values(tmp_path: Path) -> None:
    ran = rig.run(tmp_path / "run", PRUNED, width=WIDTH)
    first = next(record for record in pruned(ran) if len(record.curves.epoch) == 3)
    assert first.reason.startswith("rank 5 of 6 after cycle 1: mean validation accuracy 0.")
    pair = [record for record in pruned(ran) if record.spec.lambda_ == first.spec.lambda_]
    mean = sum(record.curves.val_accuracy[-1] for record in pair) / 2
    assert first.reason.endswith(f"{mean:.4f}")
    frame = tables.trials_table(ran.records)
    row = frame[frame["number"] == first.number].iloc[0]
    assert row["val_accuracy"] == first.curves.val_accuracy[-1]
    went = [[record.number for record in ran.records if len(record.came_from) == legs] for legs in (0, 1)]
    assert ran.watched.pruned == went
    assert [len(numbers) for numbers in went] == [4, 2]  # two settings, then one, with both seeds


def test_a_setting_with_a_diverged_seed_never_goes_on_and_leads_its_other_seeds_out(tmp_path: Path) -> None:
    """lambda 1e30 is lost in its first cycle; in one replicate only, by a trial that is told to be well."""
    kept = train

    def spared(pack: Pack, split: Any, start: Any = None) -> Any:
        calm = tuple(dataclasses.replace(t, lambda_=0.5) if t.lambda_ == 1e30 else t for t in pack.trials)
        lost = pack.trials[0].init_seed == seeds[0]
        return kept(pack if lost else Pack(calm), split, start)

    seeds = sorted({trial.init_seed for trial in PRUNED.trials([{"lambda": 0.1}], 0)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "train", spared)
        ran = rig.run(tmp_path / "run", dataclasses.replace(PRUNED, prune=0.2), width=6)
    ends = {record.spec.init_seed: record for record in pruned(ran) if record.spec.lambda_ == 1e30}
    assert ends[seeds[0]].status is Status.DIVERGED
    assert ends[seeds[1]].status is Status.PRUNED
    assert ends[seeds[1]].reason.startswith("not ranked after cycle 1: lost in replicate ")


def test_where_every_setting_is_lost_the_round_ends(tmp_path: Path) -> None:
    stage = rig.listed(lambdas=(1e29, 1e30), cycles=2, prune=0.5)
    ran = rig.run(tmp_path / "run", stage)
    assert {record.status for record in ran.records} == {Status.DIVERGED}
    assert rig.run(tmp_path / "run", stage, engine=rig.forbidden()).records == ran.records


def test_without_pruning_nothing_is_known_of_legs(tmp_path: Path) -> None:
    records = rig.run(tmp_path / "run", rig.listed(cycles=2)).records
    assert all(record.came_from == () for record in records)


def test_scores_and_means_leave_dropped_settings_out_and_a_sampler_is_told_their_last_mean(tmp_path: Path) -> None:
    result = rig.run(tmp_path / "run", PRUNED, width=WIDTH).results[0]
    values, scores = result.scores("lambda")
    dropped = {record.spec.lambda_ for record in result.records if record.status is not Status.COMPLETE}
    assert [bool(np.isnan(row).all()) for row in scores] == [value in dropped for value in values]
    ended, told = dict(means(result.records, ("lambda",))), dict(means(result.records, ("lambda",), pruned=True))
    for record in result.records:
        assert (ended[(record.spec.lambda_,)] is None) == (record.spec.lambda_ in dropped)
        assert (told[(record.spec.lambda_,)] is None) == (record.spec.lambda_ == 1e30)


def test_optuna_sees_dropped_trials_as_pruned_with_their_last_value(tmp_path: Path) -> None:
    ran = rig.run(tmp_path / "run", PRUNED, width=WIDTH)
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'run' / 'study.db'}")
    rows = optuna.load_study(storage=storage, study_name="search").trials
    told = sorted(row.value for row in rows if row.state.name == "PRUNED")
    assert told == sorted(r.curves.val_accuracy[-1] for r in ran.records if r.status is Status.PRUNED)
    storage.engine.dispose()


def test_what_every_leg_cost_is_kept(tmp_path: Path) -> None:
    ran = rig.run(tmp_path / "run", PRUNED, width=WIDTH)
    for row in ran.runner.rows["search"]:
        assert len(row.timings) == len(row.record.came_from) + 1
        assert all(timing.seconds > 0 and timing.trials <= WIDTH for timing in row.timings)
    shares = sum(timing.seconds / timing.trials for row in ran.runner.rows["search"] for timing in row.timings)
    packs = {timing for row in ran.runner.rows["search"] for timing in row.timings}
    assert shares == pytest.approx(sum(timing.seconds for timing in packs))


def test_alone_in_their_packs_survivors_have_every_bit_that_they_have_where_nothing_is_dropped(tmp_path: Path) -> None:
    """Windows of 50 mini-batches included, which end within the fourth cycle of 16 steps, and the seventh."""
    stage = rig.listed(lambdas=(0.001, 0.01, 0.1, 0.3), cycles=7, prune=0.3)
    pruned_ones = rig.run(tmp_path / "run", stage, width=1).records
    never = rig.run(tmp_path / "never", dataclasses.replace(stage, prune=0.0), width=1).records
    ended = [record for record in pruned_ones if record.status is Status.COMPLETE]
    assert len({len(record.curves.epoch) for record in pruned_ones}) > 1
    assert {len(record.batch_losses) for record in ended} == {2}
    for record in pruned_ones:
        whole = never[record.number]
        assert record.curves == whole.curves.until(record.curves.epoch[-1])
        assert record.batch_losses == whole.batch_losses[: len(record.batch_losses)]
        assert len(record.batch_losses) == 8 * record.curves.epoch[-1] // 50


# Rounds, plans, previews, reports


@pytest.mark.parametrize("sampler", ["random", "sobol", "tpe"])
def test_settings_are_ranked_within_their_round_and_more_rounds_extend_a_run(tmp_path: Path, sampler: str) -> None:
    def stage(count: int) -> Stage:
        searched = rig.searched(sampler=sampler, count=count, round_=4)
        return dataclasses.replace(searched, fixed=rig.fixed(cycles=2), prune=0.5)

    before = rig.run(tmp_path / "run", stage(4))
    assert [r.status.value for r in before.records].count("PRUNED") == 4
    after, fresh = rig.run(tmp_path / "run", stage(8)), rig.run(tmp_path / "fresh", stage(8))
    assert after.records[:8] == before.records
    assert csv(after) == csv(fresh)
    for round_ in (after.records[:8], after.records[8:]):
        assert [record.status.value for record in round_].count("PRUNED") == 4
        assert {int(r.reason.split()[1]) for r in round_ if r.status is Status.PRUNED} == {3, 4}
    assert csv(rig.run(tmp_path / "run", stage(8), engine=rig.forbidden())) == csv(fresh)


def test_a_stored_stage_is_read_again_as_it_ran_and_one_that_lacks_a_leg_is_not_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = rig.run(tmp_path / "run", PRUNED, FINAL, width=WIDTH)
    with Study.stored(tmp_path / "run" / "study.db") as study:
        results_again, _, rows = replay(rig.sweep_of(PRUNED, FINAL), Plan(0, tmp_path / "run", WIDTH), study.rows)
    assert [row.record for row in rows] == ran.records
    assert [result.records for result in results_again] == [result.records for result in ran.results]
    left(tmp_path / "cut", monkeypatch, 5)
    with Study.stored(tmp_path / "cut" / "study.db") as study, pytest.raises(UnfinishedError) as caught:
        replay(rig.sweep_of(PRUNED, FINAL), Plan(0, tmp_path / "cut", WIDTH), study.rows)
    assert (caught.value.stage, caught.value.present, caught.value.wanted) == ("search", 5, 12)


def test_a_preview_counts_trials_and_the_packs_of_every_leg(tmp_path: Path) -> None:
    stage = rig.listed(lambdas=(0.001, 0.01, 0.1, 0.3), cycles=2, prune=0.5)
    [need] = expected(rig.sweep_of(stage), Plan(0, tmp_path, 2))
    assert (need.present, need.missing) == (0, 8)
    assert [len(pack.trials) for pack in need.packs] == [2] * 4 + [2] * 2
    ran = rig.run(tmp_path / "run", stage, width=2)
    assert len(ran.engine.ran) == len(need.packs)
    with Study.stored(tmp_path / "run" / "study.db") as study:
        [done] = expected(rig.sweep_of(stage), Plan(0, tmp_path / "run", 2), study.rows)
    assert (done.present, done.packs) == (8, ())


@pytest.mark.parametrize(
    ("how", "rule"),
    [
        ({"prune": 1.0, "cycles": 2}, "prune of search must be a share of the settings in [0, 1), got 1.0"),
        ({"prune": -0.1, "cycles": 2}, "prune of search must be a share of the settings in [0, 1), got -0.1"),
        ({"prune": 0.5}, "prune of search must be 0 with 1 cycle: settings are dropped between cycles, got 0.5"),
        (
            {"prune": 0.3, "cycles": 2},
            "prune of search must drop a setting or be 0: floor(prune x 3) of the 3 that are ranked together, got 0.3",
        ),
        (
            {"prune": 0.5, "cycles": 2, "final": True},
            "stage search must not prune where it opens the test set, got 0.5",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_pruned_is_refused(how: dict[str, Any], rule: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rig.listed(**how)
    assert str(caught.value) == rule


@pytest.mark.parametrize("sampler", ["random", "sobol", "tpe"])
def test_a_round_of_one_setting_has_none_to_drop(sampler: str) -> None:
    stage = dataclasses.replace(rig.searched(sampler=sampler, count=4, round_=1), fixed=rig.fixed(cycles=2))
    with pytest.raises(ConfigError, match=r"must drop a setting or be 0: floor\(prune x 1\) of the 1 that are"):
        dataclasses.replace(stage, prune=0.5)


def test_in_float64_dropping_settings_equals_never_having_packed_them_from_there(tmp_path: Path) -> None:
    """To rounding: the survivors of a pruned stage against each of them alone, never pruned."""
    fixed = dataclasses.replace(PRUNED.fixed, network=dataclasses.replace(PRUNED.fixed.network, dtype="float64"))
    stage = dataclasses.replace(PRUNED, fixed=fixed)
    split = open_split(prepare(rig.dataset(), fixed.data, tmp_path / "by-hand"))
    survivors = [r for r in rig.run(tmp_path / "run", stage).records if r.status is Status.COMPLETE]
    assert len(survivors) == 6
    for record in survivors:
        alone: TrialSpec = record.spec
        losses = [float(report.train.loss[0]) for report in train(Pack((alone,)), split)]
        np.testing.assert_allclose(record.curves.train_loss, losses, rtol=1e-8)


def test_a_row_knows_what_its_trial_was_at_the_end_of_every_leg(tmp_path: Path) -> None:
    whole = rig.run(tmp_path / "run", PRUNED, width=WIDTH)
    row = next(row for row in whole.runner.rows["search"] if len(row.record.came_from) == 2)
    first = row.at_end_of(row.record.came_from[0], 2)
    assert (first.record.status, first.record.pack_key) == (Status.PRUNED, row.record.came_from[0])
    assert first.record.curves == row.record.curves.until(2)
    assert first.record.curves.epoch == (0, 1, 2)
    assert (first.timing, first.earlier, first.record.came_from) == (row.earlier[0].timing, (), ())
    second = row.at_end_of(row.record.came_from[1], 4)
    assert (second.timing, second.earlier) == (row.earlier[1].timing, row.earlier[:1])
    losses = dataclasses.replace(row, record=dataclasses.replace(row.record, batch_losses=(1.0, 2.0, 3.0)))
    for epoch, windows in ((6, 0), (7, 1), (12, 1), (13, 2)):  # of 8 steps: 48, 56, 96, 104
        assert losses.at_end_of(row.record.came_from[0], epoch).record.batch_losses == (1.0, 2.0, 3.0)[:windows]
    assert second.at_end_of(row.record.came_from[0], 2) == first
    assert_same_bits({"a": np.array(second.record.curves.val_loss)}, {"a": np.array(row.record.curves.val_loss[:5])})
