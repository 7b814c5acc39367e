"""The manifest: with what a run was made, over all its sessions, as its rows tell it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import rig

from pipeline.files import write_text
from pipeline.records import Leg, Provenance, Row, Status, Timing, TrialRecord
from pipeline.run.manifest import write_manifest

HERE = Provenance({"numpy": "2.4.0"}, "openblas 0.3.30", "SkylakeX", 1, "3.11.7", {}, "abc")
THERE = replace(HERE, kernel="Haswell", environment={"OPENBLAS_CORETYPE": "Haswell"})
LATER = replace(HERE, revision="abc+")
CONFIGURATION = {"seed": 0, "lambda": {"low": 1e-5}, "data": {"name": "tiny", "digest": "d1"}}
LOST = Row(TrialRecord("search", 9, 0, 0, rig.fixed(), Status.FAILED, reason="worker died"))


def rows(*provenances: Provenance) -> list[Row]:
    record = replace(LOST.record, status=Status.COMPLETE)
    return [Row(replace(record, number=number), None, one) for number, one in enumerate(provenances)]


def written(folder: Path, of: Sequence[Row]) -> dict:
    write_manifest(folder, CONFIGURATION, of)
    return json.loads((folder / "manifest.json").read_text())


def test_it_holds_the_configuration_and_everything_a_number_depends_on(tmp_path: Path) -> None:
    assert written(tmp_path, rows(HERE)) == {
        "configuration": CONFIGURATION,
        "computed_with": [asdict(HERE) | {"trials": 1}],
    }


def test_surroundings_are_listed_once_in_order_of_appearance_with_the_trials_they_computed(tmp_path: Path) -> None:
    of = rows(THERE, HERE, HERE, LATER, THERE, HERE)
    assert written(tmp_path, of)["computed_with"] == [
        asdict(THERE) | {"trials": 2},
        asdict(HERE) | {"trials": 3},
        asdict(LATER) | {"trials": 1},
    ]


def test_equal_surroundings_are_one_in_whatever_order_they_were_noted(tmp_path: Path) -> None:
    noted = [replace(HERE, versions=versions) for versions in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"})]
    assert [one["trials"] for one in written(tmp_path, rows(*noted))["computed_with"]] == [2]


def test_a_trial_that_nothing_computed_claims_no_surroundings(tmp_path: Path) -> None:
    assert written(tmp_path, [])["computed_with"] == []
    assert written(tmp_path, [LOST])["computed_with"] == []
    assert written(tmp_path, [LOST, *rows(HERE), LOST])["computed_with"] == [asdict(HERE) | {"trials": 1}]


def test_only_the_rows_count_not_the_manifest_before(tmp_path: Path) -> None:
    write_manifest(tmp_path, CONFIGURATION, rows(HERE, THERE))
    before = (tmp_path / "manifest.json").read_bytes()
    for earlier in ("", "{", '{"computed_with": 3}'):
        write_text(tmp_path / "manifest.json", earlier)
        write_manifest(tmp_path, CONFIGURATION, rows(HERE, THERE))
        assert (tmp_path / "manifest.json").read_bytes() == before
    assert written(tmp_path, rows(THERE))["computed_with"] == [asdict(THERE) | {"trials": 1}]


def test_a_run_of_two_sessions_says_so_and_one_that_computes_nothing_leaves_every_byte(tmp_path: Path) -> None:
    def session(replicates: int) -> dict:
        ran = rig.run(tmp_path / "run", rig.listed(replicates=replicates), width=2)
        return written(tmp_path, ran.runner.rows["search"])

    assert [one["trials"] for one in session(1)["computed_with"]] == [3]
    assert [one["trials"] for one in session(2)["computed_with"]] == [6]
    before = (tmp_path / "manifest.json").read_bytes()
    session(2)
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_a_trial_counts_once_with_everything_that_computed_a_leg_of_it(tmp_path: Path) -> None:
    timing = Timing(1.0, 1.0, 1, 1)
    record = replace(LOST.record, status=Status.COMPLETE)
    of = [
        Row(record, timing, HERE, (Leg(timing, THERE), Leg(timing, HERE))),
        Row(record, timing, LATER),
        Row(LOST.record, None, None, (Leg(timing, THERE),)),
    ]
    assert written(tmp_path, of)["computed_with"] == [
        asdict(THERE) | {"trials": 2},
        asdict(HERE) | {"trials": 1},
        asdict(LATER) | {"trials": 1},
    ]
