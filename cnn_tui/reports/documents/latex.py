"""Reports as LaTeX, for documents with the packages booktabs and graphicx."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cnn_tui.reports.charts.heat import MatrixChart
from cnn_tui.reports.charts.series import Chart
from cnn_tui.reports.documents.document import Block, Document
from cnn_tui.reports.documents.tables import Table
from cnn_tui.reports.labels import visible

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\ufffd": "?",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
_TRANSLATION = str.maketrans(_SPECIAL)
_NEGATIVE = re.compile(r"-(?=\d)")
_MOST_COLUMNS = 7  # of a table at its natural size
_SHRINK = r"  \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
_WIDTHS: dict[type, str] = {Chart: r"\linewidth", MatrixChart: r"0.8\linewidth"}


def document_latex(document: Document, figures: Sequence[str] = ()) -> str:
    """The report as sections, tables and figures, to be included in a document.

    Args:
        figures: the files of its charts, in order; charts without a file are left out.
    """
    parts = [f"% {latex_text(document.title)}\n", "% Needs the packages booktabs and graphicx.\n"]
    files = iter(figures)
    for section in document.sections:
        parts.append(f"\\section{{{latex_text(section.title)}}}\n")
        parts += [_block(block, section.title, files) for block in section.blocks]
    return "\n".join(part for part in parts if part)


def latex_figures(document: Document, folder: str) -> dict[str, bytes]:
    """The charts of a report as PDF files, by their paths relative to the report."""
    if not document.charts:
        return {}
    from cnn_tui.reports.charts.figure_files import to_pdf  # imports matplotlib, which only charts need

    return {
        f"{folder}/chart-{number}.pdf": to_pdf((chart,), chart.title)
        for number, chart in enumerate(document.charts, start=1)
    }


def latex_text(text: str) -> str:
    """Plain text with LaTeX's special characters escaped."""
    return visible(text).translate(_TRANSLATION)


def to_latex(table: Table, caption: str = "") -> str:
    """A ``table`` environment with the rules of booktabs and right-aligned numbers.

    A table with many columns is scaled down to the width of the text by graphicx.
    """
    columns = "l" * table.labels + "r" * (len(table.columns) - table.labels)
    wide = len(table.columns) > _MOST_COLUMNS
    head = _line([latex_text(name) for name in table.columns])
    rows = [_line(_cells(row, table.labels)) for row in table.rows]
    return "\n".join(
        [
            r"\begin{table}[htbp]",
            r"  \centering",
            *([rf"  \caption{{{latex_text(caption)}}}"] if caption else []),
            *([_SHRINK] if wide else []),
            rf"  \begin{{tabular}}{{{columns}}}",
            r"    \toprule",
            head,
            r"    \midrule",
            *rows,
            r"    \bottomrule",
            r"  \end{tabular}" + ("}" if wide else ""),
            r"\end{table}",
            "",
        ]
    )


def _block(block: Block, caption: str, figures: Iterator[str]) -> str:
    if isinstance(block, Chart | MatrixChart):
        file = next(figures, "")
        return _figure(block, file) if file else ""
    return to_latex(block, block.caption or caption) if isinstance(block, Table) else f"{latex_text(block)}\n"


def _figure(chart: Chart | MatrixChart, file: str) -> str:
    return "\n".join(
        [
            r"\begin{figure}[htbp]",
            r"  \centering",
            rf"  \includegraphics[width={_WIDTHS[type(chart)]}]{{{file}}}",
            rf"  \caption{{{latex_text(chart.title)}}}",
            r"\end{figure}",
            "",
        ]
    )


def _cells(row: Sequence[str], labels: int) -> list[str]:
    """The cells of a row; the hyphen of a number becomes a minus sign."""
    texts = [latex_text(cell) for cell in row]
    return [*texts[:labels], *(_NEGATIVE.sub("$-$", text, count=1) for text in texts[labels:])]


def _line(cells: Sequence[str]) -> str:
    # Without the braces, a first cell in brackets would be an argument of the previous row's end.
    return rf"    {{}}{' & '.join(cells)} \\"
