"""Whole files or none, whatever happens while they are written; and one run per folder."""

import errno
import fcntl
import json
import math
import multiprocessing
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import files
from pipeline.errors import HostError
from pipeline.files import atomic, exists, lock, make_folder, remove, remove_leftovers, write_json, write_text

SPAWN = multiprocessing.get_context("spawn")
"""Children start afresh and import this module: a fork would inherit open locks and threads."""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "trials.csv"
    path.write_text("old")
    return path


def test_a_file_appears_whole_and_alone(tmp_path):
    with atomic(tmp_path / "trials.csv") as file:
        file.write(b"a,b\n")
        file.write(b"1,2\n")
    assert (tmp_path / "trials.csv").read_bytes() == b"a,b\n1,2\n"
    assert names(tmp_path) == ["trials.csv"]


@pytest.mark.parametrize(("umask", "mode"), [("022", 0o644), ("077", 0o600), ("002", 0o664)])
def test_a_file_may_be_read_by_whom_the_umask_allows(umask, mode, tmp_path):
    script = f"import os, sys; os.umask(0o{umask}); from pipeline import files; "
    script += f"files.write_text(files.Path({str(tmp_path / 'trials.csv')!r}), 'new')"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[1])
    assert stat.S_IMODE((tmp_path / "trials.csv").stat().st_mode) == mode


def test_the_old_file_stands_until_the_block_ends(old):
    with atomic(old) as file:
        file.write(b"new")
        file.flush()
        assert old.read_text() == "old"
    assert old.read_text() == "new"


def write_and_fail(path, mistake):
    with atomic(path) as file:
        file.write(b"ne")
        raise mistake


@pytest.mark.parametrize(
    "mistake",
    [
        ValueError("a bug"),
        KeyboardInterrupt(),
        FileNotFoundError(errno.ENOENT, "No such file", "another file"),
        PermissionError(errno.EACCES, "Permission denied", "another file"),
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
        OSError("without a number"),
    ],
    ids=lambda mistake: type(mistake).__name__,
)
def test_an_error_inside_the_block_passes_through_and_leaves_the_old_file_and_nothing_else(old, mistake):
    with pytest.raises(type(mistake)) as raised:
        write_and_fail(old, mistake)
    assert raised.value is mistake
    assert old.read_text() == "old"
    assert names(old.parent) == ["trials.csv"]


