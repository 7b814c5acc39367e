"""Hand-made records, in which every number can be worked out without a network."""

from collections.abc import Callable

import pytest

from pipeline.records import Curves, Status, TrialRecord
from pipeline.spec import DataSpec, NetworkSpec, OptimizerSpec, ScheduleSpec, TrialSpec

Maker = Callable[..., TrialRecord]


def _record(
    stage: str,
    number: int,
    lambda_: float,
    accuracy: float,
    *,
    replicate: int = 0,
    status: Status = Status.COMPLETE,
    test: float | None = None,
    reason: str = "",
    epochs: int | None = None,
    activation: str = "relu",
    optimizer: str = "sgd",
) -> TrialRecord:
    """Make a trial of two epochs that ends at `accuracy`: loss is 2 - accuracy, training is .1 better."""
    schedule = ScheduleSpec(step_size=1, cycles=1)
    spec = TrialSpec(
        DataSpec("digits", "d" * 16, 64, 10, 1000, 200, 300 if test is not None else 0),
        network=NetworkSpec(activation=activation),
        optimizer=OptimizerSpec(optimizer),
        schedule=schedule,
        lambda_=lambda_,
        init_seed=10 + replicate,
        order_seed=20 + replicate,
    )
    rows = 1 + (schedule.epochs if epochs is None else epochs)
    val = [0.1, accuracy / 2, accuracy][:rows]
    loss = [2 - a for a in val]
    curves = Curves(
        step=(0, 10, 20)[:rows],
        epoch=(0, 1, 2)[:rows],
        cycle=(0, 1, 1)[:rows],
        eta=(1e-5, 0.1, 1e-5)[:rows],
        train_loss=tuple(x - 0.1 for x in loss),
        train_cost=tuple(loss),
        train_accuracy=tuple(a + 0.1 for a in val),
        val_loss=tuple(loss),
        val_cost=tuple(x + 0.1 for x in loss),
        val_accuracy=tuple(val),
        running_loss=(None, *loss[1:]),
        running_accuracy=(None, *val[1:]),
    )
    return TrialRecord(stage, number, replicate, replicate, spec, status, curves, test, reason)


@pytest.fixture(scope="session")
def record() -> Maker:
    return _record


@pytest.fixture(scope="session")
def search(record: Maker) -> list[TrialRecord]:
    """Coarse: 3 lambdas x 2 replicates, of which .1 diverges once; refine: 2 lambdas x 3 replicates."""
    coarse = [
        record("coarse", 0, 0.001, 0.50),
        record("coarse", 1, 0.01, 0.60),
        record("coarse", 2, 0.1, 0.30),
        record("coarse", 3, 0.001, 0.54, replicate=1),
        record("coarse", 4, 0.01, 0.62, replicate=1),
        record(
            "coarse", 5, 0.1, 0.9, replicate=1, status=Status.DIVERGED, epochs=1, reason="loss not finite at step 7"
        ),
    ]
    refine = [
        record("refine", 3 * replicate + place, lambda_, 0.6 + 0.02 * replicate + 0.01 * place, replicate=replicate)
        for replicate in range(3)
        for place, lambda_ in enumerate((0.005, 0.02))
    ]
    return [*coarse, *refine]


@pytest.fixture(scope="session")
def final(record: Maker) -> list[TrialRecord]:
    """Two lambdas x 3 replicates with test accuracies .50, .52, .54 and .50, .51, and one that diverged."""
    lost = record("final", 5, 0.02, 0.2, replicate=2, status=Status.DIVERGED, test=0.1, epochs=1)
    return [
        *(record("final", r, 0.005, 0.5, replicate=r, test=test) for r, test in enumerate((0.50, 0.52, 0.54))),
        *(record("final", 3 + r, 0.02, 0.5, replicate=r, test=test) for r, test in enumerate((0.50, 0.51))),
        lost,
    ]
