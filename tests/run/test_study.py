"""The store: what goes in comes out, what we did not write is refused, and a run keeps its configuration."""

import dataclasses
import hashlib
import json
import logging.handlers
import os
import queue
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import optuna
import pytest

from pipeline.errors import ConfigError, DataError, HostError
from pipeline.records import Curves, Provenance, Row, Status, Timing, TrialRecord
from pipeline.run.samplers import LogRange
from pipeline.run.space import Choices, Interval
from pipeline.run.study import Study
from pipeline.spec import DataSpec, TrialSpec, canonical_json

CONFIGURATION = {"dataset": "digits", "seed": 0, "coarse": {"count": 16}, "refine": {"replicates": 4, "range": (1, 2)}}
BUDGETS = ("refine.replicates",)
DATA = DataSpec("digits", "abc", inputs=64, classes=10, n_train=1000, n_val=100, n_test=0)
CURVES = Curves(step=(0, 10), epoch=(0, 1), cycle=(0, 0), val_accuracy=(0.1, 1 / 3), val_loss=(2.3, 1e-300))
TIMING = Timing(seconds=1.5, cpu_seconds=1.25, trials=8, worker=4711)
PROVENANCE = Provenance({"numpy": "2.4.0", "scipy": "1.17.0"}, "openblas 0.3.30", "SkylakeX", 1, "3.11.7", {}, "abc+")
RANGE = {"lambda": LogRange(1e-5, 1e-1)}


def row(
    number: int, status: Status = Status.COMPLETE, lambda_: float = 0.005, stage: str = "coarse", pack_key: str = "pack"
) -> Row:
    """Return the row of a trial whose seed is its number: other numbers are other trials."""
    spec = TrialSpec(data=DATA, lambda_=lambda_, init_seed=number)
    curves = (
        CURVES if status in (Status.COMPLETE, Status.PRUNED) else Curves(step=(0,), epoch=(0,), val_accuracy=(0.1,))
    )
    reason = "the loss was nan in step 3" if status is Status.DIVERGED else ""
    record = TrialRecord(stage, number, 0, 0, spec, status, curves, reason=reason, pack_key=pack_key)
    return Row(record) if status is Status.FAILED else Row(record, TIMING, PROVENANCE)


def placed(item: Row, number: int, pack: int = 0) -> Row:
    """Return `item` at another place of the plan."""
    return dataclasses.replace(item, record=dataclasses.replace(item.record, number=number, pack=pack))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "odd {name} %41 ?#"  # every character that means something in an URL or a template
    folder.mkdir()
    return folder / "study.db"


@pytest.fixture
def study(path: Path) -> Iterator[Study]:
    with Study.open(path, CONFIGURATION, BUDGETS) as study:
        yield study


def edit(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement, values).rowcount > 0


def reopened(path: Path) -> Study:
    return Study.open(path, CONFIGURATION, BUDGETS)


def optuna_rows(path: Path, stage: str = "coarse") -> list[optuna.trial.FrozenTrial]:
    """What any Optuna tool sees, read from a copy by Optuna alone."""
    copy = path.parent.parent / "copy.db"
    copy.write_bytes(path.read_bytes())
    storage = optuna.storages.RDBStorage(f"sqlite:///{copy}")
    rows = optuna.load_study(storage=storage, study_name=stage).trials
    storage.engine.dispose()
    return rows


def test_rows_come_back_equal_by_what_was_run(study: Study, path: Path) -> None:
    stored = [row(3, Status.FAILED), row(1, Status.DIVERGED, 0.1), row(0), row(2, Status.PRUNED)]
    for item in stored:
        study.add(item, RANGE)
    final = row(0, stage="final")
    study.add(final)
    with reopened(path) as again:
        assert again.rows("coarse") == {(item.record.spec.key, "pack"): item for item in stored}
        assert again.rows("final") == {final.identity: final}
        assert again.rows("refine") == {}
        assert again.stages() == ("coarse", "final")  # looking begins no stage


