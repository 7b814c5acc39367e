"""Findings of the random search: sentences that rules make from its numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.records import Status
from pipeline.report.findings import accuracy, effect, listed, percent
from pipeline.report.style import number
from pipeline.run.space import Choices
from pipeline.spec import Setting
from sweeps.answers.random_search_conclusion import NAMES, described, runner_up
from sweeps.answers.random_search_study import Found, Importance, completed, importances, looked_at
from sweeps.answers.rank_tests import BOUND, in_words
from sweeps.answers.tested import estimated
from sweeps.answers.wording import counted
from sweeps.random_search import setting_of

EDGE = 0.9
"""From here to 1, the way from the middle of a range to its end, a value lies at the edge."""

BOUNDS = {"keep": 1.0}
"""Ends of ranges beyond which there is nothing: to keep every unit is to have no dropout."""

BETWEEN = {"hidden": "networks", "batch_norm": "places of batch norm"}
"""What sentences call the choices of a parameter."""


def findings(answer: Found, best: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the search says: the winner, its worth, the edges of the space, the importances, what diverged."""
    conclusion = answer.conclusion
    if conclusion.winner is None:
        yield best["reason"]
    else:
        yield f"The winner is {described(conclusion.winner)}; {_reached(best['test_accuracy'])}."
        yield from _bought(answer, best)
        yield from _moved(answer)
        yield from _edges(answer, conclusion.winner)
    yield from explained(answer)
    yield from _unfinished(answer)


def _bought(answer: Found, best: Mapping[str, Any]) -> Iterator[str]:
    """Yield whether the search bought anything."""
    for difference in best["differences"].values():
        yield effect("choosing the winner rather than the default", "of the final networks", estimated(difference))
    tested = best["test_accuracy_by_role"]["default"]
    yield f"The default is {described(answer.conclusion.roles['default'])}; {_reached(tested)}."


def _reached(tested: Mapping[str, Any]) -> str:
    """Return what the final networks of a setting came to."""
    if not tested["n"]:
        return "none of its final networks completed"
    return f"the test accuracy of its final networks is {accuracy(estimated(tested))}"


def _moved(answer: Found) -> Iterator[str]:
    """Yield whether fresh seeds chose what the search had put first, and whether they tell it from the second."""
    searched, confirmed = answer.conclusion.searched, answer.conclusion.confirmed
    difference = runner_up(answer)
    if difference is None:
        return
    rank = next(place for place, each in enumerate(searched, start=1) if each.setting == confirmed[0].setting)
    first = "also the best of the search" if rank == 1 else f"number {rank} of the search"
    yield (
        f"Among the {len(confirmed)} finalists that completed, the winner's mean validation accuracy is the highest, "
        f"{percent(confirmed[0].mean)} %; it was {first}. The best of many runs is partly luck, which fresh seeds do "
        "not repeat."
    )
    pair = effect(
        "choosing the winner rather than the second", "of the finalists", difference, "mean validation accuracy"
    )
    yield (
        f"{pair} These accuracies picked the pair, so that the winner cannot come out below the second; the interval "
        "does not know of that."
    )


def _edges(answer: Found, winner: Setting) -> Iterator[str]:
    """Yield which of the winner's values lie at an edge of what was searched."""
    edges: list[str] = []
    for name, dimension in answer.configuration.space.dimensions.items():
        if name == "hidden" and isinstance(dimension, Choices):
            edges += _network_edges(sum(winner[name]), [sum(sizes) for sizes in dimension.values.values()])
        elif not isinstance(dimension, Choices) and abs(place := dimension.off_middle(winner[name])) >= EDGE:
            end = dimension.low if place < 0 else dimension.high
            if end != BOUNDS.get(name):
                edges.append(f"{NAMES[name]} {number(winner[name])} lies near the end {number(end)} of its range")
    if edges:
        yield f"At an edge of the space: {listed(edges)}. What lies beyond was not searched."
    else:
        yield "No value of the winner lies at an edge of the space beyond which more could be searched."


