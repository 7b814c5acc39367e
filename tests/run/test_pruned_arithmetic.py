"""Pruned stages that another machine goes on with: one warning, and every row says what computed each of its legs."""

import dataclasses
from pathlib import Path

import pytest
import rig
from pruned_runs import FINAL, PRUNED, WIDTH, left
from rig import Killed, dies

from pipeline.records import Provenance, Status
from pipeline.run import worker
from pipeline.run.manifest import computed_with
from pipeline.run.provenance import provenance

COARSE = rig.listed("coarse", (0.001, 0.1))


def elsewhere() -> Provenance:
    """Return what another machine would say."""
    return dataclasses.replace(provenance(), kernel="Z80")


def move(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all that follows be computed on another machine."""
    monkeypatch.setattr(worker, "provenance", elsewhere)


def killed(
    folder: Path,
    stage: rig.Stage,
    monkeypatch: pytest.MonkeyPatch,
    outcomes: int,
    *,
    backwards: bool = False,
    width: int,
) -> None:
    """Run a stage that is killed after so many outcomes, which wait in their files."""
    engine = rig.InProcess(order=lambda names: names[::-1] if backwards else names)
    with monkeypatch.context() as patch:
        dies(patch, worker, "write_text", outcomes)
        with pytest.raises(Killed):
            rig.run(folder, stage, width=width, engine=engine)


def kernels(ran: rig.Ran) -> dict[int, list[str]]:
    """Return by number of a search's trials which kernel computed each of their legs."""
    return {row.record.number: [each.kernel for each in row.provenances] for row in ran.runner.rows["search"]}


def test_a_pruned_stage_after_one_from_elsewhere_is_warned_of_once(tmp_path: Path, monkeypatch) -> None:
    rig.run(tmp_path / "run", COARSE, width=WIDTH)
    move(monkeypatch)
    [warning] = rig.run(tmp_path / "run", COARSE, PRUNED, FINAL, width=WIDTH).watched.warnings
    assert warning.startswith("earlier trials were computed with other arithmetic than ")
    assert "Z80" in warning
    again = rig.run(tmp_path / "run", COARSE, PRUNED, FINAL, width=WIDTH, engine=rig.forbidden())
    assert again.watched.warnings == []


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("stage", [PRUNED, rig.listed()], ids=["pruned", "whole"])
def test_a_run_killed_before_anything_was_recorded_is_warned_of_once(
    tmp_path: Path, monkeypatch, stage: rig.Stage, backwards: bool
) -> None:
    """In its first leg, or of a whole stage with the last pack waiting for those before it."""
    killed(tmp_path / "run", stage, monkeypatch, 2 if stage is PRUNED else 1, backwards=backwards, width=WIDTH)
    move(monkeypatch)
    [warning] = rig.run(tmp_path / "run", stage, width=WIDTH).watched.warnings
    assert "Z80" in warning


def test_every_leg_says_what_computed_it_and_the_manifest_lists_them_all(tmp_path: Path, monkeypatch) -> None:
    left(tmp_path / "run", monkeypatch, 4)  # all that the first leg drops
    here = provenance().kernel
    move(monkeypatch)
    ran = rig.run(tmp_path / "run", PRUNED, FINAL, width=WIDTH)
    assert len(ran.watched.warnings) == 1
    again = rig.run(tmp_path / "run", PRUNED, FINAL, width=WIDTH, engine=rig.forbidden())
    records = {record.number: record for record in again.results[0].records}
    assert kernels(again) == {number: [here] + ["Z80"] * len(record.came_from) for number, record in records.items()}
    went_on = [row for row in again.runner.rows["search"] if row.record.came_from]
    assert [(one.kernel, trials) for one, trials in computed_with(again.runner.rows["search"])] == [
        (here, 12),
        ("Z80", len(went_on)),
    ]
    for row in went_on:
        first = row.at_end_of(row.record.came_from[0], 2)
        assert [each.kernel for each in first.provenances] == [here]


def test_arithmetic_of_earlier_legs_alone_is_known_to_later_stages(tmp_path: Path, monkeypatch) -> None:
    """The first trial goes on elsewhere, where the second one diverges."""
    stage = rig.listed(lambdas=(0.1, 1e30), cycles=2, prune=0.5, replicates=1)
    killed(tmp_path / "run", stage, monkeypatch, 1, width=1)
    with monkeypatch.context() as patch:
        move(patch)
        ran = rig.run(tmp_path / "run", stage, width=1)
    assert kernels(ran) == {0: [provenance().kernel, "Z80"], 1: ["Z80"]}
    assert len(ran.watched.warnings) == 1
    assert rig.run(tmp_path / "run", stage, FINAL, width=1).watched.warnings == []


def test_a_trial_that_fails_on_another_machine_keeps_what_computed_its_first_leg(tmp_path: Path, monkeypatch) -> None:
    left(tmp_path / "run", monkeypatch, 4)
    here = provenance().kernel
    move(monkeypatch)
    ran = rig.run(tmp_path / "run", PRUNED, width=WIDTH, engine=rig.InProcess(failing=lambda _: True))
    lost = [record.number for record in ran.records if record.status is Status.FAILED]
    assert lost
    assert {tuple(kernels(ran)[number]) for number in lost} == {(here,)}
