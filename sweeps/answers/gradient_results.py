"""What the gradient check leaves behind: a table on the screen, the same as files, and what the report says of it."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
from rich import table as screen

from pipeline.blas import single_thread
from pipeline.core.gradcheck import FLOOR, STEP
from pipeline.errors import DataError, PipelineError
from pipeline.files import make_folder, unreadable, write_json
from pipeline.report.document import Command, Section, Text
from pipeline.report.provenance import Origin, Told
from pipeline.report.tables import write_csv
from pipeline.run.provenance import provenance
from pipeline.spec import canonical_json, from_json
from sweeps.answers.gradient_sections import TITLE, left_out, section, verdict
from sweeps.answers.gradient_variants import by_variant, largest
from sweeps.cli import Options, changed
from sweeps.command import command
from sweeps.gradient_check import CLASSES, NAME, VARIANTS, Checked, Compared, GradientCheck, check
from sweeps.terminal import Terminal

RECORD = "gradients.json"
COLUMNS = (
    *("variant", "layers", "batch_norm", "lambda"),
    *("parameter", "shape", "relative_error", "skipped", "bound", "passed"),
)


def execute(config: GradientCheck, options: Options) -> None:
    """Print the tables, store them beside the results, and fail if an error exceeds its bound.

    Raises:
        PipelineError: a gradient is wrong, which is a bug of ours.
    """
    with single_thread():
        rows = tuple(check(config, VARIANTS, options.seed))
        checked = Checked(config, options.seed, STEP, FLOOR, CLASSES, rows, provenance(), VARIANTS)
    terminal = Terminal(highlight=False)
    terminal.print(_screen([row for row in rows if not row.variant]))
    terminal.print(_variants(rows))
    folder = make_folder(options.artifacts / NAME)
    write_csv(folder / "gradients.csv", _frame(rows))
    write_json(folder / RECORD, json.loads(canonical_json(checked)))
    if not all(row.passed for row in rows):
        raise PipelineError(verdict(rows))
    print(verdict(rows))
    skipped, entries = left_out(rows)
    print(f"{skipped} of {entries} entries left out, as moving them carries a unit across the kink of its activation")


def stored(folder: Path) -> Checked:
    """Return the record that `folder` holds.

    Raises:
        FileNotFoundError: there is none.
        DataError: it is damaged.
        HostError: it cannot be read.
    """
    path = folder / RECORD
    try:
        checked = from_json(path.read_text(), Checked)
        if not checked.rows:
            raise DataError("no comparison")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise unreadable(path, error) from error
    except (UnicodeDecodeError, DataError) as error:
        raise DataError(f"{path} must hold a gradient check, got {error}; make {NAME} writes it again") from error
    return checked


def tells(options: Options, _data_name: str) -> Told:
    """Return what the report says of the check, which needs no data: its section, or the command that would tell.

    Raises:
        DataError: what is stored is damaged.
        HostError: it cannot be read.
    """
    try:
        checked = stored(options.artifacts / NAME)
    except FileNotFoundError:
        text = Text("The gradients have not been checked. This command checks them:")
        return Told([Section(TITLE, (text, Command(command(NAME, Options()))))], None)
    line = command(NAME, Options(seed=checked.seed), changed(GradientCheck(), checked.configuration))
    origin = Origin(NAME, line, checked.seed, "", (), ((checked.provenance, len(checked.rows)),), 0)
    return Told([section(checked)], origin)


def _frame(rows: Iterable[Compared]) -> pd.DataFrame:
    """Return the rows as gradients.csv lists them."""
    cells = [
        (
            *(row.variant, row.layers, row.batch_norm, row.lambda_, row.parameter, "x".join(map(str, row.shape))),
            *(row.relative_error, row.skipped, row.bound, row.passed),
        )
        for row in rows
    ]
    return pd.DataFrame(cells, columns=COLUMNS).astype({"relative_error": float})


def _screen(rows: Sequence[Compared]) -> screen.Table:
    """Lay the errors out for a terminal: a row per network, what fails in red."""
    table = screen.Table(
        "layers",
        "batch norm",
        "lambda",
        "relative error by parameter",
        title=f"step {STEP:g}, bound {rows[0].bound:g}",
    )
    networks: dict[tuple[int, str, float], list[str]] = {}
    for row in rows:
        networks.setdefault((row.layers, row.batch_norm, row.lambda_), []).append(_marked(row))
    for (layers, batch_norm, lambda_), errors in networks.items():
        table.add_row(str(layers), batch_norm, f"{lambda_:g}", "  ".join(errors))
    return table


def _variants(rows: Iterable[Compared]) -> screen.Table:
    """Lay the variants out for a terminal: the largest error of each with each lambda, what fails in red."""
    groups = by_variant(rows)
    compared = {group[0].variant: str(len(group)) for group in groups}
    lambdas = dict.fromkeys(group[0].lambda_ for group in groups)
    worst = {(group[0].variant, group[0].lambda_): _marked(largest(group)) for group in groups}
    table = screen.Table("variant", "compared", *(f"lambda {lambda_:g}" for lambda_ in lambdas))
    table.title = "variants: the largest relative error, and of which parameter"
    for variant, count in compared.items():
        table.add_row(variant, count, *(worst[variant, lambda_] for lambda_ in lambdas))
    return table


def _marked(row: Compared) -> str:
    """Return a parameter and its error as one word, which no line breaks; in red where it fails."""
    text = f"{row.parameter}={'none' if row.relative_error is None else f'{row.relative_error:.0e}'}"
    return text if row.passed else f"[bold red]{text}[/]"
