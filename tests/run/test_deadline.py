"""A limit of time: what takes too long fails with the reason, costs nobody else anything, and leaves no alarm."""

import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
import rig
from joblib.externals.loky import get_reusable_executor

from pipeline.errors import ConfigError
from pipeline.records import Status
from pipeline.run import deadline, sweep
from pipeline.run.deadline import Overdue, within
from pipeline.run.engines import Failure, LokyEngine
from pipeline.run.task import Task

SECONDS = 0.4
LATE = Failure("no end within 0.4 s (--trial-timeout)")


@pytest.fixture(scope="module", autouse=True)
def _no_workers_left_behind() -> Iterator[None]:
    yield
    get_reusable_executor(reuse=True, kill_workers=True).shutdown(kill_workers=True)


@pytest.fixture(autouse=True)
def _no_alarm_is_left() -> Iterator[None]:
    before = signal.getsignal(signal.SIGALRM)
    yield
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) is before


def sleeping() -> None:
    time.sleep(60)


def spinning() -> None:
    while True:
        pass


def deaf() -> None:
    """Drop the first alarm."""
    try:
        time.sleep(60)
    except Overdue:
        time.sleep(60)


def locked() -> None:
    """Never come back from C, and let no other thread of the interpreter run."""
    deque(repeat(None), maxlen=0)


class Lingering:
    """Takes its time to go; nothing can be raised meanwhile."""

    def __del__(self) -> None:
        time.sleep(60)


def deleting() -> None:
    Lingering()
    time.sleep(60)


HUNG: dict[str, Callable[[], None]] = {each.__name__: each for each in (sleeping, spinning, deaf, deleting, locked)}


def perhaps(item: tuple[str, Path]) -> tuple[str, bool]:
    """Hang if the item is called after a way to; else return its name, and whether an alarm is set. Count calls."""
    name, calls = item
    with calls.open("a") as file:
        print(name, file=file)
    if name in HUNG:
        HUNG[name]()
    return name.upper(), signal.getitimer(signal.ITIMER_REAL)[0] > 0


@pytest.mark.parametrize(
    ("jobs", "how"),
    [(jobs, how) for jobs in (1, 2) for how in HUNG if (jobs, how) != (1, "locked")],
)
def test_what_hangs_fails_once_with_the_reason_and_the_others_have_their_results(
    jobs: int, how: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    items = {name: (name, tmp_path / "calls") for name in ("a", how, "b", "c")}
    answers = list(LokyEngine(jobs, timeout=SECONDS).run(perhaps, items))
    assert len(answers) == 4
    assert dict(answers) == {how: LATE, "a": ("A", True), "b": ("B", True), "c": ("C", True)}
    assert (tmp_path / "calls").read_text().split().count(how) == 1
    assert capfd.readouterr() == ("", "")


def test_without_a_limit_there_is_no_alarm(tmp_path: Path) -> None:
    assert dict(LokyEngine(1).run(perhaps, {"a": ("a", tmp_path / "calls")})) == {"a": ("A", False)}


def nap(seconds: float) -> None:
    time.sleep(seconds)


def test_every_item_has_the_whole_limit_to_itself() -> None:
    items = {str(index): SECONDS / 2 for index in range(4)}
    assert dict(LokyEngine(1, timeout=SECONDS).run(nap, items)) == dict.fromkeys(items)


def test_a_driver_that_leaves_early_leaves_no_alarm(tmp_path: Path) -> None:
    with closing(
        LokyEngine(1, timeout=60).run(perhaps, {name: (name, tmp_path / "calls") for name in "ab"})
    ) as answers:
        assert next(answers) == ("a", ("A", True))
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_of_what_cannot_be_raised_all_else_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []

    class Broken:
        def __del__(self) -> None:
            raise KeyError("lost")

    monkeypatch.setattr(deadline.sys, "unraisablehook", lambda found: told.append(found.exc_type))
    hook = deadline.sys.unraisablehook
    within(60, None, lambda kind: kind() and None, Broken)
    assert told == [KeyError]
    assert deadline.sys.unraisablehook is hook


def test_what_a_function_raises_passes() -> None:
    with pytest.raises(ZeroDivisionError):
        within(60, None, lambda item: item // 0, 1)
    assert within(60, None, lambda item: item + 1, 1) == 2


def test_a_process_in_time_is_not_ended_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[object, ...]] = []
    monkeypatch.setattr(
        deadline.faulthandler,
        "dump_traceback_later",
        lambda seconds, *, exit, file: told.append((seconds, exit, file)),
    )
    monkeypatch.setattr(deadline.faulthandler, "cancel_dump_traceback_later", lambda: told.append(("never mind",)))
    with (tmp_path / "words").open("w") as words:
        within(60, words, nap, 0)
        assert told == [(60 + deadline.GRACE, True, words), ("never mind",)]
        with pytest.raises(Overdue):
            within(0.01, words, nap, 60)
        assert told[2:] == [(0.01 + deadline.GRACE, True, words), ("never mind",)]


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_limit_must_be_positive(seconds: float) -> None:
    with pytest.raises(ConfigError, match="the timeout must be a positive number, got"):
        LokyEngine(1, seconds)


class JustLate(rig.InProcess):
    """An engine in which the limit is over as soon as an outcome is written."""

    def run(
        self, function: Callable[[Any], Any], items: Mapping[str, Any]
    ) -> Generator[tuple[str, Any | Failure], None, None]:
        for name, _ in super().run(function, items):
            yield name, LATE


def test_a_pack_whose_outcome_is_written_has_not_failed(tmp_path: Path) -> None:
    stages = rig.listed(), rig.listed("final", (0.005,), 1, final=True)
    whole = rig.run(tmp_path / "whole", *stages, width=2)
    late = rig.run(tmp_path / "run", *stages, width=2, engine=JustLate())
    assert rig.csv(late) == rig.csv(whole)
    assert late.runner.computed == whole.runner.computed
    assert late.watched.warnings == []


@pytest.mark.parametrize("prune", [0.0, 0.5])
def test_a_hung_pack_fails_alone_and_a_retry_ends_as_if_it_had_not_hung(
    prune: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = rig.listed(lambdas=(0.001, 0.01, 0.1, 1.0), cycles=2, prune=prune)
    honest, hung_packs = sweep.work, list[Task]()

    def hangs(task: Task, split: Path) -> None:
        if task.cycle in {None, 2} and not hung_packs:
            hung_packs.append(task)
            time.sleep(60)
        honest(task, split)

    whole = rig.run(tmp_path / "whole", stage, width=2)
    monkeypatch.setattr(sweep, "work", hangs)
    hung = rig.run(tmp_path / "run", stage, width=2, engine=LokyEngine(1, timeout=SECONDS))
    failed = {record.number for record in hung.records if record.status is Status.FAILED}
    assert failed == set(hung_packs[0].numbers)
    assert {record.reason for record in hung.records if record.status is Status.FAILED} == {LATE.reason}
    assert rig.without_times([each for each in hung.records if each.number not in failed]) == rig.without_times(
        [each for each in whole.records if each.number not in failed]
    )
    monkeypatch.setattr(sweep, "work", honest)
    assert rig.csv(rig.run(tmp_path / "run", stage, width=2, retry=True)) == rig.csv(whole)
