"""What the report says of the init-sensitivity sweep: what was run, the figures, the tables, and what they show."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pipeline.diagnosis import ROWS
from pipeline.records import WINDOW, Chance
from pipeline.report import escape, sensitivity, style
from pipeline.report.document import Block, Bullets, Picture, Section, Table, Text
from pipeline.report.init_findings import sensitivity as said
from pipeline.report.spread_findings import first_steps
from pipeline.run.stage import StageResult
from pipeline.spec import InitSpec
from sweeps.answers.grids import diagnosis
from sweeps.answers.wording import attained, changed, counted, escape_defined, intervals, was_run
from sweeps.init_sensitivity import InitSensitivity
from sweeps.question import Answer

TITLE = "v) Sensitivity to initialisation"

Found = Answer[InitSensitivity, StageResult]


def findings(answer: Found) -> tuple[str, ...]:
    """Return what came out, in sentences."""
    data, measured = answer.conclusion.stage.fixed.data, diagnosis(answer)
    cells = list(_cells(answer).values())
    stuck = {(cell.init, cell.batch_norm) for cell in cells if cell.escaped < cell.n}
    return (*said(cells), *first_steps(measured.spreads, answer.configuration.eta_max, data.inputs, stuck))


def _cells(answer: Found) -> dict[tuple[Any, ...], escape.Cell]:
    return escape.cells(answer.records, diagnosis(answer).chance)


def figures(answer: Found) -> tuple[Picture, ...]:
    """Return the figures: losses, test accuracies, and the spread of numbers before training."""
    records, measured = answer.records, diagnosis(answer)
    return (
        Picture(
            "loss-panels",
            sensitivity.loss_panels(records, measured.chance.loss),
            "Training loss for the scales of the initial weights (down) and the kinds of batch norm (across); under "
            "the headline is said what a point is. Thin lines are seeds, thick ones their means.",
        ),
        Picture(
            "test-accuracy",
            sensitivity.accuracy_against_sigma(records, measured.chance),
            "Test accuracy against the scale of the initial weights. Every dot is one seed.",
        ),
        Picture(
            "initialisation",
            sensitivity.spread_at_initialisation(measured.spreads, subtitle=style.describe(records)),
            "Untrained networks: standard deviation of what every layer puts out, and root mean square of the "
            f"gradients of the loss by every weight matrix, for {_rows(answer):,} training rows.",
        ),
    )


def _rows(answer: Found) -> int:
    """Return how many rows the spreads were measured on."""
    return min(ROWS, answer.conclusion.stage.fixed.data.n_train)


def sections(answer: Found) -> list[Section]:
    """Return item v) of the assignment."""
    chance = diagnosis(answer).chance
    effects = escape.paired_effects(answer.records, chance, ("init", "sigma"), "batch_norm")
    losses, accuracies, spreads = (replace(picture, name=f"init-{picture.name}") for picture in figures(answer))
    blocks: tuple[Block, ...] = (
        Text(_what_was_run(answer)),
        Bullets(findings(answer)),
        losses,
        accuracies,
        _summary(list(_cells(answer).values()), chance),
        *([_effects(effects)] if effects else []),
        spreads,
    )
    return [Section(TITLE, blocks)]


def _what_was_run(answer: Found) -> str:
    config, stage = answer.configuration, answer.conclusion.stage
    scales = dict.fromkeys(record.spec.init for record in answer.records)
    networks = f"networks with hidden layers of {style.hidden_label(config.hidden)} units"
    return " ".join(
        (
            was_run(networks, config.batch_norm, stage, f", from {counted(len(scales), 'initialisation')}"),
            "σ is the standard deviation of all weights of all layers.",
            escape_defined(diagnosis(answer).chance),
            intervals(_cells(answer).values(), stage.fixed.data.n_test),
        )
    )


def _summary(cells: Sequence[escape.Cell], chance: Chance) -> Table:
    """Return what became of every setting."""
    lost = any(cell.diverged or cell.failed for cell in cells)
    return Table(
        f"Settings: seeds that completed; their mean test accuracy with its 95 % interval; how many escaped chance "
        f"level, with the 95 % interval of that share (Wilson); and the first step at which the mini-batch loss, "
        f"averaged over {WINDOW} steps, was below {escape.BELOW * chance.loss:.3f} nats ({escape.BELOW:g} of chance "
        "level): its median over the seeds that came there, and how many never did.",
        (
            *("initialisation", "batch norm", "n", *(["diverged / failed"] if lost else [])),
            *("test accuracy (%)", "escaped", "first step", "never"),
        ),
        tuple(
            (
                *(style.scale_label(cell.init), cell.batch_norm, str(cell.n)),
                *([f"{cell.diverged} / {cell.failed}"] if lost else []),
                *(attained(cell), _escaped(cell)),
                "–" if cell.first_step is None else f"{cell.first_step:,.0f}",
                "–" if cell.never is None else str(cell.never),
            )
            for cell in cells
        ),
        labels=2,
    )


def _escaped(cell: escape.Cell) -> str:
    if cell.share is None:
        return "–"
    low, high = cell.share
    return f"{cell.escaped} of {cell.n} ({100 * low:.0f} to {100 * high:.0f} %)"


def _effects(effects: escape.Effects) -> Table:
    """Return what batch norm did to the test accuracy."""
    return Table(
        "What batch norm does to the test accuracy, on minus off, in points: the mean over the pairs of seeds that "
        "completed, and its 95 % interval. There is none where the seeds lie in two heaps, are all alike, or are one "
        "pair.",
        ("initialisation", "batch norm", "pairs", "difference (points)"),
        tuple(
            (style.scale_label(InitSpec(init, sigma)), norm, str(effect.estimate.n), changed(effect))
            for (init, sigma, norm), effect in effects.items()
        ),
        labels=2,
    )
