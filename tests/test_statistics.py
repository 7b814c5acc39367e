"""By which statistics networks are evaluated: averaged, estimated, adapted; none of them touches the training."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small import assert_close, assert_same_bits, pack_of, run, some_network, split, state, trial

from pipeline import spec, statistics
from pipeline.core.layers import Moments
from pipeline.core.network import Statistics
from pipeline.data.augment import Changes, PixelScale, changed
from pipeline.data.split import Split
from pipeline.evaluate import measure
from pipeline.spec import AugmentSpec, EvaluationSpec, Pack
from pipeline.statistics import KINDS, estimate, refreshes, statistics_for
from pipeline.train import train

LAMBDAS = (0.0, 0.001, 0.01, 0.1)
LIT = AugmentSpec(brightness=0.3, contrast=0.3)


def images() -> Split:
    """Return the small world with rows that are images of 1 channel, 2 by 3 pixels."""
    data = split()
    shape = (1, 2, 3)
    return dataclasses.replace(data, shape=shape, spec=dataclasses.replace(data.spec, shape=shape))


DATA = images()
SCALE = PixelScale.of(DATA)


def pack(statistics: str = "ema", *, augment: AugmentSpec | None = None, how: dict | None = None, **changes) -> Pack:
    """Return a pack that is evaluated by `statistics`; `how` are the other fields of its EvaluationSpec."""
    schedule = {"step_size": 2}
    base = trial(DATA, **({"schedule": schedule} | changes))
    evaluation = EvaluationSpec(statistics, **(how or {}))
    base = dataclasses.replace(base, evaluation=evaluation, augment=augment or AugmentSpec())
    return pack_of(base, LAMBDAS)


def arrays(found: Statistics) -> dict[str, np.ndarray]:
    return {f"{name} {layer}": getattr(m, name) for layer, m in found.items() for name in ("mean", "variance")}


def test_the_table_has_the_names_that_a_specification_may_ask_for() -> None:
    assert tuple(KINDS) == spec.STATISTICS


# Estimating


@pytest.mark.parametrize("how", [{}, {"skips": ((1, 3),), "skip_norm": True}, {"batch_norm": "after"}], ids=str)
def test_precise_statistics_are_those_of_the_training_rows_as_one_batch(how: dict) -> None:
    network = some_network((6, 5, 4, 5, 3), **how)
    rows = DATA.x_train.astype(float)
    for count in (23, 9):
        found = estimate(network, DATA.x_train, EvaluationSpec("precise", rows=count))
        expected = network.loss_and_gradients(rows[:count], DATA.y_train[:count], np.zeros(3)).statistics
        assert_same_bits(arrays(found), arrays(expected))
        assert list(found) == [1, 2, 3]
    assert_same_bits(
        arrays(estimate(network, DATA.x_train, EvaluationSpec("precise"))), arrays(network.statistics(rows))
    )


def test_the_moving_average_of_a_frozen_network_over_the_whole_set_tends_to_the_precise_statistics() -> None:
    network, rows = some_network(bn_start="zeros"), DATA.x_train.astype(float)
    batch = network.statistics(rows)
    for _ in range(400):
        network.average(batch)
    assert_close(arrays(network.averages), arrays(estimate(network, DATA.x_train, EvaluationSpec("precise"))))


@pytest.mark.parametrize(
    ("per_epoch", "steps", "last", "expected"),
    [
        (1, 450, False, {0}),
        (2, 450, False, {0, 225}),
        (3, 5, False, {0, 1, 3}),
        (5, 5, False, {0, 1, 2, 3, 4}),
        (0, 450, False, set()),
        (0, 450, True, {450}),
        (2, 450, True, {0, 225, 450}),
    ],
)
def test_estimates_come_at_equal_distances_and_once_more_at_the_end_of_the_run(
    per_epoch: int, steps: int, last: bool, expected: set[int]
) -> None:
    assert refreshes(EvaluationSpec("precise", per_epoch=per_epoch), steps, last) == expected
    for other in ("ema", "adaptive"):
        assert refreshes(EvaluationSpec(other, per_epoch=per_epoch), steps, last) == set()


def test_as_many_estimates_are_made_as_are_asked_for_and_one_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(*given) -> Statistics:
        made.append(1)
        return estimate(*given)

    monkeypatch.setattr("pipeline.train.estimate", counted)
    for per_epoch, total in ((0, 1), (1, 5), (3, 13)):
        made.clear()
        run(pack("precise", how={"per_epoch": per_epoch}), DATA)
        assert len(made) == total


# Adapting


def test_adaptive_statistics_of_rows_as_they_are_are_those_of_the_batch() -> None:
    network = some_network()
    found = statistics_for(network, DATA.x_val, network.averages, EvaluationSpec("adaptive"), SCALE)
    assert_same_bits(arrays(found), arrays(network.statistics(DATA.x_val.astype(float))))


def test_adaptive_statistics_of_changed_rows_are_those_of_the_changed_rows_every_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, how = some_network(), EvaluationSpec("adaptive", augment=LIT)
    found = statistics_for(network, DATA.x_val, {}, how, SCALE)
    drawn = Changes.draw(LIT, 7, np.random.default_rng(statistics.SEED))
    expected = network.statistics(changed(DATA.x_val, drawn, SCALE).astype(float))
    assert_same_bits(arrays(found), arrays(expected))
    monkeypatch.setattr(statistics, "CHUNK", 3)
    assert_same_bits(arrays(statistics_for(network, DATA.x_val, {}, how, SCALE)), arrays(found))
    plain = statistics_for(network, DATA.x_val, {}, EvaluationSpec("adaptive"), SCALE)
    assert abs(found[1].variance / plain[1].variance - 1).min() > 1e-6


@pytest.mark.parametrize("kind", ["ema", "precise"])
def test_other_statistics_are_those_of_training_whatever_is_evaluated(kind: str) -> None:
    training = {1: Moments(np.zeros((3, 5)), np.ones((3, 5)))}
    assert statistics_for(some_network(), DATA.x_val, training, EvaluationSpec(kind, augment=LIT), SCALE) is training


# In training


@pytest.mark.parametrize("batch_norm", ["before", "after"])
@pytest.mark.parametrize(
    "other",
    [
        *({"statistics": "precise", "how": {"per_epoch": times}} for times in (0, 1, 3)),
        {"statistics": "precise", "how": {"rows": 9}},
        {"statistics": "adaptive"},
        {"statistics": "adaptive", "how": {"augment": LIT}},
    ],
    ids=str,
)
def test_statistics_change_no_bit_of_what_is_trained(other: dict, batch_norm: str) -> None:
    augment = AugmentSpec(mirror=True, shift=1)
    plain = run(pack(augment=augment, batch_norm=batch_norm), DATA)
    evaluated = run(pack(**other, augment=augment, batch_norm=batch_norm), DATA)
    for one, two in zip(plain, evaluated, strict=True):
        trained = {name for name in one if name.startswith("network.") or name == "batch_losses"}
        assert "network.W1" in trained
        assert "network.mean1" in trained or one is plain[0]
        assert_same_bits({name: one[name] for name in trained}, {name: two[name] for name in trained})
    assert abs(plain[-1]["val_loss"] - evaluated[-1]["val_loss"]).min() > 0


@pytest.mark.parametrize("per_epoch", [0, 1, 2, 5])
def test_the_end_of_the_run_is_measured_by_a_fresh_estimate_and_epochs_before_by_the_latest(per_epoch: int) -> None:
    how = EvaluationSpec("precise", per_epoch=per_epoch)
    *before, end = (report for report in train(pack("precise", how={"per_epoch": per_epoch}), DATA) if report.epoch)
    fresh = estimate(end.network, DATA.x_train, how)
    assert_same_bits(arrays(end.statistics), arrays(fresh))
    for part, x, y in (("train", DATA.x_train, DATA.y_train), ("val", DATA.x_val, DATA.y_val)):
        assert_array_equal(getattr(end, part).loss, measure(end.network, x, y, fresh, np.zeros(4)).loss)
    assert before


def test_the_more_often_statistics_are_estimated_the_nearer_they_are_to_those_of_the_network() -> None:
    def staleness(per_epoch: int) -> float:
        report = next(r for r in train(pack("precise", how={"per_epoch": per_epoch}), DATA) if r.epoch == 1)
        fresh = estimate(report.network, DATA.x_train, EvaluationSpec("precise"))
        return sum(float(abs(report.statistics[layer].mean - fresh[layer].mean).sum()) for layer in fresh)

    once, often = staleness(1), staleness(5)
    assert 0 < often < once


def test_estimates_at_the_end_of_the_run_alone_leave_moving_averages_until_then() -> None:
    ema, late = (list(map(measured, train(pack(kind, how={"per_epoch": 0}), DATA))) for kind in ("ema", "precise"))
    for one, two in zip(ema[:-1], late[:-1], strict=True):
        assert_array_equal(one, two)
    assert (ema[-1] != late[-1]).all()
    always = list(map(measured, train(pack("precise"), DATA)))
    assert_array_equal(always[-1], late[-1])
    assert (always[2] != late[2]).all()


def measured(report) -> np.ndarray:
    return np.concatenate([report.train.loss, report.val.loss])


def test_adaptive_rows_are_measured_by_their_own_statistics() -> None:
    for report in train(pack("adaptive", how={"augment": LIT}), DATA):
        if not report.epoch:
            continue
        assert_same_bits(arrays(report.statistics), arrays(report.network.averages))
        for part, x, y in (("train", DATA.x_train, DATA.y_train), ("val", DATA.x_val, DATA.y_val)):
            own = statistics_for(report.network, x, {}, EvaluationSpec("adaptive", augment=LIT), SCALE)
            assert_array_equal(getattr(report, part).loss, measure(report.network, x, y, own, np.zeros(4)).loss)


def test_the_untrained_network_is_measured_alike_by_all() -> None:
    kinds = [next(train(pack(kind, how={"augment": LIT}), DATA)) for kind in KINDS]
    for report in kinds:
        assert_array_equal(measured(report), measured(kinds[0]))
        assert report.statistics == {}


def test_a_trial_that_is_lost_leaves_the_others_their_estimates() -> None:
    """The second trial's weights leave float64 in the fourth step; the rows are measured after it has left."""
    calm = pack("precise", how={"per_epoch": 2}, hidden=(5,))
    wild = dataclasses.replace(calm.trials[1], lambda_=1e160)
    trials = Pack((calm.trials[0], wild, *calm.trials[2:]))
    without = Pack((calm.trials[0], *calm.trials[2:]))
    survivors = []
    for report, alone in zip(train(trials, DATA), train(without, DATA), strict=True):
        survivors.append(len(report.trials))
        assert_close(arrays(report.statistics), arrays(alone.statistics))
    assert survivors == [4, 3, 3, 3, 3]


