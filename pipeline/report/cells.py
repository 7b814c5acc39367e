"""The cells of a comparison as its figures show them: which stand side by side, how each looks, when it has a mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from pipeline.inference import Estimate
from pipeline.report import dots, scales, style
from pipeline.report.comparison import Study
from pipeline.report.style import Look
from pipeline.report.tables import values_of
from pipeline.spec import CellName, Factor, Level

COLORS = (style.BLUE, style.VERMILION, style.GREEN, style.PURPLE, style.ORANGE, style.SKY, "#7A4B1E", style.BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
DASHES: Sequence[Any] = ("-", (0, (5, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (1.5, 1)))
"""By the place of a level, and of a group."""

MOST, LINES, PARTS = len(COLORS), 12, len(DASHES)
"""Cells that share a panel; lines of a panel, where a factor alone has more levels; panels one above the other."""

Looks: TypeAlias = Mapping[CellName, Mapping[str, Any]]
"""Colour, marker and dashes of the line of every cell."""


@dataclass(frozen=True)
class Part:
    """Cells that share a panel; `heading` is what they have in common, empty where they are all."""

    heading: str
    names: tuple[CellName, ...]


def asked(study: Study) -> int:
    """Return the place of the factor whose levels stand side by side: the last that is asked for and has several.

    Where none is, it is the last that has several; where none has, the last.
    """
    factors = study.design.factors
    several = [place for place, factor in enumerate(factors) if len(factor.levels) > 1] or [len(factors) - 1]
    return ([place for place in several if factors[place].asked] or several)[-1]


def others(study: Study, name: CellName, *places: int) -> str:
    """Return the levels of a cell but for the factors at `places` and those that have one level only."""
    factors = study.design.factors
    return ", ".join(
        label for place, label in enumerate(name) if place not in places and len(factors[place].levels) > 1
    )


def groups(study: Study) -> list[Part]:
    """Return the cells that differ in nothing but the level that is asked for, in the order of the design."""
    found: dict[str, list[CellName]] = {}
    for name in study.groups:
        found.setdefault(others(study, name, asked(study)), []).append(name)
    return [Part(heading, tuple(names)) for heading, names in found.items()]


def parts(study: Study) -> list[Part]:
    """Return what is drawn into the same panel: all cells; groups of them where there are more than MOST."""
    return [Part("", tuple(study.groups))] if len(study.groups) <= MOST else grouped(study)


def grouped(study: Study) -> list[Part]:
    """Return PARTS groups and LINES cells of each, evenly spread; all of them where they are fewer."""
    place = asked(study)
    drawn = scales.spread_evenly(list(dict.fromkeys(name[place] for name in study.groups)), LINES)
    found = scales.spread_evenly(groups(study), PARTS)
    kept = [Part(part.heading, tuple(name for name in part.names if name[place] in drawn)) for part in found]
    return [part for part in kept if part.names]


def subtitle(study: Study, drawn: Sequence[Part] = (), *notes: str) -> str:
    """Return what was measured, and how many of the cells are drawn if not all of them."""
    count, of = sum(len(part.names) for part in drawn), len(study.groups)
    left = [f"{count} of {of} settings shown"] if drawn and count < of else []
    return " · ".join([style.describe(study.records), *left, *notes])


def looks(levels: Sequence[Level]) -> dict[str, Look]:
    """Return how levels look, by label: ways to normalise as everywhere else; many levels from dark to light."""
    shapes = [MARKERS[place % len(MARKERS)] for place in range(len(levels))]
    if len(levels) > len(COLORS):
        colors = [to_hex(color) for color in scales.COLORS(np.linspace(0, 1, len(levels)))]
    else:
        known = _known(levels)
        free = iter([color for color in COLORS if color not in known.values()])
        colors = [known.get(level.label) or next(free) for level in levels]
    return {
        level.label: Look(level.label, color, shape) for level, color, shape in zip(levels, colors, shapes, strict=True)
    }


def _known(levels: Sequence[Level]) -> dict[str, str]:
    """Return the colours of the levels that are the first to stand for a value of batch norm."""
    found: dict[str, str] = {}
    for level in levels:
        norm = level.setting.get("batch_norm")
        if norm is not None and style.LOOKS[norm].color not in found.values():
            found[level.label] = style.LOOKS[norm].color
    return found


def together(factors: Sequence[Factor]) -> list[Level]:
    """Return the combinations of the levels of some factors as levels; those that have one level only are not named."""
    several = [factor for factor in factors if len(factor.levels) > 1]
    return [
        Level(
            ", ".join(level.label for level in levels),
            {name: value for level in levels for name, value in level.setting.items()},
        )
        for levels in product(*(factor.levels for factor in several))
    ]


def lines(study: Study, drawn: Sequence[Part]) -> Looks:
    """Return the lines of cells: colour and marker tell the level that is asked for, dashes the group in a panel."""
    place = asked(study)
    seen = looks(study.design.factors[place].levels)
    apart = {name: number for number, part in enumerate(groups(study)) for name in part.names}
    found: dict[CellName, Mapping[str, Any]] = {}
    for part in drawn:
        inside = list(dict.fromkeys(apart[name] for name in part.names))
        for name in part.names:
            look, dashes = seen[name[place]], DASHES[inside.index(apart[name]) % len(DASHES)]
            found[name] = {"color": look.color, "marker": look.marker, "linestyle": dashes}
    return found


def colours(study: Study, drawn: Sequence[Part]) -> Looks:
    """Return the lines of cells where dashes mean something else: in one panel every cell has a colour of its own."""
    if len(drawn) > 1 or drawn[0].heading:
        return lines(study, drawn)
    seen = looks(together(study.design.factors))
    own = {name: seen[others(study, name)] for name in drawn[0].names}
    return {name: {"color": look.color, "marker": look.marker, "linestyle": "-"} for name, look in own.items()}


def handles(study: Study, drawn: Sequence[Part], looking: Looks, **marks: Any) -> list[Line2D]:
    """Return the legend of the lines of cells, each once; in parts by the level that is asked for alone."""
    place = asked(study)
    named = {
        study.called(name) if len(drawn) == 1 and not part.heading else name[place]: looking[name]
        for part in drawn
        for name in part.names
    }
    return [Line2D([], [], label=label, **{**look, **marks}) for label, look in named.items()]


def has_mean(study: Study, name: CellName) -> bool:
    """Whether a mean tells of a cell: all trials completed, and all of them escaped chance level, or none."""
    return not study.cells[name].mixed and not dots.lost(study.groups[name])


def estimate(study: Study, name: CellName, what: str) -> Estimate | None:
    """Return the mean of a metric and its interval, where a mean tells and there is one."""
    if not has_mean(study, name) or not values_of(study.groups[name], what):
        return None
    return study.estimate(name, what)
