"""A note and tags on a session, asked for."""

from __future__ import annotations

import re
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from cnn_tui.errors import ConfigError
from cnn_tui.formatting import printable
from cnn_tui.store.notes import SessionNote, make_note
from cnn_tui.tui.screens.errors import safe_lines
from cnn_tui.tui.widgets.text_line import TextLine


class NoteScreen(ModalScreen[SessionNote | None]):
    """Asks for a note and tags; None if the person thought better of it.

    Args:
        name: what the session is called.
        note: what is written about it already.
    """

    DEFAULT_CSS = """
    NoteScreen {
        .note--label { color: $text-muted; }
        #note { margin-bottom: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]

    def __init__(self, name: str, note: SessionNote) -> None:
        super().__init__()
        self._title = name
        self._written = note

    def compose(self) -> ComposeResult:
        """A line for the note, one for the tags, and what is wrong with them."""
        with Vertical(classes="dialog dialog-wide"):
            yield Static(Content(f"Note on “{printable(self._title)}”"), classes="dialog--title")
            yield Static("Note", classes="note--label")
            yield TextLine(self._written.note, select_on_focus=False, id="note")
            yield Static("Tags, with spaces between them", classes="note--label")
            yield TextLine(" ".join(self._written.tags), select_on_focus=False, id="tags")
            yield Static("", classes="dialog--error")
            yield Static("enter to save, tab to go to the tags, escape to cancel", classes="dialog--hint")

    def on_mount(self) -> None:
        """Take letters from now on, also those that are typed before the first picture."""
        self.set_focus(self.query_one("#note", TextLine))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer, unless the note or a tag is not allowed."""
        note, tags = (self.query_one(f"#{name}", TextLine).value for name in ("note", "tags"))
        try:
            written = make_note(note, (tag for tag in re.split(r"[\s,]+", tags) if tag))
        except ConfigError as error:
            self.query_one(".dialog--error", Static).update(Content(safe_lines(error.detail)))
        else:
            self.dismiss(written)
