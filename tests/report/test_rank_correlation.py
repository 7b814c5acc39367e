"""How early settings can be ranked: rank correlations worked by hand, and the figure that shows them."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
from drawn import dots, legend, lines, texts
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st
from scipy.stats import spearmanr

from pipeline.records import Curves, Status, TrialRecord
from pipeline.report import style
from pipeline.report.rank_correlation import COLUMNS, rank_correlation, rank_correlations, spearman


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


@pytest.mark.parametrize(
    ("a", "b", "rho"),
    [
        ((1, 2, 3, 4), (10, 20, 30, 99), 1.0),
        ((1, 2, 3, 4), (4, 3, 2, 1), -1.0),
        ((1, 2, 3, 4), (1, 3, 2, 4), 0.8),  # 1 - 6 (1 + 1) / (4 (16 - 1))
        ((1, 2, 2, 3), (1, 2, 3, 4), 0.9486833),  # ranks 1, 2.5, 2.5, 4: 4.5 / sqrt(4.5 * 5)
    ],
)
def test_rank_correlations_worked_by_hand(a: Sequence[float], b: Sequence[float], rho: float) -> None:
    assert spearman(array(*a), array(*b)) == pytest.approx(rho, rel=1e-6)


def test_nothing_is_said_of_values_that_are_all_equal() -> None:
    assert np.isnan(spearman(array(1, 1, 1), array(1, 2, 3)))


@budget(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=12))
def test_it_agrees_with_scipy(pairs: list[tuple[int, int]]) -> None:
    a, b = (np.array(values, float) for values in zip(*pairs, strict=True))
    if len(set(a)) > 1 and len(set(b)) > 1:
        assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)


# Six settings; at the end of the first cycle the first two are the other way round, in mid-cycle all are.
FINAL = (0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
EPOCHS = ((0.1, 0.2, 0.3, 0.4, 0.5, 0.6), (0.5, 0.6, 0.4, 0.3, 0.2, 0.1), (0.3,) * 6, FINAL)


def trials(record, stage: str = "coarse", count: int = 6, replicates: int = 2, **how) -> list[TrialRecord]:
    """Return trials of two cycles of two epochs; in replicate 1 the means are .01 better, ranks as in replicate 0."""
    made = []
    for number in range(count * replicates):
        replicate, setting = divmod(number, count)
        trial = record(stage, number, 0.001 * (1 + setting), 0.5, replicate=replicate, **how)
        spec = dataclasses.replace(trial.spec, schedule=dataclasses.replace(trial.spec.schedule, cycles=2))
        values = (0.1, *(epoch[setting] + 0.01 * replicate for epoch in EPOCHS))
        made.append(dataclasses.replace(trial, spec=spec, curves=Curves(epoch=(0, 1, 2, 3, 4), val_accuracy=values)))
    return made


def test_every_epoch_is_compared_with_the_last_one(record) -> None:
    """1 - 6 (1 + 1) / (6 * 35) = .942857 with two neighbours exchanged."""
    table = rank_correlation(trials(record))
    assert tuple(table) == COLUMNS
    means = table[table["replicate"] == "mean"]
    assert means["spearman"].tolist() == pytest.approx([-1, 0.942857, np.nan, 1], nan_ok=True, rel=1e-5)
    assert means["best_rank"].tolist() == [6, 2, 6, 1]  # of six equals the best has the worst place
    assert means["epoch"].tolist() == [1, 2, 3, 4]
    assert means["cycle"].tolist() == [1, 1, 2, 2]
    assert means["ends_cycle"].tolist() == [0, 1, 0, 1]
    assert set(means["settings"]) == {6}
    for replicate in "01":
        alone = table[table["replicate"] == replicate]["spearman"]
        assert alone.tolist() == pytest.approx([-1, 0.942857, np.nan, 1], nan_ok=True, rel=1e-5)


def test_a_setting_with_a_lost_replicate_is_left_out(record) -> None:
    made = trials(record)
    made[7] = dataclasses.replace(made[7], status=Status.DIVERGED)
    table = rank_correlation(made)
    assert set(table["settings"]) == {5}
    assert table[table["epoch"] == 2]["spearman"].tolist() == pytest.approx([1.0] * 3)


def test_means_that_differ_in_their_last_bit_are_equal(record) -> None:
    """.1 + .2 + .3 > .3 + .2 + .1 in floating point; of the two equals that are best in the end the first counts."""
    rising, falling = (0.1, 0.2, 0.3), (0.3, 0.2, 0.1)
    assert sum(rising) > sum(falling)
    epochs = ((rising, falling), ((0.5,) * 3, (0.0,) * 3), (rising, falling), (falling, rising))
    made = trials(record, count=5, replicates=3)
    for number, trial in enumerate(made):
        replicate, setting = divmod(number, 5)
        ends = [pair[setting][replicate] if setting < 2 else 0.01 * setting for pair in epochs]
        made[number] = dataclasses.replace(trial, curves=Curves(epoch=(0, 1, 2, 3, 4), val_accuracy=(0.1, *ends)))
    table = rank_correlation(made)
    assert table[table["replicate"] == "mean"]["best_rank"].tolist() == [2, 1, 2, 2]


def one_cycle(made: list[TrialRecord]) -> list[TrialRecord]:
    schedule = dataclasses.replace(made[0].spec.schedule, cycles=1)
    return [dataclasses.replace(each, spec=dataclasses.replace(each.spec, schedule=schedule)) for each in made]


def test_stages_that_can_show_nothing_have_no_rows(record) -> None:
    pruned = trials(record)
    pruned[3] = dataclasses.replace(pruned[3], status=Status.PRUNED)
    for made in (pruned, trials(record, count=4), one_cycle(trials(record)), []):
        table = rank_correlation(made)
        assert len(table) == 0
        assert tuple(table) == COLUMNS


def test_the_figure_draws_means_replicates_and_ends_of_cycles_stage_by_stage(record, tmp_path) -> None:
    table = rank_correlation([*trials(record), *trials(record, "refine", count=5, replicates=3)])
    figure = rank_correlations(table, subtitle="made up")
    coarse, refine = figure.axes
    assert [len(lines(axes, 0.8)) - 1 for axes in (coarse, refine)] == [2, 3]  # less the line at 0
    (means,) = lines(coarse, 2)
    assert means == pytest.approx([-1, 0.942857, np.nan, 1], nan_ok=True, rel=1e-5)
    assert dots(coarse) == pytest.approx([0.942857, 1], rel=1e-5)
    assert "coarse: 6 settings" in texts(figure)
    assert "refine: 5 settings" in texts(figure)
    assert legend(figure) == [
        "means over the replicates",
        "one replicate",
        "means at the end of a cycle",
    ]
    style.save(figure, tmp_path, "ranks")


def test_a_figure_of_nothing_says_so(record) -> None:
    figure = rank_correlations(rank_correlation([]), subtitle="")
    assert "no stage of several cycles with enough settings" in texts(figure)
