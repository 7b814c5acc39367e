"""What a comparison says, in sentences made by rules from its cells: none knows which way a result will go."""

from collections.abc import Iterator, Sequence

from pipeline.report.comparison import PHRASES, Contrast, Study
from pipeline.report.findings import accuracy, listed, percent, seen, sentence
from pipeline.report.tables import values_of
from pipeline.spec import CellName

EACH = 8
"""So many cells, or effects of a metric, have a sentence each; of more the sentences tell the extremes and counts."""


def measured_findings(study: Study) -> Iterator[str]:
    """Yield what every cell reached, metric by metric; of many cells the highest and the lowest."""
    for what in study.metrics:
        names = [name for name in study.groups if values_of(study.groups[name], what)]
        if len(names) > EACH:
            yield from _extremes(study, what, names)
            continue
        for name in names:
            yield sentence(f"the {PHRASES[what]} was {_reached(study, name, what)} with {study.called(name)}")


def contrast_findings(study: Study) -> Iterator[str]:
    """Yield what every level changed, metric by metric; of many effects which are beyond noise."""
    for what in study.metrics:
        of_metric = [one for one in study.contrasts if one.metric == what]
        for factor in dict.fromkeys(one.factor for one in of_metric):
            found = [one for one in of_metric if one.factor == factor]
            if len(found) <= EACH:
                yield from (seen(_who(one), _where(one), one.effect, PHRASES[what]) for one in found)
            else:
                yield from _counted(found, what)


def chance_findings(study: Study) -> Iterator[str]:
    """Yield how many completed seeds stayed at chance level, or that all escaped it."""
    level = f"chance level ({percent(study.chance.accuracy)} %)"
    stuck = {name: cell for name, cell in study.cells.items() if cell.escaped < cell.n}
    if not stuck and any(cell.n for cell in study.cells.values()):
        yield f"Every network that completed escaped {level}."
    for name, cell in stuck.items():
        yield f"With {study.called(name)}, {cell.n - cell.escaped} of {cell.n} seeds stayed at {level}."


def lost_findings(study: Study) -> Iterator[str]:
    """Yield which trials diverged, and which failed."""
    for name, cell in study.cells.items():
        every = cell.n + cell.diverged + cell.failed
        for count, what in ((cell.diverged, "diverged"), (cell.failed, "failed")):
            if count:
                yield f"Of {every} trials with {study.called(name)}, {count} {what}."


def findings(study: Study) -> list[str]:
    """Return every sentence about a study."""
    rules = (measured_findings, contrast_findings, chance_findings, lost_findings)
    return [finding for rule in rules for finding in rule(study)]


def _reached(study: Study, name: CellName, what: str) -> str:
    """Return what a cell reached, or every seed of a mixed one."""
    if study.cells[name].mixed:
        return f"{listed(percent(value) for value in values_of(study.groups[name], what))} %, seed by seed,"
    return accuracy(study.estimate(name, what))


def _extremes(study: Study, what: str, names: Sequence[CellName]) -> Iterator[str]:
    ranked = sorted(names, key=lambda name: study.estimate(name, what).mean)
    for word, name in (("highest", ranked[-1]), ("lowest", ranked[0])):
        reached = _reached(study, name, what)
        yield sentence(f"of {len(names)} settings the {word} {PHRASES[what]} was {reached} with {study.called(name)}")


def _who(contrast: Contrast) -> str:
    return f"{contrast.level} instead of {contrast.baseline}"


def _where(contrast: Contrast) -> str:
    return f"with {', '.join(contrast.where)}" if contrast.where else ""


def _counted(found: Sequence[Contrast], what: str) -> Iterator[str]:
    """Yield, pair of levels by pair, how many effects go which way beyond noise, and where."""
    for who in dict.fromkeys(map(_who, found)):
        alike = [one for one in found if _who(one) == who]
        ways = {
            "raised": [one for one in alike if one.beyond_noise and one.effect.estimate.mean > 0],
            "lowered": [one for one in alike if one.beyond_noise and one.effect.estimate.mean < 0],
            "has two heaps of seeds": [one for one in alike if one.effect.mixed],
        }
        parts = [f"{word} in {len(ones)} ({_places(ones)})" for word, ones in ways.items() if ones]
        rest = len(alike) - sum(map(len, ways.values()))
        parts += [f"within noise in {rest}"] if rest else []
        yield sentence(f"{who}: of {len(alike)} effects on the {PHRASES[what]}, {listed(parts)}")


def _places(found: Sequence[Contrast]) -> str:
    """Return where effects were found, each with its size in points."""
    return "; ".join(f"{', '.join(one.where) or 'everywhere'}: {100 * one.effect.estimate.mean:+.2f}" for one in found)
