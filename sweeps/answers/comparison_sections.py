"""The section of the report that a comparison fills: what was run, its tables, what they say, its figures."""

from collections.abc import Iterator, Mapping, Sequence

from matplotlib.figure import Figure

from pipeline.inference import Estimate
from pipeline.report.comparison import CLEAN, PHRASES, POINTS, SHIFTED, Contrast, Study, Verdict
from pipeline.report.comparison_figures import FIGURES
from pipeline.report.comparison_findings import counted_contrasts, findings
from pipeline.report.document import Block, Bullets, Picture, Section, Table, Text
from pipeline.report.findings import listed, percent
from pipeline.report.tables import values_of
from pipeline.spec import CellName
from sweeps.answers.grids import diagnosis
from sweeps.answers.wording import (
    changed,
    counted,
    escape_defined,
    evaluated,
    intervals,
    networks,
    reached,
    rows,
    training,
    varied,
)
from sweeps.comparison import Compared, Comparison, scores
from sweeps.question import Answer

Found = Answer[Comparison, Compared]

LONGEST = 30
"""Rows of a table in the report; longer ones are left to the CSVs."""

SAID = (Verdict.HEAPS, Verdict.ALIKE, Verdict.NONE)
"""What the words in place of an interval say already."""

WIDE = 3
"""Metrics of which a page has room for the intervals; of more, the first one has them."""

NEEDS = {"shifts": frozenset(SHIFTED)}
"""Metrics without any of which there is nothing in a figure."""


def study(answer: Found) -> Study:
    """Return what tables, figures and sentences are made from."""
    config, measured = answer.configuration, diagnosis(answer)
    records = answer.conclusion.tested.records
    return Study.of(records, config.design, config.metrics, measured.chance, measured.spreads)


def figures(answer: Found) -> Iterator[tuple[str, Figure, str]]:
    """Yield the figures by name, each with its caption; none of what was not measured."""
    told = study(answer)
    for name in answer.configuration.figures:
        if name in NEEDS and not NEEDS[name] & set(told.metrics):
            continue
        drawn = FIGURES[name]
        yield name, drawn.draw(told), drawn.caption


def sections(answer: Found) -> Sequence[Section]:
    """Return the section: what a table shows is not said again in sentences, and the other way round."""
    told = study(answer)
    blocks: list[Block] = [Text(" ".join(_what_was_run(answer, told)))]
    shown = len(told.groups) <= LONGEST
    blocks.append(_measured(told) if shown else Text(_left_to("measures", "of each setting")))
    said = findings(told, measured=not shown)
    blocks += [Bullets(tuple(said))] if said else []
    counted_only = counted_contrasts(told)
    if len(counted_only) > LONGEST:
        blocks.append(Text(_left_to("effects", "of each effect that is only counted here")))
    elif counted_only:
        blocks.append(_effects(counted_only))
    name = answer.configuration.stage_name
    blocks += [Picture(f"{name}-{kind}", figure, caption) for kind, figure, caption in figures(answer)]
    return [Section(answer.configuration.title, tuple(blocks))]


def _left_to(table: str, of_what: str) -> str:
    return f"The numbers {of_what} are left to `{table}.csv`, as they would fill pages."


def _what_was_run(answer: Found, told: Study) -> Iterator[str]:
    """Yield what was asked, how the networks were trained, and how to read what follows."""
    config, stage = answer.configuration, answer.conclusion.tested.stage
    yield " ".join((type(config).__doc__ or "").split())
    factors = config.design.factors
    named = {name for factor in factors if not factor.changes for name in factor.parameters}
    varies = named | ({"eta_max"} if answer.conclusion.tuning else set())
    yield (
        f"This run trained {networks(stage.fixed, varies)} in {counted(len(told.groups), 'setting')} with "
        f"{counted(stage.replicates, 'pair')} of seeds each on {rows(stage.fixed.data)}: "
        f"{training(stage.fixed, varies)}."
    )
    if any(factor.changes for factor in factors):
        yield "Settings are called by what differs from that."
    yield from varied([record.spec for record in told.records])
    yield from evaluated([record.spec for record in told.records])
    yield from tuned(answer, told)
    yield "All settings share the seeds of a pair, so that differences are taken seed by seed."
    if any(cell.escaped < cell.n for cell in told.cells.values()):
        yield escape_defined(told.chance)
    yield intervals(told.cells.values(), stage.fixed.data.n_test)