def test_a_failed_trial_is_superseded_by_its_retry(study: Study) -> None:
    for status in (Status.FAILED, Status.FAILED, Status.COMPLETE):
        study.add(row(0, status))
    study.add(row(1, Status.FAILED))
    assert study.rows("coarse") == {item.identity: item for item in (row(0), row(1, Status.FAILED))}


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.FAILED])
@pytest.mark.parametrize("second", [Status.COMPLETE, Status.FAILED])
def test_a_trial_that_did_not_fail_is_never_superseded(study: Study, status: Status, second: Status) -> None:
    study.add(row(5))
    study.add(row(0, status))
    study.add(placed(row(0, second), 8))
    with pytest.raises(DataError, match=r"'coarse', row 2 .* got a second record of trial 8"):
        study.rows("coarse")


def test_a_trial_in_another_pack_is_another_row_whatever_its_place_in_the_plan(study: Study) -> None:
    grown = [row(0), row(0, pack_key="other"), row(0, lambda_=0.1), placed(row(1), 0), placed(row(2), 0, pack=3)]
    for item in grown:
        study.add(item)
    assert study.rows("coarse") == {item.identity: item for item in grown}
    assert len(study.rows("coarse")) == len(grown)


def test_optuna_sees_parameters_and_values_and_a_finite_worst_value_where_a_trial_diverged(
    study: Study, path: Path
) -> None:
    statuses = (Status.COMPLETE, Status.DIVERGED, Status.PRUNED, Status.FAILED)
    for number, status in enumerate(statuses):
        study.add(row(number, status, lambda_=0.01), RANGE)
    trials = optuna_rows(path)
    assert [trial.state.name for trial in trials] == ["COMPLETE", "COMPLETE", "PRUNED", "FAIL"]
    assert [trial.value for trial in trials] == [1 / 3, 0.0, 1 / 3, None]
    assert all(trial.params == {"lambda": 0.01} for trial in trials)
    assert trials[0].distributions == {"lambda": optuna.distributions.FloatDistribution(1e-5, 1e-1, log=True)}
    assert set(trials[0].user_attrs) == {"row", "sha256"}


def test_a_parameter_outside_the_searched_range_is_stored_too(study: Study, path: Path) -> None:
    study.add(row(0, lambda_=0.5), RANGE)
    assert optuna_rows(path)[0].params == {"lambda": 0.5}


@pytest.mark.parametrize(
    ("old", "new"), [("0.3333", "0.9333"), ("1.25", "1.26"), ("SkylakeX", "Haswell")], ids=["record", "cost", "kernel"]
)
def test_a_row_that_was_edited_is_refused_by_its_place(study: Study, path: Path, old: str, new: str) -> None:
    for number in range(3):
        study.add(row(number))
    edit(
        path,
        "UPDATE trial_user_attributes SET value_json = replace(value_json, ?, ?) "
        "WHERE key = 'row' AND trial_id = (SELECT trial_id FROM trials WHERE number = 1)",
        *(old, new),
    )
    with reopened(path) as again, pytest.raises(DataError, match=r"'coarse', row 1 .*sha256.*RUN=name.*delete"):
        again.rows("coarse")


