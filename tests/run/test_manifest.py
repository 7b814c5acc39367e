"""The manifest: with what a run was made, over all its sessions."""

import dataclasses
import json
import os
import subprocess
from pathlib import Path

import pytest
import rig

from pipeline.records import Provenance
from pipeline.run.blas import provenance
from pipeline.run.manifest import write_manifest

HERE = Provenance({"numpy": "2.4.0"}, "openblas 0.3.30", "SkylakeX", 1, "3.11.7", {})
THERE = dataclasses.replace(HERE, kernel="Haswell", environment={"OPENBLAS_CORETYPE": "Haswell"})
CONFIGURATION = {"seed": 0, "lambda": {"low": 1e-5}}


def write(folder: Path, *computed_with: Provenance) -> list[Provenance]:
    return write_manifest(folder, CONFIGURATION, rig.dataset(), computed_with)


def read(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def test_it_holds_configuration_data_revision_and_everything_a_number_depends_on(tmp_path: Path) -> None:
    assert write(tmp_path, HERE) == [HERE]
    manifest = read(tmp_path)
    assert manifest["configuration"] == CONFIGURATION
    assert manifest["data"] == {"name": "tiny", "digest": rig.dataset().digest, "classes": ["a", "b", "c"]}
    assert manifest["computed_with"] == [dataclasses.asdict(HERE)]
    assert manifest["git"] is None or set(manifest["git"]) == {"revision", "clean"}


def test_sessions_add_to_it_and_each_kind_of_surroundings_is_listed_once(tmp_path: Path) -> None:
    assert write(tmp_path, HERE) == [HERE]
    assert write(tmp_path, THERE, HERE) == [HERE, THERE]
    assert write(tmp_path, THERE) == [HERE, THERE]
    assert write(tmp_path) == [HERE, THERE]
    assert [one["kernel"] for one in read(tmp_path)["computed_with"]] == ["SkylakeX", "Haswell"]


def test_a_session_that_computes_nothing_leaves_every_byte(tmp_path: Path) -> None:
    write(tmp_path, HERE, THERE)
    before = (tmp_path / "manifest.json").read_bytes()
    write(tmp_path)
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_where_nothing_was_computed_no_surroundings_are_claimed(tmp_path: Path) -> None:
    assert write(tmp_path) == []
    assert read(tmp_path)["computed_with"] == []


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"computed_with": 3}', '{"computed_with": [{"blas": 1}]}'])
def test_a_manifest_that_cannot_be_read_is_written_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    assert write(tmp_path, HERE) == [HERE]
    assert read(tmp_path)["computed_with"] == [dataclasses.asdict(HERE)]


def test_what_this_process_is_survives_the_round_trip(tmp_path: Path) -> None:
    here = provenance()
    write(tmp_path, here)
    assert write(tmp_path, here) == [here]


@pytest.mark.parametrize("path", ["", "without git"])
def test_outside_a_checkout_or_without_git_there_is_no_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    if path:
        monkeypatch.setenv("PATH", str(tmp_path / path))
    else:
        monkeypatch.setattr("pipeline.run.manifest.__file__", str(tmp_path / "manifest.py"))
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    write(tmp_path, HERE)
    assert read(tmp_path)["git"] is None


def test_the_revision_is_that_of_the_code_and_says_whether_it_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*arguments: str) -> str:
        identity = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a"}
        environment = os.environ | identity | {"GIT_COMMITTER_EMAIL": "a@b"}
        command = ["git", "-C", str(tmp_path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()

    code = tmp_path / "code.py"
    code.write_text("1")
    git("init", "-q")
    git("add", "code.py")
    git("commit", "-qm", "first")
    monkeypatch.setattr("pipeline.run.manifest.__file__", str(code))
    folder = tmp_path / "run"
    folder.mkdir()
    write(folder, HERE)
    assert read(folder)["git"] == {"revision": git("rev-parse", "HEAD"), "clean": True}
    code.write_text("2")
    write(folder, HERE)
    assert read(folder)["git"]["clean"] is False
