"""The keys that are active now, on one line.

By hand: Textual's ``Footer`` cuts the keys that do not fit, also those of help and quit, and mounts a widget for each
key whenever the focus moves.
"""

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

from cnn_tui.tui.widgets.component_styles import LazyComponentStyles

_ALWAYS_SHOWN = ("quit", "help")
_MARGIN = 1
_DISABLED = Style(dim=True)


class Key(NamedTuple):
    """A key with its displayed name, its description, and whether it is enabled now."""

    key: str
    display: str
    description: str
    action: str
    tooltip: str
    enabled: bool

    @property
    def width(self) -> int:
        """The number of cells, with the space after it."""
        return len(self.display) + 1 + len(self.description) + 1


class KeyFooter(LazyComponentStyles, Widget):
    """The keys of the focused widget, the screen and the app; a click presses a key.

    Keys that do not fit are left out, the last of the screen first; the help lists all.
    """

    DEFAULT_CSS = """
    KeyFooter {
        dock: bottom;
        height: 1;
        color: $footer-foreground;
        background: $footer-background;
        .key-footer--key { color: $footer-key-foreground; text-style: bold; }
        .key-footer--description { color: $footer-description-foreground; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-footer--key", "key-footer--description"}
    ALLOW_SELECT = False

    keys: reactive[tuple[Key, ...]] = reactive(())
    """The keys to show."""

    def on_mount(self) -> None:
        """Follow the bindings of the screen."""
        self.screen.bindings_updated_signal.subscribe(self, self._update_keys, immediate=True)

    def _update_keys(self, screen: Screen[object]) -> None:
        shown = {}
        for _, binding, enabled, tooltip in screen.active_bindings.values():
            if binding.show and binding.action not in shown:
                display, description = self.app.get_key_display(binding), binding.description
                shown[binding.action] = Key(binding.key, display, description, binding.action, tooltip, enabled)
        self.keys = tuple(shown.values())

    def render_line(self, y: int) -> Strip:
        """The keys and their descriptions."""
        segments = [Segment(" " * _MARGIN, self.rich_style)]
        for key in fitting(self.keys, self.size.width - _MARGIN):
            dim = Style.null() if key.enabled else _DISABLED
            segments += (
                Segment(key.display, self.get_component_rich_style("key-footer--key") + dim),
                Segment(f" {key.description} ", self.get_component_rich_style("key-footer--description") + dim),
            )
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        if (key := self._key_at(event.x)) is not None:
            self.app.simulate_key(key.key)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Show the tooltip of the key below the mouse."""
        key = self._key_at(event.x)
        self.tooltip = key.tooltip if key is not None else None

    def _key_at(self, x: int) -> Key | None:
        end = _MARGIN
        for key in fitting(self.keys, self.size.width - _MARGIN):
            start, end = end, end + key.width
            if start <= x < end - 1:
                return key
        return None


def fitting(keys: Sequence[Key], width: int) -> Iterator[Key]:
    """The keys that fit on a line, always with quit and help."""
    space = width - sum(key.width for key in keys if key.action in _ALWAYS_SHOWN)
    for key in keys:
        if key.action in _ALWAYS_SHOWN:
            yield key
        elif key.width <= space:
            space -= key.width
            yield key
        else:
            space = 0
