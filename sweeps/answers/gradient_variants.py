"""What the report and the screen say of the gradient check's variants: what each is, and its largest error."""

import math
from collections.abc import Iterable, Iterator, Sequence

from pipeline.report.document import Block, Table, Text
from pipeline.report.findings import listed
from sweeps.gradient_check import Case, Checked, Compared

HEADER = ("variant", "lambda", "compared", "largest error", "of", "passed")
ABSENT = "–"


def blocks(checked: Checked) -> Iterator[Block]:
    """Yield what the variants are and what came out, or that there are none."""
    if not checked.variants:
        yield Text(
            "This check is of an earlier version, which knew no variants: layer norm, skip connections, dropout and "
            "all activations. `make gradient-check` checks them too."
        )
        return
    yield Text(_introduction(checked.variants))
    yield _definitions(checked.variants)
    yield Table(
        "Variants: how many parameters were compared, the largest relative error among them, and of which it is; all "
        "errors are in gradients.csv.",
        HEADER,
        tuple(cells(group) for group in by_variant(checked.rows)),
    )


def by_variant(rows: Iterable[Compared]) -> list[list[Compared]]:
    """Return the rows of every variant and lambda."""
    groups: dict[tuple[str, float], list[Compared]] = {}
    for row in rows:
        if row.variant:
            groups.setdefault((row.variant, row.lambda_), []).append(row)
    return list(groups.values())


def cells(group: Sequence[Compared]) -> tuple[str, ...]:
    """Return what HEADER announces of the rows of one variant with one lambda."""
    worst = largest(group)
    error = "none" if worst.relative_error is None else f"{worst.relative_error:.1e}"
    failing = sum(not row.passed for row in group)
    verdict = f"no, {failing} fail" if failing else "yes"
    return (worst.variant, f"{worst.lambda_:g}", str(len(group)), error, worst.parameter, verdict)


def largest(rows: Iterable[Compared]) -> Compared:
    """Return the row with the largest error; one that was hardly compared is beyond all."""
    return max(rows, key=lambda row: math.inf if row.relative_error is None else row.relative_error)


def _introduction(variants: Sequence[Case]) -> str:
    """Return what the table of variants cannot say, and only of what is among them."""
    sizes = dict.fromkeys(
        f"{case.inputs} inputs, {case.classes} classes and {case.batch_size} examples" for case in variants
    )
    epsilons = dict.fromkeys(f"{case.network.bn_epsilon:g}" for case in variants if case.network.norm != "none")
    sentences = [
        f"{len(variants)} variants were compared in the same way: further networks with {listed(sizes)}, the same ones "
        "whatever the flags. The next table says what each of them has."
    ]
    if epsilons:
        sentences.append(f"Where layers are normalised, epsilon is {listed(epsilons)}.")
    if any(case.network.skips for case in variants):
        sentences.append(
            "A skip 1-3 adds what hidden layer 1 puts out to what hidden layer 3 gets before its norm and activation, "
            "equations (40) and (41); the layers between are bare, without norm and bias, or like all others."
        )
    if any(case.keep < 1 for case in variants):
        sentences.append(
            "Dropout multiplies what every hidden layer puts out by masks of 0 and 1/keep, drawn once: the same at "
            "both points of every difference."
        )
    return " ".join(sentences)


def _definitions(variants: Sequence[Case]) -> Table:
    return Table(
        "The variants: what each network has, and by a dash what it does not have.",
        ("variant", "hidden layers", "activation", "normalised", "skips", "between", "keep"),
        tuple((case.name, *_definition(case)) for case in variants),
        labels=7,
    )


def _definition(case: Case) -> tuple[str, ...]:
    spec = case.network
    norm = ABSENT if spec.norm == "none" else f"{_kind(case)} norm {spec.norm}"
    if spec.num_bn_layers is not None:
        norm += f", first {spec.num_bn_layers}" if spec.num_bn_layers > 1 else ", first only"
    between = "like the others" if spec.skip_norm else "bare"
    return (
        *("-".join(map(str, spec.hidden)), spec.activation, norm),
        ", ".join(f"{start}-{end}" for start, end in spec.skips) or ABSENT,
        between if spec.skips else ABSENT,
        f"{case.keep:g}" if case.keep < 1 else ABSENT,
    )


def _kind(case: Case) -> str:
    return "batch" if case.network.layer_norm == "none" else "layer"
