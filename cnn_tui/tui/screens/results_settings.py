"""What a session was trained on, with which settings, and how long it took."""

from __future__ import annotations

from rich.table import Table as RichTable
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from cnn_tui.formatting import printable
from cnn_tui.reports.sessions.document import Facts, session_facts
from cnn_tui.tui.screens.results_data import SessionView


class SettingsPane(VerticalScroll):
    """Sections of settings, figures and facts about the machine."""

    DEFAULT_CSS = """
    SettingsPane { padding: 0 1; scrollbar-size-vertical: 1; }
    """

    def compose(self) -> ComposeResult:
        """One text, scrolled as a whole."""
        yield Static("", id="settings")

    def show(self, view: SessionView) -> None:
        """Tell about a session."""
        self.query_one("#settings", Static).update(_grid(session_facts(view.record, view.warnings, view.folder)))


def _grid(shown: tuple[Facts, ...]) -> RichTable:
    grid = RichTable.grid(padding=(0, 2), expand=True)
    grid.add_column(ratio=2)
    grid.add_column(ratio=3, overflow="fold")
    for place, (heading, pairs) in enumerate(shown):
        if place:
            grid.add_row()
        grid.add_row(Text(heading, "bold underline"))
        for name, value in pairs:
            grid.add_row(Text(printable(name), "dim"), Text(printable(value)))
    return grid
