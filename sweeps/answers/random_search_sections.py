"""The random search's section of the report: what was run, which settings are best, what matters, what it bought."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.inference import SHARE, mean_interval
from pipeline.report.document import Block, Bullets, Picture, Section, Table, Text
from pipeline.report.findings import listed, percent
from pipeline.report.style import number
from pipeline.report.tables import by_setting, shown, values_of
from pipeline.run.space import Choices
from pipeline.run.stage import StageResult
from pipeline.spec import Setting
from sweeps.answers import random_search_figures as figures
from sweeps.answers.random_search_conclusion import NAMES, conclude
from sweeps.answers.random_search_findings import findings
from sweeps.answers.random_search_study import SHUFFLES, Found, completed, importances
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
    """Yield what needs settings that completed: slices, parallel coordinates and importances."""
    if importances(answer):
        yield Picture(
            "random-search-importance",
            figures.parameter_importance(answer),
            "Share of the variance of validation accuracy over the space that each parameter explains on its own "
            f"(fANOVA over {len(completed(answer))} settings), and the most in {SHUFFLES} shuffles of the accuracies.",
        )
    if completed(answer):
        yield Picture(
            "random-search-slices",
            figures.slices(answer),
            "The settings of the search, parameter by parameter; crosses did not complete.",
        )
        yield Picture(
            "random-search-parallel",
            figures.parallel_coordinates(answer),
            "The settings of the search, each a line from its validation accuracy through its parameters.",
        )


def _what_was_run(answer: Found) -> str:
    config, search = answer.configuration, answer.results[0].stage
    fixed = [f"{NAMES[name]} {shown(value)}" for name, value in config.fixed.items()]
    others = f" Fixed: {listed(fixed)}." if fixed else ""
    breadth = ", as many settings tell more than few repeats" if search.replicates == 1 else ""
    return (
        f"{config.search.count} settings of {listed(NAMES[name] for name in config.searched)} were proposed by "
        f"Optuna's sampler {config.search.sampler} and trained on {rows(search.fixed.data)} with "
        f"{counted(search.replicates, 'pair')} of seeds each{breadth}. The best "
        f"{config.confirm.finalists} of them were trained again, longer and with fresh seeds, and the best mean there "
        "is the winner. Both stages are judged on validation rows alone. The final stage chooses nothing: it trains "
        f"the winner and the network of the handouts, again with fresh seeds, and tests them.{others}"
    )


def _space(answer: Found) -> Table:
    """Return where was looked."""
    lines = []
    for name, dimension in answer.configuration.searched.items():
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
    header = ("stage", "settings", "seeds", "cycles", "epochs", "training", "validation", "test rows")
    lines = []
    for stage in (result.stage for result in results):
        data, schedule = stage.fixed.data, stage.fixed.schedule
        counts = (stage.proposal.count, stage.replicates, schedule.cycles, schedule.epochs)
        sizes = (f"{rows:,}" if rows else "–" for rows in (data.n_train, data.n_val, data.n_test))
        lines.append((stage.name, *map(str, counts), *sizes))
    caption = "The stages: how many settings, with how many pairs of seeds each, for how long, on how many rows."
    return Table(caption, header, tuple(lines))


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
    """Return what fresh seeds and longer training made of the best settings."""
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
    return tuple(NAMES[name] for name in answer.configuration.searched)


def _cells(answer: Found, setting: Setting) -> tuple[str, ...]:
    values = (setting[name] for name in answer.configuration.searched)
    return tuple(number(value) if isinstance(value, float) else str(shown(value)) for value in values)


def _tested(best: Mapping[str, Any]) -> Table:
    lines = []
    for role, tested in best["test_accuracy_by_role"].items():
        setting = tested["setting"]
        sigma = setting["init"] if setting["sigma"] is None else number(setting["sigma"])
        numbers = (number(setting[name]) for name in ("eta_max", "lambda"))
        what = (role, setting["hidden"], setting["batch_norm"], *numbers, sigma, number(setting["keep"]))
        lines.append((*what, *cells(estimated(tested))))
    return Table(
        "Test accuracy of the final networks, mean and 95 % t interval over the n pairs of seeds that completed.",
        (
            *("role", "network", "batch norm", "learning rate", "lambda", "weight scale", "keep"),
            *("test accuracy (%)", "sd (points)", "n"),
        ),
        tuple(lines),
        labels=3,
    )


def _opened_before(best: Mapping[str, Any]) -> Iterator[str]:
    if best["tested_before"]:
        settings = "; ".join(
            ", ".join(f"{name} {value}" for name, value in each.items()) for each in best["tested_before"]
        )
        yield f"The choice has moved: the test set was opened before, for {settings}."
