"""A document becomes files: figures as SVG, Markdown for terminals and forges, and a PDF set by typst.

The same document gives the same bytes, wherever it is written and whatever fonts the machine has.
"""

import json
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pipeline import files
from pipeline.errors import HostError
from pipeline.report import style
from pipeline.report.document import Block, Bullets, Command, Document, Picture, Table, Text, numbered, pieces
from pipeline.report.markdown import markdown

FIGURES = "figures"
TEMPLATE = Path(__file__).with_name("report.typ")
TEXT_WIDTH, TALLEST = 164.0, 200.0
"""Millimetres: the text block of the template's page, and how much of its height a figure may take."""

OUTLINED = range(2, 25)
"""So many sections are listed under the title: one needs no list, and more would fill the page."""


def publish(document: Document, folder: Path) -> tuple[Path, Path]:
    """Write `document` to `folder`, which exists: figures/, report.md, report.pdf; return the paths of the latter two.

    Each file appears whole. Figures of an earlier document that this one does not have are removed; whatever else lies
    in figures/ is left alone.

    Raises:
        HostError: the folder cannot be written; or typst is not installed, and all but report.pdf has been written.
    """
    figures = files.make_folder(folder / FIGURES)
    pictures = [block for section in document.sections for block in section.blocks if isinstance(block, Picture)]
    names = [picture.name for picture in pictures]
    if len(set(names)) < len(names):
        raise ValueError(f"the pictures of a document must have different names, got {names}")
    for picture in pictures:
        style.save(picture.figure, figures, picture.name, formats=("svg",))
    _remove_others(figures, {f"{name}.svg" for name in names})
    text, page = folder / "report.md", folder / "report.pdf"
    files.write_text(text, markdown(document))
    try:
        with files.reading(figures):
            drawn = {f"{name}.svg": (figures / f"{name}.svg").read_bytes() for name in names}
        content = typeset(document, drawn)
    except HostError:
        files.remove(page)  # an earlier one would pass for this one
        raise
    with files.atomic(page) as file:
        file.write(content)
    return page, text


def _remove_others(figures: Path, wanted: Collection[str]) -> None:
    """Remove the pictures in `figures` that are not `wanted`."""
    with files.writing(figures):
        for path in figures.glob("*.svg"):
            if path.name not in wanted and path.is_file():
                path.unlink()


def typeset(document: Document, figures: Mapping[str, bytes], **how: Any) -> bytes:
    """Return `document` as a PDF; `figures` holds its pictures by file name, `how` goes to typst.

    Raises:
        HostError: the package typst is not installed.
    """
    try:
        import typst  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise HostError(
            f"a PDF must be set by the package typst, got no such package ({sys.executable} -m pip install typst "
            "brings it); report.md holds the same content"
        ) from error
    world = {"main.typ": TEMPLATE.read_bytes(), "document.json": json.dumps(plain(document)).encode(), **figures}
    content: bytes = typst.compile(world, ignore_system_fonts=True, **how)
    return content


def plain(document: Document) -> dict[str, Any]:
    """Return what the template reads: `document` as dictionaries and lists, every text as its pieces."""
    sections = [
        {"title": _pieces(section.title), "blocks": [_block(block, label) for block, label in blocks]}
        for section, blocks in numbered(document)
    ]
    return {
        "title": document.title,
        "subtitle": document.subtitle,
        "outline": len(sections) in OUTLINED,
        "sections": sections,
    }


def _block(block: Block, label: str) -> dict[str, Any]:
    match block:
        case Text(text):
            return {"kind": "text", "text": _pieces(text)}
        case Bullets(items):
            return {"kind": "bullets", "items": [_pieces(item) for item in items]}
        case Command(line):
            return {"kind": "command", "line": line}
        case Table(caption, header, rows, labels):
            cells = [[_pieces(cell) for cell in row] for row in (header, *rows)]
            return _labelled("table", label, caption) | {"header": cells[0], "rows": cells[1:], "labels": labels}
        case Picture(name, _, caption):
            return _labelled("picture", label, caption) | {
                "file": f"{name}.svg",
                "alt": caption,
                "width": _width(block),
            }


def _labelled(kind: str, label: str, caption: str) -> dict[str, Any]:
    return {"kind": kind, "label": label, "caption": _pieces(caption)}


def _pieces(text: str) -> list[dict[str, Any]]:
    return [{"text": piece.text, "code": piece.code} for piece in pieces(text)]


def _width(picture: Picture) -> float:
    """Return the share of the text's width that a picture takes: all of it, unless it would become too tall."""
    width, height = picture.figure.get_size_inches()
    return float(min(1.0, TALLEST / TEXT_WIDTH * width / height))
