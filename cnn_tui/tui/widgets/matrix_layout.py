"""Where the cells and headers of a confusion matrix lie, in terminal cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.geometry import Offset, Size

from cnn_tui.formatting import printable

HEADER = 2
_WIDEST_NAME, _NARROWEST_NAME = 20, 8  # the narrowest has room for the words in the corner
_WIDEST_CELL, _NARROWEST_CELL = 12, 5


@dataclass(frozen=True)
class MatrixLayout:
    """The widths of a matrix of ``classes`` classes; ``name`` is that of the row headers with the gap after them."""

    classes: int
    name: int
    cell: int

    @property
    def size(self) -> Size:
        """Headers and cells together."""
        return Size(self.name + self.classes * self.cell, HEADER + self.classes)

    def cell_at(self, place: Offset, scroll: Offset) -> tuple[int, int] | None:
        """The (actual, predicted) cell at a place of the view, None on a header or beyond the cells."""
        if place.x < self.name or place.y < HEADER:
            return None
        row, column = place.y - HEADER + scroll.y, (place.x - self.name + scroll.x) // self.cell
        return (row, column) if row < self.classes and column < self.classes else None

    def scroll_to_show(self, row: int, column: int, view: Size, scroll: Offset) -> Offset:
        """The scroll offset nearest to ``scroll`` at which a cell is in view beside the headers."""
        x = _nearest(scroll.x, column * self.cell, self.cell, view.width - self.name)
        return Offset(x, _nearest(scroll.y, row, 1, view.height - HEADER))


def lay_out(names: Sequence[str], texts: Sequence[Sequence[str]], width: int) -> MatrixLayout:
    """Share ``width`` cells between row headers and columns; columns keep room for their widest text."""
    longest_name = max(cell_len(printable(name)) for name in names)
    name = max(_NARROWEST_NAME, min(longest_name, _WIDEST_NAME, width // 4)) + 2
    narrowest = max(_NARROWEST_CELL, 2 + max(len(text) for row in texts for text in row))
    wanted = min(_WIDEST_CELL, max(narrowest, longest_name + 2))
    return MatrixLayout(len(names), name, max(narrowest, min(wanted, (width - name) // len(names))))


def _nearest(scroll: int, start: int, length: int, view: int) -> int:
    return max(0, min(start, max(scroll, start + length - max(length, view))))
