"""What stands in the place of everything else while the terminal is smaller than the screens can be."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

LEAST = Size(80, 24)


def is_too_small(size: Size) -> bool:
    """Whether the screens would be cut off."""
    return size.width < LEAST.width or size.height < LEAST.height


class TooSmallScreen(ModalScreen[None]):
    """Says how large the terminal has to be, and goes by itself once it is."""

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
        """Say the present size, or go."""
        words = f"{event.size.width}x{event.size.height} is too small: make it {LEAST.width}x{LEAST.height}"
        self.query_one(Static).update(words)
        self._go_if_large_enough()

    def on_screen_resume(self) -> None:
        """Go if the terminal has grown while another screen was shown."""
        self._go_if_large_enough()

    def _go_if_large_enough(self) -> None:
        if self.is_current and not is_too_small(self.app.size):
            self.dismiss()
