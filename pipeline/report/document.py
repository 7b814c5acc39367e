"""A document as a value: sections of text, lists, commands, tables and pictures, to be set as PDF and as Markdown.

Text is plain: nothing in it is markup, except that `backticks` enclose code.
"""

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
