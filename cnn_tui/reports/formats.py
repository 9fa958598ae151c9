"""The formats of reports and their writers. Imports large packages only to render."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from cnn_tui.reports.documents.document import Document
    from cnn_tui.reports.studies.table import StudyTable

Format = Literal["text", "markdown", "html", "latex", "csv", "pdf", "png"]
FORMATS: tuple[Format, ...] = get_args(Format)
FIGURE_FORMATS: tuple[Format, ...] = ("pdf", "png")
"""The formats that contain only the charts of a report, without tables and text."""
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
"""The suffixes of file names that determine a format."""
_SAFE_IN_LATEX = re.compile(r"[A-Za-z0-9._+-]+")


@dataclass(frozen=True)
class Report:
    """A report in one format.

    Attributes:
        files: the other files of the report, by their paths relative to it.
    """

    content: str | bytes
    files: Mapping[str, bytes] = field(default_factory=dict)


def format_of(file: PurePath) -> Format | None:
    """The format that matches a file's suffix, None for an unknown one."""
    return _SUFFIXES.get(file.suffix.lower())


def render_study(table: StudyTable, chosen: Format, width: int = 100, output: PurePath | None = None) -> Report:
    """A study as a report; in CSV as one flat table."""
    from cnn_tui.reports.studies.document import study_csv, study_document

    if chosen == "csv":
        return Report(study_csv(table))
    return render(study_document(table), chosen, width, output)


def render(document: Document, chosen: Format, width: int = 100, output: PurePath | None = None) -> Report:
    """A report in any format.

    Args:
        width: in cells, for text only.
        output: the file of the report, beside which LaTeX has the files of its charts; without it there are none.
    """
    if chosen in FIGURE_FORMATS:
        from cnn_tui.reports.charts import figure_files

        draw = figure_files.to_pdf if chosen == "pdf" else figure_files.to_png
        return Report(draw(document.charts, document.title))
    if chosen == "latex":
        from cnn_tui.reports.documents.latex import document_latex, latex_figures

        files = latex_figures(document, _figures_folder(output)) if output else {}
        return Report(document_latex(document, tuple(files)), files)
    return Report(_text(document, chosen, width))


def write_report(path: Path, report: Report) -> None:
    """Write a report and its other files, each atomically.

    Raises:
        StorageError: a file cannot be written.
    """
    from cnn_tui.store.files import ensure_writable, write_atomic

    for name, content in report.files.items():
        ensure_writable((path.parent / name).parent, free_bytes=0)
        write_atomic(path.parent / name, content)
    write_atomic(path, report.content)


def _text(document: Document, chosen: Format, width: int) -> str:
    from cnn_tui.reports.documents.document import document_csv, document_markdown, document_text

    match chosen:
        case "markdown":
            return document_markdown(document)
        case "csv":
            return document_csv(document)
        case "html":
            from cnn_tui.reports.documents.html import document_html

            return document_html(document)
        case _:
            return document_text(document, width)


def _figures_folder(output: PurePath) -> str:
    """The name of the folder of a LaTeX report's charts, without characters that LaTeX would interpret."""
    from cnn_tui.store.files import slug

    stem = output.stem if _SAFE_IN_LATEX.fullmatch(output.stem) else slug(output.stem)
    return f"{stem}-figures"
