"""A table of any rows that a person can sort and walk in; only the lines in view are ever drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from cnn_tui.tui.widgets.table_columns import TONES, Row, TableColumn
from cnn_tui.tui.widgets.table_model import GAP, TableModel

_PARTS = ("header", "odd", "pinned", "cursor", *TONES)


class SortedTable(ScrollView, Generic[Row], can_focus=True):
    """Rows under columns, sorted by one of them; the cursor stays on its row whatever the order.

    Args:
        columns: what to show of each row.
        key: what tells a row from the others.
    """

    DEFAULT_CSS = """
    SortedTable {
        height: 1fr;
        overflow-x: hidden;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        .sorted-table--header { background: $panel; text-style: bold; }
        .sorted-table--odd { background: $foreground 3%; }
        .sorted-table--pinned { text-style: bold; }
        .sorted-table--cursor { background: $block-cursor-blurred-background; }
        &:focus .sorted-table--cursor {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
            text-style: bold;
        }
        .sorted-table--good { color: $text-success; }
        .sorted-table--bad { color: $text-error; }
        .sorted-table--warning { color: $text-warning; }
        .sorted-table--live { color: $text-accent; }
        .sorted-table--muted { color: $text-muted; }
        &:ansi .sorted-table--cursor, &:ansi:focus .sorted-table--cursor {
            background: ansi_default;
            color: ansi_default;
            text-style: reverse;
        }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"sorted-table--{part}" for part in _PARTS}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "walk(-1)", "Up", show=False),
        Binding("down,j", "walk(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(-1)", "First row", show=False),
        Binding("end", "edge(1)", "Last row", show=False),
        Binding("enter", "choose", "Open"),
        Binding("s", "next_sort", "Sort", tooltip="Sort by the next column"),
        Binding("S", "turn_sort", "Turn order", show=False, tooltip="Turn the order round"),
    ]

    cursor: reactive[int] = reactive(0, init=False)
    """The place of the highlighted row in ``rows``."""

    @dataclass
    class Highlighted(Message):
        """Another row is the current one, or none is left."""

        table: SortedTable[Any]

    @dataclass
    class Chosen(Message):
        """A person asks for what is behind the current row."""

        table: SortedTable[Any]

    def __init__(self, columns: Sequence[TableColumn[Row]], key: Callable[[Row], str], **options: Any) -> None:
        super().__init__(**options)
        self._key = key
        self._model = TableModel(columns, key)

    @property
    def rows(self) -> list[Row]:
        """What is shown, in its order."""
        return self._model.rows

    @property
    def current(self) -> Row | None:
        """The row under the cursor, None in an empty table."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    @property
    def columns(self) -> tuple[str, ...]:
        """The keys of the columns that have found room."""
        return tuple(column.key for column in self._model.widths)

    @property
    def sorted_by(self) -> tuple[str, bool] | None:
        """The column's key and whether the largest comes first; None while rows stand as they were given."""
        return self._model.sorted_by

    def show_rows(self, rows: Sequence[Row], pinned: Sequence[Row] = ()) -> None:
        """Show these rows; the pinned ones stand below them in every order."""
        before = self.current
        if self._model.give(rows, pinned):
            self._settle(before)

    def show_columns(self, columns: Sequence[TableColumn[Row]]) -> None:
        """Show other columns, of no rows until they are given."""
        self._model = TableModel(columns, self._key)
        self._settle(None)

    def sort_by(self, key: str, falling: bool | None = None) -> None:
        """Sort by a column, or turn its order round if that is how rows are sorted already."""
        before = self.current
        self._model.sort_by(key, falling)
        self._settle(before)

    def on_resize(self) -> None:
        """Show as many columns as there is room for."""
        self._fit()

    def on_click(self, event: events.Click) -> None:
        """Sort by the column whose name was clicked, or go to a row; a click on the current row asks for it."""
        place = event.get_content_offset(self)
        if place is None:
            return
        row = place.y - 1 + self.scroll_offset.y
        if place.y == 0:
            if (key := self._model.column_at(place.x)) is not None:
                self.sort_by(key)
        elif row == self.cursor:
            self.action_choose()
        elif row < len(self.rows):
            self.cursor = row

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor on a row."""
        return min(max(cursor, 0), max(0, len(self.rows) - 1))

    def watch_cursor(self, before: int, after: int) -> None:
        """Bring the row into view and tell of it."""
        self._reveal()
        for row in (before, after):
            self.refresh(Region(0, 1 + row - self.scroll_offset.y, self.size.width, 1))
        self.post_message(self.Highlighted(self))

    def action_walk(self, rows: int) -> None:
        """Move the cursor by rows."""
        self.cursor += rows

    def action_page(self, direction: int) -> None:
        """Move the cursor by a screenful."""
        self.cursor += direction * max(1, self.size.height - 1)

    def action_edge(self, direction: int) -> None:
        """Move the cursor to the first or the last row."""
        self.cursor += direction * len(self.rows)

    def action_choose(self) -> None:
        """Ask for what is behind the current row."""
        if self.rows:
            self.post_message(self.Chosen(self))

    def action_next_sort(self) -> None:
        """Sort by the column right of the present one; after the last, go back to the order as given."""
        before = self.current
        self._model.sort_by_next()
        self._settle(before)

    def action_turn_sort(self) -> None:
        """Turn the order round."""
        if self.sorted_by:
            self.sort_by(self.sorted_by[0])

    def render_line(self, y: int) -> Strip:
        """The columns' names, or a row."""
        row = y - 1 + self.scroll_offset.y
        if y == 0:
            return self._line(self._headings(), self._part("header"))
        if row >= len(self.rows):
            return Strip.blank(self.size.width, self.rich_style)
        return self._line(self._cells(row), self._row_style(row))

    def _headings(self) -> Iterator[tuple[str, Style]]:
        for column, width in self._model.widths.items():
            yield column.heading(width, self._model.mark(column)), Style.null()

    def _cells(self, place: int) -> Iterator[tuple[str, Style]]:
        row, plain = self.rows[place], place == self.cursor and self.has_focus
        for column, width in self._model.widths.items():
            tone = column.tone(row)
            yield column.cell(row, width), self._part(tone) if tone and not plain else Style.null()

    def _line(self, cells: Iterator[tuple[str, Style]], style: Style) -> Strip:
        """Cells with a gap around each, as wide as the table."""
        margin = " " * (GAP // 2)
        segments = [Segment(f"{margin}{text}{margin}", style + own) for text, own in cells]
        return Strip(segments).adjust_cell_length(self.size.width, style)

    def _row_style(self, place: int) -> Style:
        style = self.get_component_rich_style("sorted-table--odd") if place % 2 else self.rich_style
        if self._model.is_pinned(place):
            style += self._part("pinned")
        return style + self._part("cursor") if place == self.cursor else style

    def _part(self, part: str) -> Style:
        return self.get_component_rich_style(f"sorted-table--{part}", partial=part not in ("header", "cursor"))

    def _settle(self, before: Row | None) -> None:
        """Put the cursor on the row that it was on; if that is gone, leave it where it was."""
        place = self._model.place_of(before)
        self.set_reactive(SortedTable.cursor, self.validate_cursor(self.cursor if place is None else place))
        self._fit()
        self._reveal()
        self.post_message(self.Highlighted(self))

    def _fit(self) -> None:
        self._model.fit(self.scrollable_content_region.width)
        self.virtual_size = Size(self.size.width, len(self.rows) + 1)
        self.refresh()

    def _reveal(self) -> None:
        """Scroll no further than it takes to see the cursor's row below the header."""
        at, rows_in_view = self.scroll_offset.y, max(1, self.size.height - 1)
        self.scroll_to(y=max(0, min(self.cursor, max(at, self.cursor + 1 - rows_in_view))), animate=False)
