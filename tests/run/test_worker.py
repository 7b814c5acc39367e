"""The worker: its outcome is a function of its task, and what it stores can be used again."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rig
from rig import split_of, task

from pipeline.core.layers import Moments
from pipeline.core.network import Network
from pipeline.data import Split, data_spec, digits, open_split, prepare
from pipeline.data.augment import PixelScale
from pipeline.data.shifts import ShiftedRows
from pipeline.errors import DataError, HostError
from pipeline.evaluate import measure, predict
from pipeline.records import Row, Status
from pipeline.run import worker
from pipeline.run.task import Outcome, Task
from pipeline.run.worker import compute, read_outcome, waiting, work
from pipeline.spec import SHIFTS, STATISTICS, AugmentSpec, EvaluationSpec, InitSpec, NetworkSpec, Pack
from pipeline.statistics import statistics_for
from pipeline.train import train


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_an_outcome_is_read_back_as_it_was_computed(tmp_path: Path, cache: Path) -> None:
    item = task(tmp_path)
    work(item, split_of(item, cache))
    stored, computed = read_outcome(item.result), compute(item, open_split(split_of(item, cache)))
    assert stored.records == computed.records
    assert stored.provenance == computed.provenance
    assert stored.timing.trials == 3
    assert stored.timing.worker == os.getpid()
    assert stored.timing.seconds > 0


def test_a_record_says_what_ran_where_and_has_a_row_per_epoch(tmp_path: Path, cache: Path) -> None:
    item = task(tmp_path, cycles=2)
    outcome = compute(item, open_split(split_of(item, cache)))
    assert [record.spec for record in outcome.records] == list(item.trials.trials)
    assert [record.number for record in outcome.records] == list(item.numbers)
    for record in outcome.records:
        assert (record.stage, record.pack, record.replicate) == ("search", 0, 0)
        assert (record.status, record.pack_key, record.test_accuracy) == (Status.COMPLETE, item.trials.key, None)
        curves = record.curves
        assert curves.epoch == (0, 1, 2, 3, 4)
        assert curves.step == (0, 8, 16, 24, 32)  # 144 rows in batches of 20
        assert curves.cycle == (0, 1, 1, 2, 2)
        assert len({len(values) for values in dataclasses.astuple(curves)}) == 1
        assert curves.eta[::2] == pytest.approx((1e-5, 1e-5, 1e-5))
        assert curves.eta[1] == pytest.approx(0.1)
        accuracies = np.array([*curves.train_accuracy, *curves.val_accuracy]) * 144
        np.testing.assert_allclose(accuracies, accuracies.round(), atol=1e-9)  # counts / 144, and / 16


def test_every_row_says_what_was_run_and_what_computed_it(tmp_path: Path, cache: Path) -> None:
    item = task(tmp_path)
    outcome = compute(item, open_split(split_of(item, cache)))
    assert outcome.rows == tuple(Row(record, outcome.timing, outcome.provenance) for record in outcome.records)
    assert [row.identity for row in outcome.rows] == [item.identity(index) for index in range(3)]
    assert len({row.identity for row in outcome.rows}) == 3
    assert outcome.provenance is not None
    lost = Outcome((item.record(1, Status.FAILED, "worker died"),))
    assert [(row.identity, row.timing, row.provenance) for row in lost.rows] == [(item.identity(1), None, None)]


def test_a_record_of_another_plan_is_given_its_place_in_this_one_and_nothing_else(tmp_path: Path) -> None:
    item = task(tmp_path)
    elsewhere = dataclasses.replace(item, pack=5, replicate=3, numbers=(70, 80, 90))
    record = elsewhere.record(1, Status.DIVERGED, "at step 3")
    assert (record.number, record.pack, record.replicate) == (80, 5, 3)
    assert item.placed(1, record) == item.record(1, Status.DIVERGED, "at step 3")
    assert elsewhere.identity(1) == item.identity(1)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-10],
        lambda content: content.replace(b"COMPLETE", b"DIVERGED", 1),
        lambda content: b"\xff\xfe" + content,
        lambda content: content[:70] + b"\xff" + content[71:],
        lambda _: b"",
    ],
    ids=["cut", "edited", "not text", "one byte of no text", "empty"],
)
def test_a_damaged_outcome_is_refused_in_one_line(tmp_path: Path, cache: Path, damage) -> None:
    item = task(tmp_path)
    work(item, split_of(item, cache))
    item.result.write_bytes(damage(item.result.read_bytes()))
    with pytest.raises(DataError, match=r"\.json must match its digest") as caught:
        read_outcome(item.result)
    assert "\n" not in str(caught.value)


@pytest.fixture
def computations(monkeypatch: pytest.MonkeyPatch) -> list[Task]:
    """The tasks that are computed while the test runs."""
    computed: list[Task] = []
    monkeypatch.setattr(worker, "compute", lambda item, split: computed.append(item) or compute(item, split))
    return computed


@pytest.mark.parametrize("final", [False, True])
def test_a_task_that_is_dispatched_twice_is_computed_once(
    tmp_path: Path, cache: Path, computations: list[Task], final: bool
) -> None:
    item = task(tmp_path, final=final)
    split = split_of(item, cache)
    work(item, split)
    before = rig.files(tmp_path)
    work(item, split)
    assert computations == [item]
    assert rig.files(tmp_path) == before


@pytest.mark.parametrize("content", [b"", b"half of it"])
def test_a_damaged_outcome_is_computed_again(
    tmp_path: Path, cache: Path, computations: list[Task], content: bytes
) -> None:
    item = task(tmp_path)
    split = split_of(item, cache)
    work(item, split)
    records = read_outcome(item.result).records
    item.result.write_bytes(content)
    with pytest.raises(DataError, match="must match its digest"):
        waiting(item)
    work(item, split)
    assert len(computations) == 2
    assert read_outcome(item.result).records == records


def test_an_outcome_waits_from_when_it_is_written(tmp_path: Path, cache: Path) -> None:
    item = task(tmp_path)
    assert waiting(item) is None
    work(item, split_of(item, cache))
    assert waiting(item) == read_outcome(item.result)


@pytest.mark.parametrize(
    "lose",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.with_name("0.npz").read_bytes()),
    ],
    ids=["missing", "cut", "of another trial"],
)
def test_an_outcome_without_one_of_its_networks_does_not_wait_and_is_computed_again(
    tmp_path: Path, cache: Path, computations: list[Task], lose: Callable[[Path], object]
) -> None:
    item = task(tmp_path, final=True)
    split = split_of(item, cache)
    work(item, split)
    assert waiting(item) is not None
    before = {name: content for name, content in rig.files(tmp_path).items() if name.endswith(".npz")}
    records = read_outcome(item.result).records
    lose(item.networks / "1.npz")
    assert waiting(item) is None
    work(item, split)
    assert len(computations) == 2
    assert read_outcome(item.result).records == records
    assert {name: content for name, content in rig.files(tmp_path).items() if name.endswith(".npz")} == before


def test_a_task_knows_which_network_belongs_to_which_trial(tmp_path: Path) -> None:
    item = task(tmp_path, final=True)
    assert [item.network(index) for index in range(3)] == [item.networks / f"{number}.npz" for number in item.numbers]
    complete, diverged = item.record(1, Status.COMPLETE), item.record(1, Status.DIVERGED, "at step 3")
    assert not item.has_network(1, complete)
    assert item.has_network(1, diverged)  # there is none to have
    search = task(tmp_path)
    assert search.network(1) is None
    assert search.has_network(1, complete)


def test_nothing_is_left_where_the_outcome_cannot_be_written(tmp_path: Path, cache: Path) -> None:
    item = task(tmp_path)
    split = split_of(item, cache)
    item.result.parent.rmdir()
    with pytest.raises(HostError, match="must be writable"):
        work(item, split)
    assert not item.result.exists()


@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
def test_a_stored_network_gives_its_test_accuracy_again(tmp_path: Path, cache: Path, batch_norm: str) -> None:
    item = task(tmp_path, final=True)
    network = NetworkSpec(hidden=(6, 5), batch_norm=batch_norm)
    item = dataclasses.replace(
        item, trials=Pack(tuple(dataclasses.replace(trial, network=network) for trial in item.trials.trials))
    )
    split = open_split(split_of(item, cache))
    outcome = compute(item, split)
    for number, record in zip(item.numbers, outcome.records, strict=True):
        with np.load(item.networks / f"{number}.npz", allow_pickle=False) as file:
            stored = dict(file)
        again = rebuilt(network, stored)
        expected = measure(again, split.x_test, split.y_test, again.averages, np.zeros(1)).accuracy[0]
        assert record.test_accuracy == expected
        assert np.mean(stored["test_predicted"] == split.y_test) == expected
        assert ((stored["test_confidence"] > 1 / 3) & (stored["test_confidence"] <= 1)).all()
        assert str(stored["key"]) == record.spec.key


def rebuilt(spec: NetworkSpec, stored: dict[str, np.ndarray]) -> Network:
    """Return the one network whose arrays were stored."""
    network = Network.create(spec, rig.D, rig.C, [InitSpec()], seed=99)
    network.parameters = {name: stored[name][None] for name in network.parameters}
    layers = range(1, len(spec.hidden) + 1) if spec.batch_norm != "none" else ()
    network.averages = {i: Moments(stored[f"mean{i}"][None], stored[f"variance{i}"][None]) for i in layers}
    return network


def test_a_search_stage_leaves_no_network_and_sees_no_test_row(tmp_path: Path, cache: Path) -> None:
    item = task(tmp_path)
    split = split_of(item, cache)
    work(item, split)
    assert [path.name for path in tmp_path.rglob("*.npz")] == []
    assert not list(split.glob("*test*"))
    assert open_split(split).x_test is None


def test_a_stage_that_keeps_networks_without_test_rows_is_a_bug(tmp_path: Path, cache: Path) -> None:
    item = dataclasses.replace(task(tmp_path), networks=tmp_path)
    with pytest.raises(ValueError, match="no test rows"):
        compute(item, open_split(split_of(item, cache)))


def test_a_stage_with_test_rows_that_keeps_no_networks_has_the_same_test_accuracies(
    tmp_path: Path, cache: Path
) -> None:
    item = task(tmp_path, final=True)
    split = open_split(split_of(item, cache))
    kept, tested = compute(item, split).records, compute(dataclasses.replace(item, networks=None), split).records
    assert tested == kept
    assert None not in [record.test_accuracy for record in tested]
    assert len(list(tmp_path.rglob("*.npz"))) == 3  # of the first


@pytest.mark.parametrize("batch_norm", ["none", "before"])
def test_networks_that_start_beyond_all_numbers_are_records_without_a_test(
    tmp_path: Path, cache: Path, batch_norm: str
) -> None:
    item = task(tmp_path, final=True)
    lost = [
        dataclasses.replace(
            trial, network=NetworkSpec(hidden=(6,), batch_norm=batch_norm), init=InitSpec("normal", 1e37)
        )
        for trial in item.trials.trials
    ]
    records = compute(dataclasses.replace(item, trials=Pack(tuple(lost))), open_split(split_of(item, cache))).records
    for record in records:
        assert (record.status, record.test_accuracy, record.batch_losses) == (Status.DIVERGED, None, ())
        assert record.curves.epoch == ()


def test_a_diverged_trial_has_its_step_its_reason_and_no_network_and_the_others_complete(
    tmp_path: Path, cache: Path
) -> None:
    item = task(tmp_path, (0.001, 1e30, 0.01), final=True)
    records = compute(item, open_split(split_of(item, cache))).records
    assert [record.status for record in records] == [Status.COMPLETE, Status.DIVERGED, Status.COMPLETE]
    lost = records[1]
    assert "at step " in lost.reason
    assert lost.test_accuracy is None
    assert lost.final("val_accuracy") is None
    assert len(lost.curves.epoch) < 3
    assert sorted(path.name for path in item.networks.iterdir()) == ["0.npz", "2.npz"]


def test_a_pack_that_diverges_as_a_whole_still_has_a_record_each(tmp_path: Path, cache: Path) -> None:
    item = task(tmp_path, (1e30, 1e31), final=True)
    work(item, split_of(item, cache))
    records = read_outcome(item.result).records
    assert [record.status for record in records] == [Status.DIVERGED, Status.DIVERGED]
    assert list(item.networks.iterdir()) == []
    assert waiting(item) is not None  # and no network is waited for


# Statistics and shifted test sets, on images


def image_task(folder: Path, cache: Path, **evaluation: object) -> tuple[Task, Split]:
    """Return a final task on scikit-learn's digits that is evaluated as asked, and its split."""
    item = task(folder, (0.001, 0.01), final=True)
    dataset = digits.load()
    data = data_spec(dataset, 0.1, opens_test=True)
    changes = {"data": data, "batch_size": 100, "evaluation": EvaluationSpec(**evaluation)}
    trials = Pack(tuple(dataclasses.replace(trial, **changes) for trial in item.trials.trials))
    return dataclasses.replace(item, trials=trials), open_split(prepare(dataset, data, cache))


