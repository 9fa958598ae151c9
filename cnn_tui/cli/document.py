"""A report on a terminal, with colours and charts in character cells, and single tables in file formats."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.style import Style
from rich.table import Table as RichTable
from rich.text import Text

from cnn_tui.formatting import printable
from cnn_tui.reports.charts.heat import MatrixChart
from cnn_tui.reports.charts.painting import text_chart
from cnn_tui.reports.charts.series import COLOURS, Chart
from cnn_tui.reports.documents.document import Block, Document, Section, block_text
from cnn_tui.reports.documents.latex import to_latex
from cnn_tui.reports.documents.tables import HeatTable, Table, to_csv, to_markdown
from cnn_tui.reports.formats import Format

_WIDEST_CHART, _CHART_HEIGHT = 110, 14
_PIPED_CHART = 100  # cells, where there is no terminal
_STYLES: dict[str, Style] = {
    **{role: Style(color=colour.ansi) for role, colour in COLOURS.items()},
    "axis": Style(dim=True),
    "title": Style(bold=True),
}
_GOOD, _BAD = Style(color="green", bold=True), Style(color="red")


def print_document(document: Document, out: Console) -> None:
    """Print the sections of a report, without its title."""
    for index, section in enumerate(document.sections):
        if index:
            out.print()
        out.print(Text(printable(section.title), "bold underline"))
        for number, block in enumerate(section.blocks):
            if number and isinstance(block, Chart):
                out.print()
            _print_block(block, out)


def formatted_table(table: Table, chosen: Format, title: str) -> str:
    """A single table in any format with tables, with its title in formats that have titles."""
    match chosen:
        case "csv":
            return to_csv(table)
        case "markdown":
            return to_markdown(table)
        case "latex":
            return to_latex(table, title)
        case "html":
            from cnn_tui.reports.documents.html import document_html

            return document_html(Document(title, (Section("", (table,)),)))
        case _:
            return block_text(table)


def _print_block(block: Block, out: Console) -> None:
    if isinstance(block, Chart):
        _print_chart(block, out)
    elif isinstance(block, Table):
        out.print(_rich_table(block))
    elif not isinstance(block, MatrixChart):
        out.print(Text(printable(block)))


def _print_chart(chart: Chart, out: Console) -> None:
    width = min(out.width, _WIDEST_CHART) if out.is_terminal else _PIPED_CHART
    for row in text_chart(chart, width, _CHART_HEIGHT):
        line = Text.assemble(*((text, _STYLES.get(role, Style.null())) for text, role in row))
        line.rstrip()
        out.print(line, no_wrap=True, crop=True)


def _rich_table(table: Table) -> RichTable:
    grid = RichTable(box=None, pad_edge=False, header_style="bold")
    for index, name in enumerate(table.columns):
        grid.add_column(Text(printable(name)), justify="left" if index < table.labels else "right", overflow="fold")
    heat = table.heat if isinstance(table, HeatTable) and table.heat else ((),) * len(table.rows)
    for row, row_heat in zip(table.rows, heat, strict=True):
        grid.add_row(*_cells(row, row_heat))
    return grid


def _cells(row: Sequence[str], heat: Sequence[float]) -> list[Text]:
    values = [*[0.0] * (len(row) - len(heat)), *heat]
    styles = [_GOOD if value > 0 else _BAD if value < 0 else Style.null() for value in values]
    return [Text(printable(cell), style) for cell, style in zip(row, styles, strict=True)]
