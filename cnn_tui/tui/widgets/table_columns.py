"""What the columns of a table show, how its rows are ordered, and which columns find room."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, get_args

from rich.cells import cell_len

from cnn_tui.formatting import fit, printable

Row = TypeVar("Row")
Tone = Literal["good", "bad", "warning", "live", "muted"]
TONES: tuple[Tone, ...] = get_args(Tone)
_MARKER = 1


def _plain(row: object) -> Tone | None:
    return None


@dataclass(frozen=True)
class TableColumn(Generic[Row]):
    """One column of a table over rows of some type.

    Attributes:
        text: what stands in a cell; any text.
        order: what rows are sorted by; a row for which it gives None comes last in both directions.
        right: whether cells stand at the right, as figures do.
        falling: whether a first sort by it begins with the largest.
        tone: the colour of a cell by what it means, None for the usual one.
        rank: columns of the highest rank give way first where there is little room; those of rank 0 never do.
        narrowest: the width in cells to which its texts may be cut, None if they must not be.
        widest: the width beyond which they are always cut.
    """

    key: str
    label: str
    text: Callable[[Row], str]
    order: Callable[[Row], Any]
    right: bool = False
    falling: bool = False
    tone: Callable[[Row], Tone | None] = _plain
    rank: int = 0
    narrowest: int | None = None
    widest: int = 60

    def cell(self, row: Row, width: int) -> str:
        """What stands in a cell of exactly this width, without escape sequences."""
        return fit(self.text(row), width, right=self.right)

    def heading(self, width: int, mark: str) -> str:
        """The column's name, with a mark if the rows are sorted by it."""
        return fit(self.label + mark, width, right=self.right)

    def width(self, rows: Iterable[Row]) -> int:
        """The cells that its name and the longest of its texts take."""
        longest = max((cell_len(printable(self.text(row))) for row in rows), default=0)
        return min(self.widest, max(cell_len(self.label) + _MARKER, longest))


def in_order(rows: Iterable[Row], column: TableColumn[Row], *, falling: bool) -> list[Row]:
    """Rows sorted by a column; equal ones keep their order, those without a value come last."""
    known = [(column.order(row), row) for row in rows]
    present = [pair for pair in known if pair[0] is not None]
    ordered = sorted(present, key=lambda pair: pair[0], reverse=falling)
    return [row for _, row in ordered] + [row for value, row in known if value is None]


def share_room(
    columns: Sequence[TableColumn[Row]], widths: Sequence[int], room: int, gap: int
) -> dict[TableColumn[Row], int]:
    """The columns that fit into ``room`` cells with their widths, each with ``gap`` cells around it.

    Columns that may be cut are cut first, down to their narrowest; then those of the highest rank are left out; what
    is left over goes back to the columns that were cut, the least cut first.
    """
    kept = dict(zip(columns, widths, strict=True))
    while _least(kept, gap) > room and (droppable := [column for column in kept if column.rank]):
        del kept[max(droppable, key=lambda column: column.rank)]
    least = {column: min(wanted, column.narrowest or wanted) for column, wanted in kept.items()}
    spare = max(0, room - _least(kept, gap))
    for column in sorted(kept, key=lambda column: kept[column] - least[column]):
        kept[column] = min(kept[column], least[column] + spare)
        spare -= kept[column] - least[column]
    return kept


def _least(widths: dict[TableColumn[Row], int], gap: int) -> int:
    return sum(min(wanted, column.narrowest or wanted) + gap for column, wanted in widths.items())
