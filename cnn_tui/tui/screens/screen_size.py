"""The size of the terminal: classes for the layouts that it allows, and a screen that covers all if it is too small."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

MIN_SIZE = Size(80, 24)
Breakpoints = Sequence[tuple[int, str]]


def size_classes(size: Size, widths: Breakpoints, heights: Breakpoints = ()) -> set[str]:
    """The classes of the largest width and height that fit.

    A screen adds them before its first paint: Textual sets them at the first resize, and styles all widgets again.
    """
    fitting = (
        max((step for step in steps if step[0] <= cells), default=None)
        for cells, steps in ((size.width, widths), (size.height, heights))
    )
    return {step[1] for step in fitting if step is not None}


def is_too_small(size: Size) -> bool:
    """Whether the screens would be cut off."""
    return size.width < MIN_SIZE.width or size.height < MIN_SIZE.height


class TooSmallScreen(ModalScreen[None]):
    """Shows the size that the terminal must have, until it has it."""

    DEFAULT_CSS = """
    TooSmallScreen {
        background: $background;
        Static { width: 100%; text-align: center; }
    }
    """

    def compose(self) -> ComposeResult:
        """One sentence."""
        yield Static()

    def on_resize(self, event: events.Resize) -> None:
        """Show the current size, or close."""
        current, minimum = (f"{size.width}x{size.height}" for size in (event.size, MIN_SIZE))
        self.query_one(Static).update(f"{current} is too small: make it {minimum}")
        self._close_if_large_enough()

    def on_screen_resume(self) -> None:
        """Close if the terminal has grown while another screen was shown."""
        self._close_if_large_enough()

    def _close_if_large_enough(self) -> None:
        if self.is_current and not is_too_small(self.app.size):
            self.dismiss()
