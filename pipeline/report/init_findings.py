"""What a grid of initial weights shows, with and without batch norm, in sentences made by rules.

How much of the accuracies' spread over the scales is noise, and whether batch norm changes how many networks escape
chance level, are two questions: each has its own rule and sentence.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from pipeline.inference import SIGNIFICANCE, range_threshold, shares_differ, two_way
from pipeline.report.escape import BELOW, Cell, compare
from pipeline.report.findings import (
    accuracy,
    all_diverged,
    batch_norm,
    every,
    listed,
    percent,
    seeds,
    seen,
    sentence,
    trained,
)

Column = Sequence[Cell]


def sensitivity(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Return what a grid of initial weights, with and without batch norm, shows.

    For every initialisation what became of its seeds, and what batch norm did; how far the initialisations lie apart,
    with and without it; where learning began late; and whether batch norm changed how many escaped chance level.
    """
    if said := all_diverged(cells):
        return tuple(said)
    scales = _grouped(cells, [cell.initialisation for cell in cells])
    norms = _grouped(cells, [cell.batch_norm for cell in cells])
    sentences = [" ".join([_outcome(row, norms), *_effects(row, norms)]) for row in scales.values()]
    if len(scales) > 1:
        sentences += [_range(column, norms) for column in norms.values()]
    sentences += [_delay(row, norms) for row in scales.values() if any(map(_late, row))]
    if "none" not in norms or len(norms) == 1:
        sentences.append(f"All networks were trained {_only(norms)} batch norm: this run cannot tell what it changes.")
    elif len(scales) > 1:
        kinds = [norm for norm in norms if norm != "none"]
        sentences += [_escapes(norms["none"], norms[kind], batch_norm(kind, norms)) for kind in kinds]
    return tuple(sentences)


def _only(norms: Collection[str]) -> str:
    return "without" if "none" in norms else "with"


def _outcome(row: Column, norms: Collection[str]) -> str:
    """Say what became of the seeds of one initialisation, with every kind of batch norm."""
    first, *others = row
    clauses = [f"{trained(first.batch_norm, norms)}, {_ended(first, f' for {first.initialisation}')}"]
    return sentence("; ".join([*clauses, *(f"{trained(cell.batch_norm, norms)} {_ended(cell)}" for cell in others)]))


def _effects(row: Column, norms: Collection[str]) -> Iterator[str]:
    """Say what batch norm did for one initialisation."""
    for off in (cell for cell in row if cell.batch_norm == "none"):
        for on in (cell for cell in row if cell is not off):
            yield seen(batch_norm(on.batch_norm, norms), f"for {on.initialisation}", compare(on, off))


def _ended(cell: Cell, where: str = "") -> str:
    """Say what became of a cell."""
    lost = "".join(f", {part}" for part in _lost(cell))
    if not cell.n:
        return f"no seed completed{where}{lost}"
    stuck = cell.n - cell.escaped
    if stuck:
        each = f" (test accuracies {seeds(cell)})" if cell.mixed else ""
        return f"{stuck} of {cell.n} seeds stayed at chance level{where}{each}{lost}"
    return f"the mean test accuracy{where} was {accuracy(cell.accuracy)}{lost}"


def _lost(cell: Cell) -> list[str]:
    """Return how many trials of a cell did not complete, and how they ended."""
    return [f"{count} {how}" for how, count in (("diverged", cell.diverged), ("failed", cell.failed)) if count]


def _range(column: Column, norms: Collection[str]) -> str:
    """Say how far the initialisations of one kind of batch norm lie apart: those that trained with every seed."""
    whole = [cell for cell in column if cell.escaped == cell.n > 0 and not _lost(cell)]
    others = [f"{cell.initialisation} ({_missing(cell)})" for cell in column if cell not in whole]
    text = trained(column[0].batch_norm, norms)
    if not whole:
        return sentence(f"{text}, no initialisation escaped chance level with every seed: {listed(others)}")
    count = f"{len(whole)} of {len(column)}" if others else every(len(column))
    text += f", every seed escaped chance level for {count} initialisations"
    if others:
        text += f", not for {listed(others)}"
    return sentence(f"{text}; {_apart(whole)}" if len(whole) > 1 else text)


