"""What each figure of a comparison promises: numbers worked by hand, read back from what is drawn."""

import dataclasses
import io
import math

import numpy as np
import pytest
from drawn import legend, lines, texts
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from studies import (
    KEPT,
    NORMS,
    OPTIMIZERS,
    STUDIES,
    WIDTHS,
    diverged,
    figure_of,
    shifted,
    spread,
    study,
)

from pipeline.records import Status
from pipeline.report import cells, marks, panels, style
from pipeline.report.comparison import Study
from pipeline.report.comparison_figures import FIGURES
from pipeline.report.tables import metric
from pipeline.spec import Factor, Level

# accuracy


def rows_of(figure: Figure) -> list[str]:
    return [label.get_text() for axes in figure.axes for label in axes.get_yticklabels()]


def test_every_cell_has_a_row_with_its_name_grouped_by_the_other_factors():
    figure = figure_of("accuracy", "two factors")
    assert rows_of(figure) == ["no batch norm", "batch norm"] * 3
    assert [axes.get_ylabel() for axes in figure.axes] == ["keep 1", "keep 0.75", "keep 0.5"]
    assert len(rows_of(figure_of("accuracy", "forty cells"))) == 40
    assert rows_of(figure_of("accuracy", "one cell, one seed")) == ["batches of 100"]


def test_rows_show_every_seed_and_the_mean_with_its_interval():
    (axes,) = figure_of("accuracy", "one factor").axes
    dots = [line for line in axes.lines if line.get_linestyle() == "None"]
    assert [list(line.get_xdata()) for line in dots] == [
        pytest.approx([50 + place, 50.1 + place, 50.2 + place]) for place in range(3)
    ]
    bars = [line for line in axes.lines if line.get_linewidth() == 1]
    half = 4.302653 * 0.1 / math.sqrt(3)  # t(.975, 2) s / sqrt(3)
    assert list(bars[0].get_xdata()) == pytest.approx([50.1 - half, 50.1 + half], abs=1e-5)
    means = [line for line in axes.lines if line.get_linewidth() == 2]
    assert [line.get_xdata()[0] for line in means] == pytest.approx([50.1, 51.1, 52.1])


def test_rows_of_cells_in_two_heaps_have_neither_mean_nor_interval():
    mixed, fine, _ = figure_of("accuracy", "mixed").axes
    assert not lines(mixed, 1) + lines(mixed, 2)
    assert len(lines(fine, 1)) == len(lines(fine, 2)) == 2


def test_chance_level_is_drawn_where_it_is_near():
    assert any("chance level, 10.00 %" in text for text in legend(figure_of("accuracy", "mixed")))
    assert not any("chance" in text for text in legend(figure_of("accuracy", "one factor")))


def test_an_interval_that_reaches_far_does_not_squeeze_the_seeds():
    assert marks.limits([50, 60], [0, 100]) == pytest.approx((50 - 3 - 0.96, 60 + 3 + 0.96))
    assert marks.limits([50, 60], [49, 61]) == pytest.approx((49 - 0.72, 61 + 0.72))
    low, _ = marks.limits([50, 60], [], lost=True)
    assert low == pytest.approx(50 - 2.5 * 0.6)
    assert marks.limits([], []) == (0, 100)


# curves


def test_curves_are_means_over_seeds_beside_every_seed():
    told = STUDIES["one factor"]
    figure = figure_of("curves", "one factor")
    assert [axes.get_title(loc="left").split(" (")[0] for axes in figure.axes] == [
        *("validation loss", "validation accuracy", "training loss"),
    ]
    for axes, what in zip(figure.axes, ("val_loss", "val_accuracy", "train_loss"), strict=True):
        unit = 100 if what == "val_accuracy" else 1
        expected = [
            np.mean([[unit * value for value in getattr(record.curves, what)] for record in group], axis=0)
            for group in told.groups.values()
        ]
        assert lines(axes, marks.MEAN_WIDTH) == pytest.approx(np.array(expected))
        assert len(lines(axes, marks.SEED_WIDTH)) == 9


