"""Cells of seeds and their tables, worked out by hand: 10 classes, 1000 test rows, chance level .1 and ln 10."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import pytest

from pipeline.records import Chance, Curves, Status, TrialRecord
from pipeline.report.escape import (
    ESCAPE_COLUMNS,
    Effect,
    cells,
    compare,
    escape_table,
    first_step_below,
    has_escaped,
    masked_effects,
    norm_effects,
    paired_effects,
)
from pipeline.report.tables import SUMMARY_COLUMNS
from pipeline.spec import DataSpec, InitSpec, NetworkSpec, ScheduleSpec, TrialSpec

CHANCE = Chance(0.1, math.log(10))
LEARNS, LATE, STUCK = (2.0, 1.5, 1.0), (2.303, 2.29, 2.2), (2.303, 2.303, 2.303)  # .99 ln 10 is 2.2796


def trial(
    place: int,
    replicate: int,
    init: InitSpec,
    norm: str,
    test: float,
    *,
    losses: Sequence[float] = LEARNS,
    status: Status = Status.COMPLETE,
) -> TrialRecord:
    spec = TrialSpec(
        DataSpec("ten", "d" * 16, 6, 10, 1000, 100, 1000),
        NetworkSpec(batch_norm=norm),
        init,
        ScheduleSpec(step_size=1, cycles=1),
        init_seed=replicate,
        order_seed=replicate,
    )
    number = 10 * replicate + place
    return TrialRecord("grid", number, number, replicate, spec, status, test_accuracy=test, batch_losses=tuple(losses))


HE, LARGE, SMALL = InitSpec(), InitSpec("normal", 0.1), InitSpec("normal", 0.001)


@pytest.fixture
def grid() -> list[TrialRecord]:
    """He, .1 and .001, without and with batch norm, three seeds; .001 without is mixed, one with diverged."""
    records = []
    for replicate in range(3):
        step = 0.01 * replicate
        stuck = replicate < 2
        records += [
            trial(0, replicate, HE, "none", 0.50 + step),
            trial(1, replicate, HE, "before", 0.52 + 2 * step),
            trial(2, replicate, LARGE, "none", 0.10, losses=STUCK),
            trial(3, replicate, LARGE, "before", 0.50 + step),
            trial(4, replicate, SMALL, "none", 0.1 if stuck else 0.4, losses=STUCK if stuck else LATE),
            trial(5, replicate, SMALL, "before", 0.5, status=Status.COMPLETE if stuck else Status.DIVERGED),
        ]
    return records


def test_cells_come_in_plan_order_however_the_records_do(grid: list[TrialRecord]) -> None:
    found = cells(grid[::-1], CHANCE)
    expected = [(init, norm) for init in (HE, LARGE, SMALL) for norm in ("none", "before")]
    assert [(cell.init, cell.batch_norm) for cell in found.values()] == expected
    assert list(found) == [(init.scheme, init.sigma, norm) for init, norm in expected]
    assert [seed.replicate for seed in found["he", None, "none"].seeds] == [0, 1, 2]


def test_a_seed_escapes_when_guessing_would_not_reach_its_accuracy(grid: list[TrialRecord]) -> None:
    he, _, stuck, _, mixed, lossy = cells(grid, CHANCE).values()
    assert (he.escaped, stuck.escaped, mixed.escaped) == (3, 0, 1)
    assert (he.mixed, stuck.mixed, mixed.mixed) == (False, False, True)
    assert [seed.escaped for seed in mixed.seeds] == [False, False, True]
    # one standard deviation of 1000 guesses is .0095: a point above chance level is luck, five are not
    [lucky] = cells([trial(0, 0, HE, "none", 0.11)], CHANCE).values()
    [real] = cells([trial(0, 0, HE, "none", 0.15)], CHANCE).values()
    assert (lucky.escaped, real.escaped) == (0, 1)
    assert (lossy.n, lossy.escaped, lossy.diverged, lossy.mixed) == (2, 2, 1, False)


@pytest.mark.parametrize(
    ("losses", "step"),
    [((2.3, 2.29, 2.2, 2.0), 150), ((2.0,), 50), ((2.2796, 2.3), None), ((), None), ((2.3, 2.2, 2.3, 2.3), 100)],
)
def test_the_first_step_is_the_last_one_of_the_first_window_below(losses: tuple[float, ...], step: int | None) -> None:
    assert first_step_below(losses, 2.2796) == step


def test_the_median_first_step_is_over_the_seeds_that_came_there(grid: list[TrialRecord]) -> None:
    he, _, stuck, _, mixed, _ = cells(grid, CHANCE).values()
    assert (he.first_step, he.never) == (50, 0)
    assert (stuck.first_step, stuck.never) == (None, 3)
    assert (mixed.first_step, mixed.never) == (150, 2)
    pair = [trial(0, 0, HE, "none", 0.5), trial(0, 1, HE, "none", 0.5, losses=LATE)]
    assert cells(pair, CHANCE)["he", None, "none"].first_step == 100


def test_a_run_without_a_window_cannot_tell_who_never_began(grid: list[TrialRecord]) -> None:
    short = [trial(0, replicate, HE, "none", 0.5, losses=()) for replicate in range(2)]
    [cell] = cells(short, CHANCE).values()
    assert (cell.first_step, cell.never) == (None, None)
    assert pd.isna(escape_table(short, CHANCE)["never"][0])


def test_the_summary_has_its_columns_and_wilsons_interval_of_the_share(grid: list[TrialRecord]) -> None:
    frame = escape_table(grid, CHANCE)
    assert list(frame) == ["stage", "init", "sigma", "batch_norm", *ESCAPE_COLUMNS, *SUMMARY_COLUMNS]
    assert frame["escaped"].tolist() == [3, 3, 0, 3, 1, 2]
    assert frame["escaped_share"].tolist() == pytest.approx([1, 1, 0, 1, 1 / 3, 1])
    z2 = 1.959964**2  # where all of n escape, Wilson's lower end is n / (n + z^2)
    assert frame["escaped_low"][0] == pytest.approx(3 / (3 + z2), rel=1e-6)
    assert frame["escaped_high"][2] == pytest.approx(z2 / (3 + z2), rel=1e-6)
    assert frame["n"].tolist() == [3, 3, 3, 3, 3, 2]
    assert frame["n_diverged"].tolist() == [0, 0, 0, 0, 0, 1]


def test_a_mixed_cell_and_it_alone_has_no_t_interval(grid: list[TrialRecord]) -> None:
    frame = escape_table(grid, CHANCE)
    ends = [name for name in SUMMARY_COLUMNS if name.endswith(("_low", "_high"))]
    assert frame.loc[4, ends].isna().all()
    assert frame["test_accuracy_mean"][4] == pytest.approx(0.2)
    assert frame["test_accuracy_sd"][4] == pytest.approx(math.sqrt(0.03))
    others = frame.drop(index=4)
    assert others[["test_accuracy_low", "test_accuracy_high"]].notna().all(axis=None)
    assert frame["escaped_low"].notna().all()


def test_effects_are_paired_and_those_of_a_mixed_cell_have_no_interval(grid: list[TrialRecord]) -> None:
    frame = norm_effects(grid, CHANCE)
    assert frame["mean"].tolist() == pytest.approx([0.03, 0.41, 0.4])
    assert frame["n"].tolist() == [3, 3, 2]
    half = 4.302653 * 0.01 / math.sqrt(3)  # t(.975, 2): the differences are .02, .03, .04 and .40, .41, .42
    assert frame["low"][:2].tolist() == pytest.approx([0.03 - half, 0.41 - half], rel=1e-6)
    assert frame.loc[2, ["low", "high"]].isna().all()


@pytest.mark.parametrize(
    ("by", "of", "baseline"), [(("init", "sigma"), "batch_norm", "none"), (("init", "batch_norm"), "sigma", 0.1)]
)
def test_the_rows_of_the_table_are_the_paired_effects_in_their_order(
    by: tuple[str, ...], of: str, baseline: str | float, grid: list[TrialRecord]
) -> None:
    records = [record for record in grid if of == "batch_norm" or record.spec.init != HE]
    frame = masked_effects(records, CHANCE, by, of, baseline)
    effects = paired_effects(records, CHANCE, by, of, baseline)
    assert len(frame) == len(effects) > 1
    for (*setting, value), row, effect in zip(effects, frame.itertuples(), effects.values(), strict=True):
        assert [getattr(row, name) for name in by if name != "sigma"] == [x for x in setting if isinstance(x, str)]
        assert row.compared == f"{value} - {baseline}"
        estimate = effect.estimate
        assert (row.n, row.mean) == (estimate.n, pytest.approx(estimate.mean))
        assert math.isnan(row.low) is (estimate.low is None) is effect.mixed


def test_cells_are_compared_over_the_seeds_that_completed_in_both(grid: list[TrialRecord]) -> None:
    he, he_norm, _, _, mixed, lossy = cells(grid, CHANCE).values()
    assert compare(he_norm, he) == Effect(pytest.approx((0.02, 0.03, 0.04)), mixed=False)
    assert compare(lossy, mixed) == Effect(pytest.approx((0.4, 0.4)), mixed=True)
    assert compare(mixed, lossy).mixed
    assert compare(lossy, mixed).estimate.low is None


def test_a_grid_of_one_kind_of_batch_norm_has_no_effects(grid: list[TrialRecord]) -> None:
    for norm in ("none", "before"):
        alone = [record for record in grid if record.spec.network.batch_norm == norm]
        assert len(escape_table(alone, CHANCE)) == 3
        assert len(norm_effects(alone, CHANCE)) == 0
        assert paired_effects(alone, CHANCE, ("init", "sigma"), "batch_norm") == {}


def test_a_cell_of_which_nothing_completed_is_empty() -> None:
    lost = [trial(0, replicate, HE, "none", 0.9, losses=(), status=Status.DIVERGED) for replicate in range(2)]
    frame = escape_table(lost, CHANCE)
    assert frame["escaped"].tolist() == [0]
    assert frame[["escaped_share", "escaped_low", "first_step_median", "never"]].isna().all(axis=None)
    [cell] = cells(lost, CHANCE).values()
    assert (cell.n, cell.diverged, cell.share, cell.accuracy.n) == (0, 2, None, 0)


def test_what_has_learned_its_training_rows_has_escaped_however_few_test_rows_there_are() -> None:
    """Of 10 test rows, 3 right are no proof against a chance of .1; a loss below .99 of chance level's is."""

    def ended(part: float, test: float, status: Status = Status.COMPLETE) -> TrialRecord:
        record = trial(0, 0, HE, "none", test, status=status)
        few = replace(record.spec, data=replace(record.spec.data, n_test=10))
        return replace(record, spec=few, curves=Curves(train_loss=(2.5, part * CHANCE.loss)))

    assert has_escaped(ended(0.98, 0.3), CHANCE)
    assert not has_escaped(ended(0.995, 0.3), CHANCE)
    assert has_escaped(ended(0.995, 0.9), CHANCE)
    assert not has_escaped(ended(0.98, 0.9, Status.DIVERGED), CHANCE)
