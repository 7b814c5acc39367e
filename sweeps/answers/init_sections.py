"""What the report says of the init-sensitivity sweep: what was run, the figures, the tables, and what they show."""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.diagnosis import ROWS
from pipeline.inference import ESCAPE_PROBABILITY
from pipeline.records import WINDOW, Chance
from pipeline.report import escape, sensitivity, style
from pipeline.report import findings as rules
from pipeline.report.document import Block, Bullets, Picture, Section, Table, Text
from pipeline.report.findings import percent
from pipeline.run.stage import StageResult
from sweeps.answers.grids import diagnosis
from sweeps.answers.wording import changed, counted, reached, rows
from sweeps.init_sensitivity import InitSensitivity
from sweeps.question import Answer

TITLE = "v) Sensitivity to initialisation"

Found = Answer[InitSensitivity, StageResult]


def findings(answer: Found) -> tuple[str, ...]:
    """Return what came out, in sentences."""
    chance = diagnosis(answer).chance
    effects = escape.estimates(escape.norm_effects(answer.records, chance))
    return rules.sensitivity(escape.cells(answer.records, chance), effects)


def figures(answer: Found) -> tuple[Picture, ...]:
    """Return the figures: losses, test accuracies, and the spread of numbers before training."""
    records, measured = answer.records, diagnosis(answer)
    return (
        Picture(
            "loss-panels",
            sensitivity.loss_panels(records, measured.chance.loss),
            f"Cross-entropy of the mini-batches, means over {WINDOW} steps, for every scale of the initial weights "
            "(down) and kind of batch norm (across). Thin lines are seeds, thick ones their means.",
        ),
        Picture(
            "test-accuracy",
            sensitivity.accuracy_against_sigma(records, measured.chance.accuracy),
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
    effects = escape.estimates(escape.norm_effects(answer.records, chance))
    losses, accuracies, spreads = (replace(picture, name=f"init-{picture.name}") for picture in figures(answer))
    blocks: tuple[Block, ...] = (
        Text(_what_was_run(answer)),
        Bullets(findings(answer)),
        losses,
        accuracies,
        _summary(escape.cells(answer.records, chance), chance),
        *([_effects(effects)] if effects else []),
        spreads,
    )
    return [Section(TITLE, blocks)]


def _what_was_run(answer: Found) -> str:
    config, data, chance = answer.configuration, answer.conclusion.stage.fixed.data, diagnosis(answer).chance
    return (
        f"{counted(len(answer.records), 'network')} with hidden layers of {style.hidden_label(config.hidden)} units "
        f"saw {rows(data)}; lambda {config.lambda_:g}, {config.optimizer.name} with batches of {config.batch_size}, "
        f"{counted(config.cycles, 'cycle')} of {2 * config.step_size} epochs between the learning rates "
        f"{config.eta_min:g} and {config.eta_max:g}. Every setting was trained with the same "
        f"{counted(config.replicates, 'pair')} of seeds. σ is the standard deviation of all weights of all layers. "
        f"Chance level, what the best constant guess reaches, is {percent(chance.accuracy)} % of the test rows and a "
        f"training loss of {chance.loss:.3f} nats. A network has escaped it if as many right guesses would have a "
        f"probability of at most {ESCAPE_PROBABILITY:g}. Where some seeds of a setting escaped and others did not, "
        "every seed is given and no t interval. Intervals are over training seeds; each stands for itself: of many, 1 "
        "in 20 misses."
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
                *(_accuracy(cell), _escaped(cell)),
                "–" if cell.first_step is None else f"{cell.first_step:,.0f}",
                "–" if cell.never is None else str(cell.never),
            )
            for cell in cells
        ),
        labels=2,
    )


def _accuracy(cell: escape.Cell) -> str:
    """Return mean and interval, or every seed."""
    return ", ".join(percent(seed.accuracy) for seed in cell.seeds) if cell.mixed else reached(cell.accuracy)


def _escaped(cell: escape.Cell) -> str:
    if cell.share is None:
        return "–"
    low, high = cell.share
    return f"{cell.escaped} of {cell.n} ({100 * low:.0f} to {100 * high:.0f} %)"


def _effects(effects: escape.Effects) -> Table:
    """Return what batch norm did to the test accuracy."""
    return Table(
        "What batch norm does to the test accuracy, on minus off, in points: the mean over the pairs of seeds that "
        "completed, and its 95 % interval. There is no interval where some seeds of a setting escaped chance level and "
        "others did not, or where there is one pair.",
        ("initialisation", "batch norm", "pairs", "difference (points)"),
        tuple(
            (scale.removesuffix(" initialisation"), norm, str(estimate.n), changed(estimate))
            for (scale, norm), estimate in effects.items()
        ),
        labels=2,
    )
