"""Checkpoints: training that goes on from one gives the bits of training that never stopped, in whatever packs."""

import dataclasses

import numpy as np
import pytest
from small import (
    EQUAL,
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
    trial,
)

from pipeline.checkpoint import NOISE, ORDER, beginning, gathered
from pipeline.core.optimizers import OPTIMIZERS
from pipeline.data.split import Split
from pipeline.spec import AugmentSpec, EvaluationSpec, Pack
from pipeline.train import train

VECTORS = split()  # 23 rows in batches of 5
LAMBDAS = (0.0, 0.001, 0.01, 0.1)
KEEPS = (0.5, 1.0, 0.8, 1.0)
TWO_CYCLES = {"step_size": 1, "cycles": 2}  # epochs 1 and 2, 3 and 4


def images() -> Split:
    """Return the rows as images of 1 x 2 x 3 pixels."""
    return dataclasses.replace(
        VECTORS, shape=(1, 2, 3), spec=dataclasses.replace(VECTORS.spec, shape=(1, 2, 3)), mean=np.full(D, 0.1)
    )


def pack(data: Split, *, augmented=False, statistics="ema", keeps=None, lambdas=LAMBDAS, **changes) -> Pack:
    """Return trials of two cycles of two epochs."""
    base = trial(data, schedule=TWO_CYCLES | changes.pop("schedule", {}), **({"dtype": "float32"} | changes))
    augment = AugmentSpec(mirror=True, shift=1) if augmented else AugmentSpec()
    evaluation = EvaluationSpec(statistics, rows=20, per_epoch=2)
    return pack_of(dataclasses.replace(base, augment=augment, evaluation=evaluation), lambdas, keeps=keeps)


