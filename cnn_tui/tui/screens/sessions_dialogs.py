"""What Sessions asks a person, and what is changed then: names, notes, deletion."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual.screen import Screen

from cnn_tui.errors import CnnTuiError
from cnn_tui.store.sessions import annotate_session, delete_session, rename_session
from cnn_tui.tui.screens.dialogs import AskTextScreen, ConfirmScreen
from cnn_tui.tui.screens.errors import notify_error
from cnn_tui.tui.screens.note import NoteScreen
from cnn_tui.tui.screens.sessions_rows import SessionRow

_LONGEST_NAME = 200


async def rename(screen: Screen[None], row: SessionRow) -> None:
    """Ask for another name and give it to the session."""
    name = await screen.app.push_screen_wait(AskTextScreen("Name of the session", row.name, _refuse_name))
    if name is not None and name != row.name:
        await _change(screen, lambda: rename_session(row.id, name))


async def annotate(screen: Screen[None], row: SessionRow) -> None:
    """Ask for a note and tags; the session may be running."""
    written = await screen.app.push_screen_wait(NoteScreen(row.label, row.note))
    if written is not None and (written != row.note or row.note_problem):
        await _change(screen, lambda: annotate_session(row.id, written))


async def delete(screen: Screen[None], row: SessionRow) -> None:
    """Delete the session if the person really means it."""
    question = f"Delete “{row.name}” with its weights and predictions, for good?"
    if await screen.app.push_screen_wait(ConfirmScreen(question, "Delete")):
        await _change(screen, lambda: delete_session(row.id))


async def _change(screen: Screen[None], change: Callable[[], object]) -> None:
    try:
        await asyncio.to_thread(change)
    except CnnTuiError as error:
        notify_error(screen, error)


def _refuse_name(name: str) -> str:
    return "" if 0 < len(name.strip()) <= _LONGEST_NAME else f"A name has 1 to {_LONGEST_NAME} characters."
