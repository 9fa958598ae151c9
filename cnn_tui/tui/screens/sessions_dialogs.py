"""Dialogs that rename, annotate and delete a session."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Static

from cnn_tui.errors import CnnTuiError, ConfigError
from cnn_tui.formatting import printable
from cnn_tui.store.notes import SessionNote, make_note
from cnn_tui.store.session_changes import annotate_session, delete_session, rename_session
from cnn_tui.tui.screens.dialogs import AskTextScreen, ConfirmScreen
from cnn_tui.tui.screens.errors import notify_error, printable_lines
from cnn_tui.tui.screens.sessions_rows import SessionRow
from cnn_tui.tui.widgets.text_line import TextLine

_MAX_NAME_LENGTH = 200


async def rename(screen: Screen[None], row: SessionRow) -> None:
    """Ask for a new name and rename the session."""
    name = await screen.app.push_screen_wait(AskTextScreen("Name of the session", row.name, _check_name))
    if name is not None and name != row.name:
        await _change(screen, lambda: rename_session(row.id, name))


async def annotate(screen: Screen[None], row: SessionRow) -> None:
    """Ask for a note and tags and save them, also while the session is running."""
    note = await screen.app.push_screen_wait(NoteScreen(row.label, row.note))
    if note is not None and (note != row.note or row.note_problem):
        await _change(screen, lambda: annotate_session(row.id, note))


async def delete(screen: Screen[None], row: SessionRow) -> None:
    """Delete the session after confirmation."""
    question = f"Permanently delete “{row.name}” with its weights and predictions?"
    if await screen.app.push_screen_wait(ConfirmScreen(question, "Delete")):
        await _change(screen, lambda: delete_session(row.id))


async def _change(screen: Screen[None], change: Callable[[], object]) -> None:
    try:
        await asyncio.to_thread(change)
    except CnnTuiError as error:
        notify_error(screen, error)


def _check_name(name: str) -> str:
    return "" if 0 < len(name.strip()) <= _MAX_NAME_LENGTH else f"A name has 1 to {_MAX_NAME_LENGTH} characters."


class NoteScreen(ModalScreen[SessionNote | None]):
    """Edits a session's note and tags; returns None if cancelled."""

    DEFAULT_CSS = """
    NoteScreen {
        .note--label { color: $text-muted; }
        #note { margin-bottom: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]

    def __init__(self, session_name: str, note: SessionNote) -> None:
        super().__init__()
        self._session_name = session_name
        self._note = note

    def compose(self) -> ComposeResult:
        """A line for the note, a line for the tags, and validation errors."""
        with Vertical(classes="dialog dialog-wide"):
            yield Static(Content(f"Note on “{printable(self._session_name)}”"), classes="dialog--title")
            yield Static("Note", classes="note--label")
            yield TextLine(self._note.note, select_on_focus=False, id="note")
            yield Static("Tags, separated by spaces", classes="note--label")
            yield TextLine(" ".join(self._note.tags), select_on_focus=False, id="tags")
            yield Static("", classes="dialog--error")
            yield Static("enter save · tab tags · esc cancel", classes="dialog--hint")

    def on_mount(self) -> None:
        """Focus the note now, so that keys typed before the first paint reach it."""
        self.set_focus(self.query_one("#note", TextLine))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return the note if it is valid, otherwise show the error."""
        note, tags = (self.query_one(f"#{name}", TextLine).value for name in ("note", "tags"))
        try:
            edited = make_note(note, (tag for tag in re.split(r"[\s,]+", tags) if tag))
        except ConfigError as error:
            self.query_one(".dialog--error", Static).update(Content(printable_lines(error.detail)))
        else:
            self.dismiss(edited)
