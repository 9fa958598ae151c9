"""Tabs for the panes of a screen, one of which is visible.

By hand: Textual's ``Tabs``, styled to one line, takes 60 ms more until its first paint, and reports tabs that the
program activates like those that the user clicks, so that two quick changes undo each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static


class PaneTabs(Horizontal):
    """A tab for each pane.

    Args:
        titles: the name of each pane, and the title of its tab.
    """

    DEFAULT_CSS = """
    PaneTabs {
        height: 1;
        background: $surface;
        .pane-tab {
            width: auto;
            padding: 0 1;
            color: $text-muted;
            &:hover { color: $text; background: $boost; }
            &.-active { color: $text; text-style: bold; background: $primary 60%; }
        }
    }
    """

    panes: reactive[tuple[str, ...]] = reactive[tuple[str, ...]](())
    """The panes that have a tab now."""
    active: reactive[str] = reactive("")
    """The visible pane."""

    @dataclass
    class Chosen(Message):
        """A tab was clicked."""

        pane: str

    def __init__(self, titles: Iterable[tuple[str, str]]) -> None:
        super().__init__()
        self._titles = tuple(titles)

    def compose(self) -> ComposeResult:
        """The tabs."""
        for pane, title in self._titles:
            yield _PaneTab(pane, title)

    def watch_panes(self) -> None:
        """Show the tabs of the panes, the active one highlighted."""
        for tab in self.query(_PaneTab):
            tab.display = tab.pane in self.panes
            tab.set_class(tab.pane == self.active, "-active")

    watch_active = watch_panes


class _PaneTab(Static):
    """The tab of one pane."""

    def __init__(self, pane: str, title: str) -> None:
        super().__init__(title, classes="pane-tab")
        self.pane = pane

    def on_click(self) -> None:
        """Report the click."""
        self.post_message(PaneTabs.Chosen(self.pane))
