"""The smallest Textual app that has what any has: the opponent of the first paint."""

from __future__ import annotations

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.widgets import Footer, Header, Input


class BareApp(App[None]):
    """A header, an input and a footer."""

    BINDINGS: ClassVar[list[BindingType]] = [("ctrl+q", "quit", "Quit")]

    def compose(self) -> ComposeResult:
        """Three widgets."""
        yield Header()
        yield Input(placeholder="ready")
        yield Footer()


if __name__ == "__main__":
    BareApp().run()
