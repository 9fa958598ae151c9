"""The tables of a session, the one in view as text, all of them as files, and its charts as figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cnn_tui.errors import StorageError
from cnn_tui.reports.documents.document import Block, Document, Section
from cnn_tui.reports.documents.tables import Table, to_csv, to_markdown
from cnn_tui.reports.formats import FIGURE_FORMATS, render
from cnn_tui.reports.sessions.document import (
    curve_charts,
    epoch_table,
    facts_table,
    matrix_charts,
    session_facts,
    session_tables,
)
from cnn_tui.reports.sessions.scores import MatrixUnit, class_table, confused_table, matrix_table
from cnn_tui.store.files import ensure_writable, write_atomic
from cnn_tui.tui.screens.results_body import Pane
from cnn_tui.tui.screens.results_data import SessionView

_WRITERS = {".csv": to_csv, ".md": to_markdown}


def table_in(pane: Pane, view: SessionView, unit: MatrixUnit) -> Table | None:
    """The table that a part of Results shows, None where the session has none."""
    result = view.record.result
    if pane == "settings":
        return facts_table(session_facts(view.record, view.warnings, view.folder))
    if pane == "curves":
        return epoch_table(view.epochs) if view.epochs else None
    if result is None:
        return None
    if pane == "matrix":
        return matrix_table(result, unit)
    return class_table(result) if pane == "classes" else confused_table(result)


def tables_of(view: SessionView) -> dict[str, Table]:
    """All tables of a session by the names of their files."""
    return session_tables(view.record, view.epochs, view.warnings, view.folder)


def charts_of(view: SessionView) -> Document:
    """The curves and the confusion matrix of a session."""
    charts: tuple[Block, ...] = (*curve_charts(view.record, view.epochs), *matrix_charts(view.record))
    return Document(view.record.name, (Section("", charts),))


def table_files(folder: Path, tables: Mapping[str, Table]) -> dict[Path, str | bytes]:
    """What is to be written: each table as CSV and as Markdown."""
    return {
        folder / f"{name}{suffix}": write(table) for name, table in tables.items() for suffix, write in _WRITERS.items()
    }


def chart_files(folder: Path, document: Document) -> dict[Path, str | bytes]:
    """The charts of a report as figures; loads matplotlib, so call this in a thread."""
    if not document.charts:
        return {}
    return {folder / f"charts.{chosen}": render(document, chosen).content for chosen in FIGURE_FORMATS}


def present(files: Mapping[Path, str | bytes]) -> list[Path]:
    """Those of the files that exist, and would be replaced."""
    return [path for path in files if path.exists()]


def write_files(folder: Path, files: Mapping[Path, str | bytes]) -> None:
    """Write all of them into their folder, each whole or not at all.

    Raises:
        StorageError: the folder or a file cannot be written.
    """
    try:
        ensure_writable(folder, free_bytes=0)
    except ValueError as error:
        raise StorageError("No folder can have this name", str(folder)) from error
    for path, content in files.items():
        write_atomic(path, content)