# Augmentation in training


def test_augmentation_leaves_the_order_of_the_rows_and_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """What augmentation is given are the very mini-batches that a trial without it takes."""
    seen: dict[bool, list[np.ndarray]] = {True: [], False: []}

    def spy(rows, augment, scale, rng):
        seen[augment.active].append(rows.copy())
        return changed(rows, Changes.draw(augment, len(rows), rng), scale) if augment.active else rows

    monkeypatch.setattr("pipeline.train.augment", spy)
    plain, lit = run(pack(), DATA), run(pack(augment=LIT), DATA)
    assert len(seen[True]) == len(seen[False]) == 20
    for one, two in zip(seen[True], seen[False], strict=True):
        assert_array_equal(one, two)
    assert_array_equal(plain[0]["network.W1"], lit[0]["network.W1"])
    assert abs(plain[-1]["network.W1"] - lit[-1]["network.W1"]).max() > 1e-3


def test_evaluation_is_never_augmented() -> None:
    for report in train(pack(augment=LIT), DATA):
        if report.epoch:
            for part, x, y in (("train", DATA.x_train, DATA.y_train), ("val", DATA.x_val, DATA.y_val)):
                plain = measure(report.network, x, y, report.network.averages, np.zeros(4))
                assert_array_equal(getattr(report, part).loss, plain.loss)


