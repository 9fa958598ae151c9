"""The keys of a screen and what they do."""

from __future__ import annotations

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static


class HelpScreen(ModalScreen[None]):
    """Lists the bindings that are active on the screen below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,question_mark,q", "dismiss(None)", "Close"),
    ]

    def __init__(self, bindings: dict[str, ActiveBinding]) -> None:
        """Show ``bindings``, those of the screen that help was asked on."""
        super().__init__()
        self._shown = bindings

    def compose(self) -> ComposeResult:
        """A table of keys."""
        with VerticalScroll(classes="dialog dialog-wide"):
            yield Static("Keys of this screen", classes="dialog--title")
            yield Static(self._table())
            yield Static("Tab and shift+tab go from part to part; the mouse works everywhere.", classes="dialog--hint")

    def _table(self) -> Table:
        keys: dict[str, list[str]] = {}
        # What the footer shows too comes first: it is what the screen is for.
        for active in sorted(self._shown.values(), key=lambda active: not active.binding.show):
            if active.binding.description and active.enabled:
                shown = self.app.get_key_display(active.binding)
                keys.setdefault(active.binding.tooltip or active.binding.description, []).append(shown)
        table = Table.grid(padding=(0, 3))
        for description, names in keys.items():
            table.add_row(Text(" ".join(dict.fromkeys(names)), style="bold"), Text(description))
        return table
