"""A report as sections of paragraphs, tables and charts, and as Markdown, CSV and plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len

from cnn_tui.reports.charts.heat import MatrixChart
from cnn_tui.reports.charts.painting import plain, text_chart
from cnn_tui.reports.charts.series import Chart
from cnn_tui.reports.documents.tables import Table, markdown_text, to_csv, to_markdown
from cnn_tui.reports.labels import visible

_WIDEST_CHART, _CHART_HEIGHT = 100, 18

Block = str | Table | Chart | MatrixChart
"""A part of a section; a string is one paragraph of plain text."""


@dataclass(frozen=True)
class Section:
    """A part of a report under a heading."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A report. Its texts may contain anything; each format escapes its own markup."""

    title: str
    sections: tuple[Section, ...]

    @property
    def charts(self) -> tuple[Chart | MatrixChart, ...]:
        """The charts of all sections."""
        blocks = (block for section in self.sections for block in section.blocks)
        return tuple(block for block in blocks if isinstance(block, Chart | MatrixChart))


def document_markdown(document: Document) -> str:
    """The report as Markdown, its charts as text in fenced blocks, which every renderer supports."""
    parts = [f"# {markdown_text(document.title)}\n"]
    for section in document.sections:
        parts.append(f"## {markdown_text(section.title)}\n")
        parts += [_block_markdown(block) for block in _text_blocks(section)]
    return "\n".join(parts)


def document_csv(document: Document) -> str:
    """The tables of the report, each below its section's title and followed by an empty line."""
    parts = [
        f"{to_csv(Table((section.title,), (), 1))}{to_csv(block)}\n"
        for section in document.sections
        for block in section.blocks
        if isinstance(block, Table)
    ]
    return "".join(parts).removesuffix("\n")


def document_text(document: Document, width: int = 100) -> str:
    """The report as lines of at most ``width`` cells; tables may be wider."""
    parts = [_underlined(document.title, "=")]
    for section in document.sections:
        parts += [_underlined(section.title, "-"), *(block_text(block, width) for block in _text_blocks(section))]
    return "\n".join(parts)


def block_text(block: str | Table | Chart, width: int = 100) -> str:
    """One block as plain text: a wrapped paragraph, an aligned table, or a chart in characters."""
    if isinstance(block, Chart):
        return plain(text_chart(block, min(width, _WIDEST_CHART), _CHART_HEIGHT))
    if isinstance(block, Table):
        return "".join(f"{line.rstrip()}\n" for line in _aligned(block))
    return textwrap.fill(visible(block), max(20, width)) + "\n"


def _text_blocks(section: Section) -> Iterator[str | Table | Chart]:
    """All blocks but heat maps, because the confusion matrix is also a table."""
    return (block for block in section.blocks if not isinstance(block, MatrixChart))


def _block_markdown(block: str | Table | Chart) -> str:
    if isinstance(block, Chart):
        text = plain(text_chart(block))
        fence = "`" * (3 + text.count("`"))
        return f"{fence}text\n{text}{fence}\n"
    return to_markdown(block) if isinstance(block, Table) else f"{markdown_text(block)}\n"


def _underlined(title: str, character: str) -> str:
    text = visible(title)
    return f"{text}\n{character * cell_len(text)}\n"


def _aligned(table: Table) -> Iterator[str]:
    """The lines of a table, labels aligned left, numbers right."""
    rows = [[visible(cell) for cell in row] for row in (table.columns, *table.rows)]
    widths = [max(cell_len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = []
        for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
            padding = " " * (width - cell_len(cell))
            cells.append(cell + padding if index < table.labels else padding + cell)
        yield "  ".join(cells)
