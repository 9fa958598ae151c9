"""Export of tables and charts into a folder that the user names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from textual.screen import Screen

from cnn_tui.errors import CnnTuiError, StorageError
from cnn_tui.formatting import pluralize, printable
from cnn_tui.reports.documents.document import Document
from cnn_tui.reports.documents.tables import Table, to_csv, to_markdown
from cnn_tui.reports.formats import FIGURE_FORMATS, render
from cnn_tui.store.files import ensure_writable, write_atomic
from cnn_tui.tui.screens.dialogs import AskTextScreen, ConfirmScreen
from cnn_tui.tui.screens.errors import notify_error

Files = dict[Path, str | bytes]
"""The contents of files by path."""
_WRITERS = {".csv": to_csv, ".md": to_markdown}


def table_files(folder: Path, tables: Mapping[str, Table]) -> Files:
    """Each table as CSV and as Markdown."""
    return {
        folder / f"{name}{suffix}": write(table) for name, table in tables.items() for suffix, write in _WRITERS.items()
    }


def chart_files(folder: Path, document: Document) -> Files:
    """The charts of a document as figures; loads matplotlib, so call this in a thread."""
    if not document.charts:
        return {}
    return {folder / f"charts.{name}": render(document, name).content for name in FIGURE_FORMATS}


async def export_into_folder(
    screen: Screen[Any], question: str, default: str, make_files: Callable[[Path], Files]
) -> None:
    """Ask for a folder, confirm before files are replaced, and write. Call this from a worker.

    Args:
        default: the folder suggested to the user.
        make_files: returns the files to write into a folder; runs in a thread.
    """
    answer = await screen.app.push_screen_wait(AskTextScreen(question, default, _check_folder))
    if answer is None:
        return
    folder = Path(answer.strip()).expanduser()
    files = await asyncio.to_thread(make_files, folder)
    existing = await asyncio.to_thread(lambda: [path for path in files if path.exists()])
    question = f"Replace {pluralize(len(existing), 'file')} in {folder}?"
    if existing and not await screen.app.push_screen_wait(ConfirmScreen(question, "Replace")):
        return
    try:
        await asyncio.to_thread(_write_files, folder, files)
    except CnnTuiError as error:
        notify_error(screen, error)
    else:
        screen.notify(
            printable(str(folder.absolute())), title=f"{pluralize(len(files), 'file')} written to", markup=False
        )


def _write_files(folder: Path, files: Files) -> None:
    try:
        ensure_writable(folder, free_bytes=0)
    except ValueError as error:
        raise StorageError("Invalid folder name", str(folder)) from error
    for path, content in files.items():
        write_atomic(path, content)


def _check_folder(text: str) -> str:
    if not text.strip() or "\0" in text:
        return "This is not a folder name."
    path = Path(text.strip()).expanduser()
    return f"{path} is a file." if path.is_file() else ""
