"""Tables of text, and tables as Markdown, CSV and TSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cnn_tui.reports.labels import visible

_MARKUP = re.compile(r"([\\`*_\[\]<>|~&$])")
_BLOCK_MARKUP = re.compile(r"^(\s*)([#+=-]|\d+(?=[.)]))")


@dataclass(frozen=True)
class Table:
    """Rows of text under column names; the first ``labels`` columns are text, the others numbers.

    Attributes:
        caption: for a table that the heading of its section does not describe.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    labels: int = 1
    caption: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class HeatTable(Table):
    """A table with coloured cells: ``heat`` has values from -1 (bad) to 1 (good) for the last cells of each row.

    Without colours, ``heat`` is empty.
    """

    heat: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Illustration:
    """A PNG image with the lines of its caption and its alternative text."""

    png: bytes
    caption: tuple[str, ...]
    alt: str


@dataclass(frozen=True)
class IllustratedTable(Table):
    """A table with an image for each row. Formats with images show them instead of the table."""

    images: tuple[Illustration, ...] = ()


def to_markdown(table: Table) -> str:
    """A pipe table with a line end after its last row; Markdown's markup in cells is escaped."""
    rule = ["---" if index < table.labels else "---:" for index in range(len(table.columns))]
    lines = [_escaped(table.columns), rule, *(_escaped(row) for row in table.rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def markdown_text(text: str) -> str:
    """A line of plain text as Markdown, with all markup escaped."""
    return _BLOCK_MARKUP.sub(_escape_start, _MARKUP.sub(r"\\\1", visible(text)))


def to_csv(table: Table) -> str:
    """Comma-separated values as in RFC 4180, but with plain line feeds."""
    return _separated(table, ",")


def to_tsv(table: Table) -> str:
    """Tab-separated values, as spreadsheets paste them from the clipboard."""
    return _separated(table, "\t")


def _escaped(cells: Sequence[str]) -> list[str]:
    return [_MARKUP.sub(r"\\\1", visible(cell)) for cell in cells]


def _escape_start(start: re.Match[str]) -> str:
    """Escape the start of a line that would make it a heading or list item; in "1." the full stop."""
    margin, mark = start.groups()
    return f"{margin}{mark}\\" if mark.isdigit() else f"{margin}\\{mark}"


def _separated(table: Table, separator: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\n")
    writer.writerows([visible(cell) for cell in row] for row in (table.columns, *table.rows))
    return out.getvalue()
