"""Findings: sentences that explicit rules make from estimates and cells. None knows which way a result will go.

Accuracies are shares, worded in per cent, and their differences in points. An effect whose 95 % interval contains zero
is within noise, however large it looks.
"""

from collections.abc import Iterator, Mapping, Sequence

from pipeline.inference import Estimate
from pipeline.report import style
from pipeline.report.escape import BELOW, Cell, Effects


def effect(who: str, where: str, difference: Estimate) -> str:
    """Return in a sentence what something did to the test accuracy, from the paired differences with minus without it.

    Args:
        who: what was switched on, as a noun without an article, such as "Batch norm".
        where: the rest of the setting, such as "at σ = 0.1".
        difference: the mean difference (a share) over the pairs of seeds, with its 95 % t interval. Two or more pairs
            without an interval are such that a t interval would mislead.
    """
    who = who[:1].lower() + who[1:]
    what = f"on the test accuracy {where}"
    if difference.n == 0:
        return f"No pair of seeds completed to show the effect of {who} {what}."
    by = f"{100 * difference.mean:+.2f} points"
    if difference.low is None or difference.high is None:
        seeds = "one pair of seeds gives" if difference.n == 1 else f"these {difference.n} pairs of seeds give"
        return _sentence(f"{who} changed the test accuracy {where} by {by}; {seeds} no interval")
    low, high, pairs = 100 * difference.low, 100 * difference.high, f"{difference.n} pairs of seeds"
    if low <= 0 <= high:
        return f"The effect of {who} {what} is within noise: {by} (95 % interval {low:+.2f} to {high:+.2f}, {pairs})."
    verb = "raised" if low > 0 else "lowered"
    least, mean, most = sorted(map(abs, (low, 100 * difference.mean, high)))
    numbers = f"{mean:.2f} points (95 % interval {least:.2f} to {most:.2f}, {pairs})"
    return _sentence(f"{who} {verb} the test accuracy {where} by {numbers}")


def sensitivity(cells: Sequence[Cell], effects: Effects) -> tuple[str, ...]:
    """Return what a grid of initial weights, with and without batch norm, shows.

    For every initialisation what became of its seeds, and what batch norm did; how far the initialisations lie apart,
    with and without it; where learning began late; and whether batch norm removed the sensitivity.
    """
    scales = _grouped(cells, [cell.initialisation for cell in cells])
    norms = _grouped(cells, [cell.batch_norm for cell in cells])
    kinds = [norm for norm in norms if norm != "none"]
    sentences = []
    for scale, row in scales.items():
        found = [(kind, effects[scale, kind]) for kind in kinds if (scale, kind) in effects]
        given = [effect(_who(kind, kinds), f"for {scale}", difference) for kind, difference in found]
        sentences.append(" ".join([_outcome(row), *given]))
    if len(scales) > 1:
        sentences += [_range(column) for column in norms.values()]
    sentences += [_delay(row) for row in scales.values() if any(_late(cell) for cell in row)]
    return (*sentences, *_verdicts(norms, kinds, several=len(scales) > 1))


def _outcome(row: Sequence[Cell]) -> str:
    """Say what became of the seeds of one initialisation, with every kind of batch norm."""
    clauses = [
        f"{_trained(cell.batch_norm)}{',' if not place else ''} {_ended(cell, place == 0)}"
        for place, cell in enumerate(row)
    ]
    return _sentence("; ".join(clauses))


def _ended(cell: Cell, named: bool) -> str:
    """Say what became of a cell, which is `named` or understood."""
    where = f" for {cell.initialisation}" if named else ""
    lost = "".join(f", {count} {how}" for how, count in (("diverged", cell.diverged), ("failed", cell.failed)) if count)
    if not cell.n:
        return f"no seed completed{where}{lost}"
    stuck = cell.n - cell.escaped
    if stuck:
        listed = ", ".join(percent(seed.accuracy) for seed in cell.seeds)
        seeds = f" (test accuracies {listed} %)" if cell.mixed else ""
        return f"{stuck} of {cell.n} seeds stayed at chance level{where}{seeds}{lost}"
    return f"the mean test accuracy{where} was {accuracy(cell.accuracy)}{lost}"


def accuracy(estimate: Estimate) -> str:
    """Return a mean accuracy (a share) in words: "53.30 % (95 % interval 52.90 to 53.70, n = 5)"."""
    interval = ""
    if estimate.low is not None and estimate.high is not None:
        interval = f"95 % interval {percent(estimate.low)} to {percent(estimate.high)}, "
    return f"{percent(estimate.mean)} % ({interval}n = {estimate.n})"


def listed(items: Sequence[str]) -> str:
    """Return the items as a sentence lists them: "a, b and c"."""
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last


def percent(share: float) -> str:
    """Return a share in per cent, as sentences and tables of the report give it."""
    return f"{100 * share:.2f}"


