"""A grid of captioned pictures to walk in, each loaded when it first comes into view."""

from __future__ import annotations

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

from cnn_tui.formatting import fit
from cnn_tui.tui.widgets.picture_tiles import (
    PICTURE_SIZES,
    Loader,
    PictureItem,
    PictureShelf,
    caption,
    place_at,
    tile_region,
    tile_size,
)


class PictureGrid(ScrollView, can_focus=True):
    """Pictures with what they are, what they were taken for and how confidently."""

    DEFAULT_CSS = """
    PictureGrid {
        width: 1fr;
        height: 1fr;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        .picture-grid--caption { color: $text-muted; }
        .picture-grid--hit { color: $text-success; }
        .picture-grid--error { color: $text-error; }
        .picture-grid--cursor { text-style: bold reverse; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"picture-grid--{part}" for part in ("caption", "hit", "error", "cursor")}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "walk(-1)", "Left", show=False),
        Binding("right,l", "walk(1)", "Right", show=False),
        Binding("up,k", "walk_rows(-1)", "Up", show=False),
        Binding("down,j", "walk_rows(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(-1)", "First", show=False),
        Binding("end", "edge(1)", "Last", show=False),
        Binding("z", "toggle('large')", "Larger or smaller"),
        Binding("enter", "select", "Show picture"),
    ]

    items: reactive[tuple[PictureItem, ...]] = reactive((), init=False)
    """The pictures in their order."""
    cursor: reactive[int] = reactive(0, init=False, repaint=False)
    """The place of the highlighted picture in ``items``."""
    large = reactive(False, init=False)
    """Whether pictures are shown large."""
    empty_text = reactive("no pictures here")
    """What stands there while there is none."""

    @dataclass
    class Highlighted(Message):
        """The cursor came to a picture."""

        grid: PictureGrid
        item: PictureItem

    @dataclass
    class Selected(Message):
        """A person asks for a picture."""

        grid: PictureGrid
        item: PictureItem

    def __init__(self, load: Loader, **options: Any) -> None:
        super().__init__(**options)
        self._shelf = PictureShelf(load)
        self._loading = False

    @property
    def picture_size(self) -> Size:
        """The room for one picture in cells."""
        return PICTURE_SIZES[int(self.large)]

    @property
    def tile(self) -> Size:
        """The room for one picture with its caption."""
        return tile_size(self.picture_size)

    @property
    def columns(self) -> int:
        """How many tiles stand side by side."""
        return max(1, self.size.width // self.tile.width)

    def on_mount(self) -> None:
        """Lay the first pictures out."""
        self._arrange()

    def on_resize(self) -> None:
        """Put as many tiles side by side as there is room for."""
        self._arrange()

    def watch_items(self) -> None:
        """Show other pictures from the first on."""
        self._arrange()
        self.scroll_to(0, 0, animate=False)
        self.set_reactive(PictureGrid.cursor, 0)
        self._tell()

    def watch_large(self) -> None:
        """Show the pictures larger or smaller, the highlighted one still in view."""
        self._arrange()
        self._reveal()

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor on a picture."""
        return min(max(cursor, 0), max(0, len(self.items) - 1))

    def watch_cursor(self, before: int, after: int) -> None:
        """Bring the picture into view and tell of it; of what is in view only the two captions change."""
        self._reveal()
        for place in (before, after):
            self.refresh(self._region(place).shrink(Spacing(top=self.picture_size.height)))
        self._tell()

    def on_click(self, event: events.Click) -> None:
        """Go to the picture under the mouse; a second click asks for it."""
        offset = event.get_content_offset(self)
        place = None if offset is None else place_at(offset + self.scroll_offset, self.columns, self.tile)
        if place is None or place >= len(self.items):
            return
        self.cursor = place
        if event.chain > 1:
            self.action_select()

    def action_walk(self, pictures: int) -> None:
        """Move the cursor along the pictures."""
        self.cursor += pictures

    def action_walk_rows(self, rows: int) -> None:
        """Move the cursor to the picture above or below, if there is one."""
        if 0 <= self.cursor + rows * self.columns < len(self.items):
            self.cursor += rows * self.columns

    def action_page(self, direction: int) -> None:
        """Move the cursor by a screenful."""
        self.cursor += direction * self.columns * max(1, self.size.height // self.tile.height)

    def action_edge(self, direction: int) -> None:
        """Move the cursor to the first or the last picture."""
        self.cursor += direction * len(self.items)

    def action_select(self) -> None:
        """Ask for the picture."""
        if self.items:
            self.post_message(self.Selected(self, self.items[self.cursor]))

    def render_line(self, y: int) -> Strip:
        """One line of each tile in a row of tiles."""
        width, plain = self.size.width, self.rich_style
        if not self.items:
            text = self.empty_text if y == 0 else ""
            return Strip([Segment(fit(text, width), self._part("caption"))])
        row, line = divmod(y + self.scroll_offset.y, self.tile.height)
        places = range(row * self.columns, min((row + 1) * self.columns, len(self.items)))
        return Strip.join([self._tile_line(place, line) for place in places]).adjust_cell_length(width, plain)

    def _tile_line(self, place: int, line: int) -> Strip:
        below = line - self.picture_size.height
        strip = self._picture_line(self.items[place].index, line) if below < 0 else self._caption(place, below)
        return strip.adjust_cell_length(self.tile.width, self.rich_style)

    def _picture_line(self, index: int, line: int) -> Strip:
        width, height = self.picture_size
        drawn = self._shelf.get(index, self.picture_size)
        self._load_wanted()
        if isinstance(drawn, str):
            return Strip([Segment(fit(drawn if line == height // 2 else "", width), self._part("caption"))])
        row = line - (height - len(drawn))
        return drawn[row] if row >= 0 else Strip.blank(width, self.rich_style)

    def _caption(self, place: int, line: int) -> Strip:
        item = self.items[place]
        style = self._part("caption" if line else "hit" if item.is_hit else "error")
        if place == self.cursor and line == 0:
            style += self.get_component_rich_style("picture-grid--cursor", partial=True)
        return Strip([Segment(caption(item, line, self.picture_size.width), style)])

    def _part(self, part: str) -> Style:
        return self.get_component_rich_style(f"picture-grid--{part}")

    def _arrange(self) -> None:
        rows = -(-len(self.items) // self.columns)
        self.virtual_size = Size(self.size.width, rows * self.tile.height)
        self.refresh()

    def _region(self, place: int) -> Region:
        """Where a tile lies in the view, which may be outside of it."""
        return tile_region(place, self.columns, self.tile).translate(-self.scroll_offset)

    def _reveal(self) -> None:
        tile, at = tile_region(self.cursor, self.columns, self.tile), self.scroll_offset.y
        self.scroll_to(y=max(0, min(tile.y, max(at, tile.bottom - max(self.size.height, tile.height)))), animate=False)

    def _tell(self) -> None:
        if self.items:
            self.post_message(self.Highlighted(self, self.items[self.cursor]))

    def _load_wanted(self) -> None:
        if self._shelf.is_waiting and not self._loading:
            self._loading = True
            self.run_worker(self._load(), group="load")

    async def _load(self) -> None:
        try:
            while self._shelf.is_waiting:
                index = await self._shelf.draw_next()
                for place, item in enumerate(self.items):
                    if item.index == index:
                        self.refresh(self._region(place))
        finally:
            self._loading = False
