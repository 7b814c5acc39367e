"""Findings: sentences that explicit rules make from estimates and cells. None knows which way a result will go.

Accuracies are shares, worded in per cent, and their differences in points. An effect whose 95 % interval contains zero
is within noise, however large it looks.
"""

from collections.abc import Collection, Iterable

from pipeline.inference import Estimate
from pipeline.report import style
from pipeline.report.escape import Cell, Effect


def all_diverged(cells: Iterable[Cell]) -> list[str]:
    """Return what there is to say where every trial diverged, which is one thing; nothing where one did not."""
    found = list(cells)
    lost = sum(cell.diverged for cell in found)
    if not lost or any(cell.n or cell.failed for cell in found):
        return []
    return [f"Every trial diverged ({lost} of {lost}), so there is nothing to compare."]


def effect(who: str, where: str, difference: Estimate, what: str = "test accuracy") -> str:
    """Return in a sentence what something did to an accuracy, from the paired differences with minus without it.

    Args:
        who: what was switched on, as it stands within a sentence, such as "batch norm", "Adam instead of SGD".
        where: the rest of the setting, such as "at σ = 0.1".
        difference: the mean difference (a share) over the pairs of seeds, with its 95 % t interval.
        what: the accuracy.

    Raises:
        ValueError: several pairs that differ have no interval; `seen` words those that lie in heaps.
    """
    of = f"the effect of {who} on the {what} {where}".rstrip()
    by, pairs = f"{100 * difference.mean:+.2f} points", f"{difference.n} pairs of seeds"
    if difference.n == 0:
        return f"No pair of seeds completed to show {of}."
    if difference.n == 1:
        return sentence(f"{of} is known from one pair of seeds, which differed by {by}")
    if difference.constant:
        return sentence(f"{of} was the same, {by}, in {every(difference.n)} pairs of seeds")
    if difference.low is None or difference.high is None:
        raise ValueError(f"an effect over several pairs of seeds must have an interval, got {difference}")
    if difference.low <= 0 <= difference.high:
        interval = f"{100 * difference.low:+.2f} to {100 * difference.high:+.2f}"
        return sentence(f"{of} is within noise: {by} (95 % interval {interval}, {pairs})")
    verb = "raised" if difference.low > 0 else "lowered"
    least, mean, most = (f"{100 * x:.2f}" for x in sorted(map(abs, (difference.low, difference.mean, difference.high))))
    numbers = f"{mean} points (95 % interval {least} to {most}, {pairs})"
    return sentence(" ".join(f"{who} {verb} the {what} {where} by {numbers}".split()))


def seen(who: str, where: str, found: Effect, what: str = "test accuracy") -> str:
    """Return `effect` of what was found, or every difference where some seeds escaped chance level and others did not.

    The differences then lie in two heaps, of which neither a mean nor an interval would tell.
    """
    if not found.mixed or len(found.differences) < 2:
        return effect(who, where, found.estimate, what)
    each = listed(f"{100 * difference:+.2f}" for difference in found.differences)
    return (
        f"Some seeds escaped chance level and others did not, so that the effect of {who} on the "
        f"{f'{what} {where}'.rstrip()} lies in two heaps: seed by seed {each} points."
    )


def accuracy(estimate: Estimate, unit: str = "%") -> str:
    """Return a mean accuracy (a share) in words: "53.30 % (95 % interval 52.90 to 53.70, n = 5)".

    Seeds that are all alike have no interval. The `unit` of a difference of accuracies is points.
    """
    if estimate.constant:
        return f"{percent(estimate.mean)} {unit} (the same with {every(estimate.n)} seeds)"
    interval = ""
    if estimate.low is not None and estimate.high is not None:
        interval = f"95 % interval {percent(estimate.low)} to {percent(estimate.high)}, "
    return f"{percent(estimate.mean)} {unit} ({interval}n = {estimate.n})"


def seeds(cell: Cell) -> str:
    """Return the test accuracy of every seed of a cell, at least one: "10.00, 45.20 and 46.00 %"."""
    return f"{listed(percent(seed.accuracy) for seed in cell.seeds)} %"


def batch_norm(norm: str, norms: Collection[str]) -> str:
    """Return "batch norm", with its place where it stands in several among all `norms` of a study."""
    return "batch norm" if len({*norms} - {"none"}) < 2 else style.LOOKS[norm].label


def trained(norm: str, norms: Collection[str]) -> str:
    """Return "without batch norm" or "with batch norm", named as in `batch_norm`."""
    return "without batch norm" if norm == "none" else f"with {batch_norm(norm, norms)}"


def listed(items: Iterable[str]) -> str:
    """Return the items, at least one, as a sentence lists them: "a, b and c"."""
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last


def every(count: int) -> str:
    """Return "both" or "all 3", before a plural."""
    return "both" if count == 2 else f"all {count}"


def percent(share: float) -> str:
    """Return a share in per cent, as sentences and tables of the report give it."""
    return f"{100 * share:.2f}"


def sentence(text: str) -> str:
    """Return `text` with a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."
