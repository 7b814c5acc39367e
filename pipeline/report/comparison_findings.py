"""What a comparison says, in sentences made by rules from its cells: none knows which way a result will go."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence

from pipeline.report.comparison import PHRASES, POINTS, Contrast, Study, Verdict
from pipeline.report.escape import Cell
from pipeline.report.findings import accuracy, all_diverged, listed, percent, seen, sentence
from pipeline.report.tables import values_of
from pipeline.spec import CellName

EACH = 8
"""So many cells, or effects of a metric, have a sentence each; of more the sentences tell the extremes and counts."""

LISTED = 4
"""So many effects of one kind are listed with their sizes; of more the smallest and the largest are given."""


def findings(study: Study, *, measured: bool = True) -> list[str]:
    """Return every sentence about a study; without what was `measured` of each setting where a table shows that."""
    rules = (
        *((measured_findings,) if measured else ()),
        contrast_findings,
        flow_findings,
        chance_findings,
        lost_findings,
    )
    return all_diverged(study.cells.values()) or [finding for rule in rules for finding in rule(study)]


def flow_findings(study: Study) -> Iterator[str]:
    """Yield how much smaller gradients are by the first weights than by the last ones, where that was measured."""
    parts = []
    for name, spreads in study.spreads.items():
        ratios = [spread.gradients[0] / spread.gradients[-1] for spread in spreads if spread.gradients[-1] > 0]
        if ratios:
            parts.append(f"{statistics.median(ratios):.2g} with {study.called(name)}")
    if parts:
        text = "before training, the gradient of the loss by the first layer's weights was this part of the last's"
        yield sentence(f"{text} (root mean squares, median over pairs of seeds): {listed(parts)}")


def measured_findings(study: Study) -> Iterator[str]:
    """Yield what every cell reached, metric by metric; of many cells the highest and the lowest."""
    for what in study.metrics:
        names = [name for name in study.groups if values_of(study.groups[name], what)]
        if not _each(study, what, len(names)):
            yield _extremes(study, what, names)
            continue
        for name in names:
            yield sentence(f"the {PHRASES[what]} was {_reached(study, name, what)} with {study.called(name)}")


def contrast_findings(study: Study) -> Iterator[str]:
    """Yield what every level changed, metric by metric; of many effects which are beyond noise."""
    for of_one_kind in _kinds(study):
        what = of_one_kind[0].metric
        if _each(study, what, len(of_one_kind)):
            yield from (seen(_who(one), _where(one), one.effect, PHRASES[what]) for one in of_one_kind)
        else:
            yield from _counted(of_one_kind)


def counted_contrasts(study: Study) -> list[Contrast]:
    """Return the contrasts that `contrast_findings` only counts, with no sentence of their own."""
    kinds = [kind for kind in _kinds(study) if not _each(study, kind[0].metric, len(kind))]
    return [one for kind in kinds for one in kind]


def chance_findings(study: Study) -> Iterator[str]:
    """Yield where completed seeds stayed at chance level, or that all escaped it."""
    level, completed = f"chance level ({percent(study.chance.accuracy)} %)", _cells(study, lambda cell: cell.n > 0)
    stuck = _cells(study, lambda cell: cell.n > 0 and not cell.escaped)
    mixed = _cells(study, lambda cell: cell.mixed)
    if completed and not stuck and not mixed:
        yield f"Every network that completed escaped {level}."
    if stuck:
        yield sentence(f"every seed that completed stayed at {level} {_places(study, list(stuck))}")
    if len(mixed) > EACH:
        yield sentence(f"some seeds stayed at {level} and others did not {_places(study, list(mixed))}")
        return
    for name, cell in mixed.items():
        yield f"With {study.called(name)}, {cell.n - cell.escaped} of {cell.n} seeds stayed at {level}."


def lost_findings(study: Study) -> Iterator[str]:
    """Yield which trials diverged, and which failed."""
    counts: Mapping[str, Callable[[Cell], int]] = {
        "diverged": lambda cell: cell.diverged,
        "failed": lambda cell: cell.failed,
    }
    for what, count in counts.items():
        hit = {name: count(cell) for name, cell in study.cells.items() if count(cell)}
        if hit:
            some = f"{sum(hit.values())} of {len(study.records)} trials {what}{':' if len(hit) <= EACH else ''}"
            yield f"{some} {_places(study, list(hit), [f'{lost} ' for lost in hit.values()])}."


def _each(study: Study, what: str, count: int) -> bool:
    """Return whether each of `count` things of a metric has a sentence: of other metrics than the first fewer do."""
    return count * (1 if what == study.metrics[0] else len(study.metrics)) <= EACH


def _kinds(study: Study) -> Iterator[list[Contrast]]:
    """Yield the contrasts of each metric and factor."""
    for what in study.metrics:
        of_metric = [one for one in study.contrasts if one.metric == what]
        for factor in dict.fromkeys(one.factor for one in of_metric):
            yield [one for one in of_metric if one.factor == factor]


def _cells(study: Study, which: Callable[[Cell], bool]) -> dict[CellName, Cell]:
    return {name: cell for name, cell in study.cells.items() if which(cell)}


def _places(study: Study, names: Sequence[CellName], counts: Sequence[str] = ()) -> str:
    """Return "with" the cells, each after what is counted in it; of many cells only how many they are."""
    if len(names) > EACH:
        return f"in {len(names)} of {len(study.groups)} settings, which summary.csv lists"
    found = [
        f"{count}with {study.called(name)}" for count, name in zip(counts or [""] * len(names), names, strict=True)
    ]
    return listed(found)


def _reached(study: Study, name: CellName, what: str) -> str:
    """Return what a cell reached, or every seed of a mixed one."""
    unit = "points" if what in POINTS else "%"
    if study.cells[name].mixed:
        return f"{listed(percent(value) for value in values_of(study.groups[name], what))} {unit}, seed by seed,"
    return accuracy(study.estimate(name, what), unit)


def _extremes(study: Study, what: str, names: Sequence[CellName]) -> str:
    """Return the highest and the lowest mean; cells whose seeds lie in two heaps have none."""
    ranked = sorted(
        (name for name in names if not study.cells[name].mixed), key=lambda name: study.estimate(name, what).mean
    )
    heaps = len(names) - len(ranked)
    if not ranked:
        return f"In all {len(names)} settings some seeds escaped chance level and others did not."
    apart = f", not counting {heaps} whose seeds lie in two heaps" if heaps else ""
    high, low = (f"{_reached(study, name, what)} with {study.called(name)}" for name in (ranked[-1], ranked[0]))
    if len(ranked) == 1:
        return sentence(f"of {len(names)} settings{apart}, one is left, whose {PHRASES[what]} was {high}")
    most, least = ("largest", "smallest") if what in POINTS else ("highest", "lowest")
    return sentence(f"of {len(names)} settings{apart}, the {most} {PHRASES[what]} was {high}, and the {least} {low}")


def _who(contrast: Contrast) -> str:
    return f"{contrast.level} instead of {contrast.baseline}"


def _where(contrast: Contrast) -> str:
    return f"with {', '.join(contrast.where)}" if contrast.where else ""


VERBS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.RAISED: ("raises it beyond noise", "raise it beyond noise"),
    Verdict.LOWERED: ("lowers it beyond noise", "lower it beyond noise"),
    Verdict.NOISE: ("is within noise", "are within noise"),
    Verdict.ALIKE: ("does not vary with the seeds", "do not vary with the seeds"),
    Verdict.HEAPS: ("has seeds in two heaps", "have seeds in two heaps"),
    Verdict.SINGLE: ("is known from one pair of seeds alone", "are known from one pair of seeds alone"),
    Verdict.NONE: ("has no pair of seeds", "have no pair of seeds"),
}
"""What one effect does that has this verdict, and what several do."""


def _counted(found: Sequence[Contrast]) -> Iterator[str]:
    """Yield how many effects go which way, pair of levels by pair where these were compared in several places."""
    pairs = list(dict.fromkeys(map(_who, found)))
    several = len(found) > len(pairs)
    for who in pairs if several else [""]:
        alike = [one for one in found if _who(one) == who or not several]
        by_verdict = {verdict: [one for one in alike if one.verdict is verdict] for verdict in VERBS}
        parts = [
            f"{len(ones)} {VERBS[verdict][len(ones) > 1]}{_sizes(ones, several)}"
            for verdict, ones in by_verdict.items()
            if ones
        ]
        of = f" of {who}" if several else ""
        effects = f"{len(alike)} effects{of} on the {PHRASES[alike[0].metric]}"
        yield f"Of {effects}, {listed(parts)}." if len(parts) > 1 else f"All {effects} {parts[0].partition(' ')[2]}."


def _sizes(found: Sequence[Contrast], several: bool) -> str:
    """Return where effects of one verdict were found and how large they are, or of many from where to where."""

    def called(one: Contrast) -> str:
        return ", ".join(one.where) if several else _who(one)

    def points(one: Contrast) -> str:
        return f"{100 * one.effect.estimate.mean:+.2f}"

    verdict = found[0].verdict
    if verdict in (Verdict.NOISE, Verdict.NONE):
        return ""
    if verdict is Verdict.HEAPS:
        return f" ({'; '.join(map(called, found))})" if len(found) <= LISTED else ""
    if len(found) <= LISTED:
        return f" ({'; '.join(f'{called(one)}: {points(one)} points' for one in found)})"
    least, *_, most = sorted(found, key=lambda one: abs(one.effect.estimate.mean))
    return f" (from {points(least)} points, {called(least)}, to {points(most)} points, {called(most)})"
