"""The lambda search's section of the report: where it looked, what it chose and why, and what the winners reach."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.inference import INTERVAL_LEVEL, SHARE, Interval, interval_rule, mean_interval, two_way
from pipeline.records import Status, TrialRecord
from pipeline.report.document import Block, Bullets, Picture, Section, Table, Text
from pipeline.report.findings import accuracy, effect, percent
from pipeline.report.style import merged_labels, number
from pipeline.report.tables import by_setting, values_of
from pipeline.run.stage import Search, StageResult
from pipeline.spec import NetworkSpec, TrialSpec
from sweeps.answers import lambda_figures
from sweeps.answers.lambda_conclusion import Found, conclude
from sweeps.answers.stages import TRAINED, final_networks, trained
from sweeps.answers.tested import cells, estimated, notes
from sweeps.lambda_search import WIDENINGS, Conclusion, Range

TITLE = "iv) The search for lambda"
TOP = 3


def sections(answer: Found) -> Sequence[Section]:
    """Return item iv) of the assignment: the ranges searched, the best lambdas, and what the final networks reach."""
    return [Section(TITLE, tuple(_blocks(answer, conclude(answer))))]


def _blocks(answer: Found, best: Mapping[str, Any]) -> Iterator[Block]:
    conclusion = answer.conclusion
    yield Text(_what_was_run(answer))
    yield _stages(answer.results)
    yield Bullets((*_in_short(best, conclusion), *_dropped(answer), *_decisions(conclusion), *_equals(answer)))
    yield Picture(
        "lambda-search",
        lambda_figures.lambda_search(answer),
        "The search: validation accuracy against lambda, all search stages.",
    )
    if conclusion.choice:
        yield _top(lambda_figures.searched(answer)[-1], conclusion.choice.best)
    yield Picture(
        "lambda-learning-curves",
        lambda_figures.learning_curves(answer),
        f"Learning curves of the {lambda_figures.searched(answer)[-1].stage.name} stage.",
    )
    if conclusion.choice:
        yield _tested(best)
        yield Bullets(tuple(_tests(best)))
        yield Picture(
            "lambda-final-accuracy",
            lambda_figures.final_accuracy(answer),
            "Test accuracy of the final networks, seed by seed.",
        )
    elif best["tested_before"]:
        yield Text(_opened_before(best))


def _what_was_run(answer: Found) -> str:
    config = answer.configuration
    spec = answer.results[0].stage.fixed
    return (
        f"The network, {_network(config.network)}, was trained on {spec.data.name} with {spec.optimizer.name}, batches "
        f"of {spec.batch_size} and learning rates that cycle between {config.eta_min:g} and {config.eta_max:g}. A "
        "search stage is judged on its validation rows alone. The final stage chooses nothing: its networks have fresh "
        "seeds and are the only ones that are tested. All lambdas of a stage share their pairs of seeds."
        f"{_screened(spec)}"
    )


def _screened(spec: TrialSpec) -> str:
    """Say of a screened search what is approximate, and what is not."""
    if spec.data.components is None:
        return ""
    return (
        f" The coarse stage is approximate: its networks see the first {spec.data.components:,} principal components "
        f"of the standardised training rows in place of their {spec.data.inputs:,} features. It says where to look; "
        "the stages after it, and so every choice and test, are on the features themselves."
    )


def _network(network: NetworkSpec) -> str:
    norm = "without batch norm" if network.batch_norm == "none" else f"batch norm {network.batch_norm} the activation"
    sizes = "-".join(map(str, network.hidden))
    return f"{f'hidden sizes {sizes}' if sizes else 'without hidden layers'}, {norm}"


def _stages(results: Sequence[StageResult]) -> Table:
    """Return where every stage looked, how often, for how long and on which rows."""
    return Table(
        "The stages: how many lambdas, which, with how many pairs of seeds each, for how long, on how many rows.",
        ("stage", "lambdas", "lambda", *TRAINED),
        tuple(map(_stage, results)),
        labels=3,
    )


def _stage(result: StageResult) -> tuple[str, ...]:
    stage = result.stage
    count, which = str(stage.proposal.count), ", ".join(map(number, sorted(_by_lambda(result))))
    if isinstance(stage.proposal, Search):
        count += f", {stage.proposal.sampler}"
        which = f"{number(stage.proposal.searched.low)} to {number(stage.proposal.searched.high)}"
    return (stage.name, count, which, *trained(stage))


def _by_lambda(result: StageResult) -> dict[float, list[TrialRecord]]:
    return {lambda_: group for (lambda_,), group in by_setting(result.records).items()}


def _in_short(best: Mapping[str, Any], conclusion: Conclusion) -> Iterator[str]:
    """Yield the answer in one sentence: where was looked, what is best, what it reaches."""
    if conclusion.choice is None or conclusion.refined is None:
        return
    lows, highs = zip(*((tried.low, tried.high) for tried in conclusion.ranges), strict=True)
    low, high = map(number, conclusion.refined)
    about = f" (approximately, on {conclusion.screen} principal components)" if conclusion.screen else ""
    yield (
        f"Searched was {number(min(lows))} to {number(max(highs))}{about}, then {low} to {high}. The best lambda is "
        f"{number(conclusion.choice.best)}; the test accuracy of its final networks is "
        f"{accuracy(estimated(best['test_accuracy']))}."
    )


def _dropped(answer: Found) -> Iterator[str]:
    """Yield how many lambdas of a stage were dropped, where it drops some at the ends of cycles."""
    for result in lambda_figures.searched(answer):
        if result.stage.prune:
            groups = _by_lambda(result).values()
            gone = sum(any(record.status is Status.PRUNED for record in group) for group in groups)
            those = "the lambdas proposed together" if result.stage.proposal.rounds > 1 else "its lambdas"
            yield (
                f"The {result.stage.name} stage drops {100 * result.stage.prune:g} % of {those}, those with the "
                "lowest mean validation accuracies, at the end of every cycle but the last, with all their seeds: "
                f"{gone} of {len(groups)} were dropped."
            )


def _equals(answer: Found) -> Iterator[str]:
    """Yield how many of the refined lambdas the rule of the coarse stage cannot tell from the best."""
    if answer.conclusion.choice is None:
        return
    values, scores = lambda_figures.searched(answer)[-1].scores("lambda")
    run = interval_rule(values, scores, on_grid=False)
    if run and run.threshold is not None:
        inside = int((run.best_mean - two_way(scores).means <= run.threshold).sum())
        yield (
            f"Of the {len(values)} refined lambdas, {inside}, the best among them, have means that are lower by at "
            f"most {percent(run.threshold)} points, which is not significant: other seeds may well choose "
            "another of these."
        )


def _decisions(conclusion: Conclusion) -> Iterator[str]:
    """Yield what each stage handed on, and the choice, with the rules and their numbers."""
    *moved, (tried, interval) = [(tried, tried.interval) for tried in conclusion.ranges]
    for before, found in moved:
        if found and found.edge:
            yield f"{_best_of(before, found, conclusion.screen)}: the range was moved by a decade that way."
    if interval is None or conclusion.refined is None:
        yield f"From {number(tried.low)} to {number(tried.high)} {tried.words}"
        return
    yield f"{_best_of(tried, interval, conclusion.screen)}. {_handed_on(interval, conclusion.refined)}"
    if interval.edge:
        yield f"The best still lies at an end after {WIDENINGS} moves: the range may be wrong."
    yield from _choice(conclusion, conclusion.refined)


def _best_of(tried: Range, found: Interval, screen: int) -> str:
    end = f", the {found.edge} end" if found.edge else ""
    about = f" on {screen} principal components (approximate)" if screen else ""
    return (
        f"From {number(tried.low)} to {number(tried.high)} the best mean validation accuracy{about} was "
        f"{percent(found.best_mean)} % at {number(found.best)}{end}"
    )


def _handed_on(found: Interval, refined: tuple[float, float]) -> str:
    """Say what the interval rule kept, with its numbers, and what was refined."""
    low, high = map(number, found.kept)
    refine = f"With the next value on each side, as far as the range goes, {number(refined[0])} to {number(refined[1])}"
    if found.padded[0] == found.padded[1]:
        refine = f"Half a decade on each side of it, {number(refined[0])} to {number(refined[1])},"
    if found.threshold is None or found.s is None:
        return (
            f"The noise is unknown without a second pair of seeds or lambda: it alone was kept. {refine} was refined."
        )
    kept = f"{low} alone" if low == high else f"{low} to {high}"
    return (
        f"Kept was the unbroken run around it that is lower by {percent(found.threshold)} points at most, "
        f"t({INTERVAL_LEVEL:g}, df = {found.df}) s sqrt(2 / R) with s = {percent(found.s)} points and R = "
        f"{found.replicates}: {kept}. {refine} was refined."
    )


def _choice(conclusion: Conclusion, refined: tuple[float, float]) -> Iterator[str]:
    """Yield what was chosen among the refined lambdas, and the one-standard-error lambda."""
    choice = conclusion.choice
    if choice is None:
        yield f"From {number(refined[0])} to {number(refined[1])} {conclusion.refine_words}"
        return
    end = ""
    if choice.best in refined:
        end = " It lies at an end of the refined range; what lies beyond was searched only coarsely."
    yield (
        f"Chosen is lambda = {number(choice.best)}, with the best mean validation accuracy of the refined lambdas, "
        f"{percent(choice.best_mean)} %.{end}"
    )
    if choice.s is None or choice.standard_error is None:
        yield "The noise of the refine stage is unknown, so that the one-standard-error lambda is the same."
        return
    yield (
        f"The one-standard-error lambda, the largest of the unbroken run around it whose mean is lower by at most "
        f"s / sqrt(R) = {percent(choice.s)} / sqrt({choice.replicates}) = {percent(choice.standard_error)} points (s "
        f"pooled over the stage, df = {choice.df}), is {number(choice.one_se)} ({percent(choice.one_se_mean)} %)."
    )


def _top(result: StageResult, chosen: float) -> Table:
    """Return the best lambdas of a search stage, of those that completed with every seed; of equals the chosen one."""
    seeds = {lambda_: values_of(group, "val_accuracy") for lambda_, group in _by_lambda(result).items()}
    means = {
        lambda_: mean_interval(values, bounds=SHARE)
        for lambda_, values in seeds.items()
        if len(values) == result.stage.replicates
    }
    best = sorted(
        means, key=lambda lambda_: (round(means[lambda_].mean, 12), lambda_ == chosen, lambda_), reverse=True
    )[:TOP]
    return Table(
        f"The top {len(best)} of the {len(seeds)} lambdas of the {result.stage.name} stage by mean validation "
        "accuracy, with the 95 % t interval of each from its own seeds.",
        ("lambda", "validation accuracy (%)", "sd (points)", "n"),
        tuple((number(lambda_), *cells(means[lambda_])) for lambda_ in best),
    )


def _tested(best: Mapping[str, Any]) -> Table:
    """Return what the final networks reach on the test rows, by lambda."""
    by_role = best["test_accuracy_by_role"]
    labels = merged_labels({role: tested["lambda"] for role, tested in by_role.items()})
    tested = {one["lambda"]: one for one in by_role.values()}
    return final_networks(
        ("role", "lambda"),
        ((label, number(lambda_), *cells(estimated(tested[lambda_]))) for lambda_, label in labels.items()),
    )


def _tests(best: Mapping[str, Any]) -> Iterator[str]:
    """Yield how the chosen lambda compares with the others on the test rows, and what the intervals leave out."""
    by_role = best["test_accuracy_by_role"]
    for name, difference in best["differences"].items():
        role = name.removeprefix("chosen - ")
        who = f"choosing lambda = {number(best['lambda'])} rather than {number(by_role[role]['lambda'])} ({role})"
        yield effect(who, "of the final network", estimated(difference))
    yield from notes(by_role)
    if best["tested_before"]:
        yield _opened_before(best)


def _opened_before(best: Mapping[str, Any]) -> str:
    lambdas = ", ".join(map(number, best["tested_before"]))
    return f"The choice has moved: the test set was opened before, for lambda {lambdas}."
