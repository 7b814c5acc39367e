"""The gradient check's section of the report, and its sentences."""

import math
from collections.abc import Iterable, Iterator, Sequence

from pipeline.report.document import Block, Bullets, Section, Table, Text
from pipeline.report.findings import listed
from sweeps.answers import gradient_variants
from sweeps.gradient_check import Checked, Compared

TITLE = "i) Gradient check"


def section(checked: Checked) -> Section:
    """Return how the gradients were checked, what came out in words, and the tables: by depth, and of the variants."""
    return Section(TITLE, tuple(_blocks(checked)))


def verdict(rows: Sequence[Compared]) -> str:
    """Return whether the gradients are right, in a sentence that names the worst."""
    worst = gradient_variants.largest(rows)
    wrong = [row for row in rows if not row.passed]
    if not wrong:
        return (
            f"no sign of a mistake: {len(rows)} comparisons, the largest relative error is {_error(worst)}, for "
            f"{worst.parameter} of {worst.network}; the bound is {worst.bound:g}"
        )
    return (
        f"gradients must match centred differences to {worst.bound:g}, got {_error(worst)} for {worst.parameter} of "
        f"{worst.network}, the worst of {len(wrong)} that fail among {len(rows)} comparisons"
    )


def left_out(rows: Sequence[Compared]) -> tuple[int, int]:
    """Return how many entries were skipped, and of how many."""
    return sum(row.skipped for row in rows), sum(math.prod(row.shape) for row in rows)


def _error(row: Compared) -> str:
    return "none (most entries left out)" if row.relative_error is None else f"{row.relative_error:.1e}"


def _blocks(checked: Checked) -> Iterator[Block]:
    asked, rows = checked.configuration, checked.rows
    base = [row for row in rows if not row.variant]
    depths = list(dict.fromkeys(row.layers for row in base))
    hidden = ["-".join(map(str, asked.hidden[: layers - 1])) for layers in depths]
    lambdas = dict.fromkeys(f"{row.lambda_:g}" for row in rows)
    skipped, entries = left_out(rows)
    yield Text(
        "The gradients of the very function that training calls were compared with centred differences of the cost J, "
        f"penalty included: (J(p + h) - J(p - h)) / 2h with h = {checked.step:g}, in float64, entry by entry, for "
        f"every parameter p of networks with {listed(map(str, depths))} layers (hidden sizes {listed(hidden)}; "
        f"activation {asked.activation}; {asked.inputs} inputs, {checked.classes} classes), without batch norm and "
        f"with batch norm before and after the activation, with lambda {listed(lambdas)}. Inputs are one random batch "
        f"of {asked.batch_size} examples, whose own statistics batch norm uses. All parameters are moved at random "
        "first: gamma = 1 and beta = 0 can hide mistakes."
    )
    yield Text(
        "The relative error of a parameter is max |analytic - numerical| divided by the largest of its gradients, and "
        f"by {checked.floor:g} where all are smaller; it must not exceed {rows[0].bound:g}. An entry is left out where "
        "moving it carries a unit across the kink of its activation: a difference of costs across a corner says "
        f"nothing about the gradient. That happened to {skipped} of {entries} entries."
    )
    yield Bullets((_sentence(verdict(rows)), *_failures(rows)))
    yield Text(
        "A dash marks a parameter that the network does not have: a layer that is normalised before its activation "
        "has no bias, as batch norm would subtract it again."
    )
    for layers in depths:
        yield _errors([row for row in base if row.layers == layers], layers)
    yield from gradient_variants.blocks(checked)


def _failures(rows: Iterable[Compared]) -> list[str]:
    """Return a sentence for every network of which a parameter fails."""
    networks: dict[str, list[str]] = {}
    for row in rows:
        if not row.passed:
            networks.setdefault(row.network, []).append(f"{row.parameter} ({_error(row)})")
    return [f"Of {network} these fail: {', '.join(failing)}." for network, failing in networks.items()]


def _errors(rows: Sequence[Compared], layers: int) -> Table:
    """Return the errors of one depth: a row per parameter, a column per network."""
    networks = list(dict.fromkeys((row.batch_norm, row.lambda_) for row in rows))
    cells = {(row.parameter, row.batch_norm, row.lambda_): row for row in rows}
    parameters = dict.fromkeys(row.parameter for row in rows)

    def cell(parameter: str, network: tuple[str, float]) -> str:
        row = cells.get((parameter, *network))
        if row is None:
            return "–"
        error = "none" if row.relative_error is None else f"{row.relative_error:.1e}"
        return error if row.passed else f"{error} fails"

    return Table(
        f"Relative errors of the gradients of {layers}-layer networks, by batch norm (none, before or after the "
        "activation) and lambda.",
        ("parameter", *(f"{norm}, {lambda_:g}" for norm, lambda_ in networks)),
        tuple((parameter, *(cell(parameter, network) for network in networks)) for parameter in parameters),
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
