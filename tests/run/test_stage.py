"""A stage as a value: which trials it wants, in which order, with which seeds."""

import numpy as np
import pytest
import rig

from pipeline.errors import ConfigError
from pipeline.records import Curves, Status, TrialRecord
from pipeline.run.samplers import LogRange, replicate_seeds
from pipeline.run.space import Choices, Interval, Space
from pipeline.run.stage import Listed, Search, SpaceSearch, Stage, StageResult, means
from pipeline.spec import with_setting

RANGE = LogRange(1e-5, 1e-1)
SPACE = Space(
    {"lambda": RANGE, "keep": Interval(0.5, 1.0), "batch_norm": Choices({"none": "none", "before": "before"})}
)


def plan(stage: Stage, root: int = 0) -> list:
    """Return the trials of all rounds of a stage whose sampler looks at nothing."""
    rounds = range(stage.proposal.rounds)
    return [
        trial
        for round_ in rounds
        for trial in stage.trials(stage.proposal.settings(stage.name, root, round_, ()), root)
    ]


def lambdas(search: Search, root: int = 0, stage: str = "search", earlier: tuple[TrialRecord, ...] = ()) -> list[float]:
    return [
        setting["lambda"]
        for round_ in range(search.rounds)
        for setting in search.settings(stage, root, round_, earlier)
    ]


def test_all_settings_of_a_replicate_share_both_seeds_and_replicates_share_none() -> None:
    trials = plan(rig.listed(replicates=3))
    seeds = {(trial.init_seed, trial.order_seed) for trial in trials}
    assert [trial.lambda_ for trial in trials] == list(rig.LAMBDAS) * 3
    for replicate in range(3):
        members = trials[3 * replicate : 3 * replicate + 3]
        assert {(trial.init_seed, trial.order_seed) for trial in members} == {replicate_seeds(0, "search", replicate)}
    assert len({seed for pair in seeds for seed in pair}) == 6


def test_every_stage_and_every_root_has_seeds_of_its_own() -> None:
    def seeds(name: str, root: int) -> set[int]:
        return {seed for trial in plan(rig.listed(name), root) for seed in (trial.init_seed, trial.order_seed)}

    kinds = [seeds(name, root) for name in ("coarse", "coarse-2", "refine", "final") for root in (0, 1)]
    assert len(set.union(*kinds)) == sum(map(len, kinds))


def test_more_replicates_leave_the_trials_before_as_they_are() -> None:
    fewer, more = plan(rig.searched(replicates=2)), plan(rig.searched(replicates=5))
    assert more[: len(fewer)] == fewer
    assert len(more) == 15


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_more_rounds_leave_the_trials_before_as_they_are(sampler: str) -> None:
    fewer = plan(rig.searched(sampler=sampler, count=4, round_=4))
    more = plan(rig.searched(sampler=sampler, count=12, round_=4))
    assert more[: len(fewer)] == fewer
    assert len({trial.lambda_ for trial in more}) == 12


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_rounds_are_parts_of_one_sequence(sampler: str) -> None:
    whole = lambdas(Search("lambda", RANGE, sampler, 8, 8))
    assert lambdas(Search("lambda", RANGE, sampler, 8, 4)) == whole
    assert lambdas(Search("lambda", RANGE, sampler, 8, 3)) == whole  # the last round is short


@pytest.mark.parametrize("sampler", ["random", "sobol", "tpe"])
def test_a_stage_and_a_root_of_their_own_give_lambdas_of_their_own(sampler: str) -> None:
    search = Search("lambda", RANGE, sampler, 4, 4)
    assert lambdas(search) == lambdas(search)
    assert len({tuple(lambdas(search, root, stage)) for root in (0, 1) for stage in ("coarse", "refine")}) == 4


def test_a_grid_is_one_round_whatever_the_round_size() -> None:
    search = Search("lambda", RANGE, "grid", 5, 2)
    assert search.rounds == 1
    assert lambdas(search) == [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]


def test_tpe_depends_on_earlier_results_and_on_nothing_else() -> None:
    search = Search("lambda", RANGE, "tpe", 24, 12)
    stage = rig.searched(sampler="random", count=12, replicates=2, round_=12)

    def second_round(peak: float, noise: float = 0.0) -> tuple[float, ...]:
        def accuracy(lambda_: float, replicate: int) -> float:
            return 0.5 - 0.05 * abs(np.log10(lambda_) - peak) + noise * (-1) ** replicate

        earlier = rig.results_of(stage, 0, accuracy).records
        return tuple(setting["lambda"] for setting in search.settings("search", 0, 1, earlier))

    assert second_round(-4.0) == second_round(-4.0)
    assert second_round(-4.0) == second_round(-4.0, noise=2.0**-6)  # only the mean over the replicates is told
    low, high = second_round(-4.5), second_round(-1.5)
    assert np.median(low) < 1e-3 < np.median(high)