def _apart(whole: Column) -> str:
    """Say how far the means of cells lie apart, all with the same seeds, and whether noise alone explains it."""
    layout = two_way([[seed.accuracy for seed in cell.seeds] for cell in whole])
    low, high = float(layout.means.min()), float(layout.means.max())
    text = f"the {len(whole)} mean test accuracies lie up to {percent(high - low)} points apart"
    text += f" ({percent(low)} to {percent(high)} %)"
    threshold = range_threshold(layout)
    if threshold is None:
        return f"{text}, and these seeds do not tell how much of that is noise"
    verdict = "within noise" if high - low <= threshold else "more than noise"
    return (
        f"{text}, which is {verdict}: {len(whole)} equal ones would lie up to {percent(threshold)} points apart in "
        f"{100 * (1 - SIGNIFICANCE):g} % of runs"
    )


def _missing(cell: Cell) -> str:
    """Say in brackets why a cell has not trained with every seed."""
    stuck = [f"{cell.n - cell.escaped} of {cell.n} seeds at chance level"] if cell.escaped < cell.n else []
    return ", ".join([*stuck, *_lost(cell)])


def _late(cell: Cell) -> bool:
    """Whether half of the seeds that began to learn needed more than an epoch for it."""
    return cell.first_step is not None and cell.first_step > cell.steps_per_epoch


def _delay(row: Column, norms: Collection[str]) -> str:
    """Say when the seeds of one initialisation began to learn, where any completed."""
    text = f"for {row[0].initialisation}, the mini-batch loss first fell below {100 * BELOW:g} % of chance level's "
    whens = listed(f"{_when(cell)} {trained(cell.batch_norm, norms)}" for cell in row if cell.n)
    return sentence(f"{text}{whens}; an epoch has {row[0].steps_per_epoch:,} steps")


def _when(cell: Cell) -> str:
    if cell.first_step is None:
        return "never"
    never = f", {cell.never} never did" if cell.never else ""
    began = cell.n - (cell.never or 0)
    return f"after {cell.first_step:,.0f} steps (median of {began} seeds{never})"


def _escapes(without: Column, given: Column, norm: str) -> str:
    """Say whether batch norm changed how many networks escape chance level, over all initialisations."""
    (n, lost), (m, left) = _counts(without), _counts(given)
    failed = sum(cell.failed for cell in (*without, *given))
    whether = f"whether {norm} changes how many networks escape chance level cannot be told"
    if failed or not (n and m):
        return sentence(f"{whether}: trials failed ({failed})")
    if lost == n and left == m:
        return sentence(f"{whether}: none did, without it or with it")
    if not lost + left:
        return f"No network stayed at chance level, without {norm} or with it."
    p = shares_differ(lost, n, left, m)
    failures = "the failures to escape chance level"
    numbers = f"{lost} of {n} networks without it, {left} of {m} with it ({_fisher(p)})"
    if p >= SIGNIFICANCE:
        return f"The effect of {norm} on {failures} is within noise: {numbers}."
    if left * n > lost * m:
        return f"With {norm} more networks failed to escape chance level: {numbers}."
    return sentence(f"{norm} {'reduced' if left else 'removed'} {failures}: {numbers}")


def _fisher(p: float) -> str:
    return f"Fisher's exact test, p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"


def _counts(column: Column) -> tuple[int, int]:
    """Return how many networks a column has, without those that failed, and how many of them did not train."""
    networks = sum(cell.n + cell.diverged for cell in column)
    return networks, networks - sum(cell.escaped for cell in column)


def _grouped(cells: Sequence[Cell], keys: Sequence[str]) -> Mapping[str, list[Cell]]:
    """Return the cells by key, in the order of first appearance."""
    return {key: [cell for cell, own in zip(cells, keys, strict=True) if own == key] for key in dict.fromkeys(keys)}
