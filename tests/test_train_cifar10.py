"""The default network on real CIFAR-10, for one short cycle."""

import dataclasses
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from pipeline.data import data_spec, load, open_split, prepare
from pipeline.spec import Pack, ScheduleSpec, TrialSpec
from pipeline.train import train


@pytest.fixture
def cifar10():
    """Yield the split of 45,000 and 5,000 images; its half a gigabyte on disk does not outlive the test."""
    folder = os.environ.get("DATA_DIR")
    if not folder:
        pytest.skip("needs DATA_DIR")
    dataset = load("cifar10", Path(folder), download=False, warn=pytest.fail)
    with tempfile.TemporaryDirectory() as cache:
        yield open_split(prepare(dataset, data_spec(dataset, 0.1, opens_test=False), Path(cache)))


@pytest.mark.cifar10
def test_the_default_network_learns_within_two_epochs(cifar10):
    base = TrialSpec(cifar10.spec, schedule=ScheduleSpec(step_size=1, cycles=1))
    pack = Pack(tuple(dataclasses.replace(base, lambda_=lambda_) for lambda_ in (0.001, 0.005)))
    with threadpool_limits(1):
        start, *_, end = train(pack, cifar10)
    assert end.step == 900  # 2 epochs of 45,000 / 100
    assert np.all(np.abs(start.val.accuracy - 0.1) < 0.05)
    assert np.all(np.abs(start.val.loss - np.log(10)) < 1)
    assert np.all(end.val.accuracy > 0.35)
    assert np.all(end.val.accuracy < 0.65)  # more would mean that it has seen the validation rows
    assert np.all(end.train.loss < start.train.loss)
    assert np.all(end.val.cost > end.val.loss)