def test_a_full_disk_is_named_in_one_line_and_leaves_the_old_file(old, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HostError) as refusal, atomic(old) as file:
        file.write(b"new")
    assert str(refusal.value) == f"{old} must be writable, got No space left on device"
    assert old.read_text() == "old"
    assert names(old.parent) == ["trials.csv"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_is_full_at_the_first_byte_is_named_in_one_line(tmp_path, monkeypatch):
    open_path = Path.open
    monkeypatch.setattr(Path, "open", lambda _path, _mode: open_path(Path("/dev/full"), "wb"))
    with pytest.raises(HostError) as refusal, atomic(tmp_path / "trials.csv") as file:
        file.write(bytes(1 << 20))  # more than a buffer
    assert str(refusal.value) == f"{tmp_path / 'trials.csv'} must be writable, got No space left on device"


def test_the_bytes_reach_the_disk_before_the_name_and_the_name_before_the_return(old, monkeypatch):
    events = []
    fsync, replace = os.fsync, Path.replace

    def watched_fsync(descriptor):
        events.append("folder synced" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file synced")
        fsync(descriptor)

    def watched_replace(source, target):
        events.append("renamed")
        assert source.read_bytes() == b"new"
        assert source.parent == target.parent
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    write_text(old, "new")
    assert events == ["file synced", "renamed", "folder synced"]


def die_while_writing(path):
    with atomic(path) as file:
        file.write(b"half of the n")
        file.flush()
        os._exit(9)


def test_a_killed_writer_leaves_the_old_file_whole_and_the_next_one_succeeds(old):
    child = SPAWN.Process(target=die_while_writing, args=(old,))
    child.start()
    child.join()
    assert child.exitcode == 9
    assert old.read_text() == "old"
    write_text(old, "new")
    assert old.read_text() == "new"
    assert len(names(old.parent)) == 2
    remove_leftovers(old.parent)
    assert names(old.parent) == ["trials.csv"]


def test_leftovers_are_removed_from_the_folders_below_too_and_nothing_else_is(tmp_path):
    networks = make_folder(tmp_path / "run" / "networks")
    kept = [tmp_path / "run" / ".lock", networks / "a.tmp", networks / ".mine.tmp", tmp_path / ".a.csv.7-0a1b2c3d.tmp"]
    for path in (*kept, networks / ".0.npz.7-0a1b2c3d.tmp", tmp_path / "run" / ".trials.csv.12-ffffffff.tmp"):
        path.touch()
    remove_leftovers(tmp_path / "run")
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)


def refusing(number):
    """Return a function that refuses whatever is asked of it."""

    def refuse(*_args, **_how):
        raise OSError(number, os.strerror(number))

    return refuse


def test_a_written_file_stands_although_the_disk_refuses_to_tidy_up(old, monkeypatch):
    monkeypatch.setattr(Path, "unlink", refusing(errno.EIO))
    write_text(old, "new")
    assert old.read_text() == "new"


def test_of_two_refusals_the_first_is_told(old, monkeypatch):
    monkeypatch.setattr(os, "fsync", refusing(errno.ENOSPC))
    monkeypatch.setattr(Path, "unlink", refusing(errno.EIO))
    with pytest.raises(HostError, match=r"trials\.csv must be writable, got No space left on device"):
        write_text(old, "new")
    assert old.read_text() == "old"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EIO])