@pytest.mark.parametrize("text", ["{", "3", "{}", '{"record": {}}', canonical_json(row(0).record)])
def test_a_row_of_another_kind_is_refused_though_its_digest_is_right(study: Study, path: Path, text: str) -> None:
    study.add(row(0))
    for key, value in {"row": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}.items():
        edit(path, "UPDATE trial_user_attributes SET value_json = ? WHERE key = ?", json.dumps(value), key)
    with reopened(path) as again, pytest.raises(DataError, match=r"'coarse', row 0 .* stored Row must match"):
        again.rows("coarse")


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("DELETE FROM trial_user_attributes WHERE key = 'row'", "row 0 .* a row without a record"),
        ("DELETE FROM trial_user_attributes WHERE key = 'sha256'", "row 0 .* does not match its sha256"),
        ("UPDATE trial_user_attributes SET value_json = '3' WHERE key = 'row'", "row 0 .* a row without a record"),
        ("UPDATE trial_user_attributes SET value_json = '{' WHERE key = 'row'", "'coarse' must hold rows"),
        ("UPDATE trials SET state = 'RUNNING'", "row 0 .* a RUNNING row, which no run of ours leaves"),
        ("UPDATE trials SET state = 'WAITING'", "row 0 .* a WAITING row, which no run of ours leaves"),
        ("UPDATE trials SET state = 'FAIL'", "row 0 .* a FAIL row for COMPLETE"),
        ("UPDATE trials SET state = 'NONSENSE'", "'coarse' must hold rows"),
        ("UPDATE studies SET study_name = 'final' WHERE study_name = 'coarse'", "row 0 .* COMPLETE of 'coarse'"),
    ],
)
def test_rows_that_we_did_not_write_are_refused(study: Study, path: Path, statement: str, complaint: str) -> None:
    study.add(row(0))
    edit(path, statement)
    with reopened(path) as again, pytest.raises(DataError, match=complaint) as caught:
        again.rows(again.stages()[0])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"not a database" * 400, b"", b"SQLite format 3\x00" + bytes(4096)])
def test_a_file_that_is_no_study_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        reopened(path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_a_cut_file_is_refused_when_it_is_opened(study: Study, path: Path) -> None:
    for number in range(20):
        study.add(row(number))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="intact SQLite file"):
        reopened(path)


def test_a_file_with_a_page_overwritten_is_refused_when_it_is_opened(study: Study, path: Path) -> None:
    for number in range(20):
        study.add(row(number))
    content = bytearray(path.read_bytes())
    place = content.rindex(b"val_accuracy") // 4096 * 4096
    content[place : place + 4096] = bytes(4096)
    path.write_bytes(content)
    with pytest.raises(DataError, match="intact SQLite file"):
        reopened(path)


def test_a_file_that_cannot_be_written_is_the_hosts_fault(
    study: Study, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.run.study.BUSY_SECONDS", 0.0)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)  # Optuna tries again after a while, four times
    study.add(row(0))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(HostError, match="database is locked"):
            study.add(row(1))
        with pytest.raises(HostError, match="database is locked"):
            reopened(path)
        other.execute("ROLLBACK")
    assert study.rows("coarse") == {row(0).identity: row(0)}


def test_a_missing_folder_is_the_hosts_fault(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="must be writable"):
        Study.open(tmp_path / "missing" / "study.db", CONFIGURATION)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"coarse": {"count": 20}, "seed": 1},
            r"got coarse\.count = 20, stored 16; choose another RUN=name, or delete",
        ),
        ({"dataset": "cifar10"}, 'got dataset = "cifar10", stored "digits"'),
        ({"extra": True}, "got extra = true, stored nothing"),
        ({"refine": {"range": (1, 2)}}, r"got refine\.replicates = nothing, stored 4"),
        (
            {"refine": {"replicates": 3, "range": (1, 2)}},
            r"refine\.replicates may only grow within a run, got 3, stored 4",
        ),
        ({"refine": {"replicates": 5, "range": (1, 3)}}, r"got refine\.range = \[1, 3\], stored \[1, 2\]"),
    ],
)
def test_another_configuration_is_refused_and_changes_nothing(
    study: Study, path: Path, change: dict[str, object], complaint: str
) -> None:
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=complaint):
        Study.open(path, CONFIGURATION | change, BUDGETS)
    assert path.read_bytes() == before


def test_a_larger_budget_is_kept_from_the_first_trial_on_that_is_added_under_it(study: Study, path: Path) -> None:
    larger = json.loads(json.dumps(CONFIGURATION))
    larger["refine"]["replicates"] = 6
    with Study.open(path, larger, BUDGETS):
        pass  # a preview: the smaller budget is still good
    reopened(path).close()
    with Study.open(path, larger, BUDGETS) as extended:
        extended.add(row(0))
    with pytest.raises(ConfigError, match="may only grow"):
        reopened(path)
    with Study.open(path, larger, BUDGETS) as again:
        assert again.rows("coarse") == {row(0).identity: row(0)}


