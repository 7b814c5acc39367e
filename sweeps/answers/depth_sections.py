"""The depth sweep's sections of the report: networks of up to three layers, and deeper ones."""

from collections.abc import Iterator, Sequence

import pandas as pd

from pipeline.report.curve_findings import losses
from pipeline.report.depth import accuracy_by_depth
from pipeline.report.depth_findings import (
    Study,
    accuracy_findings,
    chance_findings,
    depth_findings,
    layers,
    lost_findings,
    norm_findings,
)
from pipeline.report.depth_tables import depth_effects, depth_summary
from pipeline.report.document import Block, Bullets, Picture, Section, Table, Text
from pipeline.report.escape import initialisation
from pipeline.report.findings import all_diverged, listed, trained
from pipeline.run.stage import StageResult
from sweeps.answers.depth_figures import curves, figure_name, of_network
from sweeps.answers.grids import diagnosis
from sweeps.answers.wording import attained, changed, counted, escape_defined, intervals, was_run
from sweeps.depth import Depth
from sweeps.question import Answer

Found = Answer[Depth, StageResult]

THREE = 3
TITLES = "ii) Three layers, with and without batch normalisation", "iii) Deeper networks"
CAPTION = (
    "Test accuracy, mean and 95 % t interval over the n seeds that completed, or every seed where some stayed at "
    "chance level and others did not; and what batch norm changed in it, seed by seed."
)
HEADER = ("layers", "hidden sizes", "batch norm", "n", "test accuracy (%)", "change (points)")


def study(answer: Found) -> Study:
    """Return what the sentences are made from."""
    return Study.of(answer.records, diagnosis(answer).chance)


def own_tables(answer: Found) -> dict[str, pd.DataFrame]:
    """Return one row per network and batch norm, and the paired effects of batch norm and of depth."""
    chance = diagnosis(answer).chance
    return {"summary": depth_summary(answer.records, chance), "effects": depth_effects(answer.records, chance)}


def sections(answer: Found) -> Sequence[Section]:
    """Return items ii) and iii) of the assignment."""
    told = study(answer)
    shallow = [hidden for hidden in told.names.networks if layers(hidden) <= THREE]
    deep = [hidden for hidden in told.names.networks if layers(hidden) > THREE]
    blocks = tuple(_shallow(answer, told, shallow)), tuple(_deep(answer, told, deep))
    return [Section(title, part) for title, part in zip(TITLES, blocks, strict=True)]


def _shallow(answer: Found, told: Study, networks: Sequence[str]) -> Iterator[Block]:
    """Yield what was run, and the networks of up to three layers; curves of those that have three."""
    yield Text(_what_was_run(answer, told))
    if not networks:
        yield Text("No network of this run has up to three layers.")
        return
    three = [hidden for hidden in networks if layers(hidden) == THREE]
    if not three:
        deepest = max(map(layers, networks))
        three = [hidden for hidden in networks if layers(hidden) == deepest]
        yield Text(f"No network of this run has three layers; drawn are the curves of those that have {deepest}.")
    yield from _told_of(told.among(networks))
    for hidden in three:
        yield from _curves(answer, told, hidden)


def _deep(answer: Found, told: Study, networks: Sequence[str]) -> Iterator[Block]:
    """Yield the deeper networks with their curves, and what depth changed over all of them."""
    of_depth = tuple(depth_findings(told))
    if networks:
        yield from _told_of(told.among(networks), of_depth)
    else:
        yield Text("No network of this run has more than three layers.")
        yield from [Bullets(of_depth)] if of_depth else []
    if len(told.names.networks) > 1:
        yield Picture(
            "depth-test-accuracy",
            accuracy_by_depth(answer.records, told.chance),
            "Test accuracy of every trial, network by network.",
        )
    for hidden in networks:
        yield from _curves(answer, told, hidden)


def _told_of(told: Study, more: Sequence[str] = ()) -> Iterator[Block]:
    """Yield the table of some networks, and what it says in words; `more` findings come after those of batch norm."""
    yield _accuracies(told)
    before, after = (accuracy_findings, norm_findings), (chance_findings, lost_findings)
    parts = [*(rule(told) for rule in before), more, *(rule(told) for rule in after)]
    yield Bullets(tuple(all_diverged(told.cells.values()) or (finding for part in parts for finding in part)))


def _accuracies(told: Study) -> Table:
    """Return the test accuracies, a row per network and batch norm, beside what batch norm changed."""
    lines = []
    for (hidden, norm), cell in told.cells.items():
        effect = told.of_norm.get((hidden, norm))
        change = "–" if effect is None else changed(effect)
        lines.append((str(layers(hidden)), hidden, norm, str(cell.n), attained(cell), change))
    return Table(CAPTION, HEADER, tuple(lines), labels=3)


def _curves(answer: Found, told: Study, hidden: str) -> Iterator[Block]:
    """Yield what the losses of a network say, and its curves."""
    records = of_network(answer.records, hidden)
    norms = {trained(norm, told.names.norms): norm for norm in told.names.norms}
    groups = {name: [r for r in records if r.spec.network.batch_norm == norm] for name, norm in norms.items()}
    yield Text(losses(groups, told.names.network(hidden)))
    yield Picture(
        f"depth-{figure_name(hidden, told.names)}",
        curves(records),
        f"Loss, cost and accuracy of {told.names.network(hidden)}, {listed(norms)}.",
    )


def _what_was_run(answer: Found, told: Study) -> str:
    """Return how the networks were trained, and how to read what follows."""
    config, stage = answer.configuration, answer.results[-1].stage
    networks = counted(len(config.networks), "network")
    start = f", {initialisation(stage.fixed.init)}"
    return " ".join(
        (
            was_run(networks, config.batch_norm, stage, start),
            escape_defined(told.chance),
            intervals(told.cells.values(), stage.fixed.data.n_test),
        )
    )