def _network_edges(units: int, every: Sequence[int]) -> Iterator[str]:
    """Yield whether a network with so many hidden units is the smallest or the largest of those to choose from."""
    if min(every) < max(every):
        for end, called in ((min(every), "fewer"), (max(every), "more")):
            if units == end:
                yield f"no network to choose from has {called} hidden units than the winner's ({units:,})"


def explained(answer: Found) -> Iterator[str]:
    """Yield how much of the variance each parameter explains, which matter beyond noise, and how far that goes."""
    found = importances(answer)
    if not found:
        if len(answer.configuration.space.dimensions) > 1:
            yield "Too few settings completed with different accuracies to say which parameter matters."
        return
    first, *rest = found
    shares = [
        f"{_called(first.parameter)} explains {100 * first.share:.0f} %",
        *(f"{_called(each.parameter)} {100 * each.share:.0f} %" for each in rest),
    ]
    others = 100 * max(1 - sum(each.share for each in found), 0.0)
    yield (
        f"Of the variance of validation accuracy {looked_at(answer)}, {listed(shares)}, each on its own (fANOVA over "
        f"the {counted(len(completed(answer)), 'setting')} that completed); the other {others:.0f} % are noise, "
        "and what parameters do together. Shares hold noise too, so that alone they do not show what matters."
    )
    yield from _beyond_noise([each for each in found if not each.is_noise], len(found))
    yield from _within_noise([each for each in found if each.is_noise], len(found))
    yield "All this is of this space and this budget: narrower ranges, or longer training, may show something else."
    if answer.results[0].stage.proposal.looks_back:
        yield (
            f"The sampler {answer.configuration.search.sampler} looks back at results and proposes more settings where "
            "they were good, so that such shares and p are not of the space, but of where it looked; its settings are "
            "not drawn independently, as these p take them to be."
        )


def _beyond_noise(found: Sequence[Importance], parameters: int) -> Iterator[str]:
    """Yield between which thirds of values, and which choices, validation accuracy differs, and how."""
    thirds = [
        f"{_called(each.parameter)} (means {', '.join(map(percent, each.means))} %; {in_words(each.p)})"
        for each in found
        if each.means
    ]
    whole = "between the lowest third of the values, the middle and the highest of"
    parts = [*([f"{whole} {listed(thirds)}"] if thirds else []), *_between(found)]
    if parts:
        yield f"Beyond noise, validation accuracy differs {listed(parts)}: {_bound('below', parameters)}."


def _within_noise(found: Sequence[Importance], parameters: int) -> Iterator[str]:
    """Yield with what validation accuracy does not change beyond noise."""
    thirds = [f"{_called(each.parameter)} ({in_words(each.p)})" for each in found if each.means]
    parts = [*([f"between thirds of the values of {listed(thirds)}"] if thirds else []), *_between(found)]
    if parts:
        differences = f"differences of validation accuracy {listed(parts)}"
        yield f"Within noise are {differences}: {_bound('not below', parameters)}."


def _between(found: Sequence[Importance]) -> list[str]:
    return [f"between {BETWEEN[each.parameter]} ({in_words(each.p)})" for each in found if not each.means]


def _called(name: str) -> str:
    """Return what a sentence calls a parameter."""
    return f"the {NAMES[name]}" if name in ("hidden", "sigma", "eta_max") else NAMES[name]


def _bound(side: str, parameters: int) -> str:
    """Return on which side of the bound of noise p are."""
    return f"p {side} {BOUND}, rank tests adjusted for {parameters} parameters"


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
    pruned = {described(setting_of(record.spec)) for record in records if record.status is Status.PRUNED}
    if pruned:
        search = answer.configuration.search
        yield (
            f"{len(pruned)} of the {counted(search.count, 'setting')} were dropped at the end of a cycle, the worst "
            f"{search.prune:g} of those that were proposed together; none is averaged or chosen."
        )
    if all(record.status is Status.COMPLETE for record in records):
        yield f"None of the {counted(len(records), 'trial')} of the search diverged."
