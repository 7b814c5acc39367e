"""The plan of a stage: rounds of tasks, what of them is there, and where a row has its place."""

from pathlib import Path

import pytest
import rig

from pipeline.records import Row, Status
from pipeline.run.plan import Plan, StagePlan
from pipeline.run.stage import Stage
from pipeline.run.task import Task
from pipeline.spec import TrialSpec

FOLDER = Path("run")


def staged(stage: Stage, *rows: Row, width: int | None = None, folder: Path = FOLDER, retry: bool = False) -> StagePlan:
    return StagePlan(Plan(0, folder, width, retry), stage, {row.identity: row for row in rows})


def done(task: Task, status: Status = Status.COMPLETE) -> list[Row]:
    """Return rows for all trials of a task."""
    return [Row(task.record(index, status)) for index in range(len(task.numbers))]


def completed(plan: StagePlan) -> list[Task]:
    """Add rows for everything, round by round; return all tasks."""
    for tasks in plan.rounds():
        for task in tasks:
            plan.rows |= {row.identity: row for row in done(task)}
    return plan.tasks


def trials(tasks: list[Task]) -> dict[int, TrialSpec]:
    return {number: trial for task in tasks for number, trial in zip(task.numbers, task.trials.trials, strict=True)}


def test_trials_and_packs_are_numbered_in_plan_order_and_replicates_never_mix() -> None:
    wanted = completed(staged(rig.listed(lambdas=(0.1, 0.2, 0.3, 0.4, 0.5)), width=2))
    assert [task.numbers for task in wanted] == [(0, 1), (2, 3), (4,), (5, 6), (7, 8), (9,)]
    assert [task.pack for task in wanted] == [0, 1, 2, 3, 4, 5]
    assert [task.replicate for task in wanted] == [0, 0, 0, 1, 1, 1]
    assert [trial.lambda_ for task in wanted for trial in task.trials.trials] == [0.1, 0.2, 0.3, 0.4, 0.5] * 2
    assert len({task.result for task in wanted}) == 6
    assert all(task.networks is None for task in wanted)
    assert all(task.network(0) is None for task in wanted)


def test_a_stage_that_keeps_networks_names_one_file_per_number() -> None:
    wanted = completed(staged(rig.listed("final", final=True), width=2))
    files = [task.network(index) for task in wanted for index in range(len(task.numbers))]
    assert files == [FOLDER / "networks" / f"{number}.npz" for number in range(6)]


def test_numbers_and_packs_go_on_from_round_to_round() -> None:
    plan = staged(rig.searched(sampler="random", count=5, round_=2), width=1)
    sizes = []
    for tasks in plan.rounds():
        sizes.append([task.numbers for task in tasks])
        plan.rows |= {row.identity: row for task in tasks for row in done(task)}
    assert sizes == [[(0,), (1,), (2,), (3,)], [(4,), (5,), (6,), (7,)], [(8,), (9,)]]
    assert [task.pack for task in plan.tasks] == list(range(10))
    assert [task.replicate for task in plan.tasks] == [0, 0, 1, 1, 0, 0, 1, 1, 0, 1]


def test_a_round_is_asked_for_only_when_the_one_before_is_there() -> None:
    rounds = staged(rig.searched(sampler="random", count=4)).rounds()
    next(rounds)
    with pytest.raises(KeyError):
        next(rounds)


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_a_larger_plan_wants_the_same_packs_in_other_places(sampler: str) -> None:
    small, large = (
        completed(staged(rig.searched(sampler=sampler, count=count, replicates=replicates), width=2))
        for count, replicates in ((4, 2), (6, 3))
    )
    assert {task.trials.key for task in small} < {task.trials.key for task in large}
    at = {trial.key: number for number, trial in trials(large).items()}
    assert [at[trial.key] for trial in trials(small).values()] == [0, 1, 2, 3, 6, 7, 8, 9]  # rounds of 3 x 2


