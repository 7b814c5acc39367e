"""The sentence about losses: its numbers by hand."""

from grids import learning, trial

from pipeline.records import Curves, Status
from pipeline.report.curve_findings import losses


def curves(first: float, last: float, training: float) -> Curves:
    return Curves(step=(0, 1, 2), epoch=(0, 1, 2), train_loss=(9.0, first, training), val_loss=(9.0, first, last))


def test_losses_are_means_over_the_seeds_that_completed() -> None:
    groups = {
        "without batch norm": [
            trial(0, curves=curves(2.0, 1.5, 1.4)),
            trial(1, replicate=1, curves=curves(2.2, 1.7, 1.4)),
            trial(2, replicate=2, curves=curves(7.0, 7.0, 7.0), status=Status.DIVERGED),
        ],
        "with batch norm": [trial(3, norm="before", curves=curves(1.8, 1.25, 1.5))],
    }
    assert losses(groups, "the net") == (
        "Validation loss of the net, mean over seeds, after the first epoch and after the last, and its gap to the "
        "training loss then: 2.100, 1.600 and 0.200 nats without batch norm; 1.800, 1.250 and -0.250 nats with "
        "batch norm."
    )


def test_where_nothing_completed_that_is_said() -> None:
    lost = trial(0, curves=learning(0.5), status=Status.DIVERGED)
    assert losses({"without batch norm": [lost]}, "the net") == "No trial of the net completed."
