"""A truthful note of what computes: what was found, what decides the bits, and the revision of the code."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline import blas
from pipeline.blas import blas_pools, single_thread
from pipeline.records import Provenance
from pipeline.run import provenance as module
from pipeline.run.provenance import provenance
from pipeline.spec import canonical_json, from_json

HERE = Provenance(
    versions={"numpy": "2.4.0", "scipy": "1.17.0", "pandas": "3.1.0"},
    blas="openblas 0.3.30",
    kernel="SkylakeX",
    threads=1,
    python="3.11.7",
    environment={},
    revision="abc",
)


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    """The revision is asked for once per process; here once per test."""
    module._revision.cache_clear()
    yield
    module._revision.cache_clear()


def test_provenance_tells_what_was_found_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("HOME_OF_SECRETS", "hidden")
    with single_thread():
        found = provenance()
    assert found.threads == 1
    assert found.versions["numpy"] == np.__version__
    assert found.environment["OPENBLAS_CORETYPE"] == "Haswell"
    assert "HOME_OF_SECRETS" not in found.environment
    assert all(pool["version"] in found.blas and pool["architecture"] in found.kernel for pool in blas_pools())
    assert from_json(canonical_json(found), Provenance) == found  # it goes into every row


def test_the_threads_that_joblib_asks_for_are_told_by_threads_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with single_thread():
        before = provenance()
        monkeypatch.setenv("OMP_NUM_THREADS", "1")  # in a worker, and not where packs are computed in this process
        assert provenance() == before


def test_a_blas_unknown_to_threadpoolctl_is_named_by_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "threadpool_info", list)
    found = provenance()
    assert (found.kernel, found.threads) == ("unknown", 1)
    assert found.blas == " ".join(
        np.show_config(mode="dicts")["Build Dependencies"]["blas"][key] for key in ("name", "version")
    )


@pytest.mark.parametrize(
    "other",
    [
        replace(HERE, versions=HERE.versions | {"numpy": "2.4.1"}),
        replace(HERE, versions=HERE.versions | {"scipy": "1.17.1"}),
        replace(HERE, blas="openblas 0.3.31"),
        replace(HERE, kernel="Haswell"),
        replace(HERE, threads=2),
    ],
)
def test_the_arithmetic_is_another_where_libraries_kernel_or_threads_are(other: Provenance) -> None:
    assert other.arithmetic != HERE.arithmetic


@pytest.mark.parametrize(
    "other",
    [
        replace(HERE, versions=HERE.versions | {"pandas": "3.2.0"}),
        replace(HERE, python="3.12.1"),
        replace(HERE, environment={"OPENBLAS_VERBOSE": "2"}),
        replace(HERE, revision="abd+"),
    ],
)
def test_the_arithmetic_is_the_same_whatever_else_differs(other: Provenance) -> None:
    assert other != HERE
    assert other.arithmetic == HERE.arithmetic


def test_two_descriptions_of_one_process_have_equal_arithmetic() -> None:
    with single_thread():
        assert provenance().arithmetic == provenance().arithmetic
        assert provenance().arithmetic[0] == np.__version__


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the code, in a folder that no checkout contains."""
    path = tmp_path / "code.py"
    path.write_text("1")
    monkeypatch.setattr(module, "__file__", str(path))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return path


def git(folder: Path, *arguments: str) -> str:
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | who).stdout.strip()


def commit(folder: Path, *names: str) -> str:
    """Make `folder` a checkout with these files in it, and return its revision."""
    git(folder, "init", "-q")
    git(folder, "add", *names)
    git(folder, "commit", "-qm", "first")
    return git(folder, "rev-parse", "HEAD")


def test_the_revision_is_that_of_the_code_and_says_whether_it_was_changed(code: Path) -> None:
    revision = commit(code.parent, code.name)
    (code.parent / "notes.txt").write_text("no part of the code")
    assert provenance().revision == revision
    code.write_text("2")
    assert provenance().revision == revision, "what a process runs is what it has loaded"
    module._revision.cache_clear()  # the next process
    assert provenance().revision == revision + "+"


def test_asking_for_the_revision_writes_nothing_into_the_checkout(code: Path) -> None:
    commit(code.parent, code.name)
    index = code.parent / ".git" / "index"
    before = index.read_bytes()
    os.utime(code, (1e9, 1e9))  # a plain `git status` would note that down, under a lock that a kill leaves behind
    assert not provenance().revision.endswith("+")
    assert index.read_bytes() == before


def test_outside_a_checkout_there_is_no_revision(code: Path) -> None:
    assert provenance().revision == ""


def test_without_git_there_is_no_revision(code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(code.parent, code.name)
    monkeypatch.setenv("PATH", str(tmp_path / "without git"))
    assert provenance().revision == ""


@pytest.mark.parametrize("always", [False, True])
def test_a_git_that_was_killed_is_asked_again_but_not_for_ever(
    code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, always: bool
) -> None:
    revision, real = commit(code.parent, code.name), shutil.which("git")
    once = tmp_path / "once" / "git"
    once.parent.mkdir()
    first = f'mkdir "{tmp_path}/killed" 2>/dev/null {";" if always else "&&"} kill -9 $$'
    once.write_text(f'#!/bin/sh\n{first}\nexec {real} "$@"\n')
    once.chmod(0o755)
    monkeypatch.setenv("PATH", f"{once.parent}{os.pathsep}{os.environ['PATH']}")
    assert provenance().revision == ("" if always else revision)
    assert (tmp_path / "killed").exists()


def test_code_installed_inside_somebody_elses_checkout_does_not_claim_its_revision(code: Path) -> None:
    (code.parent / "theirs.py").write_text("3")
    commit(code.parent, "theirs.py")
    assert provenance().revision == ""