@pytest.mark.parametrize("statistics", STATISTICS)
def test_shifted_accuracies_are_those_of_shifted_rows_by_the_statistics_that_are_asked_for(
    tmp_path: Path, cache: Path, statistics: str
) -> None:
    how = {"rows": 500, "augment": AugmentSpec(shift=1)}
    item, split = image_task(tmp_path, cache, statistics=statistics, shifts=SHIFTS, **how)
    records = compute(item, split).records
    *_, last = train(item.trials, split)
    evaluation, scale = item.trials.trials[0].evaluation, PixelScale.of(split)
    for name in ("", *SHIFTS):
        x = ShiftedRows(split.x_test, name, split)[:] if name else split.x_test
        own = statistics_for(last.network, x, last.statistics, evaluation, scale)
        expected = (predict(last.network, x, own).classes == split.y_test).mean(axis=1)
        found = [record.shifted_accuracy[name] if name else record.test_accuracy for record in records]
        assert found == pytest.approx(expected.tolist(), abs=1e-12)
    assert all(tuple(record.shifted_accuracy) == SHIFTS for record in records)


def test_only_the_shifts_that_are_asked_for_are_made_and_none_changes_the_rest(tmp_path: Path, cache: Path) -> None:
    item, split = image_task(tmp_path, cache, shifts=("noise",))
    (asked, _), (plain, _) = compute(item, split).records, compute(image_task(tmp_path, cache)[0], split).records
    assert list(asked.shifted_accuracy) == ["noise"]
    assert plain.shifted_accuracy == {}
    assert (plain.test_accuracy, plain.curves) == (asked.test_accuracy, asked.curves)


