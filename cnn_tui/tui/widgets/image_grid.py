"""A grid of captioned images with a cursor; each image is loaded when it first comes into view."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size, Spacing
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from cnn_tui.errors import CnnTuiError
from cnn_tui.formatting import fit
from cnn_tui.tui.widgets.component_styles import LazyComponentStyles
from cnn_tui.tui.widgets.image_view import Pixels, half_blocks

Loader = Callable[[int], Pixels | None]
"""Returns an image by its index, None if it is missing. Called in a thread."""

_IMAGE_SIZES = (Size(22, 8), Size(32, 16))
_CAPTION_LINES = 2
_GAP = Size(2, 1)
_PARTS = ("caption", "hit", "error", "cursor")


@dataclass(frozen=True)
class ImageItem:
    """One image of a grid.

    Attributes:
        index: the index for the loader.
        confidence: of the prediction, in [0, 1].
    """

    index: int
    actual: str
    predicted: str
    confidence: float

    @property
    def is_hit(self) -> bool:
        """Whether it was classified correctly."""
        return self.actual == self.predicted


def caption(item: ImageItem, line: int, width: int) -> str:
    """A line of the caption: the prediction with its confidence, then the actual class if it differs."""
    if line == 0:
        confidence = f" {item.confidence:.0%}"
        return fit(f"{'✓' if item.is_hit else '✗'} {item.predicted}", width - len(confidence)) + confidence
    return fit("" if item.is_hit or line >= _CAPTION_LINES else f"  is {item.actual}", width)


class _ImageCache:
    """Images as strips, drawn in a thread, the last requested first: that is where the user is looking."""

    def __init__(self, load: Loader) -> None:
        self._load = load
        self._drawn: dict[tuple[int, Size], list[Strip] | str] = {}
        self.pending: list[tuple[int, Size]] = []

    def get(self, index: int, size: Size) -> list[Strip] | str:
        """The strips of an image that fit ``size`` cells, or a text in their place; requests a missing image."""
        key = (index, size)
        if key not in self._drawn:
            self._drawn[key] = "loading"
            self.pending.append(key)
        return self._drawn[key]

    async def draw_next(self) -> int:
        """Draw a pending image and return its index."""
        key = self.pending.pop()
        self._drawn[key] = await asyncio.to_thread(self._draw, *key)
        return key[0]

    def _draw(self, index: int, size: Size) -> list[Strip] | str:
        try:
            pixels = self._load(index)
        except CnnTuiError as error:
            return error.title
        return "no image" if pixels is None else half_blocks(pixels, size.height, size.width)


class ImageGrid(LazyComponentStyles, ScrollView, can_focus=True):
    """Images with their predictions, confidences and actual classes."""

    DEFAULT_CSS = """
    ImageGrid {
        width: 1fr;
        height: 1fr;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        .image-grid--caption { color: $text-muted; }
        .image-grid--hit { color: $text-success; }
        .image-grid--error { color: $text-error; }
        .image-grid--cursor { text-style: bold reverse; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"image-grid--{part}" for part in _PARTS}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "Left", show=False),
        Binding("right,l", "move(1)", "Right", show=False),
        Binding("up,k", "move_rows(-1)", "Up", show=False),
        Binding("down,j", "move_rows(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(-1)", "First", show=False),
        Binding("end", "edge(1)", "Last", show=False),
        Binding("z", "toggle('large')", "Zoom"),
        Binding("enter", "select", "Show image"),
    ]

    items: reactive[tuple[ImageItem, ...]] = reactive((), init=False)
    """The images in their order."""
    cursor: reactive[int] = reactive(0, init=False, repaint=False)
    """The index of the highlighted image in ``items``."""
    large = reactive(False, init=False)
    """Whether images are shown large."""
    empty_text = reactive("no images")
    """Shown if there are no images."""

    @dataclass
    class Highlighted(Message):
        """The cursor moved to an image."""

        grid: ImageGrid
        item: ImageItem

    @dataclass
    class Selected(Message):
        """The user opened an image."""

        grid: ImageGrid
        item: ImageItem

    def __init__(self, load: Loader, **options: Any) -> None:
        super().__init__(**options)
        self._cache = _ImageCache(load)
        self._loading = False

    @property
    def image_size(self) -> Size:
        """The space for one image, in cells."""
        return _IMAGE_SIZES[int(self.large)]

    @property
    def tile(self) -> Size:
        """The space for one image with its caption and the gap to the next."""
        size = self.image_size
        return Size(size.width + _GAP.width, size.height + _CAPTION_LINES + _GAP.height)

    @property
    def columns(self) -> int:
        """The number of tiles side by side."""
        return max(1, self.size.width // self.tile.width)

    def on_mount(self) -> None:
        """Lay out the first images."""
        self._lay_out()

    def on_resize(self) -> None:
        """Fit the columns to the width."""
        self._lay_out()

    def watch_items(self) -> None:
        """Show other images from the first on."""
        self._lay_out()
        self.scroll_to(0, 0, animate=False)
        self.set_reactive(ImageGrid.cursor, 0)
        self._report()

    def watch_large(self) -> None:
        """Change the size, keeping the highlighted image in view."""
        self._lay_out()
        self._scroll_to_cursor()

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor on an image."""
        return min(max(cursor, 0), max(0, len(self.items) - 1))

    def watch_cursor(self, before: int, after: int) -> None:
        """Scroll the image into view, repaint the two captions that change, and report the image."""
        self._scroll_to_cursor()
        for position in (before, after):
            self.refresh(self._visible_region(position).shrink(Spacing(top=self.image_size.height)))
        self._report()

    def on_click(self, event: events.Click) -> None:
        """Go to the image under the mouse; open it on a double click."""
        if (offset := event.get_content_offset(self)) is None:
            return
        x, y = offset + self.scroll_offset
        column, position = x // self.tile.width, y // self.tile.height * self.columns + x // self.tile.width
        if column < self.columns and position < len(self.items):
            self.cursor = position
            if event.chain > 1:
                self.action_select()

    def action_move(self, offset: int) -> None:
        """Move the cursor by a number of images."""
        self.cursor += offset

    def action_move_rows(self, rows: int) -> None:
        """Move the cursor to the image above or below, if there is one."""
        if 0 <= self.cursor + rows * self.columns < len(self.items):
            self.cursor += rows * self.columns

    def action_page(self, direction: int) -> None:
        """Move the cursor by a page."""
        self.cursor += direction * self.columns * max(1, self.size.height // self.tile.height)

    def action_edge(self, direction: int) -> None:
        """Move the cursor to the first or last image."""
        self.cursor += direction * len(self.items)

    def action_select(self) -> None:
        """Open the image."""
        if self.items:
            self.post_message(self.Selected(self, self.items[self.cursor]))

    def render_line(self, y: int) -> Strip:
        """One line of each tile in a row of tiles."""
        width = self.size.width
        if not self.items:
            return Strip([Segment(fit(self.empty_text if y == 0 else "", width), self._part("caption"))])
        row, line = divmod(y + self.scroll_offset.y, self.tile.height)
        positions = range(row * self.columns, min((row + 1) * self.columns, len(self.items)))
        tiles = [self._tile_line(position, line) for position in positions]
        return Strip.join(tiles).adjust_cell_length(width, self.rich_style)

    def _tile_line(self, position: int, line: int) -> Strip:
        below = line - self.image_size.height
        strip = self._image_line(self.items[position].index, line) if below < 0 else self._caption(position, below)
        return strip.adjust_cell_length(self.tile.width, self.rich_style)

    def _image_line(self, index: int, line: int) -> Strip:
        width, height = self.image_size
        drawn = self._cache.get(index, self.image_size)
        self._load_pending()
        if isinstance(drawn, str):
            return Strip([Segment(fit(drawn if line == height // 2 else "", width), self._part("caption"))])
        row = line - (height - len(drawn))
        return drawn[row] if row >= 0 else Strip.blank(width, self.rich_style)

    def _caption(self, position: int, line: int) -> Strip:
        item = self.items[position]
        style = self._part("caption" if line else "hit" if item.is_hit else "error")
        if position == self.cursor and line == 0:
            style += self.get_component_rich_style("image-grid--cursor", partial=True)
        return Strip([Segment(caption(item, line, self.image_size.width), style)])

    def _part(self, part: str) -> Style:
        return self.get_component_rich_style(f"image-grid--{part}")

    def _lay_out(self) -> None:
        rows = -(-len(self.items) // self.columns)
        self.virtual_size = Size(self.size.width, rows * self.tile.height)
        self.refresh()

    def _region(self, position: int) -> Region:
        """The region of a tile in the grid."""
        row, column = divmod(position, self.columns)
        return Region(column * self.tile.width, row * self.tile.height, self.tile.width, self.tile.height)

    def _visible_region(self, position: int) -> Region:
        """The region of a tile in the view, possibly outside of it."""
        return self._region(position).translate(-self.scroll_offset)

    def _scroll_to_cursor(self) -> None:
        tile, y, height = self._region(self.cursor), self.scroll_offset.y, max(self.size.height, self.tile.height)
        self.scroll_to(y=max(0, min(tile.y, max(y, tile.bottom - height))), animate=False)

    def _report(self) -> None:
        if self.items:
            self.post_message(self.Highlighted(self, self.items[self.cursor]))

    def _load_pending(self) -> None:
        if self._cache.pending and not self._loading:
            self._loading = True
            self.run_worker(self._load(), group="load")

    async def _load(self) -> None:
        try:
            while self._cache.pending:
                index = await self._cache.draw_next()
                for position, item in enumerate(self.items):
                    if item.index == index:
                        self.refresh(self._visible_region(position))
        finally:
            self._loading = False
