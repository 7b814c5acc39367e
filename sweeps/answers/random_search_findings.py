"""Findings of the random search: sentences that rules make from its numbers."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.inference import Estimate
from pipeline.records import Status
from pipeline.report.findings import accuracy, effect, listed, percent
from pipeline.report.style import number
from pipeline.run.space import Choices
from pipeline.spec import Setting
from sweeps.answers.random_search_conclusion import NAMES, described
from sweeps.answers.random_search_study import SHUFFLES, Found, Importance, completed, importances
from sweeps.answers.tested import estimated
from sweeps.answers.wording import counted

EDGE = 0.9
"""From here to 1, the way from the middle of a range to its end, a value lies at the edge."""


def findings(answer: Found, best: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the search says: the winner, its worth, the edges of the space, the importances, what diverged."""
    conclusion = answer.conclusion
    if conclusion.winner is None:
        yield best["reason"]
    else:
        yield (
            f"The winner is {described(conclusion.winner)}; the test accuracy of its final networks is "
            f"{accuracy(estimated(best['test_accuracy']))}."
        )
        yield from _bought(answer, best)
        yield from _moved(answer)
        yield from _edges(answer, conclusion.winner)
    yield from explained(answer)
    yield from _unfinished(answer)


def _bought(answer: Found, best: Mapping[str, Any]) -> Iterator[str]:
    """Yield whether the search bought anything."""
    if not best["differences"]:
        yield "The winner is the default network itself."
    for difference in best["differences"].values():
        yield effect("choosing the winner rather than the default", "of the final networks", Estimate(**difference))
    tested = best["test_accuracy_by_role"].get("default")
    if tested and best["differences"]:
        yield (
            f"The default network, {described(answer.conclusion.roles['default'])}, reaches "
            f"{accuracy(estimated(tested))} in the same stage."
        )


def _moved(answer: Found) -> Iterator[str]:
    """Yield whether fresh seeds and longer training chose what the search had put first."""
    searched, confirmed = answer.conclusion.searched, answer.conclusion.confirmed
    rank = next(place for place, each in enumerate(searched, start=1) if each.setting == confirmed[0].setting)
    if len(confirmed) < 2:
        return
    first = "also the best of the search" if rank == 1 else f"number {rank} of the search"
    yield (
        f"Among the {len(confirmed)} finalists that completed, the winner's mean validation accuracy is "
        f"{percent(confirmed[0].mean)} %, {percent(confirmed[0].mean - confirmed[1].mean)} points above the next; it "
        f"was {first}. The best of many short runs is partly luck, which fresh seeds do not repeat."
    )


def _edges(answer: Found, winner: Setting) -> Iterator[str]:
    """Yield which of the winner's values lie at an edge of what was searched."""
    edges = []
    for name, dimension in answer.configuration.searched.items():
        if name == "hidden" and isinstance(dimension, Choices):
            if sum(winner[name]) == max(map(sum, dimension.values.values())):
                edges.append("the network is the one with the most hidden units")
        elif not isinstance(dimension, Choices) and abs(place := dimension.off_middle(winner[name])) >= EDGE:
            end = number(dimension.low if place < 0 else dimension.high)
            edges.append(f"{NAMES[name]} {number(winner[name])} lies near the end {end} of its range")
    if edges:
        yield f"At an edge of the space: {listed(edges)}. What lies beyond was not searched."
    else:
        yield "No searched value of the winner lies at an edge of the space."


def explained(answer: Found) -> Iterator[str]:
    """Yield how much of the variance each parameter explains, and how far that can be trusted."""
    found = importances(answer)
    if not found:
        if len(answer.configuration.searched) > 1:
            yield "Too few settings completed with different accuracies to say which parameter matters."
        return
    rests = f"fANOVA over the {counted(len(completed(answer)), 'setting')} that completed"
    told = [each for each in found if not each.is_noise]
    if told:
        yield (
            f"Of the variance of validation accuracy over the space, {listed(map(_share, told))} "
            f"({rests}; each more than in any of {SHUFFLES} shuffles of the accuracies)."
        )
    within = [each for each in found if each.is_noise]
    if within:
        nothing = "no parameter explains" if not told else f"{listed(NAMES[each.parameter] for each in within)} explain"
        rest = "more than" if not told else "no more than"
        source = f" ({rests})" if not told else ""
        yield f"On their own {nothing} {rest} shuffled accuracies would give{source}: within noise."
    if told:
        others = 100 * max(1 - sum(each.share for each in told), 0.0)
        yield (
            f"The other {others:.0f} % are noise, and what parameters do together. Such shares belong to this space "
            "and this budget: narrower ranges, or longer training, would have others."
        )


def _share(each: Importance) -> str:
    return f"{NAMES[each.parameter]} explains {100 * each.share:.0f} %"


def _unfinished(answer: Found) -> Iterator[str]:
    """Yield how many trials of the search diverged or failed."""
    records = answer.results[0].records
    for status, verb in ((Status.DIVERGED, "diverged"), (Status.FAILED, "failed")):
        count = sum(record.status is status for record in records)
        if count:
            yield (
                f"{count} of the {counted(len(records), 'trial')} of the search {verb}; none is averaged or chosen, "
                "and a sampler that looks back is told the worst score."
            )
    if all(record.status is Status.COMPLETE for record in records):
        yield f"None of the {counted(len(records), 'trial')} of the search diverged."
