"""A run that is not the first in its folder: larger plans, other choices, lost networks, another machine."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import rig
from rig import Killed, csv, dies, results

from pipeline.records import Provenance, Status, TrialRecord
from pipeline.run.provenance import provenance
from pipeline.run.study import Study
from pipeline.spec import Setting

SEARCH = rig.listed()  # 6 trials in 2 packs
FINAL = rig.listed("final", (0.005, 0.05), 1, final=True)  # 2 trials in one pack


def test_more_replicates_run_only_the_missing_packs_and_leave_the_earlier_rows(tmp_path: Path) -> None:
    before = rig.run(tmp_path / "run", SEARCH)
    after = rig.run(tmp_path / "run", rig.listed(replicates=4))
    assert after.records[:6] == before.records
    assert after.watched.stages == [("search", 6)]
    assert after.watched.packed == [[6, 7, 8, 9, 10, 11]]
    assert csv(after) == csv(rig.run(tmp_path / "fresh", rig.listed(replicates=4)))  # extended equals asked at once


@pytest.mark.parametrize("sampler", ["random", "sobol", "tpe"])
def test_more_replicates_of_every_round_give_what_a_fresh_run_gives(tmp_path: Path, sampler: str) -> None:
    rig.run(tmp_path / "run", rig.searched(sampler=sampler, count=4, round_=2))
    larger = rig.searched(sampler=sampler, count=6, replicates=3, round_=2)
    after, fresh = rig.run(tmp_path / "run", larger), rig.run(tmp_path / "fresh", larger)
    assert csv(after) == csv(fresh)
    assert after.runner.computed == 10  # of 18
    assert csv(rig.run(tmp_path / "run", larger, engine=rig.forbidden())) == csv(fresh)


@pytest.mark.parametrize("sampler", ["random", "sobol", "tpe"])
def test_more_rounds_run_only_the_missing_packs_and_leave_the_earlier_rows(tmp_path: Path, sampler: str) -> None:
    before = rig.run(tmp_path / "run", rig.searched(sampler=sampler, count=4, round_=2))
    after = rig.run(tmp_path / "run", rig.searched(sampler=sampler, count=6, round_=2))
    assert after.records[:8] == before.records
    assert after.watched.stages == [("search", 8)]
    assert after.watched.packed == [[8, 9, 10, 11]]
    assert csv(after) == csv(rig.run(tmp_path / "fresh", rig.searched(sampler=sampler, count=6, round_=2)))


@dataclass(frozen=True)
class Curious:
    """A Proposal of one lambda per round, the round's number in its exponent, that remembers what it was shown."""

    shown: dict[int, list[int]] = field(default_factory=dict)
    count: int = 3
    rounds: int = 3
    together: int = 1
    looks_back: bool = True
    space: None = None

    def settings(self, stage: str, root: int, round_: int, earlier: Sequence[TrialRecord]) -> tuple[Setting, ...]:
        assert all(record.status is Status.COMPLETE for record in earlier)
        self.shown[round_] = [record.number for record in earlier]
        return ({"lambda": 10.0 ** (round_ - 4)},)


@pytest.mark.parametrize("writes", [0, 3, 6])
def test_every_round_is_shown_the_rounds_before_it_fresh_or_resumed(tmp_path: Path, monkeypatch, writes: int) -> None:
    proposal = Curious()
    stage = rig.Stage("search", rig.fixed(), proposal, 2)
    if writes:
        with monkeypatch.context() as patch:
            dies(patch, Study, "add", writes)
            with pytest.raises(Killed):
                rig.run(tmp_path / "run", stage, width=1)
        proposal.shown.clear()
    backwards = rig.InProcess(order=lambda names: names[::-1])
    ran = rig.run(tmp_path / "run", stage, width=1, engine=backwards)
    assert proposal.shown == {0: [], 1: [0, 1], 2: [0, 1, 2, 3]}
    assert [record.spec.lambda_ for record in ran.records] == [1e-4, 1e-4, 1e-3, 1e-3, 1e-2, 1e-2]
    assert [record.replicate for record in ran.records] == [0, 1, 0, 1, 0, 1]


def test_a_stage_that_follows_another_choice_supersedes_its_rows(tmp_path: Path) -> None:
    rig.run(tmp_path / "run", SEARCH, FINAL)
    other = rig.listed("final", (0.005, 0.07), 1, final=True)
    ran = rig.run(tmp_path / "run", SEARCH, other)
    assert ran.watched.stages == [("search", 6), ("final", 0)]
    assert [record.spec.lambda_ for record in ran.results[1].records] == [0.005, 0.07]
    assert csv(ran) == csv(rig.run(tmp_path / "fresh", SEARCH, other))
    again = rig.run(tmp_path / "run", SEARCH, other, engine=rig.forbidden())
    assert again.records == ran.records


def test_a_choice_of_fewer_lambdas_leaves_no_rows_of_the_one_before(tmp_path: Path) -> None:
    rig.run(tmp_path / "run", rig.listed("final", (0.005, 0.05), 2, final=True))
    fewer = rig.listed("final", (0.005,), 2, final=True)
    ran = rig.run(tmp_path / "run", fewer)
    assert [record.number for record in ran.records] == [0, 1]
    assert ran.watched.stages == [("final", 0)]
    assert csv(rig.run(tmp_path / "run", fewer, engine=rig.forbidden())) == csv(ran)