def test_a_disk_without_locks_is_named_in_one_line(number, tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", refusing(number))
    with pytest.raises(HostError, match=f"must be writable, got {os.strerror(number)}"), lock(tmp_path):
        pass


def test_a_file_is_there_or_not_or_cannot_be_seen(old, monkeypatch):
    assert exists(old)
    assert exists(old.parent)
    assert not exists(old.parent / "other.csv")
    assert not exists(old / "below a file")
    monkeypatch.setattr(Path, "stat", refusing(errno.EACCES))
    with pytest.raises(HostError, match=r"trials\.csv must be readable, got Permission denied"):
        exists(old)


def test_a_file_is_removed_if_it_is_there_and_a_refusal_is_one_line(old, monkeypatch):
    remove(old)
    remove(old)
    assert names(old.parent) == []
    monkeypatch.setattr(Path, "unlink", refusing(errno.EIO))
    with pytest.raises(HostError, match=r"trials\.csv must be writable, got Input/output error"):
        remove(old)


def test_text_is_utf8_and_json_is_readable_and_ends_with_a_newline(tmp_path):
    write_text(tmp_path / "words", "λ = 5\n")
    assert (tmp_path / "words").read_bytes() == b"\xce\xbb = 5\n"
    value = {"reason": "λ", "lambda": 0.1 + 0.2, "low": None}
    write_json(tmp_path / "best.json", value)
    text = (tmp_path / "best.json").read_text(encoding="utf-8")
    assert text == '{\n  "reason": "λ",\n  "lambda": 0.30000000000000004,\n  "low": null\n}\n'
    assert json.loads(text) == value


def test_json_without_a_standard_spelling_is_refused_and_nothing_is_lost(old):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(old, {"mean": math.nan})
    assert old.read_text() == "old"


def test_a_folder_is_made_with_its_parents_and_once_is_as_good_as_twice(tmp_path):
    folder = tmp_path / "lambda" / "cifar10"
    assert make_folder(folder) == make_folder(folder) == folder
    assert folder.is_dir()


def write_under(path):
    write_text(path / "trials.csv", "new")


def lock_under(path):
    with lock(path):
        pass


@pytest.mark.parametrize(
    ("use", "named"),
    [(write_under, "trials.csv"), (lock_under, ""), (lambda path: make_folder(path / "digits"), "digits")],
    ids=["write", "lock", "make a folder"],
)
def test_a_place_that_cannot_be_written_is_refused_in_one_line(old, use, named):
    """A path below a regular file refuses even root, for whom permission bits do not bind."""
    with pytest.raises(HostError) as refusal:
        use(old)
    assert str(refusal.value) == f"{old / named} must be writable, got Not a directory"
    assert old.read_text() == "old"
    assert names(old.parent) == ["trials.csv"]


def hold(folder, pipe):
    with lock(folder):
        pipe.send("held")
        pipe.recv()


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder until it is told to end or is killed."""
    here, there = SPAWN.Pipe()
    child = SPAWN.Process(target=hold, args=(tmp_path, there))
    child.start()
    there.close()
    assert here.recv() == "held"
    yield child, here
    child.kill()
    child.join()
    here.close()


def refused(folder):
    with pytest.raises(HostError) as refusal:
        lock_under(folder)
    return str(refusal.value)


def test_a_second_process_is_refused_by_name_until_the_first_lets_go(tmp_path, holder):
    child, pipe = holder
    assert refused(tmp_path) == f"{tmp_path} must be used by one run at a time, got process {child.pid}"
    assert refused(tmp_path).endswith(f"process {child.pid}")  # being refused does not overwrite the holder's name
    pipe.send("let go")
    child.join()
    assert child.exitcode == 0
    lock_under(tmp_path)


def test_the_kernel_frees_the_lock_of_a_killed_process(tmp_path, holder):
    child, _ = holder
    assert refused(tmp_path).endswith(f"process {child.pid}")
    child.kill()
    child.join()
    with lock(tmp_path):
        assert refused(tmp_path).endswith(f"process {os.getpid()}")


def test_the_lock_is_freed_by_an_error_inside_it(tmp_path):
    with pytest.raises(ZeroDivisionError), lock(tmp_path):
        raise ZeroDivisionError
    lock_under(tmp_path)


def test_folders_are_locked_one_by_one(tmp_path):
    one, other = make_folder(tmp_path / "one"), make_folder(tmp_path / "other")
    with lock(one), lock(other):
        assert refused(one).startswith(f"{one} must")


@pytest.fixture
def nameless(tmp_path):
    """The lock file of a folder that somebody holds who has not written its number yet."""
    path = tmp_path / ".lock"
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield path


def of_the_past():
    """Return the number of a process that is gone."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    return child.pid


@pytest.mark.parametrize("before", ["nothing", "that of the run before"])
def test_a_holder_is_named_although_its_number_is_written_after_the_first_look(before, nameless, monkeypatch):
    nameless.write_text(str(of_the_past()) if before != "nothing" else "")
    looks = []

    def wait(seconds):
        looks.append(seconds)
        if len(looks) == 3:
            nameless.write_text(str(os.getpid()))

    monkeypatch.setattr(files.time, "sleep", wait)
    assert refused(nameless.parent).endswith(f"got process {os.getpid()}")
    assert looks == [0.01] * 3


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"0", b"-1", b"1 2", b"7" * 5000, b"7" * 19, "\u0661".encode()])
def test_what_is_no_number_of_a_process_is_not_told_as_one(content, nameless, monkeypatch):
    nameless.write_bytes(content)
    clock = iter(range(10**6))
    monkeypatch.setattr(files.time, "monotonic", lambda: next(clock) / 10)  # half a second is over at the sixth look
    monkeypatch.setattr(files.time, "sleep", lambda _seconds: None)
    assert refused(nameless.parent).endswith("got process unknown")
    assert next(clock) == 6
    assert nameless.read_bytes() == content
