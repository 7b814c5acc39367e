"""What looks for lost, repeated and torn results sees each of them where it is planted."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from case import CONTROL, NOT_KILLED, Case, table
from invariants import Seen, judge, repeated, run_again, same, see
from outcome import publish

from sweeps.__main__ import main

TINY = ["depth", "--dataset", "digits", "--scale", "smoke", "--jobs", "1", "--networks", "5", "--replicates", "2"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a small sweep."""
    folder = tmp_path_factory.mktemp("finished")
    assert main([*TINY, "--artifacts", str(folder)]) == 0
    return folder


@pytest.fixture
def artifacts(finished: Path, tmp_path: Path) -> Path:
    """A copy of them to spoil."""
    shutil.copytree(finished, tmp_path / "artifacts")
    return tmp_path / "artifacts"


def study(artifacts: Path) -> Path:
    [path] = artifacts.rglob("study.db")
    return path


def edit(artifacts: Path, statement: str) -> None:
    with closing(sqlite3.connect(study(artifacts))) as connection:
        connection.execute(statement)
        connection.commit()


def test_a_finished_run_is_whole_and_every_trial_is_seen(finished: Path) -> None:
    seen = see(finished)
    rows = (study(finished).parent / "trials.csv").read_text().splitlines()[1:]
    assert seen.torn == ()
    assert sorted(seen.records) == sorted((row.split(",")[0], int(row.split(",")[1])) for row in rows)
    assert len(seen.records) == 4
    assert judge(seen, [], seen).note == ""


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("trials.csv", lambda content: content[:-3]),
        ("trials.csv", lambda content: content.replace(b",", b"", 1)),
        ("manifest.json", lambda content: content[:-3]),
        ("*.png", lambda content: content[:-1]),
        ("*.svg", lambda content: content[:-8]),
        ("study.db", lambda content: content[:-5000]),
        ("x_train.npy", lambda content: content[:40]),
    ],
)
def test_a_torn_file_is_seen(artifacts: Path, name: str, spoil: Callable[[bytes], bytes]) -> None:
    path = next(artifacts.rglob(name))
    path.write_bytes(spoil(path.read_bytes()))
    [torn] = see(artifacts).torn
    assert torn.startswith(path.name)


def test_an_unfinished_file_of_its_own_name_is_not_called_torn(artifacts: Path) -> None:
    (study(artifacts).parent / ".trials.csv.7-0123abcd.tmp").write_text("half of i")
    assert see(artifacts).torn == ()


def test_a_transaction_that_was_cut_is_taken_back_and_the_folder_left_alone(artifacts: Path) -> None:
    path, before = study(artifacts), see(artifacts)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA cache_size = 1")  # so that pages reach the file before the end
        connection.execute("UPDATE trial_user_attributes SET value_json = value_json || 'x'")
        cut = artifacts.parent / "cut"
        shutil.copytree(artifacts, cut)
    files = {each.name for each in study(cut).parent.iterdir()}
    assert "study.db-journal" in files
    assert see(cut) == before
    assert {each.name for each in study(cut).parent.iterdir()} == files


def test_lost_changed_and_doubled_records_are_seen(artifacts: Path) -> None:
    before = see(artifacts)
    edit(artifacts, "UPDATE trial_user_attributes SET value_json = replace(value_json, 'COMPLETE', 'DIVERGED')")
    assert judge(before, [], see(artifacts)).lost == 4
    edit(artifacts, "DELETE FROM trials WHERE trial_id = 2")
    assert len(see(artifacts).records) == 3
    edit(artifacts, "UPDATE trials SET state = 'RUNNING' WHERE trial_id = 3")
    assert see(artifacts).unfinished == 1
    row = "(SELECT value_json FROM trial_user_attributes WHERE key = 'row' AND trial_id = 1)"
    edit(artifacts, f"UPDATE trial_user_attributes SET value_json = {row} WHERE key = 'row' AND trial_id = 4")  # noqa: S608
    assert judge(Seen(), [], see(artifacts)).duplicated == 1


def line(event: str, key: str = "a", numbers: tuple[int, ...] = (0, 1), **more: object) -> dict[str, object]:
    return {"event": event, "stage": "search", "key": key, "numbers": list(numbers), **more}


