"""Networks of a pack: evaluating, keeping some of them, and what one trial may do to another."""

import gc
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small import (
    HIDDEN,
    VARIANTS,
    C,
    D,
    assert_close,
    assert_same_bits,
    some_batch,
    some_masks,
    some_network,
    state,
    variant,
)

from pipeline.core.affine import as_array, wide
from pipeline.core.network import Network
from pipeline.core.optimizers import OPTIMIZERS
from pipeline.spec import ACTIVATIONS, BATCH_NORM, LAYER_NORM, InitSpec, NetworkSpec, OptimizerSpec


def take_a_step(network, optimizer="sgd", memory=None, masks=()):
    """Train on one batch, with another lambda and learning rate for every trial; return the losses."""
    knob = 0.01 * np.arange(1, 1 + network.size, dtype=network.spec.dtype)
    x, labels = some_batch()
    step = network.loss_and_gradients(x.astype(network.spec.dtype), labels, knob, masks)
    network.average(step.statistics)
    OPTIMIZERS[optimizer].update(network.parameters, step.gradients, memory, knob, OptimizerSpec(optimizer))
    return step.loss


def instructions(network, optimizer="sgd", dropout=False):
    """Count the bytecode instructions of one step: a loop over trials, wherever it hid, would show."""
    memory = OPTIMIZERS[optimizer].init(network.parameters)
    take_a_step(network, optimizer, memory)  # the first step starts the averages
    count = 0

    def watch(frame, event, _):
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return watch

    before = sys.gettrace()
    gc.disable()  # what other tests have left behind would be finalised, and counted, in the middle of the step
    sys.settrace(watch)
    take_a_step(network, optimizer, memory, some_masks(network) if dropout else ())
    sys.settrace(before)
    gc.enable()
    return count


@pytest.mark.parametrize("batch_norm", BATCH_NORM)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_step_makes_the_same_calls_for_one_trial_and_for_eight(batch_norm, optimizer):
    one, eight = (instructions(some_network(M=M, batch_norm=batch_norm), optimizer) for M in (1, 8))
    assert one == eight
    assert one < instructions(some_network((D, 5, 4, 4, C), M=1, batch_norm=batch_norm), optimizer)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_step_of_every_variant_with_dropout_makes_the_same_calls_for_one_trial_and_for_eight(name):
    one, eight = (instructions(variant(name, M=M), dropout=True) for M in (1, 8))
    assert one == eight
    assert one > instructions(variant(name, M=1))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
@pytest.mark.parametrize("batch_norm", BATCH_NORM)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_lane_of_numbers_that_are_not_finite_changes_no_bit_of_its_neighbours(bad, batch_norm, activation):
    healthy, sick = (some_network(M=3, batch_norm=batch_norm, activation=activation) for _ in range(2))
    assert_neighbours_keep_their_bits(healthy, sick, bad)
    assert not np.isfinite(sick.parameters["W3"][1]).all() or bad == 1e200


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
@pytest.mark.parametrize("name", VARIANTS)
def test_a_lane_that_is_not_finite_spares_its_neighbours_in_every_variant_with_dropout(bad, name):
    healthy, sick = (variant(name, M=3) for _ in range(2))
    assert_neighbours_keep_their_bits(healthy, sick, bad, some_masks(healthy))


def assert_neighbours_keep_their_bits(healthy, sick, bad, masks=()):
    for name in ("W1", "W3"):
        sick.parameters[name][1] = bad
    with np.errstate(all="ignore"):
        losses = [[take_a_step(network, masks=masks) for _ in range(3)] for network in (healthy, sick)]
    neighbours = [0, 2]
    assert_array_equal(*[np.array(loss)[:, neighbours] for loss in losses])
    assert_same_bits(*[{name: array[neighbours] for name, array in state(n).items()} for n in (healthy, sick)])


@pytest.mark.parametrize("batch_norm", BATCH_NORM)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_evaluating_changes_no_bit(activation, batch_norm):
    assert_evaluating_changes_no_bit(some_network(batch_norm=batch_norm, activation=activation))


@pytest.mark.parametrize("name", VARIANTS)
def test_evaluating_changes_no_bit_in_any_variant(name):
    assert_evaluating_changes_no_bit(variant(name))


def assert_evaluating_changes_no_bit(network):
    take_a_step(network)
    x, labels = some_batch(seed=9)
    before, rows = state(network), x.copy()
    first = network.scores(x, network.averages)
    network.statistics(x)
    network.loss_and_gradients(x, labels, np.ones(3), some_masks(network))
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