def _range(column: Sequence[Cell]) -> str:
    """Say how far the initialisations of one kind of batch norm lie apart: those that trained with every seed."""
    trained = [cell for cell in column if cell.escaped == cell.n > 0 == cell.diverged]
    count = f"all {len(column)}" if len(trained) == len(column) else f"{len(trained)} of {len(column)}"
    text = f"{_trained(column[0].batch_norm)}, every seed escaped chance level for {count} initialisations"
    if len(trained) > 1:
        means = [cell.accuracy.mean for cell in trained]
        low, high = min(means), max(means)
        text += f", whose mean test accuracies lie up to {100 * (high - low):.2f} points apart"
        text += f" ({percent(low)} to {percent(high)} %)"
    others = [f"{cell.initialisation} ({_missing(cell)})" for cell in column if cell not in trained]
    return _sentence(f"{text}; not for {listed(others)}" if others else text)


def _missing(cell: Cell) -> str:
    """Say in brackets why a cell has not trained with every seed."""
    stuck = f"{cell.n - cell.escaped} of {cell.n} seeds at chance level" if cell.escaped < cell.n else ""
    ended = [f"{count} {how}" for how, count in (("diverged", cell.diverged), ("failed", cell.failed)) if count]
    return ", ".join(filter(None, [stuck, *ended]))


def _late(cell: Cell) -> bool:
    """Whether half of the seeds that began to learn needed more than an epoch for it."""
    return cell.first_step is not None and cell.first_step > cell.steps_per_epoch


def _delay(row: Sequence[Cell]) -> str:
    """Say when the seeds of one initialisation began to learn."""
    text = f"for {row[0].initialisation}, the mini-batch loss first fell below {100 * BELOW:g} % of chance level's "
    whens = " and ".join(f"{_when(cell)} {_trained(cell.batch_norm)}" for cell in row)
    return _sentence(f"{text}{whens}; an epoch has {row[0].steps_per_epoch:,} steps")


def _when(cell: Cell) -> str:
    if cell.first_step is None:
        return "never"
    never = f", {cell.never} never did" if cell.never else ""
    began = cell.n - (cell.never or 0)
    return f"after {cell.first_step:,.0f} steps (median of {began} seeds{never})"


def _verdicts(norms: Mapping[str, Sequence[Cell]], kinds: Sequence[str], several: bool) -> Iterator[str]:
    """Say for each kind of batch norm whether it removed the sensitivity, in terms of the seeds that did not train.

    Unless there are `several` initialisations there is none to speak of.
    """
    if "none" not in norms or not kinds:
        trained = "with" if kinds else "without"
        yield f"All networks were trained {trained} batch norm, so that this run cannot tell what it changes."
    if "none" not in norms or not several:
        return
    bare, bare_lost = _counts(norms["none"])
    for kind in kinds:
        norm, (given, given_lost) = _who(kind, kinds), _counts(norms[kind])
        failed = sum(cell.failed for cell in (*norms["none"], *norms[kind]))
        of = "the sensitivity to the scale of the initial weights"
        if failed or not (bare and given):
            yield f"Whether {norm} removes {of} cannot be told: trials failed ({failed})."
        elif given_lost:
            numbers = (
                f"{given_lost} of {given} networks with it did not escape chance level, {bare_lost} of {bare} without"
            )
            yield _sentence(f"{norm} did not remove {of}: {numbers}")
        elif bare_lost:
            numbers = f"all {given} networks with it escaped chance level, {bare_lost} of {bare} without it did not"
            yield _sentence(f"{norm} removed {of}, as far as escaping chance level goes: {numbers}")
        else:
            numbers = f"all {given} networks with {norm} and all {bare} without escaped chance level"
            yield _sentence(f"no difference in {of} was seen: {numbers}")


def _counts(column: Sequence[Cell]) -> tuple[int, int]:
    """Return how many networks a column has, without those that failed, and how many of them did not train."""
    networks = sum(cell.n + cell.diverged for cell in column)
    return networks, networks - sum(cell.escaped for cell in column)


def _who(kind: str, kinds: Sequence[str]) -> str:
    """Return the name of a kind of batch norm, which need not say where it stands if it is the only one."""
    return "batch norm" if len(kinds) == 1 else style.LOOKS[kind].label


def _trained(norm: str) -> str:
    """Return "without batch norm", or with which kind."""
    return style.LOOKS[norm].label if norm == "none" else f"with {style.LOOKS[norm].label}"


def _grouped(cells: Sequence[Cell], keys: Sequence[str]) -> dict[str, list[Cell]]:
    """Return the cells by key, in the order of first appearance."""
    return {key: [cell for cell, own in zip(cells, keys, strict=True) if own == key] for key in dict.fromkeys(keys)}


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
