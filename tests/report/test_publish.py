"""A document as files: every word is in the PDF and in the Markdown as it was written, and the same bytes again."""

import io
import re
import sys
import time
from itertools import pairwise
from pathlib import Path

import pypdf
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from matplotlib.figure import Figure

from pipeline.errors import HostError
from pipeline.report import style
from pipeline.report.document import Bullets, Command, Document, Picture, Piece, Section, Table, Text, pieces
from pipeline.report.publish import publish, typeset

ODD = (
    r"""#let x = 1; $x^2$ _a_ *b* **c** <l> @ref \ \n ~~d~~ & &amp; | [e](f) ![g](h) {i} 'q' "r" """
    "-- --- ... // /* == σ λ ± ≤ µ"
)
"""Whatever means something to typst or to Markdown."""

STARTS = [
    "# a",
    "1. a",
    "2) a",
    "- a",
    "+ a",
    "= a",
    "> a",
    "* a",
    "=== a",
    "--- a",
    "    a",
    "``` a",
    "~~~ a",
    "/ a: b",
]
"""Texts whose first characters would begin something else than a paragraph."""


def figure(height: float = 2.0) -> Figure:
    with style.house_style():
        drawn = style.new_figure(6, height, "title", "subtitle")
        drawn.subplots().plot([0, 1], [1, 0])
    return drawn


def numbers(rows: int, columns: int, digits: int = 4) -> Table:
    """Return a table of different numbers: 1.0304 in row 3, column 4."""
    cells = tuple(
        (f"row {i}", *(f"{1 + i / 100 + j / 10000:.{digits}f}" for j in range(1, columns))) for i in range(rows)
    )
    return Table(f"{rows} rows.", ("setting", *(f"c{j}" for j in range(1, columns))), cells)


def rich() -> Document:
    odd = Table(ODD, ("what", ODD), (("code", "`a|b_c`"), ("long", "a sentence of some words, " * 9), ("odd", ODD)), 2)
    return Document(
        "A title with #signs",
        "and a _line_ under it",
        (
            Section("i) Texts", (Text(ODD), Text("`make *x*` is code"), Bullets((ODD, "a `b` c")), *map(Text, STARTS))),
            Section("ii) Tables", (numbers(60, 5), numbers(3, 20, 8), odd)),
            Section("iii) Pictures", (Picture("one", figure(), "The first."), Picture("tall", figure(13), ODD))),
            Section("iv) Commands", (Text("Type:"), Command("make x ARGS='--a \"$b\" `c`  # d'"))),
        ),
    )


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    publish(rich(), folder)
    return folder


@pytest.fixture(scope="module")
def pages(published: Path) -> list[pypdf.PageObject]:
    return list(pypdf.PdfReader(published / "report.pdf").pages)


def text_of(pages: list[pypdf.PageObject]) -> str:
    """Return the text of the pages without its white space, as lines end where the page does."""
    return squeezed("".join(page.extract_text() for page in pages))


def squeezed(text: str) -> str:
    return "".join(text.split())


