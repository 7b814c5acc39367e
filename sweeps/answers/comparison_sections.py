"""The section of the report that a comparison fills: what was run, its tables, what they say, its figures."""

from collections.abc import Iterator, Sequence

from matplotlib.figure import Figure

from pipeline.report.comparison import PHRASES, Contrast, Study
from pipeline.report.comparison_figures import FIGURES
from pipeline.report.comparison_findings import findings
from pipeline.report.document import Block, Bullets, Picture, Section, Table, Text
from pipeline.report.findings import listed, percent
from pipeline.report.tables import values_of
from pipeline.spec import CellName
from sweeps.answers.grids import diagnosis
from sweeps.answers.wording import changed, counted, escape_defined, intervals, reached, rows, training
from sweeps.comparison import Compared, Comparison
from sweeps.question import Answer

Found = Answer[Comparison, Compared]

LONGEST = 30
"""Rows of a table in the report; longer ones are left to the CSVs."""


def study(answer: Found) -> Study:
    """Return what tables, figures and sentences are made from."""
    config, measured = answer.configuration, diagnosis(answer)
    records = answer.conclusion.tested.records
    return Study.of(records, config.design, config.metrics, measured.chance, measured.spreads)


def figures(answer: Found) -> Iterator[tuple[str, Figure, str]]:
    """Yield the figures by name, each with its caption."""
    told = study(answer)
    for name in answer.configuration.figures:
        drawn = FIGURES[name]
        yield name, drawn.draw(told), drawn.caption


def sections(answer: Found) -> Sequence[Section]:
    """Return the section."""
    told = study(answer)
    blocks: list[Block] = [Text(_what_was_run(answer, told)), _measured(told)]
    if effects := _effects(told):
        blocks.append(effects)
    blocks.append(Bullets(tuple(findings(told))))
    name = answer.configuration.stage_name
    blocks += [Picture(f"{name}-{kind}", figure, caption) for kind, figure, caption in figures(answer)]
    return [Section(answer.configuration.title, tuple(blocks))]


def _what_was_run(answer: Found, told: Study) -> str:
    """Return what was asked, how the networks were trained, and how to read what follows."""
    config, stage = answer.configuration, answer.conclusion.tested.stage
    asks = (type(config).__doc__ or "").strip().partition("\n")[0]
    cells = f"{counted(len(told.groups), 'setting')} with {counted(stage.replicates, 'pair')} of seeds each"
    return " ".join(
        (
            asks,
            f"This run trained {cells} on {rows(stage.fixed.data)}: {training(stage.fixed)}.",
            *_tuned(answer),
            "All settings share the seeds of a pair, so that differences are taken seed by seed.",
            escape_defined(told.chance),
            intervals(told.cells.values(), stage.fixed.data.n_test),
        )
    )


def _tuned(answer: Found) -> Iterator[str]:
    """Yield how the learning rates were chosen, where they were, and which are at an end of what was tried."""
    config, tuning = answer.configuration, answer.conclusion.tuning
    if tuning is None:
        return
    etas = sorted(config.etas.taken("eta max"))
    yield (
        f"The largest learning rate of each setting was chosen before, on the validation rows and with other seeds "
        f"({counted(tuning.stage.replicates, 'pair')}), from {listed(f'{eta:g}' for eta in etas)}."
    )
    names = [name for name, _ in config.design.cells()]
    several = len(config.design.factors) > 1 or len(names) > 1
    chosen = [
        f"{eta:g} with {', '.join(name)}" if several else f"{eta:g}"
        for name, (_, eta) in zip(names, answer.conclusion.chosen, strict=True)
    ]
    yield f"Chosen were {listed(chosen)}."
    ends = sum(eta in (etas[0], etas[-1]) for _, eta in answer.conclusion.chosen)
    if ends and len(etas) > 1:
        yield f"In {ends} of {len(names)} settings that is an end of what was tried: a rate beyond might do better."


def _measured(told: Study) -> Table:
    """Return what every cell reached."""
    factors = [factor for factor in told.design.factors if len(factor.levels) > 1] or [told.design.factors[0]]
    places = [told.design.factors.index(factor) for factor in factors]
    header = (*(factor.name for factor in factors), "n", *(f"{PHRASES[what]} (%)" for what in told.metrics))
    lines = [
        (
            *(name[place] for place in places),
            str(told.cells[name].n),
            *(_cell(told, name, what) for what in told.metrics),
        )
        for name in told.groups
    ]
    caption = (
        "Mean and 95 % t interval over the n seeds that completed, or every seed where some stayed at chance level."
    )
    return Table(caption, header, tuple(lines), labels=len(places))


def _cell(told: Study, name: CellName, what: str) -> str:
    if told.cells[name].mixed:
        return ", ".join(percent(value) for value in values_of(told.groups[name], what))
    return reached(told.estimate(name, what))


def _effects(told: Study) -> Table | None:
    """Return what every level changed, and whether that is beyond noise; None where there are none, or too many."""
    if not 0 < len(told.contrasts) <= LONGEST:
        return None
    header = ("compared", "with", "metric", "change (points)", "")
    lines = tuple(
        (
            f"{one.level} – {one.baseline}",
            ", ".join(one.where) or "–",
            PHRASES[one.metric],
            changed(one.effect),
            _verdict(one),
        )
        for one in told.contrasts
    )
    return Table("What was changed, seed by seed: mean difference and its 95 % t interval.", header, lines, labels=3)


def _verdict(contrast: Contrast) -> str:
    return "beyond noise" if contrast.beyond_noise else "within noise"
