"""`python -m sweeps lambda` in the folder of an earlier run: what is kept, what is computed again, what is refused."""

import dataclasses
import hashlib
import json
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import rig
from lambda_runs import EXPORTS, engine, exported, folder_of, rows, run

from pipeline.data import cache
from pipeline.files import lock
from pipeline.run import networks, study
from pipeline.run.provenance import provenance
from pipeline.run.study import Study
from pipeline.spec import canonical_json
from sweeps.__main__ import main

Capture: TypeAlias = pytest.CaptureFixture[str]

pytestmark = pytest.mark.usefixtures("without_figures")


def test_the_second_run_says_that_all_is_there_and_leaves_every_byte(
    npz: Path, copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    before = rig.files(copied)
    engine(monkeypatch, rig.forbidden())
    run(npz, copied)
    assert rig.files(copied) == before
    output = capsys.readouterr().out
    for line in ("coarse: all 8 trials are present", "refine: all 8 trials", "all trials are present; nothing to run"):
        assert line in output


def test_a_complete_search_reads_the_store_and_every_network_once_and_no_rows_of_data(
    npz: Path, copied: Path, drawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(npz, copied)  # which draws
    asked: Counter[str] = Counter()

    def counted(owner: Any, name: str, told: Callable[..., str]) -> None:
        original = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *each: asked.update([told(*each)]) or original(*each))

    counted(Study, "_trials", lambda _study, stage: stage)
    counted(networks, "_arrays", lambda path: path.name)
    counted(networks, "is_whole", lambda *_: "is_whole")
    counted(cache, "_read_sha256", lambda *_: "rows of data")
    networks._identity.cache_clear()
    study._READ.clear()
    engine(monkeypatch, rig.forbidden())
    run(npz, copied)
    names = [path.name for path in (folder_of(copied) / "networks").iterdir()]
    assert asked.pop("is_whole") > len(names) > 0  # which are asked for again and again
    assert asked == Counter(["coarse", "coarse-2", "coarse-3", "refine", "final", *names])


@pytest.mark.parametrize(
    ("flags", "difference"),
    [
        ({"seed": 1}, "seed = 1, stored 0"),
        ({"high": 0.2}, "lambda.high = 0.2, stored 0.1"),
        ({"coarse.count": 5}, "lambda.coarse.count = 5, stored 4"),
        ({"refine.count": 5}, "lambda.refine.count = 5, stored 4"),
        ({"refine.sampler": "sobol"}, 'lambda.refine.sampler = "sobol", stored "grid"'),
        ({"final.replicates": 3}, "lambda.final.replicates = 3, stored 2"),
        ({"pack-width": 4}, "pack_width = 4, stored 2"),
        ({"pack-width": None}, "pack_width = null, stored 2"),
        ({"refine.replicates": 1}, "lambda.refine.replicates may only grow within a run, got 1, stored 2"),
        ({"coarse.count": 5, "seed": 1, "init.scheme": "xavier"}, "lambda.coarse.count = 5"),  # the first of three
    ],
    ids=str,
)
def test_another_configuration_is_refused_in_one_line_and_changes_nothing(
    npz: Path, copied: Path, flags: dict[str, Any], difference: str, capsys: Capture
) -> None:
    before = rig.files(copied)
    for plan in (None, True):
        assert main(rig.lambda_command(npz, copied, plan=plan, **flags)) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ")
        assert difference in line
        assert "choose another RUN=name, or delete" in line
    assert rig.files(copied) == before


GROWTH = {
    "a grid, replicates": ({}, {"refine.replicates": 6}),
    **{
        f"{sampler}, replicates and count": (
            {"refine.sampler": sampler, "refine.round-size": 2},
            {"refine.replicates": 3, "refine.count": 6},
        )
        for sampler in ("random", "sobol", "tpe")
    },
}


@pytest.mark.parametrize(("small", "larger"), GROWTH.values(), ids=GROWTH)
def test_more_replicates_and_rounds_of_the_last_search_stage_extend_the_run(
    npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: dict[str, Any], larger: dict[str, Any]
) -> None:
    engine(monkeypatch, rig.InProcess())
    folder = run(npz, tmp_path / "out", **small)
    before = rows(folder)
    watched = engine(monkeypatch, rig.InProcess())
    assert run(npz, tmp_path / "out", **small, **larger) == folder
    identity = [key for key in before[0] if key not in {"number", "pack"}]
    kept = [{key: row[key] for key in identity} for row in rows(folder, "refine")]
    assert all({key: row[key] for key in identity} in kept for row in before if row["stage"] == "refine")
    assert rows(folder, "coarse") == [row for row in before if row["stage"] == "coarse"]
    assert not any(name.startswith("coarse") for name in watched.ran)
    added = len(kept) - sum(row["stage"] == "refine" for row in before)
    assert sum(name.startswith("refine") for name in watched.ran) == added // 2  # packs of two
    stored = json.loads((folder / "manifest.json").read_text())["configuration"]["lambda"]["refine"]
    assert stored["replicates"] == larger["refine.replicates"]
    engine(monkeypatch, rig.InProcess())
    at_once = run(npz, tmp_path / "at-once", **small, **larger)
    assert exported(folder) == exported(at_once)
    for row in rows(folder, "final"):  # whatever the choice has become
        with np.load(folder / "networks" / f"{row['number']}.npz") as network:
            assert str(network["key"]) == row["key"]
    everything = rig.files(tmp_path / "out")
    engine(monkeypatch, rig.forbidden())
    run(npz, tmp_path / "out", **small, **larger)
    assert rig.files(tmp_path / "out") == everything


def test_a_lost_network_is_noticed_and_its_pack_alone_is_trained_again(
    npz: Path, copied: Path, done: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    networks = folder_of(copied) / "networks"
    (networks / "mine.npz").write_text("mine")
    (networks / "1.npz").write_bytes((networks / "1.npz").read_bytes()[:-9])
    watched = engine(monkeypatch, rig.InProcess())
    folder = run(npz, copied)
    assert [name.partition("-")[0] for name in watched.ran] == ["final"]
    assert (networks / "mine.npz").read_text() == "mine"
    (networks / "mine.npz").unlink()
    assert exported(folder) == exported(done)
    total = len(rows(done, "final"))
    assert f"final: {total} trials, {total - 1} present" in capsys.readouterr().out


def test_a_plan_of_a_finished_run_says_that_nothing_is_to_run(
    npz: Path, copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    before = rig.files(copied)
    engine(monkeypatch, rig.forbidden())
    assert main(rig.lambda_command(npz, copied, plan=True)) == 0
    output = capsys.readouterr().out
    assert "all trials are present; nothing to run" in output
    assert "predicted" not in output
    assert "coarse: 4 settings x 2 replicates = 8 trials of 2 epochs, 8 present; 0 packs to train, 0 s" in output
    assert rig.files(copied) == before


def test_a_plan_counts_what_is_missing(npz: Path, copied: Path, capsys: Capture) -> None:
    before = rig.files(copied)
    larger = {"refine.replicates": 3}
    assert main(rig.lambda_command(npz, copied, plan=True, **larger)) == 0
    output = capsys.readouterr().out
    assert "coarse: 4 settings x 2 replicates = 8 trials of 2 epochs, 8 present; 0 packs to train" in output
    assert "refine: 4 settings x 3 replicates = 12 trials of 2 epochs, 8 present; 2 packs to train" in output
    assert re.search(r"^predicted: .* on 1 worker", output, re.MULTILINE)
    assert "begun" not in output
    assert rig.files(copied) == before
    pending = folder_of(copied) / ".pending"
    pending.mkdir()
    for name in ("refine-0.json", "refine-0.npz", "refine-1.npz", ".refine-1.npz.1.tmp"):
        (pending / name).touch()
    assert main(rig.lambda_command(npz, copied, plan=True, **larger)) == 0
    assert "packs that were begun: 2" in capsys.readouterr().out


def test_a_plan_without_the_data_compares_no_study(npz: Path, copied: Path, tmp_path: Path, capsys: Capture) -> None:
    folder = folder_of(copied)
    shutil.copytree(folder, folder.with_name("cifar10"))  # as if that were its run, whose data is gone
    (tmp_path / "data").mkdir()
    flags = {"data_dir": tmp_path / "data", "batch_size": 1000, "plan": True}
    assert main(rig.lambda_command("cifar10", copied, **flags)) == 0
    assert "coarse: 4 settings x 2 replicates = 8 trials of 2 epochs; 4 packs to train" in capsys.readouterr().out


def test_failed_trials_are_told_counted_and_trained_again_when_asked(
    npz: Path, tmp_path: Path, done: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    failing = engine(monkeypatch, rig.InProcess())
    failing.failing = lambda name: [ran[:6] for ran in failing.ran].count("refine") == 2 and name == failing.ran[-1]
    folder = run(npz, tmp_path / "out")
    output = capsys.readouterr().out
    assert "refine: trial 2 failed: worker died 3 times (SIGKILL(-9))" in output
    assert "2 trials failed; the same command with RETRY=failed trains them again" in output
    assert [(row["stage"], row["number"]) for row in rows(folder) if row["status"] == "FAILED"] == [
        ("refine", "2"),
        ("refine", "3"),
    ]
    again = engine(monkeypatch, rig.InProcess())
    run(npz, tmp_path / "out", retry="failed")
    assert [name.partition("-")[0] for name in again.ran if not name.startswith("final")] == ["refine"]
    assert {name: exported(folder)[name] for name in EXPORTS} == {name: exported(done)[name] for name in EXPORTS}


def test_a_sweep_in_which_every_trial_failed_writes_its_files_and_is_the_hosts_fault_in_one_line(
    npz: Path, tmp_path: Path, drawn: None, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    arguments = rig.lambda_command(npz, tmp_path / "out")
    engine(monkeypatch, rig.InProcess(failing=lambda _: True, reason="MemoryError: no room for /some/path"))
    assert main(arguments) == 3
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: trials must complete for a choice, got 8 that failed, first: MemoryError")
    folder = folder_of(tmp_path / "out")
    assert {path.name for path in folder.iterdir()} >= {*EXPORTS, "timings.csv", "manifest.json", "figures"}
    assert {row["status"] for row in rows(folder)} == {"FAILED"}
    assert {row["reason"] for row in rows(folder)} == {"MemoryError"}  # its words may name paths
    best = json.loads((folder / "best.json").read_text())
    assert best["lambda"] is None
    assert best["reason"].endswith("so nothing is chosen.")
    everything = rig.files(tmp_path / "out")
    engine(monkeypatch, rig.forbidden())
    assert main(arguments) == 3  # until a retry is asked for
    assert rig.files(tmp_path / "out") == everything


def test_networks_and_figures_of_an_earlier_choice_go_when_a_later_one_has_none(
    npz: Path, copied: Path, drawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine(monkeypatch, rig.forbidden())
    folder = run(npz, copied)
    best = json.loads((folder / "best.json").read_text())
    assert best["tested_before"] == []
    tested = sorted({role["lambda"] for role in best["test_accuracy_by_role"].values()})
    pictures = {path.stem for path in (folder / "figures").iterdir()}
    assert {"final-accuracy", "confusion"} < pictures
    engine(monkeypatch, rig.InProcess(failing=lambda _: True))
    assert main(rig.lambda_command(npz, copied, **{"refine.replicates": 3})) == 3
    assert list((folder / "networks").iterdir()) == []
    left = {path.stem for path in (folder / "figures").iterdir()}
    assert left == {"lambda-search", "learning-curves", "learning-rate"}
    assert rows(folder, "final") == []
    assert json.loads((folder / "best.json").read_text())["tested_before"] == tested  # the test set stays opened


def test_a_search_that_was_stored_before_there_was_screening_and_pruning_is_complete(
    npz: Path, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(folder_of(copied) / "study.db")) as connection, connection:
        [[stored]] = connection.execute("SELECT value_json FROM study_user_attributes").fetchall()
        configuration = json.loads(json.loads(stored)["json"])
        late = [configuration["lambda"].pop("screen")]
        late += [configuration["lambda"][stage].pop("prune") for stage in ("coarse", "refine")]
        text = canonical_json(configuration)
        earlier = json.dumps({"json": text, "sha256": hashlib.sha256(text.encode()).hexdigest()})
        connection.execute("UPDATE study_user_attributes SET value_json = ?", [earlier])
    assert late == [0, 0.0, 0.0]
    engine(monkeypatch, rig.forbidden())
    run(npz, copied)


def test_another_machine_is_warned_of_once_and_listed_in_the_manifest(
    npz: Path, copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("pipeline.run.worker.provenance", lambda: dataclasses.replace(provenance(), kernel="Z80"))
    engine(monkeypatch, rig.InProcess())
    folder = run(npz, copied, **{"refine.replicates": 3})
    assert capsys.readouterr().out.count("warning: earlier trials were computed with other arithmetic than") == 1
    made = json.loads((folder / "manifest.json").read_text())["computed_with"]
    assert {each["kernel"] == "Z80" for each in made} == {False, True}
    assert sum(each["trials"] for each in made) == len(rows(folder))
    before = rig.files(copied)
    run(npz, copied, **{"refine.replicates": 3})
    assert "warning" not in capsys.readouterr().out
    assert rig.files(copied) == before


def test_a_folder_in_use_is_the_hosts_fault_and_is_left_alone(npz: Path, copied: Path, capsys: Capture) -> None:
    before = rig.files(copied)
    with lock(folder_of(copied)):
        assert main(rig.lambda_command(npz, copied)) == 3
    [line] = capsys.readouterr().err.splitlines()
    assert "must be used by one run at a time, got process" in line
    assert rig.files(copied) == before


def test_a_damaged_study_is_damaged_data_and_is_left_alone(npz: Path, copied: Path, capsys: Capture) -> None:
    study = folder_of(copied) / "study.db"
    study.write_bytes(study.read_bytes()[:5000])
    before = rig.files(copied)
    assert main(rig.lambda_command(npz, copied)) == 4
    [line] = capsys.readouterr().err.splitlines()
    assert str(study) in line
    assert rig.files(copied) == before
