"""Studies: vary one setting, see what it does."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer

from cnn_tui.tui.widgets.title_bar import TitleBar


class StudiesScreen(Screen[None]):
    """One study: what is varied, and what came of it."""

    def compose(self) -> ComposeResult:
        """The title and the keys."""
        yield TitleBar("studies")
        yield Footer(show_command_palette=False)