def rendered(text: str) -> str:
    """Return what a reader of Markdown sees, by an implementation that is not ours, without its white space."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    return squeezed("".join(map(_shown, tokens)))


def _shown(token: Token) -> str:
    if token.children is not None:
        return "".join(map(_shown, token.children))
    return "" if token.type in {"html_block", "html_inline"} else token.content


def test_every_word_is_in_the_pdf_as_it_was_written(pages: list[pypdf.PageObject]) -> None:
    text = text_of(pages)
    for section in rich().sections:
        assert squeezed(section.title) in text
    assert (
        text.count(squeezed(ODD)) == 6
    )  # a paragraph, a bullet, a table's caption, header and cell, a figure's caption
    for start in (*STARTS, "A title with #signs", "and a _line_ under it", "make *x* is code", "a b c", "a|b_c"):
        assert squeezed(start) in text
    assert squeezed("make x ARGS='--a \"$b\" `c`  # d'") in text


def test_every_word_is_in_the_markdown_as_it_was_written(published: Path) -> None:
    text = rendered((published / "report.md").read_text())
    for section in rich().sections:
        assert squeezed(section.title) in text
    assert text.count(squeezed(ODD)) == 7  # a figure's caption is its description, too
    for start in (*STARTS, "A title with #signs", "and a _line_ under it", "make *x* is code", "a b c", "a|b_c"):
        assert squeezed(start) in text
    assert squeezed("make x ARGS='--a \"$b\" `c`  # d'") in text


def test_markdown_holds_the_paragraphs_lists_tables_code_and_images_of_the_document(published: Path) -> None:
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse((published / "report.md").read_text())
    kinds = [token.type for token in tokens]
    inline = [child.type for token in tokens for child in token.children or ()]
    assert kinds.count("heading_open") == 5
    assert kinds.count("bullet_list_open") == 1
    assert kinds.count("ordered_list_open") == kinds.count("blockquote_open") == kinds.count("hr") == 0
    assert kinds.count("table_open") == 3
    assert kinds.count("td_open") == 60 * 5 + 3 * 20 + 3 * 2
    assert kinds.count("code_block") == 1
    assert inline.count("image") == 2
    assert inline.count("code_inline") == 3
    assert inline.count("strong_open") == 5  # the labels of tables and figures
    assert {"em_open", "link_open", "html_inline", "s_open"} & set(inline) == set()
    sources = [child.attrs["src"] for token in tokens for child in token.children or () if child.type == "image"]
    assert all((published / str(source)).is_file() for source in sources)


def test_a_long_table_repeats_its_header_on_every_page(pages: list[pypdf.PageObject]) -> None:
    on = [index for index, page in enumerate(pages) if re.search(r"row \d+ 1\.\d+01 ", page.extract_text())]
    assert len(on) >= 2
    for index in on:
        assert "setting c1 c2 c3 c4\nrow " in pages[index].extract_text()
    text = text_of(pages)
    assert all(cell in text for row in numbers(60, 5).rows for cell in map(squeezed, row))
    assert all(cell in text for row in numbers(3, 20, 8).rows for cell in map(squeezed, row))


def placed(page: pypdf.PageObject) -> list[tuple[float, float, str, float]]:
    """Return (y, x, text, size) of every stretch of text, as it is placed."""
    found: list[tuple[float, float, str, float]] = []

    def visit(text: str, within: list[float], matrix: list[float], _font: object, size: float) -> None:
        if text.strip():
            x, y = (within[4] + within[0] * matrix[4], within[5] + within[3] * matrix[5])
            found.append((round(y, 1), x, text, size))

    page.extract_text(visitor_text=visit)
    return found


def test_no_text_begins_outside_the_margins_and_no_page_is_empty(pages: list[pypdf.PageObject]) -> None:
    for page in pages:
        assert len(squeezed(page.extract_text())) > 100
        width = float(page.mediabox.width)
        assert round(width) == 595  # A4
        assert all(60 < x < width - 60 for _, x, _, _ in placed(page))


def test_no_number_runs_into_the_next_cell(pages: list[pypdf.PageObject]) -> None:
    for page in pages:
        for (y, x, text, size), (next_y, next_x, _, _) in pairwise(placed(page)):
            if y == next_y and re.fullmatch(r"\d[\d.]+", text):
                assert next_x > x + 0.4 * size * len(text)  # a digit is wider than that


def test_a_word_without_an_end_is_broken_and_copied_without_a_trace() -> None:
    digest = "0123456789abcdef" * 12
    table = Table("Digests.", ("a", "b"), ((f"`{digest}`", digest),))
    document = Document("t", "s", (Section("x", (Text(f"`{digest}` {digest}"), table, Command(f"make {digest}"))),))
    [page] = pypdf.PdfReader(io.BytesIO(typeset(document, {}))).pages
    extracted = page.extract_text()
    assert squeezed(extracted).count(digest) == 5
    assert max(map(len, extracted.splitlines())) < 150
    assert re.sub(r"[\x20-\x7e\n]", "", extracted) == ""  # no zero-width characters


def test_the_same_document_gives_the_same_bytes_whenever_and_wherever(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "another name"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    monkeypatch.setattr(time, "time", lambda: 0.0)
    paths = publish(rich(), Path("another name"))
    assert [path.name for path in paths] == ["report.pdf", "report.md"]
    assert contents(folder) == contents(published)
    assert set(contents(folder)) == {"report.pdf", "report.md", "figures/one.svg", "figures/tall.svg"}
    assert pypdf.PdfReader(folder / "report.pdf").metadata == {
        "/Title": "A title with #signs",
        "/Creator": pypdf.PdfReader(folder / "report.pdf").metadata["/Creator"],  # type: ignore[index]
    }


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_figures_of_an_earlier_report_are_removed(tmp_path: Path) -> None:
    publish(pictured("a", "b"), tmp_path)
    publish(pictured("b", "c"), tmp_path)
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"b.svg", "c.svg"}


def pictured(*names: str) -> Document:
    return Document("t", "s", (Section("x", tuple(Picture(name, figure(), "c") for name in names)),))


def test_what_is_no_figure_of_an_earlier_report_is_left_alone(tmp_path: Path) -> None:
    publish(pictured("a", "b"), tmp_path)
    figures = tmp_path / "figures"
    for name in ("mine", "mine.svg"):
        (figures / name).mkdir()
    (figures / "notes.txt").write_text("mine")
    publish(pictured("b"), tmp_path)
    assert {path.name for path in figures.iterdir()} == {"b.svg", "mine", "mine.svg", "notes.txt"}


def test_a_figure_that_cannot_be_removed_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(pictured("a", "b"), tmp_path)
    unlink = Path.unlink

    def denied(path: Path, **how: bool) -> None:
        if path.name == "a.svg":
            raise PermissionError(13, "Permission denied")
        unlink(path, **how)

    monkeypatch.setattr(Path, "unlink", denied)
    with pytest.raises(HostError, match="figures must be writable, got Permission denied"):
        publish(pictured("b"), tmp_path)


def test_a_folder_in_the_place_of_a_figure_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "figures" / "a.svg").mkdir(parents=True)
    with pytest.raises(HostError, match=r"a\.svg must be writable, got Is a directory"):
        publish(pictured("a"), tmp_path)


def test_two_pictures_of_one_name_are_a_mistake_of_ours(tmp_path: Path) -> None:
    document = Document("t", "s", (Section("x", tuple(Picture("a", figure(), "c") for _ in range(2))),))
    with pytest.raises(ValueError, match="different names"):
        publish(document, tmp_path)
    assert list((tmp_path / "figures").iterdir()) == []


def test_without_typst_everything_else_is_written_and_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    (tmp_path / "report.pdf").write_bytes(b"of an earlier document")  # which would pass for this one
    with pytest.raises(HostError, match=r"typst.* -m pip install typst ") as caught:
        publish(rich(), tmp_path)
    assert "\n" not in str(caught.value)
    assert set(contents(tmp_path)) == {"report.md", "figures/one.svg", "figures/tall.svg"}


def test_tables_and_figures_are_numbered_alike_in_both(published: Path, pages: list[pypdf.PageObject]) -> None:
    text, markdown = text_of(pages), (published / "report.md").read_text()
    for label in ("Table 1", "Table 2", "Table 3", "Figure 1", "Figure 2"):
        assert f"**{label}.**" in markdown
        assert squeezed(f"{label}.") in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", [Piece("plain", False)]),
        ("a `b` c", [Piece("a ", False), Piece("b", True), Piece(" c", False)]),
        ("`a` `b", [Piece("a", True), Piece(" `b", False)]),
        ("two\n  lines", [Piece("two lines", False)]),
        ("``", [Piece("``", False)]),
        ("", []),
    ],
)
def test_backticks_enclose_code_and_one_alone_is_a_character(text: str, expected: list[Piece]) -> None:
    assert pieces(text) == expected


@pytest.mark.parametrize(("sections", "listed"), [(1, False), (2, True), (24, True), (25, False)])
def test_the_outline_is_there_where_it_fits(sections: int, listed: bool) -> None:
    document = Document("t", "s", tuple(Section(f"part {i} of all", (Text("x"),)) for i in range(sections)))
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(typeset(document, {}))).pages)
    assert text.count("part 0 of all") == 1 + listed
