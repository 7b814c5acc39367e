"""Studies of before there were legs, components and other late fields: their rows are found, their runs go on."""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from test_study import BUDGETS, CONFIGURATION, edit, row

from pipeline.errors import ConfigError
from pipeline.records import Row
from pipeline.run.study import Study
from pipeline.spec import canonical_json, from_json

KEY = "1c9a9cf582ff8be7"
"""Of the trial of row(0), as it was before data sets had components."""


def read(stored: dict[str, Any]) -> dict[str, Any]:
    """Return a stored configuration with a late default, and with a value that must not hide the stored one."""
    return stored | {"later": 0, "seed": 7}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A study of one row."""
    path = tmp_path / "study.db"
    with Study.open(path, CONFIGURATION, BUDGETS) as study:
        study.add(row(0))
    return path


def test_a_row_without_the_late_fields_is_found_by_the_key_it_had(path: Path) -> None:
    old = json.loads(canonical_json(row(0)))
    del old["earlier"], old["record"]["came_from"]
    assert sorted(old["record"]["spec"]["data"]) == [
        *("classes", "digest", "inputs", "n_test", "n_train", "n_val", "name", "shape")
    ]
    text = canonical_json(old)
    for name, value in {"row": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}.items():
        edit(path, "UPDATE trial_user_attributes SET value_json = ? WHERE key = ?", json.dumps(value), name)
    with Study.open(path, CONFIGURATION, BUDGETS) as study:
        assert study.rows("coarse") == {(KEY, "pack"): row(0)}


def test_a_default_that_came_later_is_as_if_it_had_been_stored(path: Path) -> None:
    before = path.read_bytes()
    with Study.open(path, CONFIGURATION | {"later": 0}, BUDGETS, read) as study:
        assert study.rows("coarse") == {row(0).identity: row(0)}
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"later": 1}, "got later = 1, stored 0"), ({"later": 0, "seed": 7}, "seed = 7, stored 0")],
)
def test_anything_else_is_another_configuration_all_the_same(
    path: Path, change: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        Study.open(path, CONFIGURATION | change, BUDGETS, read)


def test_what_is_read_holds_its_defaults_and_is_written_like_what_was_made() -> None:
    old = json.loads(canonical_json(row(0)))
    del old["earlier"], old["record"]["came_from"], old["record"]["spec"]["network"]["skip_norm"]
    text = canonical_json(row(0))
    for stored in (text, canonical_json(old)):
        again = from_json(stored, Row)
        assert canonical_json(again) == text
        assert msgspec.json.encode(again) == msgspec.json.encode(row(0))