def test_work_that_was_done_before_is_seen_when_it_is_done_again() -> None:
    before = Seen({("search", 0): ["{}"]}, ended=frozenset("b"), stand={"c": 4})
    begin = line("begin", "c", (5,))
    assert judge(before, [begin, line("epoch", "c", (5,), epoch=5)], before).duplicated == 0
    assert judge(before, [begin, line("epoch", "c", (5,), epoch=4)], before).duplicated == 1
    assert judge(before, [line("begin", "b", (6,))], before).duplicated == 1
    assert judge(before, [line("begin", "a", (0, 1))], before).duplicated == 1


def test_packs_that_were_running_are_told_from_those_that_had_ended() -> None:
    killed = [line("begin", "a"), line("end", "a"), line("begin", "b")]
    assert repeated(killed, [line("begin", "a"), line("begin", "b"), line("begin", "c")]) == 1
    assert run_again([*killed, line("begin", "b")]) == []
    assert run_again([*killed, line("begin", "a")]) == ["a"]


def test_a_run_is_the_same_as_itself_whatever_its_times_and_no_other(finished: Path, artifacts: Path) -> None:
    folder, other = study(finished).parent, study(artifacts).parent
    (other / "timings.csv").write_text("other\n")
    assert same(other, folder) == ""
    (other / "summary.csv").write_text("other\n")
    assert "summary.csv" in same(other, folder)
    shutil.copy(folder / "summary.csv", other)
    (other / "one-more.txt").touch()
    assert "one-more.txt" in same(other, folder)
    (other / "one-more.txt").unlink()
    edit(artifacts, "UPDATE trial_user_attributes SET value_json = replace(value_json, '0', '1') WHERE trial_id = 1")
    assert same(other, folder).endswith("the records of study.db")


def test_the_table_counts_cases_by_fault_and_bounds_what_was_not_seen() -> None:
    cases = [Case("a"), Case("b", lost=2), Case("a", identical=True, seconds=1.5), Case("c", skipped="no strace")]
    rows = table(cases).set_index("fault")
    assert rows.index.tolist() == ["a", "b", "c"]
    assert rows.cases.tolist() == [2, 1, 0]
    assert rows.lost.tolist() == [0, 2, 0]
    assert (rows.identical["a"], rows.sweeps["a"], rows.worst_seconds["a"]) == (1, 1, 1.5)
    assert rows.skipped.tolist() == [0, 0, 1]
    assert rows.bound["a"] == 1  # 3/n, and a share is no larger
    assert rows.bound[["b", "c"]].isna().all()
    assert table([Case("a")] * 60).bound.tolist() == [0.05]


FAILED, WELL = Case(CONTROL, wrong=1), Case(CONTROL)


@pytest.mark.parametrize(
    ("cases", "passes"),
    [
        ([Case("a"), FAILED], True),
        ([Case("a"), FAILED, Case(NOT_KILLED, identical=False)], True),
        ([Case("a"), WELL], False),  # checks that do not see what becomes of the script see nothing
        ([Case("a", torn=1), FAILED], False),
        ([Case("a", identical=False), FAILED], False),
        ([Case("a")], True),  # where the control was not asked for
    ],
)
def test_a_run_passes_where_the_control_fails_and_nothing_else_does(
    cases: list[Case], passes: bool, tmp_path: Path
) -> None:
    assert publish(cases, tmp_path, 60, "make faults") is passes
    assert (tmp_path / "faults.csv").exists()


def test_a_file_that_never_had_another_version_must_be_the_whole_one(finished: Path, artifacts: Path) -> None:
    folder = study(finished).parent
    assert see(artifacts, folder).torn == ()
    path = study(artifacts).parent / "curves.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))  # cut at the end of a line
    assert see(artifacts, folder).torn == ("curves.csv: other bytes",)
    path.unlink()  # is not there yet
    assert see(artifacts, folder).torn == ()


def test_a_run_without_its_study_is_not_the_same(finished: Path, artifacts: Path) -> None:
    folder, other = study(finished).parent, study(artifacts).parent
    study(artifacts).unlink()
    assert same(other, folder).endswith("study.db")
