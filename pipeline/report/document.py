"""A document as a value: sections of text, lists, commands, tables and pictures, to be set as PDF and as Markdown.

Text is plain: nothing in it is markup, except that `backticks` enclose code.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

from matplotlib.figure import Figure


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of sentences, such as findings."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """A command line to type."""

    line: str


@dataclass(frozen=True)
class Table:
    """Cells as text; columns of numbers (all but the first `labels`) are set flush right."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    labels: int = 1


@dataclass(frozen=True)
class Picture:
    """A figure, stored as ``figures/<name>.svg`` beside the document."""

    name: str
    figure: Figure
    caption: str


Block: TypeAlias = Text | Bullets | Command | Table | Picture


@dataclass(frozen=True)
class Section:
    """A part of the document with a heading of its own."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """The whole: a title, a line under it, and the sections."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Piece:
    """A stretch of text that is either code or prose."""

    text: str
    code: bool


def pieces(text: str) -> list[Piece]:
    """Return `text` as prose and code in turn; a backtick that closes nothing is prose. White space is one space."""
    parts = re.split(r"`([^`]+)`", " ".join(text.split()))
    return [Piece(part, bool(index % 2)) for index, part in enumerate(parts) if part]


def numbered(document: Document) -> list[tuple[Section, list[tuple[Block, str]]]]:
    """Return the sections with each of their blocks beside its label, such as "Table 3"; blocks of text have none."""
    counts = {Table: 0, Picture: 0}
    labels = {Table: "Table", Picture: "Figure"}

    def label(block: Block) -> str:
        if not isinstance(block, Table | Picture):
            return ""
        counts[type(block)] += 1
        return f"{labels[type(block)]} {counts[type(block)]}"

    return [(section, [(block, label(block)) for block in section.blocks]) for section in document.sections]
