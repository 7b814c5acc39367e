"""The store of a run: one SQLite file with one Optuna study per stage.

Only the driver opens it, under the lock of the run's folder. Every trial is one finished row, added in one
transaction; nothing is ever changed or deleted, and a row that we did not write is refused rather than repaired.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from pipeline.errors import ConfigError, DataError, HostError, PipelineError
from pipeline.files import atomic, exists, reading
from pipeline.records import Row, Status
from pipeline.run.proposals import WORST, distribution, quiet
from pipeline.run.space import Choices, Dimension
from pipeline.spec import canonical_json, from_json, parameter

CONFIGURATION = "sweep configuration"
"""The Optuna study without trials that keeps the configuration; no stage has a name with a space."""

STATES: Mapping[Status, TrialState] = {
    Status.COMPLETE: TrialState.COMPLETE,
    Status.DIVERGED: TrialState.COMPLETE,  # Optuna's samplers learn nothing from FAIL, and would go there again
    Status.PRUNED: TrialState.PRUNED,
    Status.FAILED: TrialState.FAIL,
}

BUSY_SECONDS = 12.0
"""How long SQLite waits for a reader such as optuna-dashboard; Optuna tries five times, which makes a minute."""

HOST_CODES = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    }
)
"""What SQLite answers when the surroundings refuse; everything else means that the file is damaged."""

_READ: dict[tuple[Path, str], tuple[Any, dict[tuple[str, str], Row]]] = {}
"""By file and stage: the version of the file that was read, and the rows that were in it."""


class Study:
    """The trials of one run and the configuration they belong to. A context manager: closing lets go of the file."""

    def __init__(self, path: Path, storage: optuna.storages.RDBStorage) -> None:
        self.path = path
        self._storage = storage
        self._stages: dict[str, optuna.Study] = {}
        self._extended: Any = None  # a configuration with larger budgets, stored with the first trial added to it

    @classmethod
    def open(
        cls,
        path: Path,
        configuration: Mapping[str, Any],
        budgets: Collection[str] = (),
        read: Callable[[Any], Any] = lambda stored: stored,
    ) -> Self:
        """Open the study at `path`, which must belong to `configuration`; create it where there is none.

        Opening an existing study changes nothing in it: larger budgets are stored with the first `add`.

        Args:
            path: the SQLite file; it appears whole, its configuration inside, or not at all.
            configuration: a nested mapping that canonical_json can write.
            budgets: the dotted keys (``refine.replicates``) whose numbers may grow without a new run.
            read: returns a stored configuration with the defaults of all that came after it was stored.

        Raises:
            ConfigError: the study belongs to another configuration; names the first difference.
            DataError: the file is damaged or not a study.
            HostError: the file is locked, or cannot be read or written.
        """
        wanted = json.loads(canonical_json(configuration))
        if not exists(path):
            _create(path, wanted)
        study = cls.stored(path)
        try:
            stored = study.configuration()
            if _extends(path, _flat(read(stored)) | _flat(stored), _flat(wanted), budgets):
                study._extended = wanted
        except BaseException:
            study.close()
            raise
        return study

    @classmethod
    def stored(cls, path: Path) -> Self:
        """Open the existing study at `path`, whatever it belongs to, for reading.

        Raises:
            DataError: the file is damaged or not a study.
            HostError: the file is locked or cannot be read.
        """
        with _explained(path):
            _check_file(path)
            return cls(path, _connect(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def stages(self) -> tuple[str, ...]:
        """Return the names of the stages that were begun, the first one first."""
        with _explained(self.path):
            names = optuna.get_all_study_names(self._storage)
        return tuple(name for name in names if name != CONFIGURATION)

    def rows(self, stage: str) -> dict[tuple[str, str], Row]:
        """Return the rows of a stage by what was run; where a failed trial was tried again, the last one.

        Rows of trials that no plan wants any more stay: a larger budget may have led a stage to other settings. They
        are read once, by whichever Study of the file is asked first in this process, and again when it was written to.

        Raises:
            DataError: a row was not written by us, or was changed since.
        """
        version = _version(self.path)
        if version is None or _READ.get((self.path, stage), (None,))[0] != version:
            _READ[self.path, stage] = version, self._read_rows(stage)
        return dict(_READ[self.path, stage][1])

    def _read_rows(self, stage: str) -> dict[tuple[str, str], Row]:
        rows: dict[tuple[str, str], Row] = {}
        for trial in self._trials(stage) if stage in self.stages() else ():
            row = self._read(stage, trial)
            earlier = rows.get(row.identity)
            if earlier and earlier.record.status is not Status.FAILED:
                raise self._damaged(stage, trial, f"a second record of trial {row.record.number}")
            rows[row.identity] = row
        return rows

    def add(self, row: Row, searched: Mapping[str, Dimension] | None = None) -> None:
        """Store a finished trial, in one transaction.

        Args:
            row: the outcome.
            searched: where the stage looks, by public name of the parameter; Optuna's tools show these.

        Raises:
            HostError: the file is locked or cannot be written, or the disk is full.
        """
        record, text = row.record, canonical_json(row)
        values = {name: parameter(record.spec, name) for name in searched or {}}
        trial = optuna.create_trial(
            state=STATES[record.status],
            value=WORST if record.status is Status.DIVERGED else record.last("val_accuracy"),
            params={
                name: each.told(values[name]) if isinstance(each, Choices) else float(values[name])
                for name, each in (searched or {}).items()
            },
            distributions={name: _around(each, values[name]) for name, each in (searched or {}).items()},
            user_attrs={"row": text, "sha256": _sha256(text)},
        )
        with _explained(self.path):
            if self._extended is not None:
                _store_configuration(self._storage, self._extended)
                self._extended = None
            self._stage(record.stage).add_trial(trial)

    def _stage(self, name: str) -> optuna.Study:
        """Return Optuna's study of a stage, which is created where it is missing."""
        if name not in self._stages:
            self._stages[name] = optuna.create_study(
                storage=self._storage, study_name=name, direction="maximize", load_if_exists=True
            )
        return self._stages[name]

    def _trials(self, stage: str) -> list[FrozenTrial]:
        with _explained(self.path):
            try:
                return self._stage(stage).get_trials(deepcopy=False)
            except (ValueError, LookupError, TypeError) as error:  # Optuna's own columns, edited by somebody
                raise _data_error(
                    self.path, f"stage {stage!r} must hold rows that Optuna can read, got {error}"
                ) from error

    def _read(self, stage: str, trial: FrozenTrial) -> Row:
        """Return what one row holds, having checked that we wrote it."""
        if not trial.state.is_finished():
            raise self._damaged(stage, trial, f"a {trial.state.name} row, which no run of ours leaves")
        text = trial.user_attrs.get("row")
        if not isinstance(text, str):
            raise self._damaged(stage, trial, "a row without a record")
        if trial.user_attrs.get("sha256") != _sha256(text):
            raise self._damaged(stage, trial, "a record that does not match its sha256")
        try:
            row = from_json(text, Row)
        except DataError as error:
            raise self._damaged(stage, trial, str(error)) from error
        record = row.record
        if record.stage != stage or STATES[record.status] is not trial.state:
            raise self._damaged(stage, trial, f"a {trial.state.name} row for {record.status} of {record.stage!r}")
        return row

    def _damaged(self, stage: str, trial: FrozenTrial, got: str) -> DataError:
        return _data_error(
            self.path, f"stage {stage!r}, row {trial.number} must be a finished record of ours, got {got}"
        )

    def configuration(self) -> Any:
        """Return the stored configuration: nested mappings, as it was given when the study was made or last extended.

        Raises:
            DataError: it is missing or was changed.
        """
        with _explained(self.path):
            attributes = {}
            if CONFIGURATION in optuna.get_all_study_names(self._storage):
                attributes = optuna.load_study(storage=self._storage, study_name=CONFIGURATION).user_attrs
        stored = attributes.get("configuration")
        if not isinstance(stored, dict) or _sha256(str(stored.get("json"))) != stored.get("sha256"):
            raise _data_error(
                self.path, f"a study must hold its configuration, got {'a changed' if stored else 'no'} one"
            )
        return json.loads(stored["json"])


