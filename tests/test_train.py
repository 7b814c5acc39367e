"""Training: the laws of packs, of divergence and of reports, in float64."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from reference import cut
from small import (
    EQUAL,
    HIDDEN,
    SKIPS,
    C,
    D,
    assert_close,
    assert_same_bits,
    lanes,
    pack_of,
    photograph,
    run,
    split,
    state,
    trial,
)

from pipeline import evaluate
from pipeline.core.network import Network
from pipeline.core.optimizers import OPTIMIZERS
from pipeline.core.schedules import triangular
from pipeline.evaluate import measure
from pipeline.spec import BATCH_NORM, InitSpec, Pack, batches
from pipeline.train import Divergence, train

DATA = split()  # 23 rows: with batches of 5 the last one holds 3, and two epochs are 10 steps
LAMBDAS = (0.0, 0.001, 0.01, 0.1)

# In a linear classifier with eta = 1 a weight decay of 2e160 takes the weights to 1e160 in the first step, beyond
# float64 in the second; the third loss is not a number.
EXPLODES = {"lambda_": 1e160, "schedule": {"eta_min": 1.0, "eta_max": 1.0}, "hidden": ()}


# What the laws are held to besides plain networks: trials that drop more or fewer units, or none; other layers.
OTHERS = {
    "dropout": {"keeps": (0.5, 1.0, 0.8, 0.9)},
    "dropout and layer norm": {"keeps": (0.5, 1.0, 0.8, 0.9), "batch_norm": "none", "layer_norm": "after"},
    "dropout and skips": {"keeps": (0.5, 1.0, 0.8, 0.9), "hidden": EQUAL, "skips": SKIPS["handout"]},
    "averages from zeros": {"bn_start": "zeros", "num_bn_layers": 1},
}
every_other = pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)


def some_pack(keeps=None, **changes):
    return pack_of(trial(DATA, **changes), LAMBDAS, keeps=keeps)


def without(pack, position):
    return Pack(tuple(t for number, t in enumerate(pack.trials) if number != position))


# Mini-batches


@pytest.mark.parametrize(
    ("n", "batch_size", "sizes"),
    [
        (10, 5, [5, 5]),
        (12, 5, [5, 5, 2]),  # the short last batch is kept
        (11, 5, [5, 6]),  # a single row joins the batch before
        (5, 5, [5]),
        (6, 5, [6]),
        (1, 1, [1]),
        (1, 5, [1]),
        (3, 1, [1, 1, 1]),  # batches of one are all of full size
    ],
)
def test_the_sizes_of_mini_batches(n, batch_size, sizes):
    assert [batch.stop - batch.start for batch in batches(n, batch_size)] == sizes


def test_mini_batches_cover_every_row_once_in_as_many_steps_as_the_specification_counts():
    for n in range(1, 40):
        for batch_size in range(1, n + 1):
            cuts = batches(n, batch_size)
            rows = [row for batch in cuts for row in range(n)[batch]]
            data = dataclasses.replace(DATA.spec, n_train=n)
            assert rows == list(range(n))
            assert len(cuts) == dataclasses.replace(trial(DATA), data=data, batch_size=batch_size).steps_per_epoch


# Packs


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
@pytest.mark.parametrize("batch_norm", BATCH_NORM)
def test_a_trial_alone_equals_the_trial_in_a_pack(batch_norm, optimizer):
    pack = some_pack(batch_norm=batch_norm, optimizer=optimizer)
    together = run(pack, DATA)
    for position, member in enumerate(pack.trials):
        for alone, packed in zip(run(Pack((member,)), DATA), together, strict=True):
            assert_close(lanes(packed, [position]), lanes(alone, [0]))


@every_other
def test_a_trial_alone_equals_the_trial_in_a_pack_whatever_the_others_drop(other):
    pack = some_pack(**other)
    together = run(pack, DATA)
    assert together[-1]["network.W1"].shape[0] == 4
    for position, member in enumerate(pack.trials):
        for alone, packed in zip(run(Pack((member,)), DATA), together, strict=True):
            assert_close(lanes(packed, [position]), lanes(alone, [0]))


@pytest.mark.parametrize("other", [{}, *OTHERS.values()], ids=["plain", *OTHERS])
def test_permuting_the_trials_permutes_the_results(other):
    pack = some_pack(optimizer="momentum", **other)
    order = [2, 0, 3, 1]
    permuted = run(Pack(tuple(pack.trials[position] for position in order)), DATA)
    for one, moved in zip(run(pack, DATA), permuted, strict=True):
        assert_close(lanes(one, order), lanes(moved, [0, 1, 2, 3]))


def test_every_trial_has_its_own_learning_rate():
    pack = pack_of(trial(DATA), (0.01,) * 6, etas_max=(0.1, 0.1, 0.1, 0.2, 0.2, 0.2))
    at_the_top = run(pack, DATA)[1]
    assert_allclose(at_the_top["eta"], [0.1] * 3 + [0.2] * 3)
    for position, member in enumerate(pack.trials):
        assert_close(lanes(at_the_top, [position]), lanes(run(Pack((member,)), DATA)[1], [0]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_pack_gives_the_same_bits_again(dtype):
    pack = some_pack(dtype=dtype, optimizer="momentum")
    for one, other in zip(run(pack, DATA), run(pack, DATA), strict=True):
        assert_same_bits(one, other)


@every_other
def test_the_same_pack_gives_the_same_bits_again_whatever_it_drops(other):
    for one, again in zip(run(some_pack(**other), DATA), run(some_pack(**other), DATA), strict=True):
        assert_same_bits(one, again)


@pytest.mark.parametrize("keeps", [None, (0.5, 1.0, 0.8, 0.9)], ids=["all units", "dropout"])
def test_looking_at_the_networks_between_epochs_changes_no_bit(keeps):
    pack = some_pack(keeps)
    for report, undisturbed in zip(train(pack, DATA), run(pack, DATA), strict=True):
        statistics = report.network.averages or report.network.statistics(DATA.x_val)
        before = state(report.network)
        measure(report.network, DATA.x_val, DATA.y_val, statistics, np.zeros(4))
        report.network.statistics(DATA.x_train)
        assert_same_bits(state(report.network), before)
        assert_same_bits(photograph(report), undisturbed)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_recorded_losses_and_accuracies_are_those_of_the_steps_and_recording_them_changes_no_bit(dtype, optimizer):
    pack = some_pack(dtype=dtype, optimizer=optimizer)
    spec = pack.trials[0]
    network = Network.create(spec.network, D, C, [member.init for member in pack.trials], spec.init_seed)
    memory = OPTIMIZERS[optimizer].init(network.parameters)
    lambda_, order = np.array(LAMBDAS, dtype), np.random.default_rng(spec.order_seed)
    step = 0
    for report in train(pack, DATA):
        losses, accuracies = np.empty((len(LAMBDAS), 0)), np.empty((len(LAMBDAS), 0))
        if optimizer == "sgd":
            network.scaled()
        for batch in cut(order.permutation(23), 5) if report.epoch else []:
            eta = triangular(step, spec.schedule, 5, np.full(4, 0.01), np.full(4, 0.3)).astype(dtype)
            x = DATA.x_train[batch].astype(dtype)
            guesses = network.scores(x, network.statistics(x)).argmax(axis=2)
            accuracies = np.column_stack([accuracies, (guesses == DATA.y_train[batch]).mean(axis=1)])
            loss, gradients, statistics, _ = network.loss_and_gradients(x, DATA.y_train[batch], lambda_)
            network.average(statistics)
            OPTIMIZERS[optimizer].update(network.parameters, gradients, memory, eta, spec.optimizer)
            losses = np.column_stack([losses, loss])
            step += 1
        network.folded()
        assert report.batch_losses.dtype == np.float64
        assert_array_equal(report.batch_losses, losses)
        assert_array_equal(report.batch_accuracies, accuracies)
        assert_same_bits(state(report.network), state(network))


def test_float32_stays_near_float64_over_a_few_steps():
    single, double = (run(some_pack(dtype=dtype), DATA)[-1] for dtype in ("float32", "float64"))
    assert single["network.W1"].dtype == np.float32
    assert_close(single, double, rtol=1e-3, atol=1e-4)
    assert np.abs(single["train_loss"] - double["train_loss"]).max() > 0  # or nothing was compared


def test_settings_share_their_start_and_their_batches_so_that_twins_stay_twins():
    member = trial(DATA)
    for picture in run(Pack((member, member)), DATA):
        # not bit for bit: which kernel of the BLAS computes a lane depends on its place in the wide product
        assert_close(lanes(picture, [0]), lanes(picture, [1]))


# Divergence


def exploding_pack(keeps=None, **changes):
    """Return four trials of which the second explodes, in step 3."""
    healthy = trial(DATA, **(EXPLODES | changes))
    return pack_of(healthy, (0.0, EXPLODES["lambda_"], 1e-3, 1e-2), keeps=keeps)


def test_a_diverging_trial_is_named_with_step_and_reason_and_leaves_at_the_end_of_the_epoch():
    reports = list(train(exploding_pack(), DATA))
    assert [report.diverged for report in reports] == [
        (),
        (Divergence(trial=1, step=3, reason="mini-batch loss is nan at step 3"),),
        (),
    ]
    assert [report.trials.tolist() for report in reports] == [[0, 1, 2, 3], [0, 2, 3], [0, 2, 3]]
    assert [report.network.size for report in reports[1:]] == [3, 3]
    for report in reports[1:]:
        assert all(len(values) == 3 for values in (report.eta, report.train.cost, report.val.accuracy))
        assert report.batch_losses.shape == (3, 5)
        assert np.isfinite(report.batch_losses).all()


def test_a_diverging_trial_changes_no_bit_of_its_neighbours_while_it_is_among_them():
    pack = exploding_pack()
    calm = list(pack.trials)
    calm[1] = dataclasses.replace(calm[1], lambda_=0.05)
    sick, healthy = run(pack, DATA)[1], run(Pack(tuple(calm)), DATA)[1]
    assert_same_bits(lanes(sick, [0, 1, 2]), lanes(healthy, [0, 2, 3]))


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_dropping_a_trial_equals_never_having_packed_it(optimizer):
    schedule = EXPLODES["schedule"] | {"step_size": 2}  # three epochs after the loss
    pack = exploding_pack(optimizer=optimizer, schedule=schedule)
    survivors, never = run(pack, DATA), run(without(pack, 1), DATA)
    assert [len(picture["trials"]) for picture in survivors] == [4, 3, 3, 3, 3]
    for one, other in zip(survivors[1:], never[1:], strict=True):
        assert_close(lanes(one, [0, 1, 2]), lanes(other, [0, 1, 2]))


@every_other
def test_a_diverging_trial_spares_its_neighbours_and_is_forgotten_whatever_they_drop(other):
    schedule = EXPLODES["schedule"] | {"step_size": 2}
    pack = exploding_pack(**{"hidden": HIDDEN, "schedule": schedule} | other)
    calm = list(pack.trials)
    calm[1] = dataclasses.replace(calm[1], lambda_=0.05)
    sick, healthy, never = (run(one, DATA) for one in (pack, Pack(tuple(calm)), without(pack, 1)))
    assert [len(picture["trials"]) for picture in sick] == [4, 3, 3, 3, 3]
    assert_same_bits(lanes(sick[1], [0, 1, 2]), lanes(healthy[1], [0, 2, 3]))
    for one, other_run in zip(sick[1:], never[1:], strict=True):
        assert_close(lanes(one, [0, 1, 2]), lanes(other_run, [0, 1, 2]), rtol=1e-8)


def test_a_huge_learning_rate_diverges_in_a_deep_network_and_spares_its_neighbour():
    base = trial(DATA, batch_norm="none", dtype="float32", schedule={"step_size": 3})
    reports = list(train(pack_of(base, (0.01, 0.01), etas_max=(0.1, 1e30)), DATA))
    (lost,) = [lost for report in reports for lost in report.diverged]
    assert lost.trial == 1
    assert lost.step <= 6
    assert lost.reason.endswith(f"at step {lost.step}")
    assert reports[-1].trials.tolist() == [0]
    assert np.isfinite(reports[-1].val.cost).all()


def test_training_ends_early_when_every_trial_has_diverged():
    reports = list(train(without(without(without(exploding_pack(), 3), 2), 0), DATA))
    assert [report.epoch for report in reports] == [0, 1]
    assert [lost.trial for lost in reports[-1].diverged] == [0]
    assert len(reports[-1].trials) == len(reports[-1].val.loss) == reports[-1].network.size == 0


def test_a_trial_that_explodes_in_the_last_step_of_an_epoch_is_found_by_its_cost():
    # one step an epoch: its loss was finite, but the cost of the new weights is not
    reports = list(train(exploding_pack(batch_size=23), DATA))
    assert reports[1].diverged == (Divergence(1, 1, "training cost is inf at step 1"),)
    assert reports[1].trials.tolist() == [0, 2, 3]
    assert np.isfinite(reports[1].train.cost).all()
    assert reports[1].batch_losses.shape == reports[1].batch_accuracies.shape == (3, 1)


def test_a_trial_is_lost_too_when_only_its_validation_cost_is_not_finite():
    bright = dataclasses.replace(DATA, x_val=np.full_like(DATA.x_val, 3e38))
    report = next(train(Pack((trial(DATA, hidden=(), dtype="float32", init="normal", sigma=9.0),)), bright))
    assert [(lost.trial, lost.step) for lost in report.diverged] == [(0, 0)]
    assert report.diverged[0].reason.startswith("validation cost is")


def test_a_network_that_starts_beyond_all_numbers_is_dropped_before_training():
    start = dataclasses.replace(trial(DATA, hidden=(), dtype="float32"), init=InitSpec("normal", 1e37))
    reports = list(train(Pack((start,)), DATA))
    assert [(report.epoch, report.step) for report in reports] == [(0, 0)]
    assert reports[0].diverged[0].reason.startswith("training cost is")
    assert reports[0].diverged[0].step == 0


# Reports


def test_reports_count_epochs_steps_and_cycles_and_name_the_rate_of_the_step_to_come():
    schedule = {"step_size": 2, "cycles": 2, "eta_min": 0.1, "eta_max": 0.3}
    reports = list(train(Pack((trial(DATA, schedule=schedule),)), DATA))
    assert [report.epoch for report in reports] == list(range(9))
    assert [report.step for report in reports] == [5 * epoch for epoch in range(9)]
    assert [report.cycle for report in reports] == [0, 1, 1, 1, 1, 2, 2, 2, 2]
    assert_allclose([report.eta[0] for report in reports], [0.1, 0.2, 0.3, 0.2, 0.1, 0.2, 0.3, 0.2, 0.1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_reported_rates_are_exact_at_both_ends_of_a_cycle_whatever_the_networks_are_made_of(dtype):
    schedule = {"step_size": 2, "cycles": 2, "eta_min": 1e-5, "eta_max": 0.1}
    reports = list(train(pack_of(trial(DATA, dtype=dtype, schedule=schedule), LAMBDAS), DATA))
    for epochs, eta in (((0, 4, 8), 1e-5), ((2, 6), 0.1)):
        for epoch in epochs:
            assert reports[epoch].eta.tolist() == [eta] * 4


def test_training_values_are_measured_on_the_first_5000_rows_only():
    data = split(n_train=5010)
    for report in train(pack_of(trial(data, batch_size=1000), LAMBDAS), data):
        first = data.x_train[:5000]
        statistics = report.network.averages or report.network.statistics(first.astype(float))
        rows = measure(report.network, first, data.y_train[:5000], statistics, np.zeros(4))
        assert_array_equal(report.train.loss, rows.loss)
        assert_array_equal(report.train.accuracy, rows.accuracy)


def test_measuring_in_parts_says_the_same_as_measuring_at_once(monkeypatch):
    at_once = run(some_pack(), DATA)
    monkeypatch.setattr(evaluate, "CHUNK", 4)
    for one, other in zip(at_once, run(some_pack(), DATA), strict=True):
        assert_close(one, other)


def test_accuracies_are_counts_over_the_rows():
    for report in train(some_pack(), DATA):
        counts = report.val.accuracy * 7
        assert_allclose(counts, np.round(counts), atol=1e-12)
        guesses = report.network.scores(DATA.x_val, report.network.averages or _untrained(report.network))
        assert_array_equal(np.round(counts), (guesses.argmax(axis=2) == DATA.y_val).sum(axis=1))


def _untrained(network):
    return network.statistics(DATA.x_train)


def test_training_learns():
    data = split(n_train=200, n_val=100)
    pack = pack_of(trial(data, batch_size=20, schedule={"step_size": 5}), (0.0, 0.001, 0.01))
    first, *_, last = run(pack, data)
    assert (last["val_loss"] < 0.8 * first["val_loss"]).all()
    assert (last["val_accuracy"] > 0.6).all()