def told(search: SpaceSearch, rounds: int, score=lambda _: 0.5) -> list[dict]:
    """Return the settings of the first rounds of a search whose settings score what `score` says."""
    settings: list[dict] = []
    records: list[TrialRecord] = []
    for round_ in range(rounds):
        new = search.settings("search", 0, round_, tuple(records))
        for setting in new:
            value = score(setting)
            status = Status.DIVERGED if value is None else Status.COMPLETE
            trial = with_setting(rig.fixed(), setting)
            curves = Curves(val_accuracy=(0.0 if value is None else value,))
            records.append(TrialRecord("search", len(records), 0, 0, trial, status, curves))
        settings += [dict(setting) for setting in new]
    return settings


@pytest.mark.parametrize("sampler", ["random", "qmc", "tpe", "NSGAIISampler"])
def test_more_settings_of_a_space_are_more_rounds_and_the_last_may_be_short(sampler: str) -> None:
    few, many = (told(SpaceSearch(SPACE, sampler, count, 4), -(-count // 4)) for count in (8, 10))
    assert many[:8] == few
    assert len(many) == 10
    assert len({tuple(setting.values()) for setting in many}) == 10


@pytest.mark.parametrize(("sampler", "adaptive"), [("random", False), ("qmc", False), ("tpe", True), ("nsgaii", True)])
def test_a_sampler_that_looks_back_is_shown_means_and_another_ignores_them(sampler: str, adaptive: bool) -> None:
    search = SpaceSearch(SPACE, sampler, 60, 20)
    assert search.looks_back is adaptive
    good, bad = (told(search, 3, lambda setting, low=low: abs(setting["keep"] - low)) for low in (0.5, 1.0))
    assert good[:20] == bad[:20]
    assert (good[20:] == bad[20:]) is not adaptive


def test_a_space_in_which_everything_diverges_is_still_searched() -> None:
    assert len(told(SpaceSearch(SPACE, "tpe", 36, 12), 3, lambda _: None)) == 36


def test_means_have_one_observation_per_setting_and_none_where_one_replicate_diverged() -> None:
    table = {(0.001, 0): 0.5, (0.001, 1): 0.75, (0.01, 0): 0.5, (0.01, 1): None, (0.1, 0): 0.25, (0.1, 1): 0.25}
    result = rig.results_of(rig.listed(), 0, lambda lambda_, replicate: table[lambda_, replicate])
    assert means(result.records, ("lambda",)) == [((0.001,), 0.625), ((0.01,), None), ((0.1,), 0.25)]
    assert means(result.records, ("hidden", "lambda"))[0] == (((6,), 0.001), 0.625)
    assert means([], ("lambda",)) == []


def test_scores_are_settings_in_order_by_replicates_with_nan_for_what_did_not_complete() -> None:
    stage = rig.listed(lambdas=(0.1, 0.001, 0.01))
    table = {(0.001, 0): 0.5, (0.001, 1): 0.75, (0.01, 0): 0.5, (0.01, 1): None, (0.1, 0): 0.25, (0.1, 1): 0.125}
    values, scores = rig.results_of(stage, 0, lambda lambda_, replicate: table[lambda_, replicate]).scores("lambda")
    assert values == [0.001, 0.01, 0.1]
    np.testing.assert_array_equal(scores, [[0.5, 0.75], [0.5, np.nan], [0.25, 0.125]])


def test_a_search_without_replicates_to_compare_is_still_a_table() -> None:
    values, scores = StageResult(rig.listed(lambdas=(0.1,), replicates=1), ()).scores("lambda")
    assert (values, scores.shape) == ([], (0, 1))


def test_only_a_stage_with_test_rows_keeps_networks() -> None:
    assert rig.listed("final", final=True).keeps_networks
    assert not rig.listed().keeps_networks
    with pytest.raises(ConfigError, match="stage final must have test rows to keep networks, got none"):
        Stage("final", rig.fixed(), Listed(({"lambda": 0.1},)), 1, keeps_networks=True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rig.listed(replicates=0), "replicates of stage search must be a positive integer, got 0"),
        (lambda: Search("lambda", RANGE, "grid", 0, 4), "must be a positive integer, got 0"),
        (lambda: Search("lambda", RANGE, "tpe", 4, 0), "settings per round must be a positive integer, got 0"),
        (lambda: Search("lambda", RANGE, "gird", 4, 4), "sampler must be one of .* did you mean 'grid'"),
        (lambda: Search("lambda", LogRange(0.001, 0.001001), "grid", 9, 4), "must hold 9 values"),
        (lambda: Search("lambda", RANGE, "grid", 10**12, 4), r"settings .* must be at most 10,000, got 10{12}"),
        (
            lambda: Search("lambda", RANGE, "tpe", 1001, 4),
            "at most 1,000 with a sampler that looks back, got 1001",
        ),
        (lambda: SpaceSearch(SPACE, "random", 10**6, 4), r"settings .* must be at most 10,000, got 1000000"),
        (lambda: SpaceSearch(SPACE, "tpe", 4, 0), "settings per round must be a positive integer, got 0"),
        (lambda: SpaceSearch(SPACE, "tpes", 4, 4), "sampler must be one of .* did you mean 'tpe'"),
        (lambda: SpaceSearch(Space({"hidden": Choices({"5": (5,)})}), "tpe", 2, 2), "must find 2 new settings"),
        (lambda: rig.listed(replicates=10**9), "trials of stage search must be at most 1,000,000, got 3000000000"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_runs(make, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()