def _extends(path: Path, old: Mapping[str, Any], new: Mapping[str, Any], budgets: Collection[str]) -> bool:
    """Return whether `new` has larger budgets than `old`, both flat; raise ConfigError at any other difference."""
    remedy = f"choose another RUN=name, or delete {path.parent}"
    extends = False
    for key in sorted({*old, *new}):
        if key in old and key in new and old[key] == new[key]:
            continue
        before, after = (json.dumps(leaves[key]) if key in leaves else "nothing" for leaves in (old, new))
        if key not in budgets or key not in old or key not in new:
            raise ConfigError(f"a run must keep its configuration, got {key} = {after}, stored {before}; {remedy}")
        if new[key] < old[key]:
            raise ConfigError(
                f"{key} may only grow within a run, got {after}, stored {before}; repeat {before}, {remedy}"
            )
        extends = True
    return extends


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Return the leaves of nested mappings by dotted key; lists count as leaves."""
    if not isinstance(value, dict) or not value:
        return {prefix: value}
    leaves: dict[str, Any] = {}
    for key, item in value.items():
        leaves |= _flat(item, f"{prefix}.{key}" if prefix else key)
    return leaves


def _create(path: Path, configuration: Any) -> None:
    """Write a study that holds the configuration and no trials: built in memory, then written whole."""
    with quiet():
        storage = optuna.storages.RDBStorage("sqlite:///:memory:")
        try:
            optuna.create_study(storage=storage, study_name=CONFIGURATION, direction="maximize")
            _store_configuration(storage, configuration)
            with closing(storage.engine.raw_connection()) as connection:
                content: bytes = connection.driver_connection.serialize()  # type: ignore[union-attr]
        finally:
            storage.remove_session()
            storage.engine.dispose()
    with atomic(path) as file:
        file.write(content)


def _store_configuration(storage: optuna.storages.RDBStorage, configuration: Any) -> None:
    """Store the configuration with its fingerprint, in one transaction."""
    text = canonical_json(configuration)
    study = optuna.load_study(storage=storage, study_name=CONFIGURATION)
    study.set_user_attr("configuration", {"json": text, "sha256": _sha256(text)})


def _connect(path: Path) -> optuna.storages.RDBStorage:
    """Return Optuna's view of an existing study; `creator` spares us the escaping of paths in URLs."""

    def creator() -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=BUSY_SECONDS)

    options = {"creator": creator, "poolclass": NullPool}  # no connection outlives its transaction
    try:
        return optuna.storages.RDBStorage("sqlite:///study.db", options, skip_table_creation=True)
    except RuntimeError as error:
        raise HostError(f"{path} must be opened by the version of Optuna that wrote it, got {error}") from error


