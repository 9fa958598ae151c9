"""A table that the user can sort; it draws only the visible lines.

By hand: ``DataTable`` holds cells instead of rows, pins rows only at the top, keeps columns that do not fit, and leaves
the cursor at its position when the order changes.
"""

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

from cnn_tui.tui.widgets.component_styles import LazyComponentStyles
from cnn_tui.tui.widgets.table_model import GAP, TONES, Row, TableColumn, TableModel

_PARTS = ("header", "odd", "pinned", "cursor", *TONES)


class SortedTable(LazyComponentStyles, ScrollView, Generic[Row], can_focus=True):
    """Rows sorted by one of the columns, with a cursor that stays on its row in every order.

    Args:
        key: returns the identity of a row.
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
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(-1)", "First row", show=False),
        Binding("end", "edge(1)", "Last row", show=False),
        Binding("enter", "choose", "Open"),
        Binding("s", "next_sort", "Sort", tooltip="Sort by the next column"),
        Binding("S", "reverse_sort", "Reverse order", show=False, tooltip="Reverse the order"),
    ]

    cursor: reactive[int] = reactive(0, init=False)
    """The index of the highlighted row in ``rows``."""

    @dataclass
    class Highlighted(Message):
        """The cursor moved to another row, or no row is left."""

        table: SortedTable[Any]

    @dataclass
    class Chosen(Message):
        """The user opened the current row."""

        table: SortedTable[Any]

    def __init__(self, columns: Sequence[TableColumn[Row]], key: Callable[[Row], str], **options: Any) -> None:
        super().__init__(**options)
        self._key = key
        self._model = TableModel(columns, key)

    @property
    def rows(self) -> list[Row]:
        """The rows in their order."""
        return self._model.rows

    @property
    def current(self) -> Row | None:
        """The row under the cursor, None in an empty table."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    @property
    def columns(self) -> tuple[str, ...]:
        """The keys of the columns that fit."""
        return tuple(column.key for column in self._model.widths)

    @property
    def sorted_by(self) -> tuple[str, bool] | None:
        """The key of the sorted column and whether it is descending, None if rows are unsorted."""
        return self._model.sorted_by

    def show_rows(self, rows: Sequence[Row], pinned: Sequence[Row] = ()) -> None:
        """Show these rows, with the pinned ones below all others in every order."""
        before = self.current
        if self._model.replace_rows(rows, pinned):
            self._update_rows(before)

    def show_columns(self, columns: Sequence[TableColumn[Row]]) -> None:
        """Replace the columns and remove all rows."""
        self._model = TableModel(columns, self._key)
        self._update_rows(None)

    def sort_by(self, key: str, falling: bool | None = None) -> None:
        """Sort by a column; without ``falling``, reverse the order if it is the sorted one."""
        before = self.current
        self._model.sort_by(key, falling)
        self._update_rows(before)

    def on_resize(self) -> None:
        """Fit the columns to the width."""
        self._fit()

    def on_click(self, event: events.Click) -> None:
        """Sort by the clicked column, or go to the clicked row; open it if it is the current one."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        index = offset.y - 1 + self.scroll_offset.y
        if offset.y == 0:
            if (key := self._model.column_at(offset.x)) is not None:
                self.sort_by(key)
        elif index == self.cursor:
            self.action_choose()
        elif index < len(self.rows):
            self.cursor = index

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor on a row."""
        return min(max(cursor, 0), max(0, len(self.rows) - 1))

    def watch_cursor(self, before: int, after: int) -> None:
        """Scroll the row into view and report it."""
        self._scroll_to_cursor()
        for index in (before, after):
            self.refresh(Region(0, 1 + index - self.scroll_offset.y, self.size.width, 1))
        self.post_message(self.Highlighted(self))

    def action_move(self, rows: int) -> None:
        """Move the cursor by a number of rows."""
        self.cursor += rows

    def action_page(self, direction: int) -> None:
        """Move the cursor by a page."""
        self.cursor += direction * max(1, self.size.height - 1)

    def action_edge(self, direction: int) -> None:
        """Move the cursor to the first or last row."""
        self.cursor += direction * len(self.rows)

    def action_choose(self) -> None:
        """Open the current row."""
        if self.rows:
            self.post_message(self.Chosen(self))

    def action_next_sort(self) -> None:
        """Sort by the next column to the right, after the last by none."""
        before = self.current
        self._model.sort_by_next()
        self._update_rows(before)

    def action_reverse_sort(self) -> None:
        """Reverse the order."""
        if self.sorted_by:
            self.sort_by(self.sorted_by[0])

    def render_line(self, y: int) -> Strip:
        """The headings, or a row."""
        index = y - 1 + self.scroll_offset.y
        if y == 0:
            return self._line(self._headings(), self._part("header"))
        if index >= len(self.rows):
            return Strip.blank(self.size.width, self.rich_style)
        return self._line(self._cells(index), self._row_style(index))

    def _headings(self) -> Iterator[tuple[str, Style]]:
        for column, width in self._model.widths.items():
            yield column.heading(width, self._model.sort_mark(column)), Style.null()

    def _cells(self, index: int) -> Iterator[tuple[str, Style]]:
        row, plain = self.rows[index], index == self.cursor and self.has_focus
        for column, width in self._model.widths.items():
            tone = column.tone(row)
            yield column.cell(row, width), self._part(tone) if tone and not plain else Style.null()

    def _line(self, cells: Iterator[tuple[str, Style]], style: Style) -> Strip:
        """Cells with a gap around each, padded to the width of the table."""
        margin = " " * (GAP // 2)
        segments = [Segment(f"{margin}{text}{margin}", style + own) for text, own in cells]
        return Strip(segments).adjust_cell_length(self.size.width, style)

    def _row_style(self, index: int) -> Style:
        style = self.get_component_rich_style("sorted-table--odd") if index % 2 else self.rich_style
        if self._model.is_pinned(index):
            style += self._part("pinned")
        return style + self._part("cursor") if index == self.cursor else style

    def _part(self, part: str) -> Style:
        return self.get_component_rich_style(f"sorted-table--{part}", partial=part not in ("header", "cursor"))

    def _update_rows(self, before: Row | None) -> None:
        """Put the cursor back on its row, or leave it in its position if that row no longer exists."""
        index = self._model.index_of(before)
        self.set_reactive(SortedTable.cursor, self.validate_cursor(self.cursor if index is None else index))
        self._fit()
        self._scroll_to_cursor()
        self.post_message(self.Highlighted(self))

    def _fit(self) -> None:
        self._model.fit(self.scrollable_content_region.width)
        self.virtual_size = Size(self.size.width, len(self.rows) + 1)
        self.refresh()

    def _scroll_to_cursor(self) -> None:
        """Scroll just far enough to show the current row below the header."""
        y, visible_rows = self.scroll_offset.y, max(1, self.size.height - 1)
        self.scroll_to(y=max(0, min(self.cursor, max(y, self.cursor + 1 - visible_rows))), animate=False)