def test_a_stored_row_takes_the_place_of_the_plan_that_reads_it() -> None:
    small = staged(rig.searched(sampler="random", count=4), width=1)
    completed(small)
    large = staged(rig.searched(sampler="random", count=4, replicates=3), *small.rows.values(), width=1)
    assert large.present() == 8  # of 12
    tasks = completed(large)
    records = large.records()
    assert [record.number for record in records] == list(range(12))
    assert [record.spec for record in records] == list(trials(tasks).values())
    assert [record.pack for record in records] == list(range(12))
    assert [record.replicate for record in records] == [0, 0, 1, 1, 2, 2] * 2
    assert [row.record for row in large.placed()] == records
    assert list(large.result().records) == records


@pytest.mark.parametrize(("sampler", "present"), [("random", 4), ("sobol", 4), ("tpe", 0)])
def test_beyond_a_gap_only_rounds_that_look_at_no_result_can_be_counted(sampler: str, present: int) -> None:
    plan = staged(rig.searched(sampler=sampler, count=4), width=1)
    first = completed(plan)[:4]
    assert plan.present() == 8
    for task in first:
        del plan.rows[task.identity(0)]
    assert plan.present() == present


def test_rows_come_in_plan_order_even_where_packs_interleave() -> None:
    settings = tuple({"lambda": 0.1 + number, "batch_size": 10 + 10 * (number % 2)} for number in range(4))
    stage = Stage("search", rig.fixed(), rig.Listed(settings), 1)
    plan = staged(stage)
    assert [task.numbers for task in completed(plan)] == [(0, 2), (1, 3)]
    assert [record.number for record in plan.records()] == [0, 1, 2, 3]
    assert [record.spec.lambda_ for record in plan.records()] == [0.1, 1.1, 2.1, 3.1]


def test_the_same_trial_in_another_pack_is_missing() -> None:
    alone, together = staged(rig.listed(), width=1), staged(rig.listed(), width=3)
    completed(alone)
    [first, _] = next(together.rounds())
    together.rows |= alone.rows
    assert together.missing(first) == [0, 1, 2]
    assert together.present() == 0


def test_what_is_missing_is_told_trial_by_trial() -> None:
    plan = staged(rig.listed(), width=3)
    [first, second] = next(plan.rounds())
    rows = done(first)
    plan.rows |= {rows[index].identity: rows[index] for index in (0, 2)}
    assert (plan.missing(first), plan.missing(second)) == ([1], [0, 1, 2])
    assert plan.present() == 2


@pytest.mark.parametrize(
    ("status", "retry", "missing"),
    [(status, retry, status is Status.FAILED and retry) for status in Status for retry in (False, True)],
)
def test_only_a_failed_trial_may_count_as_missing(status: Status, retry: bool, missing: bool) -> None:
    plan = staged(rig.listed(lambdas=(0.1,), replicates=1), retry=retry)
    [task] = next(plan.rounds())
    plan.rows |= {row.identity: row for row in done(task, status)}
    assert plan.missing(task) == ([0] if missing else [])


def test_a_complete_trial_without_its_network_is_missing_and_a_diverged_one_has_none(tmp_path: Path) -> None:
    stage = rig.listed("final", final=True)
    ran = rig.run(tmp_path / "run", stage, width=2)
    plan = staged(stage, *ran.runner.rows["final"], width=2, folder=tmp_path / "run")
    assert plan.present() == 6
    (tmp_path / "run" / "networks" / "1.npz").unlink()
    assert [plan.missing(task) for task in next(plan.rounds())] == [[1], [], [], []]
    assert plan.present() == 5
    elsewhere = staged(stage, width=2, folder=tmp_path / "elsewhere")
    [first, *_] = next(elsewhere.rounds())
    elsewhere.rows |= {row.identity: row for row in done(first, Status.DIVERGED)}
    assert elsewhere.missing(first) == []
