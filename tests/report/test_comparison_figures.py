"""One body of tests over every figure of a comparison and every kind of study, then what each promises on its own."""

import dataclasses
import io
import math
from functools import cache

import matplotlib as mpl
import numpy as np
import pytest
from drawn import legend, lines, said, texts
from matplotlib.figure import Figure
from studies import (
    KEPT,
    MANY,
    NORMS,
    ONE,
    OPTIMIZERS,
    SIGMAS,
    STUDIES,
    WIDTHS,
    diverged,
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
from sweeps import SWEEPS
from sweeps.comparison import Comparison

CUT = ("accuracy", "curves", "panels", "training-validation", "shifts", "running")
"""The figures that draw trials, and not untrained networks."""

RENDERED = ("one cell, one seed", "forty cells", "diverged")
each_figure = pytest.mark.parametrize("name", FIGURES)
each_study = pytest.mark.parametrize("kind", STUDIES)


@cache
def drawn(name: str, kind: str) -> Figure:
    return FIGURES[name].draw(STUDIES[kind])


def curves_of(figure: Figure, width: float = marks.MEAN_WIDTH) -> list[list[list[float]]]:
    """Return y of the lines of that width, panel by panel."""
    return [lines(axes, width) for axes in figure.axes]


def crosses(figure: Figure) -> int:
    return sum(line.get_marker() == "x" for axes in figure.axes for line in axes.lines)


@each_figure
@each_study
def test_every_figure_of_every_study_fits_a_page_under_a_title_that_says_what_was_measured(name, kind):
    figure = drawn(name, kind)
    title, subtitle = figure.texts[:2]
    assert title.get_text()
    assert any(word in subtitle.get_text() for word in ("cifar10", "no trials"))
    width, height = figure.get_size_inches()
    assert width == 8
    assert height <= 8.5


@each_figure
@each_study
def test_every_panel_shows_something_or_says_why_not_and_the_legend_is_outside(name, kind):
    figure = drawn(name, kind)
    assert all(axes.lines or said(axes) for axes in figure.axes)
    assert not any(axes.get_legend() for axes in figure.axes)
    empty = not figure.legends
    assert empty == (kind == "no trials" or (name == "flow" and not STUDIES[kind].spreads))
    if empty:
        assert any("no trials" in text or "was not measured" in text for axes in figure.axes for text in said(axes))


@each_figure
@pytest.mark.parametrize("kind", RENDERED)
def test_nothing_is_cut_off_at_the_edge(name, kind):
    figure = FIGURES[name].draw(STUDIES[kind])
    with style.house_style():
        figure.savefig(io.BytesIO(), format="png")
        box, size = figure.get_tightbbox(), figure.bbox
    assert min(box.x0, box.y0) >= -0.01
    assert box.x1 * figure.dpi <= size.width + 1
    assert box.y1 * figure.dpi <= size.height + 1


@each_figure
def test_a_figure_drawn_again_has_the_same_bytes_whatever_the_users_rcparams(name, tmp_path):
    kind = "diverged"
    style.save(FIGURES[name].draw(STUDIES[kind]), tmp_path, "plain")
    with mpl.rc_context({"font.size": 30, "axes.grid": False, "lines.linewidth": 9, "text.color": "red"}):
        style.save(FIGURES[name].draw(STUDIES[kind]), tmp_path, "theirs")
    for format_ in ("png", "svg"):
        assert (tmp_path / f"plain.{format_}").read_bytes() == (tmp_path / f"theirs.{format_}").read_bytes()


@each_figure
def test_captions_are_sentences_of_their_own(name):
    caption = FIGURES[name].caption
    assert caption.endswith(".")
    assert [one.caption for one in FIGURES.values()].count(caption) == 1


def test_every_figure_that_a_comparison_names_exists():
    kinds = [entry.configuration for entry in SWEEPS.values()]
    named = {name for kind in kinds if issubclass(kind, Comparison) for name in kind.figures}
    assert {"accuracy", "curves"} < named <= set(FIGURES)


@pytest.mark.parametrize("name", CUT)
def test_what_did_not_complete_is_marked_and_the_legend_says_so(name):
    assert crosses(drawn(name, "diverged")) > crosses(drawn(name, "mixed")) == 0
    assert "a trial did not complete" in legend(drawn(name, "diverged"))
    assert "a trial did not complete" not in legend(drawn(name, "mixed"))


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("kind", ["nothing completed", "nothing completed, but begun"])
def test_a_comparison_of_which_nothing_completed_is_marked_and_mostly_said(name, kind):
    figure = drawn(name, kind)
    assert crosses(figure)
    if kind == "nothing completed":
        assert "no trial completed" in texts(figure) or "no epoch was finished" in texts(figure)
    assert not any(curve for panel in curves_of(figure) for curve in panel if name in ("curves", "running"))


# cells: what stands beside what, and how it looks


def test_levels_that_are_asked_for_stand_side_by_side_the_last_of_them_else_the_last_that_varies():
    quiet = dataclasses.replace(NORMS, asked=False)
    assert cells.asked(study(KEPT, quiet, seeds=1)) == 0
    assert cells.asked(study(SIGMAS, NORMS, seeds=1)) == 1
    assert cells.asked(study(KEPT, OPTIMIZERS, ONE, seeds=1)) == 1
    assert cells.asked(study(quiet, ONE, seeds=1)) == 0
    assert cells.asked(study(ONE, seeds=1)) == 0


def test_up_to_eight_cells_share_a_panel_and_more_are_parted_by_the_other_factors():
    assert [part.heading for part in cells.parts(STUDIES["two factors"])] == [""]
    three = cells.parts(study(OPTIMIZERS, KEPT, seeds=1))
    assert [(part.heading, len(part.names)) for part in three] == [("sgd", 3), ("adam", 3), ("rmsprop", 3)]
    many = cells.parts(STUDIES["forty cells"])
    assert [part.heading for part in many] == ["σ = 0.0001", "σ = 0.00183", "σ = 0.0546", "σ = 1"]
    (alone,) = cells.parts(STUDIES["twenty levels"])
    assert len(alone.names) == 12
    assert alone.names[0] == ("λ = 1",)
    assert alone.names[-1] == ("λ = 20",)
    assert "12 of 20 settings shown" in texts(drawn("curves", "twenty levels")).replace("\n", " ")
    assert "settings shown" not in texts(drawn("accuracy", "twenty levels"))


def test_batch_norm_has_the_colours_that_it_has_everywhere_and_no_two_levels_look_alike():
    seen = cells.looks(NORMS.levels)
    assert {name: look.color for name, look in seen.items()} == {
        "no batch norm": style.LOOKS["none"].color,
        "batch norm": style.LOOKS["before"].color,
    }
    for factor in (OPTIMIZERS, KEPT, MANY, SIGMAS):
        looks = cells.looks(factor.levels).values()
        assert len({(look.color, look.marker) for look in looks}) == len(factor.levels)
    twice = (Level("a", {"batch_norm": "none"}), Level("b", {"batch_norm": "none", "layer_norm": "before"}))
    assert len({look.color for look in cells.looks(twice).values()}) == 2


@pytest.mark.parametrize("kind", ["two factors", "three factors", "one cell, one seed", "forty cells"])
@pytest.mark.parametrize("look", [cells.lines, cells.colours])
def test_no_two_lines_of_a_panel_look_alike(kind, look):
    told = STUDIES[kind]
    for part in cells.parts(told):
        found = look(told, cells.parts(told))
        assert len({(found[name]["color"], str(found[name]["linestyle"])) for name in part.names}) == len(part.names)


def test_a_mean_tells_only_of_cells_all_of_whose_seeds_completed_and_lie_in_one_heap():
    mixed, lost = STUDIES["mixed"], STUDIES["diverged"]
    assert [cells.has_mean(mixed, name) for name in mixed.groups] == [False, False, True, True, True, True]
    assert [cells.has_mean(lost, name) for name in lost.groups] == [True, True, False, False, False, False]


@pytest.mark.parametrize(
    ("factor", "numbers"),
    [
        (KEPT, (1.0, 0.75, 0.5)),
        (ONE, (100.0,)),
        (WIDTHS, ()),
        (OPTIMIZERS, ()),
        (
            Factor("σ", (Level("a", {"init": "normal", "sigma": 0.1}), Level("b", {"init": "normal", "sigma": 1.0}))),
            (0.1, 1),
        ),
        (Factor("two", (Level("a", {"step_size": 1, "cycles": 2}), Level("b", {"step_size": 2, "cycles": 1}))), ()),
        (Factor("switch", (Level("a", {"skip_norm": True}), Level("b", {"skip_norm": False}))), ()),
    ],
    ids=lambda value: value.name if isinstance(value, Factor) else "",
)
def test_a_factor_has_numbers_where_each_level_sets_one_of_the_same_parameter(factor, numbers):
    assert factor.numbers == numbers


# accuracy


def rows_of(figure: Figure) -> list[str]:
    return [label.get_text() for axes in figure.axes for label in axes.get_yticklabels()]


def test_every_cell_has_a_row_with_its_name_grouped_by_the_other_factors():
    figure = drawn("accuracy", "two factors")
    assert rows_of(figure) == ["no batch norm", "batch norm"] * 3
    assert [axes.get_ylabel() for axes in figure.axes] == ["keep 1", "keep 0.75", "keep 0.5"]
    assert len(rows_of(drawn("accuracy", "forty cells"))) == 40
    assert rows_of(drawn("accuracy", "one cell, one seed")) == ["batches of 100"]


def test_rows_show_every_seed_and_the_mean_with_its_interval():
    (axes,) = drawn("accuracy", "one factor").axes
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
    mixed, fine, _ = drawn("accuracy", "mixed").axes
    assert not lines(mixed, 1) + lines(mixed, 2)
    assert len(lines(fine, 1)) == len(lines(fine, 2)) == 2


def test_chance_level_is_drawn_where_it_is_near():
    assert any("chance level, 10.00 %" in text for text in legend(drawn("accuracy", "mixed")))
    assert not any("chance" in text for text in legend(drawn("accuracy", "one factor")))


def test_an_interval_that_reaches_far_does_not_squeeze_the_seeds():
    assert marks.limits([50, 60], [0, 100]) == pytest.approx((50 - 3 - 0.96, 60 + 3 + 0.96))
    assert marks.limits([50, 60], [49, 61]) == pytest.approx((49 - 0.72, 61 + 0.72))
    low, _ = marks.limits([50, 60], [], lost=True)
    assert low == pytest.approx(50 - 2.5 * 0.6)
    assert marks.limits([], []) == (0, 100)


# curves


def test_curves_are_means_over_seeds_beside_every_seed():
    told = STUDIES["one factor"]
    figure = drawn("curves", "one factor")
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
    figure = drawn(name, "mixed")
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
    figure = drawn("curves", "enormous losses")
    assert figure.axes[0].get_ylim()[1] < 5
    assert "losses above 4.6 nats lie outside" in texts(figure).replace("\n", " ")
    assert "lie outside" not in texts(drawn("curves", "one factor"))
    assert "lie outside" not in texts(drawn("curves", "nothing completed"))


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
    assert vertical(drawn("curves", "one factor").axes[0]) == {4.0: style.GREY}
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
    assert drawn("panels", "forty cells").axes[0].get_xscale() == "log"
    assert drawn("panels", "two factors").axes[0].get_xscale() == "linear"
    assert drawn("panels", "two factors").axes[0].get_xlabel() == "dropout"
    ticks = drawn("panels", "networks of several widths").axes[0].get_xticklabels()
    assert [tick.get_text() for tick in ticks] == ["25 units", "50", "100"]


def test_panels_show_best_accuracies_and_final_loss_from_left_to_right():
    told = STUDIES["two factors"]
    for axes, (what, unit) in zip(
        drawn("panels", "two factors").axes,
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
    figure = drawn("panels", "mixed")
    for axes in figure.axes:
        for means in means_of(axes):
            assert [math.isnan(value) for value in means] == [True, False, False]
        dots = [line for line in axes.lines if line.get_linestyle() == "None" and line.get_xdata()[0] == 0]
        assert sum(len(line.get_ydata()) for line in dots) == 6


def test_losses_over_more_than_a_decade_are_on_a_log_scale_with_a_place_for_zeros():
    axes = drawn("panels", "enormous losses").axes[2]
    assert axes.get_yscale() == "log"
    assert "0" in [tick.get_text() for tick in axes.get_yticklabels()]
    low, high = axes.get_ylim()
    assert all(low <= value <= high for means in means_of(axes) for value in means)
    assert drawn("panels", "one factor").axes[2].get_yscale() == "linear"


# training-validation


def test_training_and_validation_stand_side_by_side_with_the_gap_between_their_means():
    told = STUDIES["two factors"]
    figure = drawn("training-validation", "two factors")
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
    assert len(places_of(drawn("shifts", "shifted"))) == 5
    assert places_of(drawn("shifts", "one factor")) == ["clean"]
    assert "accuracy on shifted test rows was not measured" in texts(drawn("shifts", "one factor")).replace("\n", " ")
    assert "not measured" not in texts(drawn("shifts", "shifted"))


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
    activations, gradients = drawn("flow", "one factor").axes
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
    loss, error = drawn("running", "one factor").axes
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
    written = legend(drawn("curves", "two factors"))
    names = [STUDIES["two factors"].called(name) for name in STUDIES["two factors"].groups]
    (box,) = drawn("curves", "two factors").legends
    columns = box._ncols
    rows = -(-len(written) // columns)
    down, start = [], 0
    for column in range(columns):
        size = rows - (column >= len(written) % columns > 0)
        down.append(written[start : start + size])
        start += size
    across = [column[row] for row in range(rows) for column in down if row < len(column)]
    assert across[: len(names)] == names


def test_accuracies_of_a_closed_test_set_are_said_to_be_closed():
    told = study(OPTIMIZERS, change=lambda _, record: dataclasses.replace(record, test_accuracy=None))
    assert "the test set was kept closed" in texts(FIGURES["accuracy"].draw(told))
