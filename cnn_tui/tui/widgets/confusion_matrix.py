"""The confusion matrix as a heat map to walk in."""

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
from cnn_tui.tui.widgets.heat import Palette, heat_style
from cnn_tui.tui.widgets.matrix_cells import MODE_TITLES, MODES, FloatArray, Mode, cell_texts, shares
from cnn_tui.tui.widgets.matrix_layout import HEADER, MatrixLayout, lay_out

_CAPTION = " predicted → "
_PARTS = ("header", "current", "hit", "error", "nothing")


class ConfusionMatrixView(ScrollView, can_focus=True):
    """Actual classes in rows, predicted ones in columns; the headers stay while the cells scroll."""

    DEFAULT_CSS = """
    ConfusionMatrixView {
        width: 1fr;
        height: 1fr;
        scrollbar-size-vertical: 1;
        .confusion-matrix--header { color: $text-muted; }
        .confusion-matrix--current { color: $text; text-style: bold; }
        .confusion-matrix--hit { color: $success; }
        .confusion-matrix--error { color: $error; }
        .confusion-matrix--nothing { color: $text-disabled; }
        &:ansi {
            .confusion-matrix--hit { color: ansi_green; }
            .confusion-matrix--error { color: ansi_red; }
        }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"confusion-matrix--{part}" for part in _PARTS}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "walk(-1, 0)", "Up", show=False),
        Binding("down,j", "walk(1, 0)", "Down", show=False),
        Binding("left,h", "walk(0, -1)", "Left", show=False),
        Binding("right,l", "walk(0, 1)", "Right", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(0, -1)", "First column", show=False),
        Binding("end", "edge(0, 1)", "Last column", show=False),
        Binding("ctrl+home", "edge(-1, 0)", "First row", show=False),
        Binding("ctrl+end", "edge(1, 0)", "Last row", show=False),
        Binding("m", "next_mode", "Counts or per cent"),
        Binding("enter", "select", "Show pictures"),
    ]

    scores: reactive[Scores | None] = reactive(None, init=False)
    """What to show."""
    mode: reactive[Mode] = reactive[Mode]("counts", init=False)
    """Counts, per cent of the actual class (its row) or of the predicted one (its column)."""
    cursor: reactive[tuple[int, int]] = reactive((0, 0), init=False, repaint=False)
    """The highlighted cell as (actual, predicted)."""

    @dataclass
    class CellHighlighted(Message):
        """The cursor came to the cell of class ``actual`` predicted as class ``predicted``."""

        view: ConfusionMatrixView
        actual: int
        predicted: int

    @dataclass
    class CellSelected(Message):
        """A person asks for what is behind a cell."""

        view: ConfusionMatrixView
        actual: int
        predicted: int

    _cells = MatrixLayout(0, 0, 1)
    _texts: tuple[tuple[str, ...], ...] = ()
    _shares: FloatArray = np.zeros((0, 0))

    def __init__(self, scores: Scores | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.set_reactive(ConfusionMatrixView.scores, scores)

    def on_mount(self) -> None:
        """Compute what the cells say."""
        self._fill()

    def on_resize(self) -> None:
        """Give the columns the room that there is."""
        self._arrange()

    def on_click(self, event: events.Click) -> None:
        """Go to the cell under the mouse; a second click asks for what is behind it."""
        place = event.get_content_offset(self)
        cell = place and self._cells.cell_at(place, self.scroll_offset)
        if not cell:
            return
        self.cursor = cell
        if event.chain > 1:
            self.action_select()

    def watch_scores(self) -> None:
        """Show another matrix from its first cell on."""
        self._fill()
        self.cursor = (0, 0)

    def watch_mode(self) -> None:
        """Say the same in other figures."""
        self._fill()

    def validate_cursor(self, cursor: tuple[int, int]) -> tuple[int, int]:
        """Keep the cursor inside the matrix."""
        last = max(0, self._cells.classes - 1)
        return min(max(cursor[0], 0), last), min(max(cursor[1], 0), last)

    def watch_cursor(self, before: tuple[int, int], after: tuple[int, int]) -> None:
        """Bring the cell into view and tell of it."""
        shown = self._cells.scroll_to_show(*after, self._view, self.scroll_offset)
        self.scroll_to(shown.x, shown.y, animate=False)
        for y in (0, 1, *(HEADER + row - self.scroll_offset.y for row in (before[0], after[0]))):
            self.refresh(Region(0, y, self.size.width, 1))
        self.post_message(self.CellHighlighted(self, *after))

    def action_walk(self, rows: int, columns: int) -> None:
        """Move the cursor by cells."""
        self.cursor = (self.cursor[0] + rows, self.cursor[1] + columns)

    def action_page(self, direction: int) -> None:
        """Move the cursor by a screenful of rows."""
        self.action_walk(direction * max(1, self._view.height - HEADER), 0)

    def action_edge(self, vertical: int, horizontal: int) -> None:
        """Move the cursor to an end of its row or column."""
        self.action_walk(vertical * self._cells.classes, horizontal * self._cells.classes)

    def action_next_mode(self) -> None:
        """Go from counts to the two percentages and back."""
        self.mode = MODES[(MODES.index(self.mode) + 1) % len(MODES)]

    def action_select(self) -> None:
        """Ask for what is behind the cell."""
        if self.scores is not None:
            self.post_message(self.CellSelected(self, *self.cursor))

    def render_line(self, y: int) -> Strip:
        """A header or a row of cells, whichever is at this height."""
        row, width, plain = y - HEADER + self.scroll_offset.y, self._view.width, self.rich_style
        if self.scores is None or (y >= HEADER and row >= self._cells.classes):
            return Strip.blank(width, plain)
        if y < HEADER:
            name, cells = self._header(y)
        else:
            name, cells = self._row_name(row), Strip(self._row(row))
        x = self.scroll_offset.x
        return Strip.join((Strip([name]), cells.crop(x, x + width - name.cell_length))).adjust_cell_length(width, plain)

    @property
    def marked_cell(self) -> tuple[int, int]:
        """The cell that is drawn as the one under the cursor; (-1, -1) for none."""
        return self.cursor

    @property
    def _view(self) -> Size:
        return self.scrollable_content_region.size

    def _fill(self) -> None:
        if self.scores is not None:
            matrix = np.array(self.scores.confusion_matrix, dtype=np.int64)
            self._texts, self._shares = cell_texts(matrix, self.mode), shares(matrix, self.mode)
        self._arrange()

    def _arrange(self) -> None:
        if self.scores is not None:
            overflows = HEADER + len(self.scores.classes) > self.size.height
            width = self.size.width - (self.styles.scrollbar_size_vertical if overflows else 0)
            self._cells = lay_out(self.scores.classes, self._texts, width)
            self.virtual_size = self._cells.size
        self.refresh()

    def _header(self, y: int) -> tuple[Segment, Strip]:
        layout = self._cells
        corner = Segment(fit(("", "actual ↓")[y], layout.name - 1, right=True) + " ", self._part("header"))
        if y == 0:
            return corner, self._caption()
        return corner, Strip([self._column_name(column) for column in range(layout.classes)])

    def _caption(self) -> Strip:
        """Which column the cursor is in, in full since its header may be cut, and what the figures are."""
        name = _class_name(self.scores, self.marked_cell[1])
        mode = f"   {MODE_TITLES[self.mode]}"
        room = self._view.width - self._cells.name - len(mode) - len(_CAPTION)
        parts = (_CAPTION, "header"), (shorten(name, room), "current"), (mode, "header")
        # The cells scroll below the caption and it does not, so it is set off by as much as they are.
        blank = Segment(" " * self.scroll_offset.x, self.rich_style)
        return Strip([blank, *(Segment(text, self._part(part)) for text, part in parts)])

    def _column_name(self, column: int) -> Segment:
        text = fit(_class_name(self.scores, column), self._cells.cell - 1, right=True)
        return Segment(text + " ", self._part("current" if column == self.marked_cell[1] else "header"))

    def _row_name(self, row: int) -> Segment:
        text = fit(_class_name(self.scores, row), self._cells.name - 1, right=True)
        return Segment(text + " ", self._part("current" if row == self.marked_cell[0] else "header"))

    def _row(self, row: int) -> Iterator[Segment]:
        palette, width = self._palette(), self._cells.cell
        for column, (text, share) in enumerate(zip(self._texts[row], self._shares[row].tolist(), strict=True)):
            style = heat_style(palette, share, hit=row == column, cursor=(row, column) == self.marked_cell)
            yield Segment(text.rjust(width - 1) + " ", style)

    def _palette(self) -> Palette:
        hit, error, nothing = (_color(self._part(part).color) for part in ("hit", "error", "nothing"))
        return Palette(_color(self.rich_style.bgcolor), hit, error, nothing)

    def _part(self, part: str) -> Style:
        return self.get_component_rich_style(f"confusion-matrix--{part}")


def _class_name(scores: Scores | None, index: int) -> str:
    return scores.classes[index] if scores and index >= 0 else ""


def _color(color: RichColor | None) -> Color:
    return Color.from_rich_color(color or RichColor.default())