def _check_file(path: Path) -> None:
    """Raise what SQLite has to say of a file that is cut, overwritten or not its own."""
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
        [(verdict,), *_] = connection.execute("PRAGMA quick_check").fetchall()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


def _version(path: Path) -> Any:
    """Return what differs after every transaction on the file at `path`; None where that cannot be told.

    The header of an SQLite file counts them, unless they are written ahead to another file
    (https://www.sqlite.org/fileformat2.html, section 1.3).
    """
    with reading(path):
        status = path.stat()
        with path.open("rb") as file:
            header = file.read(100)
    written_ahead = header[18:19] != b"\x01"
    return None if written_ahead else (status.st_ino, status.st_size, status.st_mtime_ns, header)


def _around(dimension: Dimension, value: Any) -> BaseDistribution:
    """Return the distribution of a searched parameter; a number from outside (a default) widens its own copy."""
    if isinstance(dimension, Choices):
        return distribution(dimension)
    return distribution(replace(dimension, low=min(dimension.low, value), high=max(dimension.high, value)))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and Optuna raise about the file at `path` into one line with an exit code."""
    try:
        with quiet(optuna.logging.ERROR):  # it warns of what it tries otherwise before it gives up
            yield
    except (sqlite3.Error, SQLAlchemyError, optuna.exceptions.OptunaError) as error:
        raise _translated(path, error) from error


def _translated(path: Path, error: BaseException) -> PipelineError:
    """Return the error of ours for one that SQLite raised, perhaps deep below Optuna's."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, sqlite3.Error):
        cause = getattr(cause, "orig", None) or cause.__cause__
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # without the extension
    got = " ".join(str(cause or error).split())
    if code in HOST_CODES:
        return HostError(f"{path} must be free, readable and writable, got {got}")
    return _data_error(path, f"a study must be an intact SQLite file, got {got}")


def _data_error(path: Path, message: str) -> DataError:
    return DataError(f"{path}: {message}; choose another RUN=name, or delete {path.parent}")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
