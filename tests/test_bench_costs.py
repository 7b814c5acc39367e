"""The cost curves of the benchmark: what is measured, what samples come to, what is said of them, what is drawn."""

import dataclasses
import itertools
from pathlib import Path

import costs
import numpy as np
import overheads
import pandas as pd
import pytest
from costs import KEY, PACKED, SINGLE, Point, bounded, by_rule, one_sample, panels, points, turns
from costs_figure import figure
from costs_publish import frame, unframed
from costs_table import costs as costs_of
from costs_table import gains, section, verdict
from matplotlib.figure import Figure
from overheads import Command, Held, Overhead, Reached, overhead
from redraw import redraw
from rig import dataset
from spread import Spread

from pipeline.data import data_spec, open_split, prepare
from pipeline.files import write_json
from pipeline.report.document import Bullets, Table
from pipeline.report.style import house_style
from pipeline.report.tables import write_csv

ASKED = panels(2)
HELD = [Held(1, 450_000_000, ()), Held(2, 440_000_000, (100_000_000, 90_000_000))]
PER_TRIAL = "overhead per trial, of 1,002 on digits, by CPU time"
REACHED = [Reached("a trial (CPU)", PER_TRIAL, "ms", 15, (12.0, 10.0, 11.0))]


def samples(seconds: dict[Point, tuple[float, ...]], wall: float = 4.0) -> pd.DataFrame:
    """Return samples of points, given the CPU seconds of every round, alike in both processes."""
    rows = [
        (number, *point.key, process, 10, 1000, 4000, 1e9, wall, cpu, 10.0, "Z80")
        for point, rounds in seconds.items()
        for number, cpu in enumerate(rounds, start=1)
        for process in range(point.workers)
    ]
    names = ("process", "steps", "rows", "epoch_rows", "flops", "wall", "cpu", "sgemm", "kernel")
    return pd.DataFrame(rows, columns=["round", *KEY, *names])


def every(seconds: float = 2.0) -> pd.DataFrame:
    """Return samples of all points, three rounds each; a network alone takes twice its share of a pack."""
    return samples({point: (seconds * (point.width + 1),) * 3 for point in points(ASKED)})


def test_the_rule_packs_what_sixteen_lambdas_of_a_width_fill():
    assert [by_rule((units, units)) for units in costs.HIDDEN] == [16, 8, 4, 3, 1, 1]


def test_every_question_is_asked_and_no_point_is_measured_twice():
    assert list(ASKED) == ["width", "hidden", "layers", "batch_size", "workers"]
    listed = points(ASKED)
    assert len(listed) == len(set(listed)) == len({point.key for point in listed})
    assert {point.width for point in ASKED["width"].curves["any width"].values()} == {1, 2, 4, 6, 8, 10, 12, 16}
    assert [len(point.hidden) + 1 for point in ASKED["layers"].curves[PACKED].values()] == [2, 3, 5, 7, 9]
    assert set(ASKED["workers"].curves[PACKED]) == {1, 2}
    assert set(panels(6)["workers"].curves[PACKED]) == {1, 2, 4, 6}
    for panel in ASKED.values():
        if SINGLE in panel.curves:
            assert {point.width for point in panel.curves[SINGLE].values()} == {1}
            assert panel.curves[PACKED].keys() == panel.curves[SINGLE].keys()


def test_every_round_measures_every_point_once_and_begins_elsewhere():
    listed = points(ASKED)
    rounds = [turns(listed, number, 3) for number in (1, 2, 3)]
    assert all(set(one) == set(listed) and len(one) == len(listed) for one in rounds)
    assert len({one[0] for one in rounds}) == 3


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = dataset()
    return prepare(data, data_spec(data, 0.1, opens_test=False), tmp_path_factory.mktemp("cache"))


def test_a_point_trains_on_the_first_rows_for_a_bounded_number_of_steps(rows: Path, monkeypatch: pytest.MonkeyPatch):
    whole = open_split(rows)
    monkeypatch.setattr(costs, "STEPS", 5)
    pack, split = bounded(Point(3, (4, 4), batch_size=10), whole)
    assert len(pack.trials) == len({trial.lambda_ for trial in pack.trials}) == 3
    assert {(trial.network.hidden, trial.batch_size, trial.steps_per_epoch) for trial in pack.trials} == {
        ((4, 4), 10, 5)
    }
    np.testing.assert_array_equal(split.x_train, whole.x_train[:50])
    _, all_of_it = bounded(Point(1, (4, 4), batch_size=100), whole)  # rows do not last for five steps
    assert len(all_of_it.x_train) == whole.spec.n_train < 500


def test_a_sample_is_taken_in_time_and_cpu_seconds_of_this_process(rows: Path):
    sample = one_sample(Point(2, (4, 4), batch_size=10), rows, start_at=0)
    assert sample.peak > 0
    assert sample.wall > 0
    assert sample.kernel