@pytest.mark.parametrize(("start", "variance"), [("zeros", 0.0), ("standard", 1.0)])
def test_averages_may_start_at_mean_zero_and_a_variance_of_zero_or_one(start, variance):
    network = some_network(bn_start=start, num_bn_layers=1)
    first = network.statistics(some_batch(seed=1)[0])
    network.average(first)
    assert list(network.averages) == [1]
    assert_allclose(network.averages[1].mean, 0.1 * first[1].mean)
    assert_allclose(network.averages[1].variance, 0.9 * variance + 0.1 * first[1].variance)


@pytest.mark.parametrize("layer_norm", LAYER_NORM)
def test_without_batch_norm_there_are_no_averages(layer_norm):
    network = some_network(batch_norm="none", layer_norm=layer_norm)
    take_a_step(network)
    assert network.averages == network.statistics(some_batch()[0]) == {}


@pytest.mark.parametrize("layer_norm", ["before", "after"])
def test_with_layer_norm_a_row_scores_the_same_whatever_rows_are_beside_it(layer_norm):
    network = some_network(batch_norm="none", layer_norm=layer_norm)
    x, _ = some_batch()
    assert_allclose(network.scores(x, {})[:, 3:4], network.scores(x[3:4], {}), rtol=1e-10)


def test_partial_norm_of_all_layers_is_norm_and_skips_that_jump_over_nothing_leave_all_layers_treated():
    whole, partial = some_network(), some_network(num_bn_layers=2)
    adjacent = some_network((D, 4, 4, C), skips=((1, 2),)).parameters
    assert_same_bits(state(whole), state(partial))
    assert adjacent.keys() == some_network((D, 4, 4, C)).parameters.keys()


def test_a_skip_worked_by_hand():
    # x -> 3x -> relu -> W2 -> relu -> W3 -> + x1 -> relu -> score 1: (40) and (41) without a norm
    spec = NetworkSpec((1, 1, 1), batch_norm="none", skips=((1, 3),), dtype="float64")
    weights = {"W1": 3.0, "W2": 2.0, "W3": -0.25, "W4": 1.0}
    parameters = {name: np.full((1, 1, 1), value) for name, value in weights.items()}
    network = Network(spec, parameters | {f"b{layer}": np.zeros((1, 1)) for layer in (1, 3, 4)}, {})
    assert_allclose(network.scores(np.array([[2.0], [-2.0]]), {}), [[[3.0], [0.0]]])  # -.25 * 12 + 6


def test_layers_under_a_skip_are_bare_unless_they_are_treated_as_the_others():
    treated = {"W2", "gamma2", "beta2"}
    for skip_norm, names in ((False, {"W2"}), (True, treated)):
        network = some_network((D, 4, 4, 4, C), skips=((1, 3),), skip_norm=skip_norm)
        assert {name for name in network.parameters if name.endswith("2")} == names
        assert treated - {name.replace("3", "2") for name in network.parameters if name.endswith("3")} == set()


def test_test_time_with_the_statistics_of_the_batch_gives_the_scores_of_training():
    network = some_network(M=1, batch_norm="before", bn_epsilon=0.1)
    x, labels = some_batch()
    scores = network.scores(x, network.statistics(x))[0]
    expected = np.mean([np.log(np.exp(s).sum()) - s[label] for s, label in zip(scores, labels, strict=True)])
    loss, _, _, _ = network.loss_and_gradients(x, labels, np.zeros(1))
    assert_allclose(loss, [expected], rtol=1e-12)


@pytest.mark.parametrize("how", [*({"batch_norm": norm} for norm in BATCH_NORM), {"num_bn_layers": 1}], ids=str)
def test_kept_trials_go_on_as_if_they_had_never_been_packed_with_the_others(how):
    packed = some_network(M=4, **how)
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
@pytest.mark.parametrize("how", [*({"batch_norm": norm} for norm in BATCH_NORM), *VARIANTS.values()], ids=str)
def test_training_stays_in_the_type_of_the_network(how, dtype):
    sizes = (D, *how.get("hidden", HIDDEN), C)
    network = some_network(sizes, **{name: value for name, value in how.items() if name != "hidden"}, dtype=dtype)
    momentum = OPTIMIZERS["momentum"].init(network.parameters)
    assert take_a_step(network, "momentum", momentum, some_masks(network)).dtype == dtype
    assert {array.dtype for arrays in (state(network), momentum) for array in arrays.values()} == {np.dtype(dtype)}


def test_a_network_without_hidden_layers_is_a_linear_classifier():
    network = Network.create(NetworkSpec((), dtype="float64"), D, C, [InitSpec("xavier")] * 2, seed=0)
    x, _ = some_batch()
    assert network.parameters.keys() == {"W1", "b1"}
    assert_allclose(network.scores(x, {}), x @ network.parameters["W1"], rtol=1e-12)
