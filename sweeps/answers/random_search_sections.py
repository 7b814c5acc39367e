"""The random search's section of the report: what was run, which settings are best, what matters, what it bought."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.inference import SHARE, mean_interval
from pipeline.report.document import Block, Bullets, Picture, Section, Table, Text
from pipeline.report.findings import listed, percent
from pipeline.report.style import number
from pipeline.report.tables import by_setting, shown, values_of
from pipeline.run.space import Choices
from pipeline.run.stage import Stage, StageResult
from pipeline.spec import Setting
from sweeps.answers import random_search_figures as figures
from sweeps.answers import random_search_redrawn as redrawn
from sweeps.answers.random_search_conclusion import NAMES, conclude
from sweeps.answers.random_search_findings import findings
from sweeps.answers.random_search_study import Found, comparable, completed, how_tested, importances, looked_at
from sweeps.answers.stages import TRAINED, final_networks, trained
from sweeps.answers.tested import cells, estimated, notes
from sweeps.answers.wording import counted, rows
from sweeps.random_search import PARAMETERS, Ranked

TITLE = "The random search: network, learning rate, lambda, weight scale and dropout together"
TOP = 10


def sections(answer: Found) -> Sequence[Section]:
    """Return what was searched, the best settings, which parameters matter, and what the winner reaches."""
    return [Section(TITLE, tuple(_blocks(answer, conclude(answer))))]


def _blocks(answer: Found, best: Mapping[str, Any]) -> Iterator[Block]:
    conclusion = answer.conclusion
    yield Text(_what_was_run(answer))
    yield _space(answer)
    yield _stages(answer.results)
    yield Bullets(tuple(findings(answer, best)))
    if conclusion.searched:
        yield _top(answer)
    yield Picture(
        "random-search-progress",
        figures.search_progress(answer),
        "The search: validation accuracy of every setting in the order of proposal, and the best so far.",
    )
    yield from _pictures(answer)
    if conclusion.confirmed:
        yield _finalists(answer)
    if conclusion.winner:
        yield _tested(best)
        yield Bullets((*notes(best["test_accuracy_by_role"]), *_opened_before(best)))
        yield Picture(
            "random-search-final-accuracy",
            figures.final_accuracy(answer),
            "Test accuracy of the final networks, seed by seed.",
        )


def _pictures(answer: Found) -> Iterator[Picture]:
    """Yield what needs several settings that completed: slices, parallel coordinates and importances."""
    found = importances(answer)
    if found:
        yield Picture(
            "random-search-importance",
            figures.parameter_importance(answer),
            f"Share of the variance of validation accuracy {looked_at(answer)} that each parameter explains on its own "
            f"(fANOVA over {len(completed(answer))} settings); grey where accuracy goes with it no more than chance "
            f"gives ({how_tested(found)}).",
        )
    if comparable(answer):
        yield Picture(
            "random-search-slices",
            redrawn.slices(answer),
            "The settings of the search, parameter by parameter; crosses did not complete.",
        )
        yield Picture(
            "random-search-parallel",
            redrawn.parallel_coordinates(answer),
            "The settings of the search, each a line from its validation accuracy through its parameters.",
        )


def _what_was_run(answer: Found) -> str:
    config, search = answer.configuration, answer.results[0].stage
    fixed = [f"{NAMES[name]} {shown(value)}" for name, value in config.space.fixed.items()]
    others = f" Fixed: {listed(fixed)}." if fixed else ""
    breadth = ", as many settings tell more than few repeats" if search.replicates == 1 else ""
    what = listed(NAMES[name] for name in config.space.dimensions)
    return (
        f"Optuna's sampler {config.search.sampler} proposed {counted(search.proposal.count, 'setting')} of {what}, "
        f"each trained on {rows(search.fixed.data)} with {counted(search.replicates, 'pair')} of seeds{breadth}. "
        f"{' '.join(_followed(answer))}{others}"
    )


def _followed(answer: Found) -> Iterator[str]:
    """Yield what came after the search: nothing where no setting completed, and nothing final without a winner."""
    conclusion, stages = answer.conclusion, [result.stage for result in answer.results]
    if len(stages) == 1:
        yield "No setting completed with every seed, so that nothing was chosen or tested."
        return
    yield _trained_again(len(conclusion.searched), *stages[:2])
    yield "Both stages are judged on validation rows alone."
    if len(stages) == 2:
        yield "None of the finalists completed with every seed, so that nothing was chosen or tested."
        return
    yield (
        "The winner is the finalist with the best mean there. The final stage chooses nothing: it trains the winner "
        "and the network of the handouts, again with fresh seeds, and tests them."
    )


def _trained_again(completed: int, search: Stage, confirm: Stage) -> str:
    """Return which of the `completed` settings were trained again, and for how long."""
    count, epochs, before = confirm.proposal.count, confirm.fixed.schedule.epochs, search.fixed.schedule.epochs
    which = f"best {counted(count, 'setting')}" if count < completed else f"{counted(count, 'setting')} that completed"
    were = "was" if count == 1 else "were"
    length = f"for {epochs} epochs"
    if epochs != before:
        length = f"{'longer' if epochs > before else 'more shortly'} ({epochs} epochs instead of {before})"
    return f"The {which} {were} trained again, {length} and with fresh seeds."


def _space(answer: Found) -> Table:
    """Return where was looked."""
    lines = []
    for name, dimension in answer.configuration.space.dimensions.items():
        if isinstance(dimension, Choices):
            lines.append((NAMES[name], ", ".join(dimension.values), "one of these"))
        else:
            ends = f"{number(dimension.low)} to {number(dimension.high)}"
            lines.append((NAMES[name], ends, "evenly" if name == "keep" else "on a log scale"))
    caption = (
        "What was searched; the learning rate is the largest of a cycle, keep the probability to keep a hidden unit."
    )
    return Table(caption, ("parameter", "values", "how"), tuple(lines), labels=3)


def _stages(results: Sequence[StageResult]) -> Table:
    stages = (result.stage for result in results)
    lines = ((stage.name, str(stage.proposal.count), *trained(stage)) for stage in stages)
    caption = "The stages: how many settings, with how many pairs of seeds each, for how long, on how many rows."
    return Table(caption, ("stage", "settings", *TRAINED), tuple(lines))


def _top(answer: Found) -> Table:
    best = answer.conclusion.searched[:TOP]
    return Table(
        f"The top {len(best)} of the {answer.configuration.search.count} settings of the search by mean validation "
        f"accuracy over {counted(answer.configuration.search.replicates, 'pair')} of seeds: the best of so many are "
        "partly lucky.",
        (*_header(answer), "validation accuracy (%)"),
        tuple((*_cells(answer, each.setting), percent(each.mean)) for each in best),
    )


def _finalists(answer: Found) -> Table:
    """Return what fresh seeds made of the best settings."""
    result = answer.results[1]
    seeds = {values: values_of(group, "val_accuracy") for values, group in _groups(result).items()}
    before = {tuple(each.setting.values()): each.mean for each in answer.conclusion.searched}

    def line(each: Ranked) -> tuple[str, ...]:
        values = tuple(each.setting.values())
        reached = cells(mean_interval(seeds[values], bounds=SHARE))
        return (*_cells(answer, each.setting), percent(before[values]), *reached)

    return Table(
        f"The finalists, trained for {result.stage.fixed.schedule.epochs} epochs with fresh seeds: mean validation "
        "accuracy with its 95 % t interval, best first.",
        (*_header(answer), "in the search (%)", "accuracy (%)", "sd (points)", "n"),
        tuple(map(line, answer.conclusion.confirmed)),
    )


def _groups(result: StageResult) -> dict[tuple[Any, ...], Any]:
    return by_setting(result.records, PARAMETERS, ascending=False)


def _header(answer: Found) -> tuple[str, ...]:
    return tuple(NAMES[name] for name in answer.configuration.space.dimensions)


def _cells(answer: Found, setting: Setting) -> tuple[str, ...]:
    values = (setting[name] for name in answer.configuration.space.dimensions)
    return tuple(number(value) if isinstance(value, float) else str(shown(value)) for value in values)


def _tested(best: Mapping[str, Any]) -> Table:
    lines = []
    for role, tested in best["test_accuracy_by_role"].items():
        setting = tested["setting"]
        sigma = setting["init"] if setting["sigma"] is None else number(setting["sigma"])
        numbers = (number(setting[name]) for name in ("eta_max", "lambda"))
        what = (role, setting["hidden"], setting["batch_norm"], *numbers, sigma, number(setting["keep"]))
        lines.append((*what, *cells(estimated(tested))))
    header = ("role", "network", "batch norm", "learning rate", "lambda", "weight scale", "keep")
    return final_networks(header, lines, labels=3)


def _opened_before(best: Mapping[str, Any]) -> Iterator[str]:
    if best["tested_before"]:
        settings = "; ".join(
            ", ".join(f"{name} {value}" for name, value in each.items()) for each in best["tested_before"]
        )
        yield f"The choice has moved: the test set was opened before, for {settings}."
