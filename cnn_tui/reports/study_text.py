"""A report as plain text for a terminal: paragraphs wrapped, tables aligned, charts in characters."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from rich.cells import cell_len

from cnn_tui.reports.chart import Chart, MatrixChart
from cnn_tui.reports.document import Block, Document
from cnn_tui.reports.tables import Table, visible
from cnn_tui.reports.text_chart import plain, text_chart

_WIDEST_CHART, _CHART_HEIGHT = 100, 18


def document_text(document: Document, width: int = 100) -> str:
    """The report as lines of at most ``width`` cells, but that tables are as wide as they need."""
    parts = [_ruled(document.title, "=")]
    for section in document.sections:
        parts += [_ruled(section.title, "-"), *_texts(section.blocks, width)]
    return "\n".join(parts)


def block_text(block: str | Table | Chart, width: int = 100) -> str:
    """One block, ending in a line feed."""
    if isinstance(block, Chart):
        return plain(text_chart(block, min(width, _WIDEST_CHART), _CHART_HEIGHT))
    if isinstance(block, Table):
        return "".join(f"{line.rstrip()}\n" for line in _aligned(block))
    return textwrap.fill(visible(block), max(20, width)) + "\n"


def _texts(blocks: Iterable[Block], width: int) -> Iterator[str]:
    """The blocks of a section. A confusion matrix is there as a table, so its heat map is left out."""
    return (block_text(block, width) for block in blocks if not isinstance(block, MatrixChart))


def _ruled(title: str, rule: str) -> str:
    shown = visible(title)
    return f"{shown}\n{rule * cell_len(shown)}\n"


def _aligned(table: Table) -> Iterator[str]:
    """Labels at the left of their columns, figures at the right."""
    rows = [[visible(cell) for cell in row] for row in (table.columns, *table.rows)]
    widths = [max(cell_len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = []
        for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
            gap = " " * (width - cell_len(cell))
            cells.append(cell + gap if place < table.labels else gap + cell)
        yield "  ".join(cells)
