"""The rows of a table in their order, and the columns that have found room. No widget in here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic

from cnn_tui.tui.widgets.table_columns import Row, TableColumn, in_order, share_room

GAP = 2
"""Cells between two columns, half of them on either side of each."""
_RISING, _FALLING = "▲", "▼"


class TableModel(Generic[Row]):
    """Rows that were given, sorted by a column, and the width of every column.

    Args:
        columns: what to show of each row.
        key: what tells a row from the others.

    Attributes:
        rows: what is shown, in its order, the pinned ones last.
        widths: the columns that have found room, with their widths in cells.
    """

    def __init__(self, columns: Sequence[TableColumn[Row]], key: Callable[[Row], str]) -> None:
        self.rows: list[Row] = []
        self.widths: dict[TableColumn[Row], int] = {}
        self._columns = tuple(columns)
        self._key = key
        self._given: list[Row] = []
        self._pinned: list[Row] = []
        self._sort: tuple[TableColumn[Row], bool] | None = None
        self._wanted_widths = [column.width(()) for column in columns]

    @property
    def sorted_by(self) -> tuple[str, bool] | None:
        """The column's key and whether the largest comes first; None while rows stand as they were given."""
        return (self._sort[0].key, self._sort[1]) if self._sort else None

    def give(self, rows: Sequence[Row], pinned: Sequence[Row]) -> bool:
        """Take other rows, and say whether they are others."""
        if list(rows) == self._given and list(pinned) == self._pinned:
            return False
        self._given, self._pinned = list(rows), list(pinned)
        self._wanted_widths = [column.width((*rows, *pinned)) for column in self._columns]
        self._order()
        return True

    def sort_by(self, key: str, falling: bool | None = None) -> None:
        """Sort by a column; None turns the order round if rows are sorted by it, else takes the column's own."""
        column = next(column for column in self._columns if column.key == key)
        if falling is None:
            falling = not self._sort[1] if self._sort and self._sort[0] is column else column.falling
        self._sort = (column, falling)
        self._order()

    def sort_by_next(self) -> None:
        """Sort by the column right of the present one; after the last, go back to the order as given."""
        columns = list(self.widths)
        place = columns.index(self._sort[0]) + 1 if self._sort and self._sort[0] in columns else 0
        if place < len(columns):
            self.sort_by(columns[place].key, columns[place].falling)
        else:
            self._sort = None
            self._order()

    def fit(self, room: int) -> None:
        """Share ``room`` cells between the columns."""
        self.widths = share_room(self._columns, self._wanted_widths, room, GAP)

    def is_pinned(self, place: int) -> bool:
        """Whether the row at a place stands there in every order."""
        return place >= len(self._given)

    def place_of(self, row: Row | None) -> int | None:
        """Where a row stands now, None if it is gone."""
        if row is None:
            return None
        key = self._key(row)
        return next((place for place, other in enumerate(self.rows) if self._key(other) == key), None)

    def mark(self, column: TableColumn[Row]) -> str:
        """What stands behind a column's name if rows are sorted by it."""
        if self._sort is None or self._sort[0] is not column:
            return ""
        return _FALLING if self._sort[1] else _RISING

    def column_at(self, x: int) -> str | None:
        """The key of the column at a place of a line, None beyond the last."""
        right = 0
        for column, width in self.widths.items():
            right += width + GAP
            if x < right:
                return column.key
        return None

    def _order(self) -> None:
        column, falling = self._sort or (None, False)
        ordered = in_order(self._given, column, falling=falling) if column else self._given
        self.rows = [*ordered, *self._pinned]
