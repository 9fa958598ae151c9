"""The formats that a study's report can be had in."""

from __future__ import annotations

from pathlib import PurePath
from typing import Literal, get_args

from cnn_tui.reports.document import Document, document_html, document_latex, document_markdown
from cnn_tui.reports.study_csv import study_csv
from cnn_tui.reports.study_document import study_document
from cnn_tui.reports.study_table import StudyTable
from cnn_tui.reports.study_text import document_text

Format = Literal["text", "markdown", "html", "latex", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
_SUFFIXES: dict[str, Format] = {
    ".txt": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".tex": "latex",
    ".csv": "csv",
}
SUFFIXES = tuple(_SUFFIXES)
"""The ends of file names that tell the format."""


def format_of(file: PurePath) -> Format | None:
    """The format that a file's name asks for, None where it says nothing."""
    return _SUFFIXES.get(file.suffix.lower())


def render_study(table: StudyTable, chosen: Format, width: int = 100) -> str:
    """A study's report; ``width`` is in cells and for text only."""
    return study_csv(table) if chosen == "csv" else render(study_document(table), chosen, width)


def render(document: Document, chosen: Format, width: int = 100) -> str:
    """A report in any format but CSV, which has a column for each figure of one study."""
    match chosen:
        case "markdown":
            return document_markdown(document)
        case "html":
            return document_html(document)
        case "latex":
            return document_latex(document)
        case _:
            return document_text(document, width)
