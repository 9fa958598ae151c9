"""The formats of reports: the one table of them, and what writes each. Imports nothing heavy until a report is made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from cnn_tui.reports.document import Document
    from cnn_tui.reports.study_table import StudyTable

Format = Literal["text", "markdown", "html", "latex", "csv", "pdf", "png"]
FORMATS: tuple[Format, ...] = get_args(Format)
FIGURE_FORMATS: tuple[Format, ...] = ("pdf", "png")
"""The formats that hold the charts of a report and neither its tables nor its texts."""
_SUFFIXES: dict[str, Format] = {
    ".txt": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".tex": "latex",
    ".csv": "csv",
    ".pdf": "pdf",
    ".png": "png",
}
SUFFIXES = tuple(_SUFFIXES)
"""The ends of file names that decide the format."""
_SAFE_IN_LATEX = re.compile(r"[A-Za-z0-9._+-]+")


@dataclass(frozen=True)
class Report:
    """A report in one format.

    Attributes:
        files: further files that belong to it, by their paths relative to it.
    """

    content: str | bytes
    files: Mapping[str, bytes] = field(default_factory=dict)


def format_of(file: PurePath) -> Format | None:
    """The format that a file's name asks for, None if its suffix is not known."""
    return _SUFFIXES.get(file.suffix.lower())


def render_study(table: StudyTable, chosen: Format, width: int = 100, output: PurePath | None = None) -> Report:
    """A study's report. In CSV each figure has a column of its own."""
    if chosen == "csv":
        from cnn_tui.reports.study_csv import study_csv

        return Report(study_csv(table))
    from cnn_tui.reports.study_document import study_document

    return render(study_document(table), chosen, width, output)


def render(document: Document, chosen: Format, width: int = 100, output: PurePath | None = None) -> Report:
    """A report in any format.

    Args:
        width: in cells, for text only.
        output: the file that it will be written to. LaTeX has its charts as files beside it, and none without it.
    """
    if chosen in FIGURE_FORMATS:
        from cnn_tui.reports import figure_files

        draw = figure_files.to_pdf if chosen == "pdf" else figure_files.to_png
        return Report(draw(document.charts, document.title))
    if chosen == "latex":
        from cnn_tui.reports.latex import document_latex, latex_figures

        files = latex_figures(document, _figures_folder(output)) if output else {}
        return Report(document_latex(document, tuple(files)), files)
    return Report(_text(document, chosen, width))


def write_report(path: Path, report: Report) -> None:
    """Write a report and the files that belong to it, each whole or not at all.

    Raises:
        StorageError: a file cannot be written.
    """
    from cnn_tui.store.files import ensure_writable, write_atomic

    for name, content in report.files.items():
        ensure_writable((path.parent / name).parent, free_bytes=0)
        write_atomic(path.parent / name, content)
    write_atomic(path, report.content)


def _text(document: Document, chosen: Format, width: int) -> str:
    from cnn_tui.reports.document import document_csv, document_markdown

    match chosen:
        case "markdown":
            return document_markdown(document)
        case "csv":
            return document_csv(document)
        case "html":
            from cnn_tui.reports.html import document_html

            return document_html(document)
        case _:
            from cnn_tui.reports.study_text import document_text

            return document_text(document, width)


def _figures_folder(output: PurePath) -> str:
    """The folder of a LaTeX report's charts, beside it, with a name that LaTeX takes as it is."""
    from cnn_tui.store.files import slug

    stem = output.stem if _SAFE_IN_LATEX.fullmatch(output.stem) else slug(output.stem)
    return f"{stem}-figures"
