"""The depth sweep's sections of the report: networks of up to three layers, and deeper ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from pipeline.inference import ESCAPE_PROBABILITY
from pipeline.report.depth import accuracy_by_depth
from pipeline.report.depth_findings import (
    Names,
    chance_findings,
    depth_findings,
    estimate,
    layers,
    lost_findings,
    norm_findings,
)
from pipeline.report.depth_tables import depth_effects, depth_summary
from pipeline.report.document import Block, Bullets, Picture, Section, Table, Text
from pipeline.report.findings import percent
from pipeline.report.tables import values_of
from pipeline.run.stage import StageResult
from sweeps.answers.depth_figures import curves, figure_name, of_network
from sweeps.answers.grids import diagnosis
from sweeps.answers.wording import changed, counted, listed, reached, rows, training
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


@dataclass(frozen=True)
class Shown:
    """What the sections speak of: the answer, its tables, and the names in them."""

    answer: Found
    summary: pd.DataFrame
    effects: pd.DataFrame
    names: Names

    @property
    def chance(self) -> float:
        """The accuracy of the best constant guess."""
        return chance_accuracy(self.answer)

    def among(self, networks: Sequence[str]) -> "Shown":
        """Return what is told of some networks; effects of depth, which compare several, are left out."""
        summary = self.summary[self.summary["hidden"].isin(networks)]
        return Shown(self.answer, summary, self.effects[self.effects["hidden"].isin(networks)], self.names)


def chance_accuracy(answer: Found) -> float:
    """Return the accuracy of the best constant guess, which the sweep has measured."""
    return diagnosis(answer).chance.accuracy


def own_tables(answer: Found) -> dict[str, pd.DataFrame]:
    """Return one row per network and batch norm, and the paired effects of batch norm and of depth."""
    chance = diagnosis(answer).chance
    return {"summary": depth_summary(answer.records, chance), "effects": depth_effects(answer.records, chance)}


def sections(answer: Found) -> Sequence[Section]:
    """Return items ii) and iii) of the assignment."""
    tables = own_tables(answer)
    told = Shown(answer, tables["summary"], tables["effects"], Names.of(tables["summary"]))
    shallow = [hidden for hidden in told.names.networks if layers(hidden) <= THREE]
    deep = [hidden for hidden in told.names.networks if layers(hidden) > THREE]
    blocks = tuple(_shallow(told, shallow)), tuple(_deep(told, deep))
    return [Section(title, part) for title, part in zip(TITLES, blocks, strict=True)]


def _shallow(told: Shown, networks: Sequence[str]) -> Iterator[Block]:
    """Yield what was run, and the networks of up to three layers; curves of those that have three."""
    yield Text(_what_was_run(told.answer))
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
        yield _picture(told, hidden)


def _deep(told: Shown, networks: Sequence[str]) -> Iterator[Block]:
    """Yield the deeper networks with their curves, and what depth changed over all of them."""
    of_depth = tuple(depth_findings(told.effects, told.names))
    if networks:
        yield from _told_of(told.among(networks), of_depth)
    else:
        yield Text("No network of this run has more than three layers.")
        yield from [Bullets(of_depth)] if of_depth else []
    if len(told.names.networks) > 1:
        yield Picture(
            "depth-test-accuracy",
            accuracy_by_depth(told.answer.records, told.chance),
            "Test accuracy of every trial, network by network.",
        )
    for hidden in networks:
        yield _picture(told, hidden)


def _told_of(told: Shown, more: Sequence[str] = ()) -> Iterator[Block]:
    """Yield the table of some networks, and what it says in words; `more` findings come after those of batch norm."""
    yield _accuracies(told)
    yield Bullets(
        (
            *norm_findings(told.effects, told.names),
            *more,
            *chance_findings(told.summary, told.chance, told.names),
            *lost_findings(told.summary, told.names),
        )
    )


def _accuracies(told: Shown) -> Table:
    """Return the test accuracies, a row per network and batch norm, beside what batch norm changed."""
    effects = {(row["hidden"], row["compared"]): row for _, row in told.effects.iterrows()}
    cells = []
    for _, row in told.summary.iterrows():
        hidden, norm = row["hidden"], row["batch_norm"]
        effect = effects.get((hidden, f"{norm} - none"))
        change = "–" if effect is None else changed(estimate(effect))
        cells.append((str(layers(hidden)), hidden, norm, str(row["n"]), _accuracy(told, row), change))
    return Table(CAPTION, HEADER, tuple(cells), labels=3)


def _accuracy(told: Shown, row: "pd.Series[float]") -> str:
    """Return mean and interval of a row of the summary, or every seed of a mixed one."""
    if 0 < row["escaped"] < row["n"]:
        network = of_network(told.answer.records, str(row["hidden"]))
        group = [record for record in network if record.spec.network.batch_norm == str(row["batch_norm"])]
        return ", ".join(map(percent, values_of(group, "test_accuracy")))
    return reached(estimate(row, "test_accuracy_"))


def _picture(told: Shown, hidden: str) -> Picture:
    norms = listed(map(told.names.with_norm, told.names.norms))
    return Picture(
        f"depth-{figure_name(hidden, told.names)}",
        curves(of_network(told.answer.records, hidden)),
        f"Loss, cost and accuracy of {told.names.network(hidden)}, {norms}.",
    )


def _what_was_run(answer: Found) -> str:
    """Return how the networks were trained, in a sentence."""
    stage = answer.results[-1].stage
    spec = answer.results[-1].records[0].spec
    networks = counted(len(answer.configuration.networks), "network")
    norms = [
        "without batch norm" if norm == "none" else f"with batch norm {norm} the activation"
        for norm in answer.configuration.batch_norm
    ]
    return (
        f"{networks}, each {listed(norms)}, were trained with {counted(stage.replicates, 'pair')} of seeds on "
        f"{rows(spec.data)}: lambda {spec.lambda_:g}, {training(spec)}. All share the seeds of a pair, so that "
        f"differences are taken seed by seed. A constant guess reaches {percent(chance_accuracy(answer))} % of the "
        "test rows; a network has escaped chance level if guessing would reach its test accuracy with a probability of "
        f"at most {ESCAPE_PROBABILITY:g}. Each interval stands for itself: of many, 1 in 20 misses."
    )