@pytest.mark.parametrize("name", ["curves", "training-validation", "running"])
def test_curves_in_two_heaps_have_no_mean_and_their_seeds_are_easier_to_see(name):
    figure = figure_of(name, "mixed")
    groups, of = (6, 2) if name != "training-validation" else (2, 2)
    per_panel = 2 if name == "running" else 1
    means, alone = (len(lines(figure.axes[0], width)) for width in (marks.MEAN_WIDTH, marks.ALONE["linewidth"]))
    assert means == per_panel * (groups - of)
    assert alone >= per_panel * of * 3


def test_the_untrained_network_does_not_squeeze_the_curves():
    def shout(_, record):
        loud = (50.0, *record.curves.val_loss[1:])
        return dataclasses.replace(record, curves=dataclasses.replace(record.curves, val_loss=loud))

    loss, accuracy, _ = FIGURES["curves"].draw(study(OPTIMIZERS, change=shout)).axes
    assert loss.get_ylim()[1] < 2.5
    assert accuracy.get_ylim()[0] > 20  # all start at 10 %


def test_enormous_losses_lie_outside_and_the_figure_says_so():
    figure = figure_of("curves", "enormous losses")
    assert figure.axes[0].get_ylim()[1] < 5
    assert "losses above 4.6 nats lie outside" in texts(figure).replace("\n", " ")
    assert "lie outside" not in texts(figure_of("curves", "one factor"))
    assert "lie outside" not in texts(figure_of("curves", "nothing completed"))


def test_where_all_cells_end_far_above_chance_level_the_axis_follows():
    def high(_, record):
        losses = tuple(30 + value for value in record.curves.val_loss)
        return dataclasses.replace(record, curves=dataclasses.replace(record.curves, val_loss=losses))

    axes = FIGURES["curves"].draw(study(OPTIMIZERS, change=high)).axes[0]
    low, top = axes.get_ylim()
    assert low < 31.35 < top


def vertical(axes) -> dict[float, str]:
    """Return place -> colour of the vertical lines."""
    ends = [line for line in axes.lines if len(set(line.get_xdata())) == 1 and line.get_linestyle() == "--"]
    return {float(line.get_xdata()[0]): line.get_color() for line in ends}


def test_cycle_ends_are_grey_where_cells_share_them_and_else_of_their_colour():
    assert vertical(figure_of("curves", "one factor").axes[0]) == {4.0: style.GREY}
    schedules = Factor(
        "schedule", (Level("short", {"step_size": 1, "cycles": 1}), Level("long", {"step_size": 3, "cycles": 2}))
    )
    figure = FIGURES["curves"].draw(study(schedules))
    colors = {label: look.color for label, look in cells.looks(schedules.levels).items()}
    assert vertical(figure.axes[0]) == {2.0: colors["short"], 6.0: colors["long"], 12.0: colors["long"]}
    assert figure.axes[0].get_xlim()[1] >= 12
    constant = Factor("schedule", (Level("constant", {"schedule": "constant"}),))
    assert not vertical(FIGURES["curves"].draw(study(constant)).axes[0])


# panels


def line_of(axes, width: float = 1.8) -> list[list[float]]:
    """Return x of the lines through means."""
    return [[float(x) for x in line.get_xdata()] for line in axes.lines if line.get_linewidth() == width]


def means_of(axes) -> list[list[float]]:
    return [
        list(line.get_ydata())
        for line in axes.lines
        if line.get_marker() in cells.MARKERS and line.get_linestyle() == "-"
    ]


def test_panels_lie_along_the_first_factor_of_numbers_on_a_log_axis_over_a_decade():
    assert panels.along(STUDIES["forty cells"]) == 0
    assert panels.along(study(OPTIMIZERS, KEPT, seeds=1)) == 1
    assert panels.along(study(NORMS, WIDTHS, seeds=1)) == 0
    assert figure_of("panels", "forty cells").axes[0].get_xscale() == "log"
    assert figure_of("panels", "two factors").axes[0].get_xscale() == "linear"
    assert figure_of("panels", "two factors").axes[0].get_xlabel() == "dropout"
    ticks = figure_of("panels", "networks of several widths").axes[0].get_xticklabels()
    assert [tick.get_text() for tick in ticks] == ["25 units", "50", "100"]


