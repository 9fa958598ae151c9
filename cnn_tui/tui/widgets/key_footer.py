"""The keys that do something here, in one line that is never cut."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

_ALWAYS = ("quit", "help")


class KeyFooter(Footer):
    """A footer that leaves out what has no room, the last of a screen's bindings first; the help tells them all."""

    def __init__(self) -> None:
        super().__init__(show_command_palette=False, compact=True)

    def compose(self) -> ComposeResult:
        """The keys that fit, the way to the help and the way out among them."""
        keys = list(super().compose())
        room = self.app.size.width - sum(_width(key) for key in keys if _stays(key))
        for key in keys:
            if _stays(key):
                yield key
            elif _width(key) <= room:
                room -= _width(key)
                yield key
            else:
                room = 0

    def on_resize(self, event: events.Resize) -> None:
        """Choose again for another width."""
        self.refresh(recompose=True)


def _stays(key: Widget) -> bool:
    return isinstance(key, FooterKey) and key.action in _ALWAYS


def _width(key: Widget) -> int:
    assert isinstance(key, FooterKey)
    return len(key.key_display) + 1 + len(key.description) + 1
