"""What sections say in common: one cell of a table for every kind of estimate, and what intervals leave out."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline.inference import mean_interval
from pipeline.report.escape import Cell, Effect, Seed
from pipeline.spec import (
    AugmentSpec,
    DataSpec,
    EvaluationSpec,
    InitSpec,
    NetworkSpec,
    OptimizerSpec,
    ScheduleSpec,
    TrialSpec,
    with_setting,
)
from sweeps.answers.wording import attained, changed, counted, evaluated, intervals, networks, reached, training, varied


def cell(*accuracies: float) -> Cell:
    seeds = tuple(Seed(place, accuracy, accuracy > 0.1, None) for place, accuracy in enumerate(accuracies))
    return Cell(InitSpec(), "none", seeds, 0, 0, 450, windowed=False)


@pytest.mark.parametrize(
    ("accuracies", "shown"),
    [
        ((0.52, 0.54), "53.00 (40.29 to 65.71)"),  # t(.975, 1) = 12.706 times .01
        ((0.1, 0.1), "10.00 (all alike)"),
        ((0.1, 0.54), "10.00, 54.00"),
        ((0.5,), "50.00"),
        ((), "–"),
    ],
)
def test_a_table_shows_an_interval_only_where_there_is_one(accuracies: tuple[float, ...], shown: str) -> None:
    assert attained(cell(*accuracies)) == shown
    if not cell(*accuracies).mixed:
        assert reached(mean_interval(accuracies)) == shown


@pytest.mark.parametrize(
    ("differences", "mixed", "shown"),
    [
        ((0.01, -0.01), False, "+0.00 (-12.71 to +12.71)"),
        ((0.01, 0.01), False, "+1.00 (all alike)"),
        ((0.01, 0.43), True, "two heaps"),
        ((-0.01,), True, "-1.00"),
        ((), False, "–"),
    ],
)
def test_a_table_shows_no_mean_of_differences_in_two_heaps(
    differences: tuple[float, ...], mixed: bool, shown: str
) -> None:
    assert changed(Effect(differences, mixed)) == shown


def test_what_the_choice_of_test_rows_adds_is_that_of_the_share_nearest_to_one_half() -> None:
    text = intervals([cell(), cell(0.1), cell(0.5), cell(0.9)], 10_000)  # 1.96 sqrt(.25 / 10000) = .0098
    assert text.endswith("1 in 20 misses); the choice of these 10,000 test rows adds about ±1.0 points.")
    assert "test rows" not in intervals([cell()], 10_000)


def test_things_are_counted_in_words() -> None:
    assert [counted(count, "seed") for count in (1, 2)] == ["1 seed", "2 seeds"]


def test_what_names_leave_open_is_said_where_it_varies() -> None:
    mirrored, turned = AugmentSpec(mirror=True), AugmentSpec(mirror=True, shift=2, rotation=10)
    assert list(varied([])) == list(varied([TRIAL, TRIAL])) == list(varied([replace(TRIAL, augment=turned)] * 2)) == []
    networks = [with_setting(TRIAL, {"hidden": hidden}) for hidden in ((50, 50), (), (500,), (50, 50))]
    assert list(varied(networks)) == ["The hidden layers were 50-50, none and 500."]
    [one] = varied([TRIAL, replace(TRIAL, augment=turned)])
    assert one.endswith("random, these changes were made: mirrored, shift up to 2 pixels, rotation up to 10 degrees.")
    [most] = varied([TRIAL, replace(TRIAL, augment=turned), replace(TRIAL, augment=mirrored)])
    assert most == one.replace("these", "at most these")
    [kinds] = varied(
        [TRIAL, replace(TRIAL, augment=mirrored), replace(TRIAL, augment=AugmentSpec(shift=2, rotation=10))]
    )
    assert kinds == most


def test_how_test_rows_were_evaluated_is_said_of_what_is_not_usual() -> None:
    assert list(evaluated([TRIAL])) == []
    assert list(evaluated([])) == []
    normed = replace(TRIAL, network=NetworkSpec(batch_norm="before"), augment=AugmentSpec(mirror=True))

    def said(**evaluation: Any) -> str:
        [one] = evaluated([TRIAL, replace(normed, evaluation=EvaluationSpec(**evaluation))])
        return one

    assert said(statistics="precise", rows=100_000) == (
        "PreciseBN takes the statistics of 45,000 training rows as one batch, as they are, though training sees them "
        "changed at random, with the network as it stands: once an epoch, from its first step on, and once more after "
        "training."
    )
    assert "stands: 3 times an epoch, from" in said(statistics="precise", per_epoch=3)
    never = said(statistics="precise", per_epoch=0)
    assert never.endswith("stands: after training; until then curves use the moving averages.")
    assert said(statistics="adaptive").endswith("of the very rows that are evaluated, as they are.")
    assert said(statistics="adaptive", augment=AugmentSpec(shift=1)).endswith("at random (shift up to 1 pixel).")
    assert said(shifts=("contrast", "noise")).endswith(
        "from 0 to 1: distances from an image's mean times 0.5; normal noise of standard deviation 0.3 added."
    )


@pytest.mark.parametrize(
    ("network", "varies", "said"),
    [
        (NetworkSpec(batch_norm="none", bn_start="zeros"), (), ""),  # without batch norm it means nothing
        (
            NetworkSpec(batch_norm="none", bn_start="zeros"),
            ("batch_norm",),
            "batch norm with moving averages that start from mean 0 and",
        ),
        (NetworkSpec(batch_norm="after", bn_alpha=0.5), (), "batch norm with alpha 0.5, "),
        (
            NetworkSpec(batch_norm="before", bn_start="standard", bn_epsilon=1e-8),
            (),
            "batch norm with moving averages that start from mean 0 and variance 1 and epsilon 1e-08, ",
        ),
        (NetworkSpec(dtype="float64"), (), "numbers in float64, "),
    ],
)
def test_constants_of_networks_are_said_where_they_are_not_the_usual_ones(
    network: NetworkSpec, varies: tuple[str, ...], said: str
) -> None:
    assert f"batches of 100, {said}" in training(replace(TRIAL, network=network), varies)
    assert said or "mean 0" not in training(replace(TRIAL, network=network), varies)


TRIAL = TrialSpec(DataSpec("cifar10", "d" * 16, 3072, 10, 45_000, 5_000, 10_000, (3, 32, 32)))
LONG = "2 cycles of 10 epochs between the learning rates 1e-05 and 0.1"


def test_how_networks_were_trained_is_lambda_optimizer_batches_and_schedule() -> None:
    assert training(TRIAL) == f"lambda 0.005, sgd with batches of 100, {LONG}"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"l2_factor": 0.5}, f"lambda 0.005 (times 0.5 in the cost), sgd with batches of 100, {LONG}"),
        ({"l2_factor": 0.5, "lambda": 0.0}, f"lambda 0, sgd with batches of 100, {LONG}"),
        ({"optimizer": "momentum"}, f"lambda 0.005, momentum (0.9) with batches of 100, {LONG}"),
        ({"optimizer": "nesterov", "momentum": 0.5}, f"lambda 0.005, nesterov (0.5) with batches of 100, {LONG}"),
        ({"optimizer": "rmsprop"}, f"lambda 0.005, rmsprop (decay rate 0.99) with batches of 100, {LONG}"),
        ({"optimizer": "adam"}, f"lambda 0.005, adam (betas 0.9 and 0.999) with batches of 100, {LONG}"),
        ({"optimizer": "adagrad"}, f"lambda 0.005, adagrad with batches of 100, {LONG}"),
        (
            {"keep": 0.75},
            f"lambda 0.005, sgd with batches of 100, dropout that keeps 0.75 of the hidden units, {LONG}",
        ),
        (
            {"augment": AugmentSpec(mirror=True, shift=1, rotation=7.5, contrast=0.25)},
            "lambda 0.005, sgd with batches of 100, images changed at random (mirrored, shift up to 1 pixel, rotation "
            f"up to 7.5 degrees, contrast up to 25 %), {LONG}",
        ),
    ],
)
def test_whatever_else_was_done_in_training_is_said(setting: dict[str, object], said: str) -> None:
    assert training(with_setting(TRIAL, setting)) == said


@pytest.mark.parametrize(
    ("schedule", "said", "tuned"),
    [
        (ScheduleSpec(cycles=1), "1 cycle of 10 epochs between the learning rates 1e-05 and 0.1", "rate 1e-05 and the"),
        (
            ScheduleSpec("constant", step_size=1, cycles=1),
            "2 epochs with a constant learning rate of 0.1",
            "2 epochs with a constant learning rate",
        ),
        (
            ScheduleSpec("step", decay=0.5, decay_every=5),
            "20 epochs with a learning rate that falls from 0.1 by the factor 0.5 after every 5 epochs",
            "falls from its largest value by the factor 0.5",
        ),
        (
            ScheduleSpec("exponential", decay=0.9),
            "20 epochs with a learning rate that falls from 0.1 by the factor 0.9 per epoch",
            "falls from its largest value by the factor 0.9",
        ),
        (
            ScheduleSpec("cosine"),
            "20 epochs with a learning rate that falls from 0.1 to 1e-05 along a cosine",
            "falls from its largest value to 1e-05 along",
        ),
        (
            ScheduleSpec("cosine", warm_up=1),
            "20 epochs with a learning rate that falls from 0.1 to 1e-05 along a cosine, after it has risen for "
            "1 epoch",
            "falls from its largest value to 1e-05 along",
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, ScheduleSpec) else "",
)
def test_every_schedule_is_said_in_words_and_the_largest_rate_left_out_where_it_varies(
    schedule: ScheduleSpec, said: str, tuned: str
) -> None:
    trial = TrialSpec(TRIAL.data, schedule=schedule)
    assert training(trial) == f"lambda 0.005, sgd with batches of 100, {said}"
    assert tuned in training(trial, {"eta_max"})
    assert "0.1" not in training(trial, {"eta_max"})


@pytest.mark.parametrize(
    ("varies", "left_out"),
    [
        ({"lambda"}, "lambda"),
        ({"optimizer"}, "adam"),
        ({"batch_size"}, "batches"),
        ({"optimizer", "batch_size"}, "with"),
        ({"keep"}, "dropout"),
        ({"augment"}, "images"),
        ({"step_size", "cycles"}, "10 epochs"),
    ],
)
def test_what_varies_between_the_settings_is_left_out(varies: set[str], left_out: str) -> None:
    trial = TrialSpec(TRIAL.data, optimizer=OptimizerSpec("adam"), keep=0.5, augment=AugmentSpec(mirror=True))
    assert left_out in training(trial)
    assert left_out not in training(trial, varies)


def test_networks_are_said_but_for_what_varies() -> None:
    assert networks(TRIAL, ()) == (
        "networks (hidden layers 50-50, relu, batch norm before the activation, He initialisation)"
    )
    assert networks(TRIAL, {"hidden", "init"}) == "networks (relu, batch norm before the activation)"
    assert networks(TRIAL, {"activation", "layer_norm", "sigma"}) == "networks (hidden layers 50-50)"
    assert networks(TRIAL, {"hidden", "activation", "batch_norm", "init"}) == "networks"


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (NetworkSpec((), batch_norm="none"), "no hidden layer, relu, no batch norm, σ = 0.1"),
        (NetworkSpec((5,), "tanh", "after"), "hidden layers 5, tanh, batch norm after the activation, σ = 0.1"),
        (
            NetworkSpec((5,), batch_norm="none", layer_norm="before"),
            "hidden layers 5, relu, layer norm before the activation, σ = 0.1",
        ),
    ],
)
def test_every_norm_and_initialisation_has_its_words(network: NetworkSpec, said: str) -> None:
    assert networks(TrialSpec(TRIAL.data, network, InitSpec("normal", 0.1)), ()) == f"networks ({said})"
