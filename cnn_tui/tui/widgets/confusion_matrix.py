"""The confusion matrix as a heat map with a cursor.

By hand: ``DataTable`` needs a styled text for each cell, a million with 1,000 classes; this styles only visible cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from cnn_tui.formatting import fit, shorten
from cnn_tui.metrics import Scores
from cnn_tui.tui.widgets.component_styles import LazyComponentStyles
from cnn_tui.tui.widgets.confusion_cells import (
    HEADER,
    MODE_TITLES,
    MODES,
    FloatArray,
    HeatColors,
    MatrixLayout,
    Mode,
    cell_texts,
    heat_style,
    lay_out,
    shares,
)

_CAPTION = " predicted → "
_PARTS = ("header", "current", "hit", "error", "zero")


class ConfusionMatrixView(LazyComponentStyles, ScrollView, can_focus=True):
    """Actual classes in rows, predicted ones in columns; the headers do not scroll."""

    DEFAULT_CSS = """
    ConfusionMatrixView {
        width: 1fr;
        height: 1fr;
        scrollbar-size-vertical: 1;
        .confusion-matrix--header { color: $text-muted; }
        .confusion-matrix--current { color: $text; text-style: bold; }
        .confusion-matrix--hit { color: $success; }
        .confusion-matrix--error { color: $error; }
        .confusion-matrix--zero { color: $text-disabled; }
        &:ansi {
            .confusion-matrix--hit { color: ansi_green; }
            .confusion-matrix--error { color: ansi_red; }
        }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"confusion-matrix--{part}" for part in _PARTS}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1, 0)", "Up", show=False),
        Binding("down,j", "move(1, 0)", "Down", show=False),
        Binding("left,h", "move(0, -1)", "Left", show=False),
        Binding("right,l", "move(0, 1)", "Right", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(0, -1)", "First column", show=False),
        Binding("end", "edge(0, 1)", "Last column", show=False),
        Binding("ctrl+home", "edge(-1, 0)", "First row", show=False),
        Binding("ctrl+end", "edge(1, 0)", "Last row", show=False),
        Binding("m", "next_mode", "Counts or percent"),
        Binding("enter", "select", "Show images"),
    ]

    scores: reactive[Scores | None] = reactive(None, init=False)
    """The matrix to show."""
    mode: reactive[Mode] = reactive[Mode]("counts", init=False)
    """Counts, or percentages of the actual class (the row) or the predicted one (the column)."""
    cursor: reactive[tuple[int, int]] = reactive((0, 0), init=False, repaint=False)
    """The highlighted cell as (actual, predicted)."""

    @dataclass
    class CellHighlighted(Message):
        """The cursor moved to the cell of class ``actual`` predicted as class ``predicted``."""

        view: ConfusionMatrixView
        actual: int
        predicted: int

    @dataclass
    class CellSelected(Message):
        """The user opened a cell."""

        view: ConfusionMatrixView
        actual: int
        predicted: int

    _matrix_layout = MatrixLayout(0, 0, 1)
    _texts: tuple[tuple[str, ...], ...] = ()
    _shares: FloatArray = np.zeros((0, 0))

    def __init__(self, scores: Scores | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.set_reactive(ConfusionMatrixView.scores, scores)

    def on_mount(self) -> None:
        """Compute the texts of the cells."""
        self._fill()

    def on_resize(self) -> None:
        """Fit the columns to the width."""
        self._lay_out()

    def on_click(self, event: events.Click) -> None:
        """Go to the cell under the mouse; open it on a double click."""
        offset = event.get_content_offset(self)
        cell = offset and self._matrix_layout.cell_at(offset, self.scroll_offset)
        if not cell:
            return
        self.cursor = cell
        if event.chain > 1:
            self.action_select()

    def watch_scores(self) -> None:
        """Show another matrix, with the cursor on its first cell."""
        self._fill()
        self.cursor = (0, 0)

    def watch_mode(self) -> None:
        """Show counts or percentages."""
        self._fill()

    def validate_cursor(self, cursor: tuple[int, int]) -> tuple[int, int]:
        """Keep the cursor inside the matrix."""
        last = max(0, self._matrix_layout.classes - 1)
        return min(max(cursor[0], 0), last), min(max(cursor[1], 0), last)

    def watch_cursor(self, before: tuple[int, int], after: tuple[int, int]) -> None:
        """Scroll the cell into view and report it."""
        target = self._matrix_layout.scroll_to_show(*after, self._view, self.scroll_offset)
        self.scroll_to(target.x, target.y, animate=False)
        for y in (0, 1, *(HEADER + row - self.scroll_offset.y for row in (before[0], after[0]))):
            self.refresh(Region(0, y, self.size.width, 1))
        self.post_message(self.CellHighlighted(self, *after))

    def action_move(self, rows: int, columns: int) -> None:
        """Move the cursor by a number of cells."""
        self.cursor = (self.cursor[0] + rows, self.cursor[1] + columns)

    def action_page(self, direction: int) -> None:
        """Move the cursor by a page of rows."""
        self.action_move(direction * max(1, self._view.height - HEADER), 0)

    def action_edge(self, vertical: int, horizontal: int) -> None:
        """Move the cursor to the end of its row or column."""
        self.action_move(vertical * self._matrix_layout.classes, horizontal * self._matrix_layout.classes)

    def action_next_mode(self) -> None:
        """Switch between counts and the two percentages."""
        self.mode = MODES[(MODES.index(self.mode) + 1) % len(MODES)]

    def action_select(self) -> None:
        """Open the cell."""
        if self.scores is not None:
            self.post_message(self.CellSelected(self, *self.cursor))

    def render_line(self, y: int) -> Strip:
        """A header line or a row of cells."""
        row, width, plain = y - HEADER + self.scroll_offset.y, self._view.width, self.rich_style
        if self.scores is None or (y >= HEADER and row >= self._matrix_layout.classes):
            return Strip.blank(width, plain)
        if y < HEADER:
            name, cells = self._header(y)
        else:
            name, cells = self._row_name(row), Strip(self._row(row))
        x = self.scroll_offset.x
        return Strip.join((Strip([name]), cells.crop(x, x + width - name.cell_length))).adjust_cell_length(width, plain)

    @property
    def marked_cell(self) -> tuple[int, int]:
        """The cell drawn as the cursor; (-1, -1) for none."""
        return self.cursor

    @property
    def _view(self) -> Size:
        return self.scrollable_content_region.size

    def _fill(self) -> None:
        if self.scores is not None:
            matrix = np.array(self.scores.confusion_matrix, dtype=np.int64)
            self._texts, self._shares = cell_texts(matrix, self.mode), shares(matrix, self.mode)
        self._lay_out()

    def _lay_out(self) -> None:
        if self.scores is not None:
            overflows = HEADER + len(self.scores.classes) > self.size.height
            width = self.size.width - (self.styles.scrollbar_size_vertical if overflows else 0)
            self._matrix_layout = lay_out(self.scores.classes, self._texts, width)
            self.virtual_size = self._matrix_layout.size
        self.refresh()

    def _header(self, y: int) -> tuple[Segment, Strip]:
        layout = self._matrix_layout
        corner = Segment(fit(("", "actual ↓")[y], layout.name - 1, right=True) + " ", self._part("header"))
        if y == 0:
            return corner, self._caption()
        return corner, Strip([self._column_name(column) for column in range(layout.classes)])

    def _caption(self) -> Strip:
        """The full name of the cursor's column, whose header may be cut, and the mode."""
        name = _class_name(self.scores, self.marked_cell[1])
        mode = f"   {MODE_TITLES[self.mode]}"
        space = self._view.width - self._matrix_layout.name - len(mode) - len(_CAPTION)
        parts = (_CAPTION, "header"), (shorten(name, space), "current"), (mode, "header")
        # The caption is cropped like the cells, but must not scroll with them.
        blank = Segment(" " * self.scroll_offset.x, self.rich_style)
        return Strip([blank, *(Segment(text, self._part(part)) for text, part in parts)])

    def _column_name(self, column: int) -> Segment:
        text = fit(_class_name(self.scores, column), self._matrix_layout.cell - 1, right=True)
        return Segment(text + " ", self._part("current" if column == self.marked_cell[1] else "header"))

    def _row_name(self, row: int) -> Segment:
        text = fit(_class_name(self.scores, row), self._matrix_layout.name - 1, right=True)
        return Segment(text + " ", self._part("current" if row == self.marked_cell[0] else "header"))

    def _row(self, row: int) -> Iterator[Segment]:
        colors, width = self._colors(), self._matrix_layout.cell
        for column, (text, share) in enumerate(zip(self._texts[row], self._shares[row].tolist(), strict=True)):
            style = heat_style(colors, share, hit=row == column, cursor=(row, column) == self.marked_cell)
            yield Segment(text.rjust(width - 1) + " ", style)

    def _colors(self) -> HeatColors:
        hit, error, zero = (_color(self._part(part).color) for part in ("hit", "error", "zero"))
        return HeatColors(_color(self.rich_style.bgcolor), hit, error, zero)

    def _part(self, part: str) -> Style:
        return self.get_component_rich_style(f"confusion-matrix--{part}")


def _class_name(scores: Scores | None, index: int) -> str:
    return scores.classes[index] if scores and index >= 0 else ""


def _color(color: RichColor | None) -> Color:
    return Color.from_rich_color(color or RichColor.default())
