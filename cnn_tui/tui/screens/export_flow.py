"""The way from the wish for files to files: ask for a folder, ask before anything is replaced, write, tell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from textual.screen import Screen

from cnn_tui.errors import CnnTuiError
from cnn_tui.formatting import pluralize, printable
from cnn_tui.tui.screens.ask_text import AskTextScreen
from cnn_tui.tui.screens.confirm import ConfirmScreen
from cnn_tui.tui.screens.errors import notify_error
from cnn_tui.tui.screens.results_export import present, write_files


async def export_into_folder(
    screen: Screen[Any], question: str, folder: str, files_in: Callable[[Path], Mapping[Path, str | bytes]]
) -> None:
    """Write files into a folder that a person names, from within a worker.

    Args:
        folder: what stands in the line at first.
        files_in: makes the files' paths in a folder and their contents.
    """
    answer = await screen.app.push_screen_wait(AskTextScreen(question, folder, _refuse_folder))
    if answer is None:
        return
    chosen = Path(answer.strip()).expanduser()
    files = await asyncio.to_thread(files_in, chosen)
    replaced = await asyncio.to_thread(present, files)
    question = f"Replace {pluralize(len(replaced), 'file')} in {chosen}?"
    if replaced and not await screen.app.push_screen_wait(ConfirmScreen(question, "Replace")):
        return
    try:
        await asyncio.to_thread(write_files, chosen, files)
    except CnnTuiError as error:
        notify_error(screen, error)
    else:
        screen.notify(
            printable(str(chosen.absolute())), title=f"{pluralize(len(files), 'file')} written to", markup=False
        )


def _refuse_folder(text: str) -> str:
    if not text.strip() or "\0" in text:
        return "This is no folder's name."
    path = Path(text.strip()).expanduser()
    return f"{path} is a file." if path.is_file() else ""
