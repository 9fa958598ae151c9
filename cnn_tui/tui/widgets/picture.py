"""One picture, as large as its room allows."""

from __future__ import annotations

from typing import Any

from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from cnn_tui.tui.widgets.half_blocks import Pixels, half_blocks


class Picture(Widget):
    """An RGB picture in half-block cells, centred, keeping its shape."""

    DEFAULT_CSS = """
    Picture { width: 1fr; height: 1fr; }
    """

    # An array has no single truth value for "is it another one", so every assignment counts as a change.
    pixels: reactive[Pixels | None] = reactive(None, init=False, always_update=True)
    """The picture, of shape (height, width, 3); None for none."""

    _strips: list[Strip] | None = None

    def __init__(self, pixels: Pixels | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.set_reactive(Picture.pixels, pixels)

    def watch_pixels(self) -> None:
        """Draw the new picture."""
        self._strips = None

    def on_resize(self) -> None:
        """Draw again at the new size."""
        self._strips = None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """A row of the picture, or of the room around it."""
        if self._strips is None:
            self._strips = [] if self.pixels is None else half_blocks(self.pixels, self.size.height, self.size.width)
        row = y - (self.size.height - len(self._strips)) // 2
        if not 0 <= row < len(self._strips):
            return Strip.blank(self.size.width, self.rich_style)
        return self._strips[row].text_align(self.size.width, "center").apply_style(self.rich_style)
