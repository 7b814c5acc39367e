"""The local engine: every item is answered once, the guilty alone fail, and no worker outlives its driver."""

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from joblib.externals.loky import get_reusable_executor

from pipeline.blas import blas_pools
from pipeline.errors import ConfigError, HostError
from pipeline.records import Provenance
from pipeline.run import engines
from pipeline.run.engines import Failure, LokyEngine
from pipeline.run.provenance import provenance

PATIENCE = 20.0
"""Seconds until a process that should be gone is called an orphan."""


@pytest.fixture(scope="module", autouse=True)
def _no_workers_left_behind() -> Iterator[None]:
    yield
    get_reusable_executor(reuse=True, kill_workers=True).shutdown(kill_workers=True)


def busy(marker: Path) -> bool:
    """Whether the worker that holds this marker still lives: the kernel lets go of its lock however it ends."""
    with marker.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def square(item: int) -> tuple[int, int, list[int]]:
    return item * item, os.getpid(), [pool["num_threads"] for pool in blas_pools()]


def troubled(item: str) -> str:
    match item:
        case "value":
            raise ValueError("two\n  lines")
        case "memory":
            raise MemoryError
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "ctrl-c":
            os.kill(os.getpid(), signal.SIGINT)
        case "disk":
            raise HostError("disk must have room, got none")
        case "interrupt":
            raise KeyboardInterrupt
    return item.upper()


def killed_once(marker: str) -> str:
    if marker and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_every_item_is_answered_once_on_one_blas_thread(jobs: int) -> None:
    answers = list(LokyEngine(jobs).run(square, {str(item): item for item in range(20)}))
    results = {name: result for name, result in answers if not isinstance(result, Failure)}
    assert len(answers) == len(results) == 20
    assert {name: result[0] for name, result in results.items()} == {str(item): item * item for item in range(20)}
    assert all(threads and set(threads) == {1} for _, _, threads in results.values())
    assert ({os.getpid()} == {pid for _, pid, _ in results.values()}) == (jobs == 1)


def described(_item: None) -> Provenance:
    return provenance()


def test_driver_and_workers_describe_themselves_alike() -> None:
    assert dict(LokyEngine(1).run(described, {"a": None})) == dict(LokyEngine(2).run(described, {"a": None}))


def test_nothing_to_do_is_done_at_once() -> None:
    assert list(LokyEngine(2).run(square, {})) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_exception_fails_its_item_alone(jobs: int) -> None:
    answers = dict(LokyEngine(jobs).run(troubled, {name: name for name in ("a", "value", "memory", "b")}))
    assert answers == {"a": "A", "value": Failure("ValueError: two lines"), "memory": Failure("MemoryError"), "b": "B"}


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_not_about_the_item_passes(jobs: int) -> None:
    with pytest.raises(HostError, match="disk must have room"):
        list(LokyEngine(jobs).run(troubled, {"disk": "disk", "a": "a"}))
    with pytest.raises(KeyboardInterrupt):
        list(LokyEngine(jobs).run(troubled, {"interrupt": "interrupt", "a": "a"}))


def test_an_item_that_kills_its_workers_is_given_up_and_the_others_finish(capfd: pytest.CaptureFixture[str]) -> None:
    items = {name: name for name in ("a", "b", "killed", *"cdefghij")}
    answers = list(LokyEngine(2).run(troubled, items))
    assert len(answers) == len(items)
    assert dict(answers) == {name: name.upper() for name in items} | {
        "killed": Failure("worker died 3 times (SIGKILL(-9), perhaps out of memory)")
    }
    assert capfd.readouterr() == ("", "")


def full_for_markers(refused: str) -> Callable[..., None]:
    """Return Path.write_text on a disk without room for one marker."""
    honest = Path.write_text

    def write_text(path: Path, text: str) -> None:
        if text == f"{refused}\n":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        honest(path, text)

    return write_text


def test_a_full_folder_for_temporary_files_is_the_hosts_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "write_text", full_for_markers("b"))
    answers = LokyEngine(1).run(troubled, {"a": "a", "b": "b"})
    assert next(answers) == ("a", "A")
    with pytest.raises(HostError, match="the folder for temporary files must be writable, got No space left"):
        next(answers)