def test_an_edited_configuration_is_refused(study: Study, path: Path) -> None:
    edit(path, "UPDATE study_user_attributes SET value_json = replace(value_json, 'digits', 'mnist')")
    with pytest.raises(DataError, match="a changed one"):
        reopened(path)


def test_optuna_is_quiet_inside_and_as_loud_as_before_outside(path: Path) -> None:
    said: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    listener = logging.handlers.QueueHandler(said)
    logger = logging.getLogger("optuna")
    logger.addHandler(listener)
    try:
        with Study.open(path, CONFIGURATION) as study:
            study.add(row(0))
        assert said.empty()
        optuna.create_study()
        assert said.qsize() == 1
    finally:
        logger.removeHandler(listener)


def test_a_stage_over_a_space_shows_its_parameters_to_tools_by_what_they_are_called(study: Study, path: Path) -> None:
    networks = {"50-50": (50, 50), "100": (100,)}
    study.add(row(0), {"hidden": Choices(networks), "keep": Interval(0.5, 0.9), **RANGE})
    [trial] = optuna_rows(path)
    assert trial.params == {"hidden": "50-50", "keep": 1.0, "lambda": 0.005}
    assert trial.distributions == {
        "hidden": optuna.distributions.CategoricalDistribution(("50-50", "100")),
        "keep": optuna.distributions.FloatDistribution(0.5, 1.0),  # a default from outside widens its own copy
        "lambda": optuna.distributions.FloatDistribution(1e-5, 1e-1, log=True),
    }


def test_a_row_is_canonical_whoever_made_the_record(study: Study) -> None:
    study.add(row(0))
    [stored] = study.rows("coarse").values()
    assert stored.record.spec.key == row(0).record.spec.key
    assert canonical_json(stored) == canonical_json(row(0))  # with and without its key having been asked for
    assert dataclasses.asdict(stored) == dataclasses.asdict(row(0))


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages whose rows were read from the file, again for every reading."""
    read: list[str] = []
    trials = Study._trials

    def noted(self: Study, stage: str) -> list[optuna.trial.FrozenTrial]:
        read.append(stage)
        return trials(self, stage)

    monkeypatch.setattr(Study, "_trials", noted)
    return read


def test_rows_are_read_once_whoever_asks_until_somebody_writes(study: Study, path: Path, readings: list[str]) -> None:
    study.add(row(0))
    for asking in (study, reopened(path), study):
        assert asking.rows("coarse") == {row(0).identity: row(0)}
    assert readings == ["coarse"]
    with reopened(path) as other:
        other.add(row(1))
    assert len(study.rows("coarse")) == len(reopened(path).rows("coarse")) == 2
    assert readings == ["coarse"] * 2


def test_what_is_asked_for_may_be_changed_by_whoever_asked(study: Study) -> None:
    study.add(row(0))
    study.rows("coarse").clear()
    assert len(study.rows("coarse")) == 1


def test_a_file_that_was_edited_is_read_again_though_size_and_times_are_the_same(
    study: Study, path: Path, readings: list[str]
) -> None:
    study.add(row(0))
    study.rows("coarse")
    status = path.stat()
    edit(path, "UPDATE trials SET number = 7")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    study.rows("coarse")
    assert readings == ["coarse"] * 2


def test_a_file_that_is_written_ahead_elsewhere_is_read_whenever_it_is_asked_for(
    study: Study, path: Path, readings: list[str]
) -> None:
    study.add(row(0))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    for times in (1, 2):
        study.rows("coarse")
        assert readings == ["coarse"] * times


def test_text_that_is_none_is_refused_in_one_line_and_optuna_says_nothing_before(
    study: Study, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    study.add(row(0))
    edit(path, "UPDATE trial_user_attributes SET value_json = CAST(X'22ff22' AS TEXT) WHERE key = 'row'")
    optuna.logging.enable_propagation()
    try:
        with pytest.raises(DataError, match="must be an intact SQLite file, got Could not decode"):
            study.rows("coarse")
    finally:
        optuna.logging.disable_propagation()
    assert caplog.records == []
