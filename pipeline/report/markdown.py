"""A document as Markdown (CommonMark with GitHub's tables), for terminals and forges."""

import re

from pipeline.report.document import Block, Bullets, Command, Document, Picture, Table, Text, numbered, pieces


def markdown(document: Document) -> str:
    """Return the text of report.md; its figures lie in ``figures/``."""
    blocks = [f"# {escaped(document.title)}", escaped(document.subtitle)]
    for section, labelled in numbered(document):
        blocks += [f"## {escaped(section.title)}", *(_block(block, label) for block, label in labelled)]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _block(block: Block, label: str) -> str:
    match block:
        case Text(text):
            return escaped(text)
        case Bullets(items):
            return "\n".join(f"- {escaped(item)}" for item in items)
        case Command(line):
            return f"    {line}"  # an indented block: nothing in it can end it
        case Table():
            return f"**{label}.** {escaped(block.caption)}\n\n{_table(block)}"
        case Picture(name, _, caption):
            return f"![{escaped(caption)}](figures/{name}.svg)\n\n**{label}.** {escaped(caption)}"


def _table(table: Table) -> str:
    """Return a pipe table whose columns line up as far as they are read as plain text."""
    rows = [[_cell(cell) for cell in row] for row in (table.header, *table.rows)]
    widths = [max(3, *(len(row[column]) for row in rows)) for column in range(len(table.header))]

    def line(cells: list[str]) -> str:
        fitted = [
            cell.ljust(width) if column < table.labels else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(fitted)} |"

    rules = ["-" * width if column < table.labels else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    return "\n".join([line(rows[0]), line(rules), *map(line, rows[1:])])


def _cell(text: str) -> str:
    """Return a cell's text; the table is cut at bars before anything else is read, those in code included."""
    return "".join(
        f"`{piece.text}`".replace("|", "\\|") if piece.code else _prose(piece.text) for piece in pieces(text)
    )


def escaped(text: str) -> str:
    """Return `text` so that Markdown shows it as it is, but for its code."""
    line = "".join(f"`{piece.text}`" if piece.code else _prose(piece.text) for piece in pieces(text))
    line = re.sub(r"^(\d+)([.)])", r"\1\\\2", line)  # "1." would begin a list with numbers,
    return re.sub(r"^([-+])", r"\\\1", line)  # these one without


def _prose(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>&|~#$])", r"\\\1", text)
