"""The keys that do something here, in one line that is never cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.reactive import reactive
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

_ALWAYS = ("quit", "help")
_LEFT = 1
_OFF = Style(dim=True)


class Key(NamedTuple):
    """A key, as it is shown, what it does, and whether it would do it now."""

    key: str
    shown: str
    words: str
    action: str
    tooltip: str
    enabled: bool

    @property
    def width(self) -> int:
        """Cells that it takes, the space behind it among them."""
        return len(self.shown) + 1 + len(self.words) + 1


class KeyFooter(Widget):
    """The bindings of the focused widget, of the screen and of the app; a click does what the key would.

    What has no room is left out, the last of the screen's bindings first: the help tells them all. It paints the line
    itself, because it changes whenever the focus goes from one widget to another.
    """

    DEFAULT_CSS = """
    KeyFooter {
        dock: bottom;
        height: 1;
        color: $footer-foreground;
        background: $footer-background;
        .key-footer--key { color: $footer-key-foreground; text-style: bold; }
        .key-footer--words { color: $footer-description-foreground; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-footer--key", "key-footer--words"}
    ALLOW_SELECT = False

    keys: reactive[tuple[Key, ...]] = reactive(())
    """What can be pressed now."""

    def on_mount(self) -> None:
        """Follow what can be pressed."""
        self.screen.bindings_updated_signal.subscribe(self, self._look, immediate=True)

    def _look(self, screen: Screen[object]) -> None:
        shown = {}
        for _, binding, enabled, tooltip in screen.active_bindings.values():
            if binding.show and binding.action not in shown:
                display, words = self.app.get_key_display(binding), binding.description
                shown[binding.action] = Key(binding.key, display, words, binding.action, tooltip, enabled)
        self.keys = tuple(shown.values())

    def render_line(self, y: int) -> Strip:
        """Key and words in turns."""
        segments = [Segment(" " * _LEFT, self.rich_style)]
        for key in fitting(self.keys, self.size.width - _LEFT):
            key_style, words_style = self._styles(key.enabled)
            segments += (Segment(key.shown, key_style), Segment(f" {key.words} ", words_style))
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        key = self._key_at(event.x)
        if key is not None:
            self.app.simulate_key(key.key)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Have more words about the key below the mouse ready."""
        key = self._key_at(event.x)
        self.tooltip = key.tooltip if key is not None else None

    def _styles(self, enabled: bool) -> tuple[Style, Style]:
        key = self.get_component_rich_style("key-footer--key")
        words = self.get_component_rich_style("key-footer--words")
        return (key, words) if enabled else (key + _OFF, words + _OFF)

    def _key_at(self, x: int) -> Key | None:
        end = _LEFT
        for key in fitting(self.keys, self.size.width - _LEFT):
            start, end = end, end + key.width
            if start <= x < end - 1:
                return key
        return None


def fitting(keys: Sequence[Key], width: int) -> Iterator[Key]:
    """The keys that fit into a line, the way out and the way to the help always among them."""
    room = width - sum(key.width for key in keys if key.action in _ALWAYS)
    for key in keys:
        if key.action in _ALWAYS:
            yield key
        elif key.width <= room:
            room -= key.width
            yield key
        else:
            room = 0
