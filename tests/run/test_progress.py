"""Progress: the right numbers, a line per event where there is no terminal, a live line where there is one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from io import StringIO

import pytest
import rig
from rich.console import Console

from pipeline.records import Curves, Status, TrialRecord
from pipeline.run.plan import Plan, StagePlan
from pipeline.run.progress import Reporter, reporting
from pipeline.run.stage import Stage
from pipeline.run.task import Task


def packs_of(stage: Stage, tmp_path, width: int = 2) -> list[Task]:
    return next(StagePlan(Plan(0, tmp_path, width), stage, {}).rounds())


def ended(task: Task, statuses: Sequence[Status] = (), accuracy: float = 0.5) -> list[TrialRecord]:
    """Return the records of a pack whose trials ended as told, COMPLETE where nothing is."""
    records = []
    for index in range(len(task.numbers)):
        status = statuses[index] if index < len(statuses) else Status.COMPLETE
        reason = "" if status in {Status.COMPLETE, Status.PRUNED} else f"why {index}"
        records.append(replace(task.record(index, status, reason), curves=Curves(val_accuracy=(accuracy,))))
    return records


class Told:
    """A reporter on a console that is no terminal."""

    def __init__(self, workers: int = 1) -> None:
        self.text = StringIO()
        console = Console(file=self.text, highlight=False, soft_wrap=True, force_terminal=False)
        self.reporter = Reporter(console, workers, None)

    @property
    def lines(self) -> list[str]:
        """Return what was said since the last look."""
        lines = self.text.getvalue().splitlines()
        self.text.seek(0)
        self.text.truncate()
        return lines


@pytest.fixture
def told() -> Told:
    return Told(workers=2)


def test_a_stage_says_what_it_wants_and_what_is_there(told: Told) -> None:
    stage = rig.listed()
    for present, line in {
        0: "search: 6 trials",
        4: "search: 6 trials, 4 present",
        6: "search: all 6 trials are present",
    }.items():
        told.reporter.stage(stage, present)
        assert told.lines == [line]


def test_a_pack_that_goes_on_is_a_line_that_says_where(told: Told, tmp_path) -> None:
    task, *_ = packs_of(rig.listed(cycles=2), tmp_path)
    told.reporter.resumed(task, 2)
    assert told.lines == [f"search: a pack goes on after epoch 2 of {task.end}"]


def test_every_pack_is_a_line_that_counts_done_and_running_and_knows_the_best(told: Told, tmp_path) -> None:
    stage = rig.listed()
    packs = packs_of(stage, tmp_path)  # of 2, 1, 2 and 1 trials
    told.reporter.stage(stage, 0)
    told.reporter.packs(packs)
    said = []
    for task, accuracy in zip(packs, (0.5, 0.75, 0.25, 0.5), strict=True):
        told.lines  # noqa: B018  (forget what was said)
        told.reporter.finished(task, ended(task, accuracy=accuracy))
        said += [re.sub(r", about \d+ s left", ", ...", line) for line in told.lines]
    assert said == [
        "search: 2/6 trials, 3 running, best validation accuracy 50.00%, ...",
        "search: 3/6 trials, 3 running, best validation accuracy 75.00%, ...",
        "search: 5/6 trials, 1 running, best validation accuracy 75.00%, ...",
        "search: 6/6 trials, best validation accuracy 75.00%",
    ]


def test_what_is_present_or_left_over_counts_as_done_and_is_not_timed(told: Told, tmp_path) -> None:
    stage = rig.listed()
    packs = packs_of(stage, tmp_path)
    told.reporter.stage(stage, 2)
    told.reporter.found(packs[1], ended(packs[1]))
    told.reporter.packs(packs[2:])
    assert told.lines[1:] == ["search: 1 trials of an interrupted run are used"]
    told.reporter.finished(packs[3], ended(packs[3]))
    told.reporter.finished(packs[2], ended(packs[2]))
    first, last = told.lines
    assert first.startswith("search: 4/6 trials, 2 running, ")
    assert last.startswith("search: 6/6 trials, best")


def test_only_the_trials_of_a_pack_that_were_missing_are_counted(told: Told, tmp_path) -> None:
    stage = rig.listed(lambdas=(0.1, 0.2, 0.3, 0.4), replicates=2)
    first, second = packs_of(stage, tmp_path, width=4)
    told.reporter.stage(stage, 4)
    told.reporter.found(first, ended(first, (Status.FAILED,), accuracy=0.75)[1:3])
    told.reporter.packs([second])
    told.reporter.finished(second, ended(second, (Status.DIVERGED,))[2:])
    assert told.lines == [
        "search: 8 trials, 4 present",
        "search: 2 trials of an interrupted run are used",
        "search: 8/8 trials, best validation accuracy 75.00%",
    ]


def test_lost_trials_are_counted_by_kind_and_each_says_why(told: Told, tmp_path) -> None:
    stage = rig.listed(lambdas=(0.1, 0.2, 0.3, 0.4), replicates=1)
    [task] = packs_of(stage, tmp_path, width=4)
    told.reporter.stage(stage, 0)
    told.reporter.packs([task])
    told.reporter.finished(task, ended(task, (Status.DIVERGED, Status.FAILED), accuracy=0.25))
    assert told.lines[1:] == [
        "search: 4/4 trials, 1 diverged, 1 failed, best validation accuracy 25.00%",
        "search: trial 0 diverged: why 0",
        "search: trial 1 failed: why 1",
    ]


def test_trials_that_stand_at_the_end_of_a_leg_are_counted_when_they_are_dropped_or_complete(
    told: Told, tmp_path
) -> None:
    """Trials 0 and 1 are dropped, 2 diverged in the first leg, 3 completes in the second; a leg is half the work."""
    stage = rig.listed(lambdas=(0.1, 0.2, 0.3, 0.4), replicates=1, cycles=2, prune=0.5)
    [first] = packs_of(stage, tmp_path, width=4)
    assert first.work == 4 * 2
    told.reporter.stage(stage, 0)
    told.reporter.packs([first])
    standing = ended(first, (Status.PRUNED, Status.PRUNED, Status.DIVERGED, Status.PRUNED))
    told.reporter.finished(first, standing)
    dropped = [replace(record, curves=Curves(cycle=(0, 1, 1), val_accuracy=(0.5,))) for record in standing[:3]]
    told.reporter.dropped(stage, dropped)
    second = replace(first, numbers=(3,), cycle=2)
    told.reporter.packs([second])
    told.reporter.finished(second, [replace(standing[3], status=Status.COMPLETE)])
    assert told.lines[1:] == [
        "search: 1/4 trials, 1 diverged",
        "search: trial 2 diverged: why 2",
        "search: 2 trials dropped after cycle 1",
        "search: 4/4 trials, 2 pruned, 1 diverged, best validation accuracy 50.00%",
    ]


def test_a_stage_without_a_completed_trial_has_no_best(told: Told, tmp_path) -> None:
    stage = rig.listed(lambdas=(0.1,), replicates=1)
    [task] = packs_of(stage, tmp_path)
    told.reporter.stage(stage, 0)
    told.reporter.packs([task])
    told.reporter.finished(task, ended(task, (Status.DIVERGED,)))
    assert "search: 1/1 trials, 1 diverged" in told.lines


@pytest.mark.parametrize("keeps", [True, False])
def test_a_stage_that_opens_the_test_set_chooses_nothing_and_so_has_no_best(told: Told, tmp_path, keeps: bool) -> None:
    stage = replace(rig.listed(lambdas=(0.1,), replicates=1, final=True), keeps_networks=keeps)
    [task] = packs_of(stage, tmp_path)
    told.reporter.stage(stage, 0)
    told.reporter.packs([task])
    told.reporter.finished(task, ended(task))
    assert told.lines[-1] == "search: 1/1 trials"


def test_the_time_left_is_in_proportion_to_the_work_left(told: Told, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("pipeline.run.progress.time.monotonic", lambda: now[0])
    stage = rig.listed()
    packs = packs_of(stage, tmp_path)
    told.reporter.stage(stage, 0)
    told.reporter.packs(packs)
    now[0] += 10  # for two of six trials; four are left
    told.reporter.finished(packs[0], ended(packs[0]))
    assert told.lines[-1].endswith(", about 20 s left")


def test_stages_do_not_inherit_each_others_numbers(told: Told, tmp_path) -> None:
    for name in ("coarse", "refine"):
        stage = rig.listed(name)
        packs = packs_of(stage, tmp_path)
        told.reporter.stage(stage, 0)
        told.reporter.packs(packs)
        told.lines  # noqa: B018
        told.reporter.finished(packs[0], ended(packs[0], (Status.DIVERGED,)))
        assert told.lines[0].startswith(f"{name}: 2/6 trials, 3 running, 1 diverged")


def test_a_warning_is_a_line_of_its_own(told: Told) -> None:
    told.reporter.warn("something")
    assert told.lines == ["warning: something"]


def test_names_in_brackets_are_not_taken_for_colours(told: Told) -> None:
    told.reporter.warn("[bold]run[/nonsense]/:smile: must match its digest")
    assert told.lines == ["warning: [bold]run[/nonsense]/:smile: must match its digest"]


def test_without_a_terminal_there_are_lines_and_with_one_there_is_a_bar(tmp_path) -> None:
    stage = rig.listed()
    packs = packs_of(stage, tmp_path)
    for terminal in (False, True):
        text = StringIO()
        console = Console(file=text, force_terminal=terminal, width=200, highlight=False, _environ={"TERM": "xterm"})
        with reporting(console, 2) as reporter:
            assert (reporter.bar is not None) == terminal
            reporter.stage(stage, 0)
            reporter.packs(packs)
            for task in packs[:3]:
                reporter.finished(task, ended(task))
            if reporter.bar:
                reporter.bar.refresh()
        assert ("\x1b[" in text.getvalue()) == terminal
        assert "5/6 trials, 1 running, best validation accuracy 50.00%" in text.getvalue()


def test_the_numbers_of_a_run_are_those_of_its_trials(tmp_path) -> None:
    """A whole run, told to a console: the last line of a stage is complete."""
    told, engine = Told(), rig.InProcess()
    engine.failing = lambda _: len(engine.ran) == 1
    rig.run(tmp_path / "run", rig.listed(), width=2, engine=engine, watcher=told.reporter)
    lines = told.lines
    assert lines[0] == "search: 6 trials"
    assert [line for line in lines if "6/6 trials, 2 failed" in line]
    rig.run(tmp_path / "run", rig.listed(), width=2, retry=True, watcher=told.reporter)
    lines = told.lines
    assert lines[0] == "search: 6 trials, 4 present"
    assert lines[-1].startswith("search: 6/6 trials, best")


@dataclass
class Counting(Reporter):
    """A reporter that remembers how many trials were wanted and done after every event."""

    counts: list[tuple[int, int]] = field(default_factory=list)

    def stage(self, stage: Stage, present: int) -> None:
        super().stage(stage, present)
        self._count()

    def found(self, task: Task, records: Sequence[TrialRecord]) -> None:
        super().found(task, records)
        self._count()

    def finished(self, task: Task, records: Sequence[TrialRecord]) -> None:
        super().finished(task, records)
        self._count()

    def _count(self) -> None:
        self.counts.append((self.tally.done, self.tally.wanted))


def counted(folder, *stages: Stage, **how) -> list[tuple[int, int]]:
    """Run `stages` and return how (done, wanted) went on."""
    watcher = Counting(Console(file=StringIO()), 1, None)
    rig.run(folder, *stages, width=2, watcher=watcher, **how)
    return watcher.counts


class Stopped(rig.InProcess):
    """An engine that is interrupted once two packs, which arrive in the wrong order, are computed."""

    def run(self, function, items):
        for number, answer in enumerate(super().run(function, dict(reversed(items.items())))):
            if number == 2:
                raise KeyboardInterrupt
            yield answer


def test_the_trials_of_an_interrupted_run_are_counted_once(tmp_path) -> None:
    with pytest.raises(KeyboardInterrupt):
        counted(tmp_path / "run", rig.listed(), engine=Stopped())
    # packs of 2, 1, 2 and 1 trials; the last three were computed and wait for the first to be recorded
    assert counted(tmp_path / "run", rig.listed()) == [(0, 6), (1, 6), (3, 6), (4, 6), (6, 6)]
    assert counted(tmp_path / "run", rig.listed()) == [(6, 6)]


def test_a_trial_computed_again_for_its_network_is_counted_once(tmp_path) -> None:
    stage = rig.listed("final", final=True)
    assert counted(tmp_path / "run", stage)[-1] == (6, 6)
    (tmp_path / "run" / "networks" / "0.npz").unlink()
    (tmp_path / "run" / "networks" / "5.npz").write_bytes(b"")
    assert counted(tmp_path / "run", stage) == [(4, 6), (5, 6), (6, 6)]  # trial 1 shares the pack of trial 0


def test_a_grown_stage_counts_what_was_there_before(tmp_path) -> None:
    assert counted(tmp_path / "run", rig.listed(replicates=1))[-1] == (3, 3)
    assert counted(tmp_path / "run", rig.listed(replicates=3)) == [(3, 9), (5, 9), (6, 9), (8, 9), (9, 9)]


@pytest.mark.parametrize("sampler", ["grid", "random", "sobol", "tpe"])
def test_a_grown_stage_of_several_rounds_counts_up_to_what_it_wants_and_never_beyond(tmp_path, sampler: str) -> None:
    assert counted(tmp_path / "run", rig.searched(sampler=sampler, count=4, replicates=1))[-1] == (4, 4)
    counts = counted(tmp_path / "run", rig.searched(sampler=sampler, count=4, replicates=2))
    assert counts == sorted(counts)
    assert all(done <= wanted == 8 for done, wanted in counts)
    if sampler != "tpe":  # whose later rounds cannot be told before the earlier ones are complete
        assert counts[0] == (4, 8)
        assert counts[-1] == (8, 8)
