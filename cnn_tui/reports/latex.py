"""Texts and tables as LaTeX, for documents with the package booktabs."""

from __future__ import annotations

import re
from collections.abc import Sequence

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


def latex_text(text: str) -> str:
    """Plain text with what LaTeX would take for commands escaped."""
    return visible(text).translate(_TRANSLATION)


def to_latex(table: Table, caption: str = "") -> str:
    """A ``table`` environment with rules by booktabs; figures stand at the right."""
    columns = "l" * table.labels + "r" * (len(table.columns) - table.labels)
    head = _line([latex_text(name) for name in table.columns])
    rows = [_line(_cells(row, table.labels)) for row in table.rows]
    return "\n".join(
        [
            r"\begin{table}[htbp]",
            r"  \centering",
            *([rf"  \caption{{{latex_text(caption)}}}"] if caption else []),
            rf"  \begin{{tabular}}{{{columns}}}",
            r"    \toprule",
            head,
            r"    \midrule",
            *rows,
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
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
