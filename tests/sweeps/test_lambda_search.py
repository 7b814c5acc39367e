"""The lambda search as a generator, driven by results made by hand: where it looks next, and what it concludes."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import rig

from pipeline.data import data_spec
from pipeline.errors import ConfigError
from pipeline.records import Status
from pipeline.run.stage import Listed, Search, Stage, StageResult
from pipeline.spec import DataSpec, NetworkSpec
from sweeps.lambda_search import Conclusion, FinalStage, LambdaSearch, SearchStage, budgets, stages

Accuracy = Callable[[float, int], float | None]

CONFIG = LambdaSearch(
    network=NetworkSpec(hidden=(6,)),
    batch_size=20,
    coarse=SearchStage(count=9, replicates=2, step_size=1),
    refine=SearchStage(count=5, replicates=3, step_size=2),
    final=FinalStage(replicates=4, step_size=2),
)


@dataclass
class Drive:
    """A search answered stage by stage; `answers` are accuracies by stage name, "" for all others."""

    answers: dict[str, Accuracy]
    config: LambdaSearch = CONFIG
    stages: list[Stage] = field(default_factory=list)
    asked: list[tuple[float, bool]] = field(default_factory=list)

    def rows(self, val_fraction: float, opens_test: bool) -> DataSpec:
        self.asked.append((val_fraction, opens_test))
        return data_spec(rig.dataset(), val_fraction, opens_test)

    def run(self) -> Conclusion:
        search = stages(self.config, self.rows)
        try:
            stage = next(search)
            while True:
                self.stages.append(stage)
                stage = search.send(self.result(stage))
        except StopIteration as end:
            return end.value

    def result(self, stage: Stage) -> StageResult:
        return rig.results_of(stage, 0, self.answers.get(stage.name, self.answers[""]))

    @property
    def names(self) -> list[str]:
        return [stage.name for stage in self.stages]

    @property
    def ranges(self) -> list[tuple[float, float]]:
        return [
            (stage.proposal.searched.low, stage.proposal.searched.high)
            for stage in self.stages
            if isinstance(stage.proposal, Search)
        ]


def peak(at: float, slope: float = 0.1) -> Accuracy:
    """Return accuracies that fall off by `slope` per decade from lambda `at`, with +-.001 over the replicates."""

    def accuracy(lambda_: float, replicate: int) -> float:
        distance = abs(math.log10(lambda_ / at))
        return 0.9 - slope * distance + 0.001 * (-1) ** (replicate + round(2 * math.log10(lambda_)))

    return accuracy


def diverged(_lambda: float, _replicate: int) -> None:
    return None


def listed(stage: Stage) -> list[float]:
    assert isinstance(stage.proposal, Listed)
    return [setting["lambda"] for setting in stage.proposal.listed]


def test_a_peak_inside_the_range_is_refined_and_the_winners_are_tested() -> None:
    drive = Drive({"": peak(1e-3)})
    conclusion = drive.run()
    assert drive.names == ["coarse", "refine", "final"]
    [(_, _), (low, high)] = drive.ranges
    assert drive.ranges[0] == (1e-5, 1e-1)
    assert conclusion.refined == (low, high)
    assert (low, high) == (pytest.approx(10**-3.5, rel=1e-3), pytest.approx(10**-2.5, rel=1e-3))  # one step each way
    assert conclusion.choice is not None
    assert conclusion.choice.best == pytest.approx(1e-3, rel=1e-3)
    assert listed(drive.stages[2]) == list(dict.fromkeys([conclusion.choice.best, conclusion.choice.one_se, 0.005]))


def test_each_stage_has_the_size_the_schedule_and_the_rows_that_are_configured() -> None:
    drive = Drive({"": peak(1e-3)})
    drive.run()
    coarse, refine, final = drive.stages
    assert [(stage.proposal.count, stage.replicates) for stage in (coarse, refine)] == [(9, 2), (5, 3)]
    assert [stage.fixed.schedule.epochs for stage in drive.stages] == [4, 8, 12]
    assert final.replicates == 4
    assert drive.asked == [(0.1, False), (0.1, False), (0.02, True)]
    assert [stage.fixed.data.n_test for stage in drive.stages] == [0, 0, 40]
    assert [stage.keeps_networks for stage in drive.stages] == [False, False, True]
    assert {stage.fixed.network for stage in drive.stages} == {CONFIG.network}


def test_what_the_final_stage_gives_changes_nothing_that_was_concluded() -> None:
    good, bad = (Drive({"": peak(1e-3), "final": final}).run() for final in (peak(1e-3), diverged))
    assert good == bad


@pytest.mark.parametrize(
    ("at", "ranges"),
    [
        (1e-6, [(1e-5, 1e-1), (1e-6, 1e-2), (1e-7, 1e-3)]),
        (1.0, [(1e-5, 1e-1), (1e-4, 1.0), (1e-3, 10.0)]),
    ],
    ids=["left", "right"],
)
def test_a_best_at_an_end_moves_the_range_a_decade_that_way_until_it_lies_inside(at: float, ranges: list) -> None:
    drive = Drive({"": peak(at)})
    conclusion = drive.run()
    assert drive.names == ["coarse", "coarse-2", "coarse-3", "refine", "final"]
    assert drive.ranges[:3] == ranges
    assert conclusion.choice is not None
    assert conclusion.choice.best == pytest.approx(at, rel=1e-3)
    assert conclusion.reason.count("moved the range a decade and searched") == 2
    assert "The best still lies at an end" not in conclusion.reason


@pytest.mark.parametrize("at", [1e-12, 1e6])
def test_a_range_is_moved_twice_at_most_and_the_reason_says_that_the_best_is_still_at_an_end(at: float) -> None:
    drive = Drive({"": peak(at)})
    conclusion = drive.run()
    assert drive.names == ["coarse", "coarse-2", "coarse-3", "refine", "final"]
    assert "The best still lies at an end after 2 moves" in conclusion.reason
    assert conclusion.choice is not None


def test_the_reason_names_every_stage_with_its_range_and_its_rule() -> None:
    reason = Drive({"": peak(1e-6)}).run().reason
    positions = [
        reason.index(part)
        for part in (
            "coarse: searched 1e-05 to 0.1; ",
            "coarse-2: moved the range a decade and searched 1e-06 to 0.01; ",
            "coarse-3: moved the range a decade and searched 1e-07 to 0.001; ",
            "refine: best mean ",
        )
    ]
    assert positions == sorted(positions)
    assert "t(0.95, df = 8)" in reason
    assert "\n" not in reason


@pytest.mark.parametrize(("stage", "expected"), [("coarse", ["coarse"]), ("refine", ["coarse", "refine"])])
def test_a_stage_that_diverges_as_a_whole_ends_the_search_politely(stage: str, expected: list[str]) -> None:
    drive = Drive({"": peak(1e-3), stage: diverged})
    conclusion = drive.run()
    assert drive.names == expected
    assert conclusion.choice is None
    assert conclusion.roles(0.005) == {}
    assert conclusion.reason.endswith("every trial diverged, so nothing is chosen.")


def test_a_moved_range_that_diverges_as_a_whole_ends_the_search_too() -> None:
    drive = Drive({"": peak(1e6), "coarse-2": diverged})
    conclusion = drive.run()
    assert drive.names == ["coarse", "coarse-2"]
    assert conclusion.choice is None


def test_lambdas_that_lost_a_replicate_each_are_nothing_to_choose_from_and_the_reason_counts_them() -> None:
    class SomeFailed(Drive):
        def result(self, stage: Stage) -> StageResult:
            whole = super().result(stage)
            failed = [
                dataclasses.replace(record, status=Status.FAILED) if record.replicate == 0 else record
                for record in whole.records
            ]
            return StageResult(stage, tuple(failed))

    def half(lambda_: float, replicate: int) -> float | None:
        return None if replicate == 1 and lambda_ > 1e-3 else 0.5

    reason = SomeFailed({"": half}).run().reason
    assert reason.endswith(
        "no lambda completed with every seed (4 of 18 trials diverged, 9 failed), so nothing is chosen."
    )


def test_diverged_lambdas_are_never_chosen_and_bound_the_refined_range() -> None:
    def accuracy(lambda_: float, replicate: int) -> float | None:
        return None if lambda_ > 5e-3 and replicate == 1 else peak(1e-1)(lambda_, replicate)

    drive = Drive({"": accuracy})
    conclusion = drive.run()
    assert drive.names == ["coarse", "refine", "final"]  # beside a diverged one is not at an end
    assert conclusion.refined is not None
    assert conclusion.refined[1] <= 1e-2
    assert conclusion.choice is not None
    assert max(conclusion.choice.best, conclusion.choice.one_se) <= 5e-3


@pytest.mark.parametrize(
    ("default", "expected"),
    [(0.005, [0.0009999, 0.005]), (0.0009999, [0.0009999]), (0.0, [0.0009999, 0.0])],
)
def test_equal_lambdas_run_once_in_the_final_stage(default: float, expected: list[float]) -> None:
    config = dataclasses.replace(CONFIG, final=dataclasses.replace(CONFIG.final, default=default))
    drive = Drive({"": peak(1e-3, slope=0.5), "final": diverged}, config)
    conclusion = drive.run()
    assert listed(drive.stages[-1]) == expected
    best = expected[0]  # the middle of the refined range, 10^-3.5 to 10^-2.5 in 4 digits
    assert conclusion.roles(default) == {"chosen": best, "one standard error": best, "default": default}


def test_the_one_standard_error_lambda_runs_beside_the_best_where_they_differ() -> None:
    def nearly_flat(lambda_: float, replicate: int) -> float:
        noise = (0.01, -0.01, 0.0)[replicate] * (1 if lambda_ > 1e-3 else -1)
        return 0.9 - 0.001 * abs(math.log10(lambda_) + 3) + noise

    drive = Drive({"": peak(1e-3), "refine": nearly_flat})
    conclusion = drive.run()
    roles = conclusion.roles(0.005)
    assert roles["chosen"] < roles["one standard error"] == 0.003162  # the end of the range
    assert listed(drive.stages[-1]) == [roles["chosen"], 0.003162, 0.005]


def test_a_search_of_one_lambda_is_refined_half_a_decade_each_way() -> None:
    config = dataclasses.replace(CONFIG, coarse=SearchStage(count=1, replicates=2, step_size=1))
    conclusion = Drive({"": peak(1e-3)}, config).run()
    assert conclusion.refined == pytest.approx((10**-3.5, 10**-2.5))


def test_stages_share_no_seed_with_each_other() -> None:
    drive = Drive({"": peak(1e-12)})
    drive.run()
    seeds = [
        {seed for trial in stage.trials([{"lambda": 0.1}], 0) for seed in (trial.init_seed, trial.order_seed)}
        for stage in drive.stages
    ]
    assert sum(map(len, seeds)) == len(set.union(*seeds)) == 2 * (2 + 2 + 2 + 3 + 4)


@pytest.mark.parametrize("sampler", ["random", "sobol", "tpe"])
def test_other_samplers_search_in_rounds(sampler: str) -> None:
    stage = SearchStage(count=8, replicates=2, step_size=1, sampler=sampler, round_size=4)
    drive = Drive({"": peak(1e-3)}, dataclasses.replace(CONFIG, coarse=stage))
    first = next(stages(drive.config, drive.rows))
    assert (first.proposal.rounds, first.proposal.count) == (2, 8)


def test_what_may_grow_is_the_replicates_of_the_refined_search_and_its_lambdas_unless_they_are_a_grid() -> None:
    assert budgets(CONFIG) == ["refine.replicates"]
    sobol = SearchStage(count=8, replicates=2, step_size=1, sampler="sobol")
    assert budgets(dataclasses.replace(CONFIG, refine=sobol)) == ["refine.replicates", "refine.count"]
    assert budgets(dataclasses.replace(CONFIG, coarse=sobol)) == ["refine.replicates"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LambdaSearch(low=0.1, high=1e-5), r"lower first, got \(0.1, 1e-05\)"),
        (lambda: LambdaSearch(low=-1.0), "must be two positive numbers"),
        (lambda: LambdaSearch(high=math.nan), "must be two positive numbers"),
        (lambda: LambdaSearch(low=0.1, high=0.1), "must be two positive numbers"),
        (lambda: SearchStage(count=0, replicates=2, step_size=1), "count .* must be a positive integer, got 0"),
        (lambda: SearchStage(count=2, replicates=0, step_size=1), "replicates must be a positive integer, got 0"),
        (lambda: SearchStage(4, 2, 1, sampler="sobl"), "did you mean 'sobol'"),
        (lambda: SearchStage(6, 2, 1, sampler="tpe"), "count of a tpe stage must be a multiple of 4, got 6"),
        (lambda: SearchStage(6, 2, 1, round_size=0), "round size must be a positive integer"),
        (lambda: FinalStage(replicates=0), "replicates must be a positive integer, got 0"),
        (lambda: FinalStage(default=-0.1), "default lambda must be >= 0, got -0.1"),
        (lambda: FinalStage(default=math.nan), "default lambda must be >= 0, got nan"),
    ],
)
def test_bad_input_is_refused_by_whoever_owns_the_rule(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_every_scale_asks_the_same_question_with_less() -> None:
    sizes = [
        sum(stage.count * stage.replicates for stage in (config.coarse, config.refine))
        for config in map(LambdaSearch.at_scale, ("smoke", "quick", "full"))
    ]
    assert sizes == sorted(sizes)
    full = LambdaSearch.at_scale("full")
    assert (full.coarse.count, full.coarse.replicates, full.coarse.step_size, full.coarse.cycles) == (16, 2, 2, 2)
    assert (full.refine.count, full.refine.replicates, full.refine.step_size, full.refine.cycles) == (12, 4, 5, 2)
    assert (full.final.replicates, full.final.cycles, full.final.val_fraction, full.final.default) == (
        6,
        3,
        0.02,
        0.005,
    )
    assert (full.low, full.high) == (1e-5, 1e-1)


@pytest.mark.parametrize(("at", "told"), [(1e-3, False), (1.0, True)])
def test_a_choice_at_an_end_of_the_refined_range_is_told(at: float, told: bool) -> None:
    conclusion = Drive({"": peak(1e-3), "refine": peak(at)}).run()
    assert ("It lies at an end of the refined range" in conclusion.reason) == told