@pytest.mark.parametrize("statistics", STATISTICS)
def test_a_stored_network_has_statistics_of_training_rows_those_of_its_prediction_unless_it_adapts(
    tmp_path: Path, cache: Path, statistics: str
) -> None:
    item, split = image_task(tmp_path, cache, statistics=statistics, rows=500)
    records = compute(item, split).records
    *_, last = train(item.trials, split)
    with np.load(item.networks / "1.npz", allow_pickle=False) as file:
        stored = dict(file)
    training = last.network.statistics(split.x_train[:500]) if statistics == "precise" else last.network.averages
    np.testing.assert_array_equal(stored["mean1"], training[1].mean[1])
    np.testing.assert_array_equal(stored["variance1"], training[1].variance[1])
    assert np.mean(stored["test_predicted"] == split.y_test) == records[1].test_accuracy
    same = (predict(last.network, split.x_test, training).classes[1] == stored["test_predicted"]).all()
    assert same == (statistics != "adaptive")


def test_outcomes_with_shifted_accuracies_are_read_back_as_they_were_computed(tmp_path: Path, cache: Path) -> None:
    item, split = image_task(tmp_path, cache, statistics="adaptive", shifts=("blur", "contrast"))
    work(item, cache / next(path.name for path in cache.iterdir() if path.is_dir()))
    assert read_outcome(item.result).records == compute(item, split).records