def test_rates_shares_and_seconds_are_those_worked_by_hand():
    point = Point(4, workers=2)
    told = samples({point: (2.0, 2.5)})
    told.loc[told["process"] == 1, "wall"] = 5.0
    cost = costs_of(told)[point.key]
    # Two processes of 4 networks on a quarter of the rows: 2 trial-epochs, in the 5 s of the slower one.
    assert cost.rate == Spread(0.4, 0.4, 0.4)
    # 4 networks of 1 GFLOP in 2 s are 2 GFLOP/s, in 2.5 s 1.6, of 10.
    assert cost.share == Spread(pytest.approx(18), pytest.approx(16), pytest.approx(20))
    # 2 s for 4 networks are half a second each, four times that for all rows.
    assert cost.seconds == {1: pytest.approx(2.0), 2: pytest.approx(2.5)}


def ratios(packed: tuple[float, ...], single: tuple[float, ...]) -> list[Spread]:
    """Return what packing gains where a pack of 8 and a single network take these seconds."""
    both = {Point(8, workers=2): packed, Point(1, workers=2): single}
    found = costs_of(samples(both))
    panel = dataclasses.replace(
        ASKED["hidden"], curves={PACKED: {50: Point(8, workers=2)}, SINGLE: {50: Point(1, workers=2)}}
    )
    return [gain.ratio for gain in gains(found, {"one": panel})]


def test_gains_are_ratios_within_rounds():
    # 8 networks in 4, 4, 8 s: half a second, half, one; alone 1, 2, 1 s.
    assert ratios((4, 4, 8), (1, 2, 1)) == [Spread(2.0, 1.0, 4.0)]


def test_only_packs_of_more_than_one_are_compared():
    told = gains(costs_of(every()), ASKED)
    assert {gain.packed for gain in told} == {
        point
        for panel in ASKED.values()
        if SINGLE in panel.curves
        for point in panel.curves[PACKED].values()
        if point.width > 1
    }


def test_the_verdict_says_that_packing_never_loses_where_it_does_not():
    told = gains(costs_of(every()), ASKED)
    sentence = verdict(told)
    assert sentence.startswith("Packing by the rule is nowhere slower than single networks beyond noise: at 12 points")
    # 2 (M + 1) seconds for M networks against 4 for one: 2 M / (M + 1) times as fast, for M = 3 to 16.
    assert "1.50 to 1.88 times as fast as alone" in sentence


def test_the_verdict_names_every_point_where_packing_loses_in_every_round():
    loser, noisy = Point(3, (200, 200), workers=2), Point(4, (100, 100), workers=2)
    seconds = {point: (2.0 * (point.width + 1),) * 3 for point in points(ASKED)}
    seconds[loser] = (13.0, 15.0, 12.5)  # alone: 4 s, so 12 s for three
    seconds[noisy] = (15.0, 17.0, 18.0)  # alone 16 s for four: slower by the median, not in every round
    sentence = verdict(gains(costs_of(samples(seconds)), ASKED))
    assert sentence == (
        "Packing by the rule is slower than single networks, in every round, at 1 of 12 points: "
        "hidden 200-200, batch 100, 3 networks per pack: 0.92 (0.80 to 0.96) times as fast."
    )


def test_the_table_has_every_point_of_every_question_under_the_verdict():
    told = section(every(), ASKED, "here and now")
    tables = [block for block in told.blocks if isinstance(block, Table)]
    assert len(tables) == len(ASKED)
    for table, panel in zip(tables, ASKED.values(), strict=True):
        assert table.caption == f"{panel.title}."
        assert len(table.rows) == len({point for curve in panel.curves.values() for point in curve.values()})
        assert all(len(row) == len(table.header) for row in table.rows)
    [sentences] = [block for block in told.blocks if isinstance(block, Bullets)]
    assert sentences.items == (verdict(gains(costs_of(every()), ASKED)),)


def test_overhead_is_what_is_not_training_spread_over_the_workers():
    packs = [("4.0", "3.0", "2"), ("2.0", "2.0", "2")]  # seconds of a pack stand in the row of each of its trials
    timings = [dict(zip(("seconds", "cpu_seconds", "trials"), pack, strict=True)) for pack in packs for _ in range(2)]
    assert overhead(Command(10.0, 9.0, ""), timings, workers=2) == Overhead(1750.0, 1000.0)


@pytest.mark.parametrize(("rounds", "verb"), [((14.0, 15.0, 99.0), "reached"), ((1.0, 15.1, 16.0), "missed")])
def test_a_goal_is_judged_by_the_median(rounds: tuple[float, ...], verb: str):
    sentence = Reached("a trial", "overhead per trial", "ms", 15, rounds).sentence
    assert sentence.startswith(f"overhead per trial: {rounds[1]:.2f} (")
    assert sentence.endswith(f"ms; the goal of 15 ms is {verb}.")


