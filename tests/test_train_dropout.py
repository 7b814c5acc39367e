"""Training with dropout, and what the factor of the penalty means, in float64."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from small import assert_same_bits, lanes, pack_of, run, split, trial

from pipeline.spec import Pack
from pipeline.train import train

DATA = split()


def some_pack(keeps=None):
    return pack_of(trial(DATA), (0.0, 0.001, 0.01, 0.1), keeps=keeps)


def test_a_trial_that_keeps_all_units_has_the_bits_that_it_has_without_dropout():
    first, dropping = (run(some_pack(keeps), DATA) for keeps in (None, (1.0, 0.5, 0.5, 0.5)))
    for one, other in zip(first, dropping, strict=True):
        assert_same_bits(lanes(one, [0]), lanes(other, [0]))
    assert np.abs(first[-1]["network.W1"][1:] - dropping[-1]["network.W1"][1:]).max(axis=(1, 2)).min() > 1e-3


def test_without_dropout_nothing_is_drawn(monkeypatch):
    monkeypatch.setattr("pipeline.train.dropout_masks", lambda *_: pytest.fail("masks were drawn"))
    assert len(run(some_pack(), DATA)) == 3
    with pytest.raises(pytest.fail.Exception, match="masks were drawn"):
        run(some_pack(keeps=(0.9, 1.0, 1.0, 1.0)), DATA)


def test_every_step_draws_other_masks_and_another_run_the_same_ones():
    spec = trial(DATA, keep=0.5, batch_size=23, schedule={"eta_min": 1e-12, "eta_max": 1e-12, "step_size": 3})
    losses = [report.batch_losses[0, 0] for report in list(train(Pack((spec,)), DATA))[1:]]
    assert len(np.unique(np.round(losses, 6))) == 6  # nothing moves but the masks
    again = [report.batch_losses[0, 0] for report in list(train(Pack((spec,)), DATA))[1:]]
    assert losses == again


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_half_the_penalty_is_the_whole_penalty_of_half_the_lambda_in_every_bit(dtype):
    half, whole = (trial(DATA, dtype=dtype, lambda_=lambda_, l2_factor=f) for lambda_, f in ((0.3, 0.5), (0.15, 1.0)))
    for one, other in zip(run(Pack((half,)), DATA), run(Pack((whole,)), DATA), strict=True):
        assert_same_bits(one, other)


@pytest.mark.parametrize("factor", [0.5, 1.0])
def test_the_recorded_cost_and_the_step_agree_on_the_penalty(factor):
    # a step with and one without a penalty p = c |W|^2 differ by eta g, and its gradient g has g W = 2 p
    how = {"batch_size": 23, "l2_factor": factor, "schedule": {"eta_min": 0.1, "eta_max": 0.1}}
    reports = train(Pack(tuple(trial(DATA, lambda_=lambda_, **how) for lambda_ in (0.0, 0.2))), DATA)
    untrained = next(reports)
    start = [W[1].copy() for W in untrained.network.weights]
    penalties = untrained.train.cost - untrained.train.loss
    assert_allclose(penalties, [0.0, factor * 0.2 * sum((W**2).sum() for W in start)], rtol=1e-12, atol=1e-15)
    pulls = [
        ((after[0] - after[1]) / 0.1 * W).sum() for after, W in zip(next(reports).network.weights, start, strict=True)
    ]
    assert_allclose(sum(pulls), 2 * penalties[1], rtol=1e-9)