def empty(folder: str) -> None:
    """What cleaners of temporary folders do to long runs."""
    for path in Path(folder).iterdir():
        shutil.rmtree(path)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_folder_for_temporary_files_that_vanishes_is_the_hosts_fault(
    jobs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(HostError, match="the folder for temporary files must be writable, got No such file"):
        list(LokyEngine(jobs).run(empty, {"a": str(tmp_path), "b": str(tmp_path)}))


def test_a_worker_that_dies_once_costs_nothing(tmp_path: Path) -> None:
    items = {"unlucky": str(tmp_path / "died"), "a": "", "b": ""}
    assert sorted(LokyEngine(2).run(killed_once, items)) == [("a", "done"), ("b", "done"), ("unlucky", "done")]


def test_workers_are_deaf_to_ctrl_c() -> None:
    assert dict(LokyEngine(2).run(troubled, {"ctrl-c": "ctrl-c", "a": "a"})) == {"ctrl-c": "CTRL-C", "a": "A"}


def test_a_system_without_semaphores_is_the_hosts_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "semaphores", None)
    with pytest.raises(HostError, match=r"processes must be able to share semaphores, got none .*or run with --jobs 1"):
        list(LokyEngine(2).run(troubled, {"a": "a"}))


WITHOUT_SEMAPHORES = """
import _multiprocessing

class Refused(_multiprocessing.SemLock):
    def __new__(cls, *_args, **_how):
        raise OSError(38, "Function not implemented")

_multiprocessing.SemLock = Refused
from pipeline.run.engines import LokyEngine
print(dict(LokyEngine(1).run(str.upper, {"a": "a", "b": "b"})))
"""


def test_one_job_needs_no_semaphores() -> None:
    command = [sys.executable, "-c", WITHOUT_SEMAPHORES]
    root = Path(__file__).parents[2]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=root)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "{'a': 'A', 'b': 'B'}\n", "")


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
        (RuntimeError("can't start new thread"),) * 2,
    ],
)
def test_a_system_that_starts_no_workers_is_the_hosts_fault(
    refusal: Exception, said: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise refusal

    monkeypatch.setattr(engines.Parallel, "__call__", refuse)
    with pytest.raises(HostError, match=f"the system must let workers start, got {said}"):
        list(LokyEngine(2).run(troubled, {"a": "a"}))


def test_jobs_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="jobs must be a positive integer, got 0"):
        LokyEngine(0)


def hold(folder: str) -> None:
    """Say that somebody is working, and work until killed."""
    with (Path(folder) / str(os.getpid())).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        while True:
            time.sleep(1)


def drive(folder: str) -> None:
    """What the drivers below do: put two workers to work that never ends."""
    with closing(LokyEngine(2).run(hold, {str(index): folder for index in range(5)})) as answers:
        list(answers)


Driver = tuple[subprocess.Popen[str], list[Path]]


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    """A driver in a process group of its own, as under a terminal, and the markers of its two busy workers."""
    program = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_engines as t\n"
    program += f"try: t.drive({str(tmp_path)!r})\nexcept KeyboardInterrupt: sys.exit(130)"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            wait_until(lambda: sum(map(busy, tmp_path.iterdir())) == 2)
            yield process, list(tmp_path.iterdir())
        finally:
            process.kill()


def test_workers_die_with_a_driver_that_is_killed(driver: Driver) -> None:
    process, workers = driver
    process.kill()
    wait_until(lambda: not any(map(busy, workers)))


def test_ctrl_c_ends_driver_and_workers_without_a_word(driver: Driver) -> None:
    process, workers = driver
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does: everybody gets it
    assert process.communicate(timeout=PATIENCE) == ("", "")
    assert process.returncode == 130
    assert not any(map(busy, workers))


def first_then_hold(folder: str) -> None:
    """End at once for the first item, and work until killed for the others."""
    if folder:
        hold(folder)


def test_workers_are_gone_when_a_run_is_closed_early(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    items = {"first": "", "second": str(tmp_path), "third": str(tmp_path), "fourth": str(tmp_path)}
    with closing(LokyEngine(2).run(first_then_hold, items)) as answers:
        assert next(answers) == ("first", None)
        wait_until(lambda: sum(map(busy, tmp_path.iterdir())) == 2)
    assert not any(map(busy, tmp_path.iterdir()))
    assert capfd.readouterr() == ("", "")