@pytest.mark.parametrize(("size", "verb"), [(150_000_000, "reached"), (151_000_000, "missed")])
def test_the_goal_of_memory_is_judged_by_the_largest_worker(size: int, verb: str):
    told = overheads.section(REACHED, [*HELD, Held(4, 1, (5, size, 7))])
    [sentences] = [block for block in told.blocks if isinstance(block, Bullets)]
    assert sentences.items[-1] == (
        f"Private memory of the largest worker: {size // 10**6} MB; the goal of 150 MB is {verb}."
    )


def test_a_complete_search_that_computes_something_is_no_re_run(monkeypatch: pytest.MonkeyPatch):
    said = itertools.chain(["computed", "all trials are present; nothing to run"], itertools.repeat("computed"))
    monkeypatch.setattr(overheads, "timed", lambda *_: Command(1.0, 1.0, next(said)))
    with pytest.raises(ValueError, match="nothing to run"):
        overheads.again((), workers=2, rounds=2)


@pytest.fixture(scope="module")
def drawn() -> Figure:
    with house_style():
        made = figure(costs_of(every()), ASKED, REACHED, HELD, "on a machine")
        made.draw_without_rendering()
        return made


def test_every_question_has_a_panel_of_rates_and_one_of_shares_with_every_point_in_it(drawn: Figure):
    panes = np.array(drawn.axes).reshape(-1, 2)
    assert len(panes) == len(ASKED) + 1
    for panel, (rates, shares) in zip(ASKED.values(), panes, strict=False):
        assert rates.get_title(loc="left") == panel.title
        for axes in (rates, shares):
            assert axes.get_xlabel() == panel.label
            curves = [container.lines[0] for container in axes.containers]
            assert [list(line.get_xdata()) for line in curves] == [list(curve) for curve in panel.curves.values()]
            low, high = axes.get_ylim()
            assert all(low <= value <= high for line in curves for value in line.get_ydata())
    assert {axes.get_ylabel() for axes in panes[:-1, 0]} == {"trial-epochs/s"}
    assert {axes.get_ylabel() for axes in panes[:-1, 1]} == {"% of SGEMM limit"}


def test_goals_are_bars_of_what_they_allow_and_memory_has_its_goal(drawn: Figure):
    goals, held = drawn.axes[-2:]
    assert [bar.get_width() for bar in goals.patches] == [pytest.approx(100 * 11 / 15)]
    assert [label.get_text() for label in goals.get_yticklabels()] == ["a trial (CPU)"]
    lines = {line.get_label(): list(line.get_ydata()) for line in held.lines}
    assert lines == {"driver": [450, 440], "largest worker": [100], "goal of a worker": [150, 150]}
    for axes in (goals, held):
        assert axes.get_xlabel()
        assert axes.get_title(loc="left")


def test_labels_of_the_figure_do_not_leave_it_and_curves_are_named(drawn: Figure):
    box = drawn.bbox
    for axes in drawn.axes:
        around = axes.get_tightbbox()
        assert around is not None
        assert box.x0 - 1 <= around.x0
        assert around.x1 <= box.x1 + 1
    [legend] = drawn.legends
    assert [text.get_text() for text in legend.get_texts()] == [PACKED, SINGLE]


def test_what_was_reached_and_held_is_read_again_as_it_was_written(tmp_path: Path):
    write_csv(tmp_path / "overheads.csv", frame(REACHED, HELD))
    assert unframed(pd.read_csv(tmp_path / "overheads.csv")) == (REACHED, HELD)


def test_every_goal_has_a_name_for_the_figure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(overheads, "of_tiny_trials", lambda *_: Overhead(12.0, 10.0))
    monkeypatch.setattr(overheads, "planning", lambda _: Command(4.0, 3.0, ""))
    monkeypatch.setattr(overheads, "again", lambda *_: [Command(2.0, 1.0, "")])
    found = [(one.name, one.unit, one.goal, one.rounds) for one in overheads.goals((), tmp_path, 2, 1)]
    assert found == [
        ("a trial (clock)", "ms", 15, (12.0,)),
        ("a trial (CPU)", "ms", 15, (10.0,)),
        ("10,000 planned", "s", 5, (4.0,)),
        ("1,000 re-run", "s", 3, (2.0,)),
    ]


def test_document_and_figure_are_drawn_from_the_files_wherever_these_were_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    write_csv(tmp_path / "costs.csv", every())
    write_csv(tmp_path / "overheads.csv", frame(REACHED, HELD))
    write_json(tmp_path / "manifest.json", {"processor": "Zilog", "cores": 2, "kernels": {"unpinned": ["Z80"]}})
    redraw(tmp_path)
    assert {"costs.md", "costs.png", "costs.svg"} < {path.name for path in tmp_path.iterdir()}
    text = (tmp_path / "costs.md").read_text()
    assert text in capsys.readouterr().out
    assert "Zilog, 2 cores; packs unpinned, commands as found" in text
    assert "Environment unpinned, kernel Z80." in text
    assert "All commands run in the environment as found" in text
    assert f"{PER_TRIAL}: 11.00 (10.00 to 12.00) ms; the goal of 15 ms is reached." in text