def test_panels_show_best_accuracies_and_final_loss_from_left_to_right():
    told = STUDIES["two factors"]
    for axes, (what, unit) in zip(
        figure_of("panels", "two factors").axes,
        (("best_val_accuracy", 100), ("best_train_accuracy", 100), ("train_loss", 1)),
        strict=True,
    ):
        expected = [
            [
                unit * np.mean([metric(record, what) for record in told.groups[kept, norm]])
                for kept in ("keep 0.5", "keep 0.75", "keep 1")
            ]
            for norm in ("no batch norm", "batch norm")
        ]
        assert means_of(axes) == [pytest.approx(one) for one in expected]


def test_lines_of_panels_have_a_gap_at_mixed_cells_whose_seeds_are_shown():
    figure = figure_of("panels", "mixed")
    for axes in figure.axes:
        for means in means_of(axes):
            assert [math.isnan(value) for value in means] == [True, False, False]
        dots = [line for line in axes.lines if line.get_linestyle() == "None" and line.get_xdata()[0] == 0]
        assert sum(len(line.get_ydata()) for line in dots) == 6


def test_losses_over_more_than_a_decade_are_on_a_log_scale_with_a_place_for_zeros():
    axes = figure_of("panels", "enormous losses").axes[2]
    assert axes.get_yscale() == "log"
    assert "0" in [tick.get_text() for tick in axes.get_yticklabels()]
    low, high = axes.get_ylim()
    assert all(
        low <= y <= high for line in axes.lines if line.get_linestyle() in {"-", "None"} for y in line.get_ydata()
    )
    assert figure_of("panels", "one factor").axes[2].get_yscale() == "linear"


# training-validation


def test_training_and_validation_stand_side_by_side_with_the_gap_between_their_means():
    told = STUDIES["two factors"]
    figure = figure_of("training-validation", "two factors")
    grid = np.array(figure.axes).reshape(3, 3)
    assert [axes.get_ylabel() for axes in grid[:, 0]] == ["keep 1", "keep 0.75", "keep 0.5"]
    assert grid[0, 0].get_ylim() == grid[2, 1].get_ylim()
    gaps = [list(line.get_ydata()) for line in grid[1, 2].lines if line.get_linewidth() == 1.2]
    expected = [
        [
            100 * np.mean([record.final(what) for record in told.groups["keep 0.75", norm]])
            for what in ("train_accuracy", "val_accuracy")
        ]
        for norm in ("no batch norm", "batch norm")
    ]
    assert gaps == [pytest.approx(one) for one in expected]


# shifts


def places_of(figure: Figure) -> list[str]:
    return [tick.get_text() for tick in figure.axes[-1].get_xticklabels()]


def test_only_the_shifts_that_were_measured_have_a_place_and_none_at_all_is_said():
    some = study(OPTIMIZERS, change=lambda _, record: shifted(record, ("blur", "noise")))
    assert places_of(FIGURES["shifts"].draw(some)) == ["clean", "blurred images", "noisy images"]
    assert len(places_of(figure_of("shifts", "shifted"))) == 5
    assert places_of(figure_of("shifts", "one factor")) == ["clean"]
    said = texts(figure_of("shifts", "one factor")).replace("\n", " ")
    assert "accuracy on shifted test rows was not measured" in said
    assert "not measured" not in texts(figure_of("shifts", "shifted"))


def test_every_cell_has_its_seeds_and_its_mean_at_every_place():
    some = study(NORMS, change=lambda _, record: shifted(record, ("blur",)))
    (axes,) = FIGURES["shifts"].draw(some).axes
    means = sorted(
        float(line.get_ydata()[0]) for line in axes.lines if line.get_markersize() == 6 and len(line.get_ydata()) == 1
    )
    assert means == pytest.approx([40.1, 41.1, 50.1, 51.1])
    seeds = sorted(
        float(y)
        for line in axes.lines
        if line.get_markersize() == 4
        for y in line.get_ydata()
        if line.get_linestyle() == "None"
    )
    assert seeds == pytest.approx([place + seed / 10 for place in (40, 41, 50, 51) for seed in range(3)])


# flow


