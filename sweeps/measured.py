"""What a sweep measured beside its trials, as its run folder keeps it: with the trials that it belongs to."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.errors import DataError
from pipeline.files import unreadable, write_json
from pipeline.records import Diagnosis, Row
from pipeline.spec import digest, from_json, plain
from sweeps.folders import DIAGNOSIS


class UnmeasuredError(Exception):
    """A run folder does not hold what was measured beside the wanted trials: nothing, or that of other trials."""


def read(folder: Path, rows: Sequence[Row]) -> Diagnosis:
    """Return what `folder` holds for the trials of `rows`, which are all that the sweep wants, in plan order.

    Raises:
        UnmeasuredError: there is nothing, or it belongs to other trials, such as those before an extension.
        DataError: it is damaged.
        HostError: it cannot be read.
    """
    path = folder / DIAGNOSIS
    try:
        diagnosis = from_json(path.read_text(), Diagnosis)
    except FileNotFoundError as error:
        raise UnmeasuredError(f"{DIAGNOSIS} is missing") from error
    except OSError as error:
        raise unreadable(path, error) from error
    except (DataError, UnicodeDecodeError) as error:
        rule = "must hold what was measured beside the trials"
        raise DataError(f"{path} {rule}, got {error}; run the sweep again, which measures it anew") from error
    if diagnosis.of != _identity(rows):
        raise UnmeasuredError(f"{DIAGNOSIS} belongs to other trials")
    return diagnosis


def measured(
    diagnose: Callable[[], Diagnosis], folder: Path, rows: Sequence[Row], warn: Callable[[str], None]
) -> Diagnosis:
    """Return what `folder` holds for the trials of `rows`, or else what `diagnose` gives, which is stored there.

    Measured once, it is not measured again: with another BLAS kernel the last bits would be others. `warn` is told,
    in one line, of a damaged file that is replaced.

    Raises:
        HostError: the file cannot be read or written.
    """
    try:
        return read(folder, rows)
    except UnmeasuredError:
        pass
    except DataError as error:
        warn(str(error))
    diagnosis = replace(diagnose(), of=_identity(rows))
    write_json(folder / DIAGNOSIS, plain(diagnosis))
    return diagnosis


def _identity(rows: Sequence[Row]) -> str:
    return digest([row.identity for row in rows])
