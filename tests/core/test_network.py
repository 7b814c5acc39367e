"""Networks of a pack: evaluating, keeping some of them, and what one trial may do to another."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small import C, D, assert_close, assert_same_bits, some_batch, some_network, state

from pipeline.core.affine import as_array, wide
from pipeline.core.network import Network
from pipeline.core.optimizers import OPTIMIZERS
from pipeline.spec import ACTIVATIONS, BATCH_NORM, InitSpec, NetworkSpec, OptimizerSpec


def take_a_step(network, optimizer="sgd", memory=None):
    """Train on one batch, with another lambda and learning rate for every trial."""
    knob = 0.01 * np.arange(1, 1 + network.size, dtype=network.spec.dtype)
    x, labels = some_batch()
    loss, gradients, statistics, _ = network.loss_and_gradients(x.astype(network.spec.dtype), labels, knob)
    network.average(statistics)
    OPTIMIZERS[optimizer].update(network.parameters, gradients, memory, knob, OptimizerSpec(optimizer))
    return loss


@pytest.mark.parametrize("batch_norm", BATCH_NORM)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_step_makes_the_same_calls_for_one_trial_and_for_eight(batch_norm, optimizer):
    def instructions(M, sizes=(D, 5, 4, C)):
        """Count the bytecode instructions of one step: a loop over trials, wherever it hid, would show."""
        network = some_network(sizes, M=M, batch_norm=batch_norm)
        memory = OPTIMIZERS[optimizer].init(network.parameters)
        take_a_step(network, optimizer, memory)  # the first step starts the averages
        count = 0

        def watch(frame, event, _):
            nonlocal count
            frame.f_trace_opcodes = True
            count += event == "opcode"
            return watch

        before = sys.gettrace()
        sys.settrace(watch)
        take_a_step(network, optimizer, memory)
        sys.settrace(before)
        return count

    assert instructions(1) == instructions(8)
    assert instructions(1) < instructions(1, sizes=(D, 5, 4, 4, C))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
@pytest.mark.parametrize("batch_norm", BATCH_NORM)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_lane_of_numbers_that_are_not_finite_changes_no_bit_of_its_neighbours(bad, batch_norm, activation):
    healthy, sick = (some_network(M=3, batch_norm=batch_norm, activation=activation) for _ in range(2))
    for name in ("W1", "W3"):
        sick.parameters[name][1] = bad
    with np.errstate(all="ignore"):
        losses = [[take_a_step(network) for _ in range(3)] for network in (healthy, sick)]
    neighbours = [0, 2]
    assert_array_equal(*[np.array(loss)[:, neighbours] for loss in losses])
    assert_same_bits(*[{name: array[neighbours] for name, array in state(n).items()} for n in (healthy, sick)])
    assert not np.isfinite(sick.parameters["W3"][1]).all() or bad == 1e200


@pytest.mark.parametrize("batch_norm", BATCH_NORM)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_evaluating_changes_no_bit(activation, batch_norm):
    network = some_network(batch_norm=batch_norm, activation=activation)
    take_a_step(network)
    x, labels = some_batch(seed=9)
    before, rows = state(network), x.copy()
    first = network.scores(x, network.averages)
    network.statistics(x)
    network.loss_and_gradients(x, labels, np.ones(3))
    assert_array_equal(network.scores(x, network.averages), first)
    assert_array_equal(x, rows)
    assert_same_bits(state(network), before)


@pytest.mark.parametrize("batch_norm", ["before", "after"])
def test_the_averages_start_at_the_first_batch_and_move_a_tenth_towards_every_other(batch_norm):
    network = some_network(batch_norm=batch_norm)
    first, second = (network.statistics(some_batch(seed=seed)[0]) for seed in (1, 2))
    network.average(first)
    assert_array_equal(network.averages[1].mean, first[1].mean)
    assert_array_equal(network.averages[1].variance, first[1].variance)
    network.average(second)
    assert_allclose(network.averages[1].mean, 0.9 * first[1].mean + 0.1 * second[1].mean)
    assert_allclose(network.averages[1].variance, 0.9 * first[1].variance + 0.1 * second[1].variance)


def test_without_batch_norm_there_are_no_averages():
    network = some_network(batch_norm="none")
    take_a_step(network)
    assert network.averages == {}


def test_test_time_with_the_statistics_of_the_batch_gives_the_scores_of_training():
    network = some_network(M=1, batch_norm="before", bn_epsilon=0.1)
    x, labels = some_batch()
    scores = network.scores(x, network.statistics(x))[0]
    expected = np.mean([np.log(np.exp(s).sum()) - s[label] for s, label in zip(scores, labels, strict=True)])
    loss, _, _, _ = network.loss_and_gradients(x, labels, np.zeros(1))
    assert_allclose(loss, [expected], rtol=1e-12)


@pytest.mark.parametrize("batch_norm", BATCH_NORM)
def test_kept_trials_go_on_as_if_they_had_never_been_packed_with_the_others(batch_norm):
    packed = some_network(M=4, batch_norm=batch_norm)
    take_a_step(packed)
    kept = packed.keep([3, 1])
    assert kept.size == 2
    assert np.shares_memory(wide(kept.parameters["W1"]), kept.parameters["W1"])  # still ready for the wide product
    assert_same_bits(state(kept), {name: array[[3, 1]] for name, array in state(packed).items()})
    take_a_step(kept)
    assert_same_bits(state(packed), state(packed.keep([0, 1, 2, 3])))  # nothing is shared with the old pack


def test_the_gradients_of_a_pack_are_those_of_its_trials_alone():
    packed = some_network(M=3)
    x, labels = some_batch()
    lambda_ = np.array([0.0, 0.1, 1.0])
    _, together, _, _ = packed.loss_and_gradients(x, labels, lambda_)
    for m in range(3):
        _, alone, _, _ = packed.keep([m]).loss_and_gradients(x, labels, lambda_[[m]])
        assert_close({k: as_array(g)[[m]] for k, g in together.items()}, {k: as_array(g) for k, g in alone.items()})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_norm", BATCH_NORM)
def test_training_stays_in_the_type_of_the_network(batch_norm, dtype):
    network = some_network(batch_norm=batch_norm, dtype=dtype)
    momentum = OPTIMIZERS["momentum"].init(network.parameters)
    assert take_a_step(network, "momentum", momentum).dtype == dtype
    assert {array.dtype for arrays in (state(network), momentum) for array in arrays.values()} == {np.dtype(dtype)}


def test_a_network_without_hidden_layers_is_a_linear_classifier():
    network = Network.create(NetworkSpec((), dtype="float64"), D, C, [InitSpec("xavier")] * 2, seed=0)
    x, _ = some_batch()
    assert network.parameters.keys() == {"W1", "b1"}
    assert_allclose(network.scores(x, {}), x @ network.parameters["W1"], rtol=1e-12)
