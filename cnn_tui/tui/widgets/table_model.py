"""The model of a sorted table: its columns, the order of its rows, and the columns that fit. No widgets here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, get_args

from rich.cells import cell_len

from cnn_tui.formatting import fit, printable

Row = TypeVar("Row")
Tone = Literal["good", "bad", "warning", "live", "muted"]
TONES: tuple[Tone, ...] = get_args(Tone)
GAP = 2
"""Cells between two columns, half of them on either side of each."""
_ASCENDING, _DESCENDING = "▲", "▼"
_MARK_WIDTH = 1


def _no_tone(row: object) -> Tone | None:
    return None


@dataclass(frozen=True)
class TableColumn(Generic[Row]):
    """A column of a table.

    Attributes:
        text: returns the text of a cell.
        order: returns the sort key of a row; rows with None come last in both directions.
        right: whether cells are aligned right, as numbers are.
        falling: whether the first sort is descending.
        tone: returns the meaning of a cell that determines its color, None for the usual color.
        rank: columns of the highest rank are left out first where space is short; those of rank 0 never are.
        narrowest: the width to which texts may be cut, None if they must not be.
        widest: the width to which texts are always cut.
    """

    key: str
    label: str
    text: Callable[[Row], str]
    order: Callable[[Row], Any]
    right: bool = False
    falling: bool = False
    tone: Callable[[Row], Tone | None] = _no_tone
    rank: int = 0
    narrowest: int | None = None
    widest: int = 60

    def cell(self, row: Row, width: int) -> str:
        """The printable text of a cell, cut or padded to a width."""
        return fit(self.text(row), width, right=self.right)

    def heading(self, width: int, mark: str) -> str:
        """The label with a mark for the sort order, cut or padded to a width."""
        return fit(self.label + mark, width, right=self.right)

    def width(self, rows: Iterable[Row]) -> int:
        """The width of its label and its longest text."""
        longest = max((cell_len(printable(self.text(row))) for row in rows), default=0)
        return min(self.widest, max(cell_len(self.label) + _MARK_WIDTH, longest))


def in_order(rows: Iterable[Row], column: TableColumn[Row], *, falling: bool) -> list[Row]:
    """Rows sorted by a column; equal rows keep their order, rows without a value come last."""
    keyed = [(column.order(row), row) for row in rows]
    present = [pair for pair in keyed if pair[0] is not None]
    ordered = sorted(present, key=lambda pair: pair[0], reverse=falling)
    return [row for _, row in ordered] + [row for value, row in keyed if value is None]


def fit_columns(
    columns: Sequence[TableColumn[Row]], widths: Sequence[int], space: int, gap: int
) -> dict[TableColumn[Row], int]:
    """The columns that fit into ``space`` cells with their widths, each with ``gap`` cells around it.

    Columns that may be cut are cut first, down to their minimum; then those of the highest rank are left out; space
    that remains goes back to the columns that were cut, the least cut first.
    """
    fitting = dict(zip(columns, widths, strict=True))
    while _min_width(fitting, gap) > space and (optional := [column for column in fitting if column.rank]):
        del fitting[max(optional, key=lambda column: column.rank)]
    minimum = {column: min(wanted, column.narrowest or wanted) for column, wanted in fitting.items()}
    spare = max(0, space - _min_width(fitting, gap))
    for column in sorted(fitting, key=lambda column: fitting[column] - minimum[column]):
        fitting[column] = min(fitting[column], minimum[column] + spare)
        spare -= fitting[column] - minimum[column]
    return fitting


def _min_width(widths: dict[TableColumn[Row], int], gap: int) -> int:
    return sum(min(wanted, column.narrowest or wanted) + gap for column, wanted in widths.items())


class TableModel(Generic[Row]):
    """The rows of a table in their order, and the columns that fit.

    Args:
        key: returns the identity of a row.

    Attributes:
        rows: in their order, the pinned ones last.
        widths: the columns that fit, with their widths in cells.
    """

    def __init__(self, columns: Sequence[TableColumn[Row]], key: Callable[[Row], str]) -> None:
        self.rows: list[Row] = []
        self.widths: dict[TableColumn[Row], int] = {}
        self._columns = tuple(columns)
        self._key = key
        self._unsorted: list[Row] = []
        self._pinned: list[Row] = []
        self._sort: tuple[TableColumn[Row], bool] | None = None
        self._wanted_widths = [column.width(()) for column in columns]

    @property
    def sorted_by(self) -> tuple[str, bool] | None:
        """The key of the sorted column and whether it is descending, None if rows are unsorted."""
        return (self._sort[0].key, self._sort[1]) if self._sort else None

    def replace_rows(self, rows: Sequence[Row], pinned: Sequence[Row]) -> bool:
        """Replace the rows, and return whether they differ from the old ones."""
        if list(rows) == self._unsorted and list(pinned) == self._pinned:
            return False
        self._unsorted, self._pinned = list(rows), list(pinned)
        self._wanted_widths = [column.width((*rows, *pinned)) for column in self._columns]
        self._sort_rows()
        return True

    def sort_by(self, key: str, falling: bool | None = None) -> None:
        """Sort by a column; None reverses its order if it is the sorted one, else takes the column's default."""
        column = next(column for column in self._columns if column.key == key)
        if falling is None:
            falling = not self._sort[1] if self._sort and self._sort[0] is column else column.falling
        self._sort = (column, falling)
        self._sort_rows()

    def sort_by_next(self) -> None:
        """Sort by the next column to the right, after the last by none."""
        columns = list(self.widths)
        index = columns.index(self._sort[0]) + 1 if self._sort and self._sort[0] in columns else 0
        if index < len(columns):
            self.sort_by(columns[index].key, columns[index].falling)
        else:
            self._sort = None
            self._sort_rows()

    def fit(self, space: int) -> None:
        """Divide ``space`` cells between the columns."""
        self.widths = fit_columns(self._columns, self._wanted_widths, space, GAP)

    def is_pinned(self, index: int) -> bool:
        """Whether a row is below all others in every order."""
        return index >= len(self._unsorted)

    def index_of(self, row: Row | None) -> int | None:
        """The index of a row, None if it no longer exists."""
        if row is None:
            return None
        key = self._key(row)
        return next((index for index, other in enumerate(self.rows) if self._key(other) == key), None)

    def sort_mark(self, column: TableColumn[Row]) -> str:
        """The arrow behind the label of a column, empty if rows are not sorted by it."""
        if self._sort is None or self._sort[0] is not column:
            return ""
        return _DESCENDING if self._sort[1] else _ASCENDING

    def column_at(self, x: int) -> str | None:
        """The key of the column at a horizontal offset, None beyond the last."""
        right = 0
        for column, width in self.widths.items():
            right += width + GAP
            if x < right:
                return column.key
        return None

    def _sort_rows(self) -> None:
        column, falling = self._sort or (None, False)
        ordered = in_order(self._unsorted, column, falling=falling) if column else self._unsorted
        self.rows = [*ordered, *self._pinned]