def tuned(answer: Found, told: Study) -> Iterator[str]:
    """Yield how the learning rates were chosen, where they were, and which are at an end of what was tried."""
    config, tuning = answer.configuration, answer.conclusion.tuning
    if tuning is None:
        return
    etas = sorted(config.etas.taken("eta max"))
    yield (
        f"The largest learning rate of each setting was chosen before, on the validation rows and with other seeds "
        f"({counted(tuning.stage.replicates, 'pair')}), from {listed(f'{eta:g}' for eta in etas)}."
    )
    by_eta: dict[float, list[str]] = {}
    tied, lost = list[str](), list[str]()
    for (name, _), (setting, eta) in zip(config.design.cells(), answer.conclusion.chosen, strict=True):
        completed = [score for score in scores(tuning, setting).values() if score is not None]
        decided = len(completed) == 1 or len(set(completed)) > 1
        group = by_eta.setdefault(eta, []) if decided else tied if completed else lost
        group.append(told.called(name))
    if tied:
        yield f"All rates with which every seed completed did equally well, and the smallest was taken, {_with(tied)}."
    if lost:
        yield f"With no rate did every seed complete, and the smallest was taken, {_with(lost)}."
    yield from _decided(by_eta, etas, others=bool(tied or lost))


def _decided(by_eta: Mapping[float, Sequence[str]], etas: Sequence[float], *, others: bool) -> Iterator[str]:
    """Yield which of `etas` did best with which settings, and how often that is an end; `others` have no such rate."""
    if not by_eta:
        return
    count = sum(map(len, by_eta.values()))
    if len(by_eta) == 1 and not others:
        yield f"Chosen was {next(iter(by_eta)):g}{' for all' if count > 1 else ''}."
    else:
        was = "was" if len(by_eta) == 1 else "were"
        yield f"Chosen {was} {'; '.join(f'{eta:g} {_with(by_eta[eta])}' for eta in sorted(by_eta))}."
    ends = sum(len(names) for eta, names in by_eta.items() if eta in (etas[0], etas[-1]))
    if ends and len(etas) > 1:
        of = "these" if others else counted(count, "setting")
        yield f"In {ends} of {of} that is an end of what was tried: a rate beyond might do better."


def _with(names: Sequence[str]) -> str:
    return f"with {listed(names)}"


def _measured(told: Study) -> Table:
    """Return what every cell reached."""
    factors = [factor for factor in told.design.factors if len(factor.levels) > 1] or [told.design.factors[0]]
    places = [told.design.factors.index(factor) for factor in factors]
    narrow = len(told.metrics) > WIDE
    header = (*(factor.name for factor in factors), "n", *map(_headed, told.metrics))
    lines = [
        (
            *(name[place] for place in places),
            str(told.cells[name].n),
            *(_cell(told, name, what, wide=not narrow or what == told.metrics[0]) for what in told.metrics),
        )
        for name in told.groups
    ]
    mixed = any(cell.mixed for cell in told.cells.values())
    heaps = ", or every seed where some stayed at chance level" if mixed else ""
    rest = f" The intervals of all but the {PHRASES[told.metrics[0]]} are in `measures.csv`." if narrow else ""
    caption = f"Mean and 95 % t interval over the n seeds that completed{heaps}.{rest}"
    return Table(caption, header, tuple(lines), labels=len(places))


def _headed(what: str) -> str:
    """Return what heads the column of a metric; those of shifted test rows stand behind that of the test accuracy."""
    if what in SHIFTED:
        return PHRASES[what].removeprefix(PHRASES[CLEAN]).strip()
    return f"{PHRASES[what]} ({'points' if what in POINTS else '%'})"


def _cell(told: Study, name: CellName, what: str, *, wide: bool) -> str:
    """Return what a cell reached; `wide` with its interval, where it has one."""
    if told.cells[name].mixed:
        return ", ".join(percent(value) for value in values_of(told.groups[name], what))
    found = told.estimate(name, what)
    return reached(found if wide else Estimate(found.n, found.mean))


def _effects(found: Sequence[Contrast]) -> Table:
    """Return what levels changed, seed by seed, and what that shows."""
    several = any(one.where for one in found)
    metrics = {one.metric for one in found}
    header = ("compared", *(["with"] if several else []), *(["of"] if len(metrics) > 1 else []), "change (points)", "")
    lines = tuple(
        (
            f"{one.level} – {one.baseline}",
            *([", ".join(one.where)] if several else []),
            *([PHRASES[one.metric]] if len(metrics) > 1 else []),
            changed(one.effect),
            "" if one.verdict in SAID else one.verdict.value,
        )
        for one in found
    )
    of = "" if len(metrics) > 1 else f" of the {PHRASES[found[0].metric]}"
    caption = f"What was only counted above: mean difference{of} and its 95 % t interval, seed by seed."
    return Table(caption, header, lines, labels=len(header) - 2)
