"""Reports as LaTeX, for documents with the packages booktabs and graphicx."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cnn_tui.reports.chart import Chart, MatrixChart
from cnn_tui.reports.document import Block, Document
from cnn_tui.reports.tables import Table, visible

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
    """The report as sections, tables and figures for a document with the packages booktabs and graphicx.

    Args:
        figures: the files of its charts, in their order; without them the charts are left out.
    """
    parts = [f"% {latex_text(document.title)}\n", "% Needs the packages booktabs and graphicx.\n"]
    files = iter(figures)
    for section in document.sections:
        parts.append(f"\\section{{{latex_text(section.title)}}}\n")
        parts += [_block(block, section.title, files) for block in section.blocks]
    return "\n".join(part for part in parts if part)


def latex_figures(document: Document, folder: str) -> dict[str, bytes]:
    """The charts of a report as PDF files, by their paths relative to it."""
    if not document.charts:
        return {}
    from cnn_tui.reports.figure_files import to_pdf  # matplotlib, which reports without charts do not need

    return {
        f"{folder}/chart-{number}.pdf": to_pdf((chart,), chart.title)
        for number, chart in enumerate(document.charts, start=1)
    }


def latex_text(text: str) -> str:
    """Plain text with what LaTeX would take for commands escaped."""
    return visible(text).translate(_TRANSLATION)


def to_latex(table: Table, caption: str = "") -> str:
    """A ``table`` environment with rules by booktabs; figures are right-aligned.

    With many columns it shrinks to the width of the text, which takes the package graphicx.
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
    return to_latex(block, caption) if isinstance(block, Table) else f"{latex_text(block)}\n"


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
    """A row's cells; a figure's hyphen becomes a minus."""
    texts = [latex_text(cell) for cell in row]
    return [*texts[:labels], *(_NEGATIVE.sub("$-$", text, count=1) for text in texts[labels:])]


def _line(cells: Sequence[str]) -> str:
    # A first cell in brackets would be taken for an argument of the row end before it.
    return rf"    {{}}{' & '.join(cells)} \\"