CASES = {
    **{name: {"optimizer": name} for name in OPTIMIZERS},
    "float64": {"dtype": "float64", "optimizer": "adam"},
    "dropout": {"keeps": KEEPS},
    "augmented": {"augmented": True},
    "precise": {"statistics": "precise"},
    "adaptive": {"statistics": "adaptive"},
    "layer norm": {"batch_norm": "none", "layer_norm": "after"},
    "no norm": {"batch_norm": "none"},
    "averages from zeros": {"bn_start": "zeros", "num_bn_layers": 1},
    "skips": {"hidden": EQUAL, "skips": SKIPS["handout"], "keeps": KEEPS},
    "linear": {"hidden": (), "batch_norm": "none"},
    "all at once": {"optimizer": "adamw", "keeps": KEEPS, "augmented": True, "statistics": "precise"},
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def stopped(one: Pack, data: Split, epoch: int):
    """Return the checkpoint after `epoch`."""
    for report in train(one, data):
        if report.epoch == epoch:
            return report.checkpoint()
    raise AssertionError(f"no epoch {epoch}")


def resumed(one: Pack, data: Split, start):
    return [photograph(report) for report in train(one, data, start)]


@pytest.mark.parametrize("epoch", [0, 1, 2, 3])
@every_case
def test_what_goes_on_has_the_bits_of_what_was_never_interrupted(case, epoch):
    data = images()
    one = pack(data, **case)
    whole = run(one, data)
    rest = resumed(one, data, stopped(one, data, epoch))
    assert len(rest) == 4 - epoch
    for picture, expected in zip(rest, whole[epoch + 1 :], strict=True):
        assert_same_bits(picture, expected)


def test_the_rest_of_a_run_depends_on_every_part_of_a_checkpoint():
    """Or the law above would hold of runs that go on from nothing."""
    data = images()
    one = pack(data, optimizer="momentum", keeps=KEEPS, augmented=True, statistics="precise")
    start = stopped(one, data, 1)  # in mid-cycle, where the rate tells the step
    fresh = beginning(one)
    expected = resumed(one, data, start)[-1]
    for part in ("step", "network", "optimizer"):
        forgetful = dataclasses.replace(start, **{part: getattr(fresh, part)})
        found = resumed(one, data, forgetful)[-1]
        assert np.abs(found["network.W1"] - expected["network.W1"]).max() > 1e-4, part
    for kind in fresh.generators:
        forgetful = dataclasses.replace(start, generators={**start.generators, kind: fresh.generators[kind]})
        found = resumed(one, data, forgetful)[-1]
        assert np.abs(found["network.W1"] - expected["network.W1"]).max() > 1e-4, kind


def test_the_first_report_after_a_checkpoint_is_that_of_the_next_epoch():
    one = pack(VECTORS)
    reports = list(train(one, VECTORS, stopped(one, VECTORS, 2)))
    assert [(report.epoch, report.step, report.cycle) for report in reports] == [(3, 15, 2), (4, 20, 2)]
    assert list(train(one, VECTORS, stopped(one, VECTORS, 4))) == []


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_checkpoint_is_a_value_that_neither_going_on_nor_starting_from_it_changes(optimizer):
    one = pack(VECTORS, optimizer=optimizer)
    reports = train(one, VECTORS)
    report = next(report for report in reports if report.epoch == 2)
    start, again = report.checkpoint(), report.checkpoint()
    list(reports)
    first = resumed(one, VECTORS, start)
    for kept, found in zip(resumed(one, VECTORS, start), first, strict=True):
        assert_same_bits(kept, found)
    assert_same_bits(start.network.parameters, again.network.parameters)
    assert_same_bits(start.optimizer, again.optimizer)
    assert not any(
        np.shares_memory(array, again.network.parameters[name]) for name, array in start.network.parameters.items()
    )


# In a linear classifier with eta = 1 such a decay takes the weights beyond float64 in the second step.
EXPLODES = {"schedule": {"eta_min": 1.0, "eta_max": 1.0}, "hidden": (), "dtype": "float64"}


@pytest.mark.parametrize("keeps", [None, KEEPS])
def test_a_pack_that_lost_a_trial_goes_on_without_it(keeps):
    one = pack(VECTORS, lambdas=(0.0, 1e160, 1e-3, 1e-2), keeps=keeps, **EXPLODES)
    whole = run(one, VECTORS)
    start = stopped(one, VECTORS, 2)
    assert start.trials == (0, 2, 3)
    for picture, expected in zip(resumed(one, VECTORS, start), whole[3:], strict=True):
        assert_same_bits(picture, expected)


def test_a_pack_without_survivors_has_nothing_to_go_on_with():
    one = pack(VECTORS, lambdas=(1e160,), **EXPLODES)
    assert list(train(one, VECTORS, stopped(one, VECTORS, 1))) == []


# Other packs


def members(one: Pack, *positions: int) -> Pack:
    return Pack(tuple(one.trials[position] for position in positions))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_case
def test_a_pack_that_is_gathered_again_whole_goes_on_as_if_nothing_had_been(case, dtype):
    data = images()
    one = pack(data, **{**case, "dtype": dtype})
    start = gathered(one, [(one, stopped(one, data, 2))])
    for picture, expected in zip(resumed(one, data, start), run(one, data)[3:], strict=True):
        assert_same_bits(picture, expected)


@every_case
def test_gathering_survivors_of_several_packs_equals_having_trained_them_alone(case):
    """In float64, to rounding: with mates, without, in another order, with some of other packs."""
    data = images()
    every = pack(data, **{**case, "dtype": "float64"})
    sources = [(part, stopped(part, data, 2)) for part in (members(every, 1, 0), members(every, 2, 3))]
    chosen = (3, 0)
    together = resumed(members(every, *chosen), data, gathered(members(every, *chosen), sources))
    for position, number in enumerate(chosen):
        alone = run(members(every, number), data)[3:]
        for picture, expected in zip(together, alone, strict=True):
            assert_close(lanes(picture, [position]), lanes(expected, [0]), rtol=1e-8)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_dropouts_noise_is_that_of_a_pack_that_drew_it(order):
    """A trial without dropout draws nothing when alone; a mate with dropout drew in every step."""
    every = pack(VECTORS, keeps=(1.0, 0.5), lambdas=(0.01, 0.02), dtype="float64")
    whole = run(every, VECTORS)[3:]
    sources = [(part, stopped(part, VECTORS, 2)) for part in (members(every, order[0]), members(every, order[1]))]
    states = [checkpoint.generators[NOISE] for _, checkpoint in sources]
    assert states[0] != states[1]
    start = gathered(every, sources)
    assert start.generators[NOISE] == states[order.index(1)]
    for picture, expected in zip(resumed(every, VECTORS, start), whole, strict=True):
        assert_close(picture, expected, rtol=1e-8)


def test_only_packs_that_are_equally_far_with_the_same_mini_batches_can_be_gathered():
    one, other = pack(VECTORS, lambdas=(0.1,)), pack(VECTORS, lambdas=(0.2,))
    both = Pack((*one.trials, *other.trials))
    early, late = stopped(one, VECTORS, 1), stopped(other, VECTORS, 2)
    with pytest.raises(ValueError, match="packs must be equally far with the same mini-batches, got 1, 2"):
        gathered(both, [(one, early), (other, late)])
    moved = dataclasses.replace(late, generators={**late.generators, ORDER: beginning(one).generators[ORDER]})
    with pytest.raises(ValueError, match="with the same mini-batches"):
        gathered(both, [(one, stopped(one, VECTORS, 2)), (other, moved)])
    with pytest.raises(ValueError, match="which none of the packs before holds"):
        gathered(both, [(one, early)])


def test_a_trial_that_diverged_cannot_go_on():
    one = pack(VECTORS, lambdas=(0.0, 1e160), **EXPLODES)
    with pytest.raises(ValueError, match="which none of the packs before holds"):
        gathered(one, [(one, stopped(one, VECTORS, 2))])


def test_the_first_layer_of_a_gathered_pack_is_laid_wide_again():
    one, other = pack(VECTORS, lambdas=(0.1,)), pack(VECTORS, lambdas=(0.2,))
    both = Pack((*one.trials, *other.trials))
    start = gathered(both, [(each, stopped(each, VECTORS, 2)) for each in (one, other)])
    weight = start.network.parameters["W1"]
    assert weight.shape == (2, D, 5)
    assert weight.transpose(1, 0, 2).flags.c_contiguous
    assert start.network.parameters["W3"].shape == (2, 4, C)