def test_flow_draws_means_over_seeds_layer_by_layer():
    told = STUDIES["one factor"]
    activations, gradients = figure_of("flow", "one factor").axes
    expected = [np.mean([one.activations for one in found], axis=0) for found in told.spreads.values()]
    assert lines(activations, marks.MEAN_WIDTH) == [pytest.approx(list(one)) for one in expected]
    assert lines(gradients, marks.MEAN_WIDTH) == [pytest.approx(list(one[::-1])) for one in expected]
    assert [tick.get_text() for tick in activations.get_xticklabels()] == ["1", "2", "scores"]
    assert [tick.get_text() for tick in gradients.get_xticklabels()] == ["W1", "W2", "W3"]
    assert activations.get_yscale() == gradients.get_yscale() == "log"


def test_gradients_that_are_exactly_zero_have_a_place():
    told = STUDIES["one factor"]
    (record, *_) = told.records
    none = dataclasses.replace(spread(record, 0), gradients=(0.0, 1e-3, 1e-2))
    axes = FIGURES["flow"].draw(Study.of(told.records, told.design, told.metrics, told.chance, [none])).axes[1]
    (mean,) = lines(axes, marks.MEAN_WIDTH)
    low, _ = axes.get_ylim()
    assert low < mean[0] < mean[1]
    assert "0" in [tick.get_text() for tick in axes.get_yticklabels()]


# running


def test_running_draws_training_solid_and_validation_dashed_from_the_first_epoch_on():
    told = STUDIES["one factor"]
    (first, *_) = told.groups.values()
    loss, error = figure_of("running", "one factor").axes
    means = [line for line in error.lines if line.get_linewidth() == marks.MEAN_WIDTH][:2]
    solid, dashed = means
    assert solid.get_linestyle() == "-"
    assert dashed.get_linestyle() == "--"
    for line, what in ((solid, "running_accuracy"), (dashed, "val_accuracy")):
        expected = np.mean(
            [[100 - 100 * value for value in getattr(record.curves, what)[1:]] for record in first], axis=0
        )
        assert list(line.get_xdata()) == [1, 2, 3, 4]
        assert list(line.get_ydata()) == pytest.approx(list(expected))
    running, validation = lines(loss, marks.MEAN_WIDTH)[:2]
    assert np.subtract(running, validation) == pytest.approx([0.1] * 4)


def test_a_run_of_a_single_epoch_is_a_point():
    def short(_, record):
        cut = diverged(record, 1)
        return dataclasses.replace(cut, status=Status.COMPLETE, test_accuracy=0.5)

    figure = FIGURES["running"].draw(study(OPTIMIZERS, change=short))
    assert all(line.get_marker() == "." for line in figure.axes[0].lines if line.get_linewidth() == marks.MEAN_WIDTH)


def test_labels_of_a_legend_are_read_from_left_to_right():
    written = legend(figure_of("curves", "two factors"))
    names = [STUDIES["two factors"].called(name) for name in STUDIES["two factors"].groups]
    (box,) = figure_of("curves", "two factors").legends
    columns = box._ncols
    rows = -(-len(written) // columns)
    down, start = [], 0
    for column in range(columns):
        size = rows - (column >= len(written) % columns > 0)
        down.append(written[start : start + size])
        start += size
    across = [column[row] for row in range(rows) for column in down if row < len(column)]
    assert across[: len(names)] == names


@pytest.mark.parametrize(("entries", "columns"), [(3, 3), (6, 6), (7, 4), (8, 4), (12, 6), (13, 5)])
def test_rows_of_a_legend_are_equally_full(entries, columns):
    figure = Figure(figsize=(8, 3))  # wide enough for six of these
    marks.legend(figure, [Line2D([], [], label=f"entry {n:02}") for n in range(entries)])
    (box,) = figure.legends
    assert box._ncols == columns


def test_a_legend_with_long_labels_keeps_within_the_figure():
    figure = Figure(figsize=(5.6, 3))
    labels = ["an entry", "an entry", "an entry with more words", "an entry", "a", "b", "an entry with more words"]
    marks.legend(figure, [Line2D([], [], label=label) for label in labels])
    figure.savefig(io.BytesIO())
    (box,) = figure.legends
    assert box.get_window_extent().width <= figure.bbox.width


def test_accuracies_of_a_closed_test_set_are_said_to_be_closed():
    told = study(OPTIMIZERS, change=lambda _, record: dataclasses.replace(record, test_accuracy=None))
    assert "the test set was kept closed" in texts(FIGURES["accuracy"].draw(told))
