"""Findings: sentences that explicit rules make from estimates and tables. None knows which way a result will go.

Differences of accuracies are estimated as shares and worded in points, a hundredth of a share each. An effect whose
95 % interval contains zero is within noise, however large it looks.
"""

from pipeline.inference import Estimate


def effect(who: str, where: str, difference: Estimate) -> str:
    """Return in a sentence what something did to the test accuracy, from the paired differences with minus without it.

    Args:
        who: what was switched on, as a noun without an article, such as "Batch norm".
        where: the rest of the setting, such as "at σ = 0.1".
        difference: the mean difference (a share) over the pairs of seeds, with its 95 % t interval. Two or more pairs
            without an interval are such that a t interval would mislead.
    """
    subject, who = who[:1].upper() + who[1:], who[:1].lower() + who[1:]
    what = f"on the test accuracy {where}"
    if difference.n == 0:
        return f"No pair of seeds completed to show the effect of {who} {what}."
    by = f"{100 * difference.mean:+.2f} points"
    if difference.low is None or difference.high is None:
        seeds = "one pair of seeds gives" if difference.n == 1 else f"these {difference.n} pairs of seeds give"
        return f"{subject} changed the test accuracy {where} by {by}; {seeds} no interval."
    low, high, pairs = 100 * difference.low, 100 * difference.high, f"{difference.n} pairs of seeds"
    if low <= 0 <= high:
        return f"The effect of {who} {what} is within noise: {by} (95 % interval {low:+.2f} to {high:+.2f}, {pairs})."
    verb = "raised" if low > 0 else "lowered"
    least, mean, most = sorted(map(abs, (low, 100 * difference.mean, high)))
    return (
        f"{subject} {verb} the test accuracy {where} by {mean:.2f} points "
        f"(95 % interval {least:.2f} to {most:.2f}, {pairs})."
    )