def test_a_choice_that_comes_back_finds_its_rows_and_gets_its_own_networks_again(tmp_path: Path) -> None:
    fewer = rig.listed("final", (0.005,), 1, final=True)  # the same first trial, in a pack of its own
    whole = rig.run(tmp_path / "run", FINAL)
    before = results(tmp_path / "run")
    rig.run(tmp_path / "run", fewer)
    assert results(tmp_path / "run").keys() == {"networks/0.npz"}
    back = rig.run(tmp_path / "run", FINAL)
    assert csv(back) == csv(whole)
    assert results(tmp_path / "run") == before
    rig.run(tmp_path / "run", FINAL, engine=rig.forbidden())


def test_networks_of_an_earlier_choice_go_when_a_later_one_has_none_and_foreign_files_stay(tmp_path: Path) -> None:
    rig.run(tmp_path / "run", SEARCH, FINAL)
    networks = tmp_path / "run" / "networks"
    foreign = {"mine.npz", "01.npz", "0.npz.bak", "1.txt"}
    for name in foreign:
        (networks / name).write_text("mine")
    rig.run(tmp_path / "run", SEARCH, FINAL, engine=rig.forbidden())
    assert {path.name for path in networks.iterdir()} == foreign | {"0.npz", "1.npz"}
    rig.run(tmp_path / "run", SEARCH, engine=rig.forbidden())
    assert {path.name for path in networks.iterdir()} == foreign
    assert {path.read_text() for path in networks.iterdir()} == {"mine"}


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "garbage": lambda path: path.write_bytes(b"garbage" * 99),
    "a flipped bit": lambda path: path.write_bytes(_flipped(path.read_bytes())),
    "foreign": lambda path: path.write_bytes((path.parent / "0.npz").read_bytes()),  # of another trial
}


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_lost_network_is_noticed_and_its_pack_alone_is_computed_again(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    stage = rig.listed("final", final=True)  # 3 lambdas and 2 replicates: packs of 2, 1, 2, 1
    first = rig.run(tmp_path / "run", SEARCH, stage, width=2)
    before, rows = results(tmp_path / "run"), row_count(tmp_path / "run")
    damage(tmp_path / "run" / "networks" / "4.npz")
    again = rig.run(tmp_path / "run", SEARCH, stage, width=2)
    assert again.watched.stages == [("search", 6), ("final", 5)]
    assert again.watched.packed == [[3, 4]]
    assert again.watched.computed == [[4]]
    assert csv(again) == csv(first)
    assert results(tmp_path / "run") == before
    assert row_count(tmp_path / "run") == rows  # no trial is recorded twice
    rig.run(tmp_path / "run", SEARCH, stage, width=2, engine=rig.forbidden())


def row_count(folder: Path) -> int:
    with Study.open(folder / "study.db", rig.CONFIGURATION) as study:
        return sum(len(study.rows(stage)) for stage in study.stages())


def elsewhere() -> Provenance:
    """Return what another machine would say."""
    return dataclasses.replace(provenance(), kernel="Z80")


def test_other_arithmetic_is_warned_of_once_when_new_rows_are_computed_and_never_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    larger = rig.listed(replicates=4)
    assert rig.run(tmp_path / "run", SEARCH).watched.warnings == []
    monkeypatch.setattr("pipeline.run.worker.provenance", elsewhere)
    assert rig.run(tmp_path / "run", SEARCH, engine=rig.forbidden()).watched.warnings == []
    [warning] = rig.run(tmp_path / "run", larger, FINAL).watched.warnings
    assert warning.startswith("earlier trials were computed with other arithmetic than ")
    assert "Z80" in warning
    assert warning.endswith("; see manifest.json")
    assert rig.run(tmp_path / "run", larger, FINAL, engine=rig.forbidden()).watched.warnings == []
    assert rig.run(tmp_path / "run", rig.listed(replicates=5), FINAL).watched.warnings == []


def test_a_stage_that_another_machine_goes_on_with_is_warned_of_too(tmp_path: Path, monkeypatch) -> None:
    rig.run(tmp_path / "run", SEARCH)
    monkeypatch.setattr("pipeline.run.worker.provenance", elsewhere)
    ran = rig.run(tmp_path / "run", SEARCH, FINAL)
    assert len(ran.watched.warnings) == 1
    kernels = [row.provenance.kernel for row in ran.runner.rows["final"] if row.provenance]
    assert kernels == ["Z80", "Z80"]


def test_another_revision_or_python_is_no_other_arithmetic(tmp_path: Path, monkeypatch) -> None:
    rig.run(tmp_path / "run", SEARCH)
    later = {"revision": "f" * 40, "python": "4.0"}
    monkeypatch.setattr("pipeline.run.worker.provenance", lambda: dataclasses.replace(provenance(), **later))
    assert rig.run(tmp_path / "run", SEARCH, FINAL).watched.warnings == []