@pytest.mark.parametrize("keeps", [(1.0, 1.0, 1.0, 1.0), (1.0, 0.5, 1.0, 0.8)])
def test_a_trial_alone_sees_the_images_that_it_sees_in_a_pack_with_or_without_dropout(keeps: tuple) -> None:
    base = pack(augment=AugmentSpec(mirror=True, shift=1, contrast=0.5))
    trials = tuple(dataclasses.replace(t, keep=keep) for t, keep in zip(base.trials, keeps, strict=True))
    together = run(Pack(trials), DATA)
    for position, member in enumerate(trials):
        for alone, packed in zip(run(Pack((member,)), DATA), together, strict=True):
            lanes = {name: array[[position]] for name, array in packed.items() if name != "trials"}
            assert_close(lanes, {name: array for name, array in alone.items() if name != "trials"})


def test_augmented_training_is_the_same_bits_again_and_looking_changes_none() -> None:
    augmented = pack("adaptive", augment=LIT, dtype="float32", how={"augment": LIT})
    for report, one, two in zip(train(augmented, DATA), run(augmented, DATA), run(augmented, DATA), strict=True):
        assert_same_bits(one, two)
        before = state(report.network)
        statistics_for(report.network, DATA.x_train, report.statistics, EvaluationSpec("adaptive", augment=LIT), SCALE)
        assert_same_bits(state(report.network), before)
        assert_allclose(one["train_loss"], report.train.loss, rtol=0)
