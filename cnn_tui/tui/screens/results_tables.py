"""The tables of Results: classes and confused pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import DescendantFocus
from textual.message import Message
from textual.widgets import Static

from cnn_tui.formatting import printable
from cnn_tui.metrics import MACRO_MEANS, Scores
from cnn_tui.reports.sessions.document import unsupported_text
from cnn_tui.reports.sessions.scores import ClassSummary, ConfusedPair, class_summaries, confused_pairs, macro_summary
from cnn_tui.tui.screens.images import ImageSelection, ImagesRequested
from cnn_tui.tui.screens.results_data import SessionView
from cnn_tui.tui.screens.results_header import details_line
from cnn_tui.tui.widgets.sorted_table import SortedTable
from cnn_tui.tui.widgets.table_model import TableColumn, Tone

_MAX_PAIRS = 200
_SHOW_IMAGES = Binding("enter", "choose", "Images", tooltip="Show the test images of this row")


@dataclass
class CellRequested(Message):
    """Move the cursor of the matrix to a cell."""

    actual: int
    predicted: int


@dataclass(frozen=True)
class ClassRow:
    """A class's scores, and the class that it is most often confused with, and the count; empty if there is none."""

    scores: ClassSummary
    confused_with: str = ""


@dataclass(frozen=True)
class PairRow:
    """A confused pair with the names of its classes."""

    pair: ConfusedPair
    actual: str
    predicted: str


class ClassTable(SortedTable[ClassRow]):
    """One row per class, and the macro means at the bottom."""

    BINDINGS: ClassVar[list[BindingType]] = [_SHOW_IMAGES]


class PairTable(SortedTable[PairRow]):
    """One row per pair of classes that were confused."""

    BINDINGS: ClassVar[list[BindingType]] = [_SHOW_IMAGES]


class ClassesPane(Vertical):
    """Precision, recall and F1 of each class."""

    DEFAULT_CSS = """
    ClassesPane {
        #unsupported { height: auto; padding: 0 1; color: $text-warning; }
        #details { height: auto; padding: 0 1; }
    }
    """

    def compose(self) -> ComposeResult:
        """The table, the metrics that do not fit into the header, and the classes left out of the macro means."""
        yield ClassTable(_CLASS_COLUMNS, key=lambda row: str(row.scores.index), id="classes-table")
        yield Static("", id="details")
        yield Static("", id="unsupported")

    def show(self, view: SessionView) -> None:
        """Show a session's classes."""
        scores = view.record.result
        if scores is None:
            return
        rows = [ClassRow(row, _confused_with(scores, row.confused)) for row in class_summaries(scores)]
        self.query_one(ClassTable).show_rows(rows, pinned=[ClassRow(macro_summary(scores, short=True))])
        self.query_one("#details", Static).update(details_line(scores))
        note = self.query_one("#unsupported", Static)
        note.update(Content(printable(unsupported_text(scores))))
        note.display = bool(scores.unsupported)

    @on(SortedTable.Highlighted)
    @on(DescendantFocus)
    def request_cell(self) -> None:
        """While the table has the focus, point to the diagonal cell of the class."""
        index = self._class_index()
        if index is not None and self.query_one(ClassTable).has_focus:
            self.post_message(CellRequested(index, index))

    @on(SortedTable.Chosen)
    def request_images(self, event: SortedTable.Chosen) -> None:
        """Request the images of the class."""
        event.stop()
        if (index := self._class_index()) is not None:
            self.post_message(ImagesRequested(ImageSelection(index, None)))

    def _class_index(self) -> int | None:
        """The selected class; None for the macro means."""
        row = self.query_one(ClassTable).current
        return row.scores.index if row is not None else None


class ConfusedPane(Vertical):
    """The most frequently confused pairs."""

    DEFAULT_CSS = """
    ConfusedPane { #no-mistakes { height: auto; padding: 1 2; color: $text-success; } }
    """

    def compose(self) -> ComposeResult:
        """The table, and the text that replaces it when it is empty."""
        yield PairTable(_PAIR_COLUMNS, key=lambda row: f"{row.pair.actual} {row.pair.predicted}", id="pairs-table")
        yield Static("Every test image was classified correctly.", id="no-mistakes")

    def show(self, view: SessionView) -> None:
        """Show a session's confused pairs."""
        scores = view.record.result
        if scores is None:
            return
        names = scores.classes
        rows = [PairRow(one, names[one.actual], names[one.predicted]) for one in confused_pairs(scores, _MAX_PAIRS)]
        table = self.query_one(PairTable)
        table.show_rows(rows)
        table.display = bool(rows)
        self.query_one("#no-mistakes").display = not rows

    @on(SortedTable.Highlighted)
    @on(DescendantFocus)
    def request_cell(self) -> None:
        """While the table has the focus, point to the pair's cell."""
        table = self.query_one(PairTable)
        if table.has_focus and table.current is not None:
            self.post_message(CellRequested(table.current.pair.actual, table.current.pair.predicted))

    @on(SortedTable.Chosen)
    def request_images(self, event: SortedTable.Chosen) -> None:
        """Request the images of the pair."""
        event.stop()
        row = self.query_one(PairTable).current
        if row is not None:
            self.post_message(ImagesRequested(ImageSelection(row.pair.actual, row.pair.predicted)))


def _confused_with(scores: Scores, pair: ConfusedPair | None) -> str:
    return "" if pair is None else f"{scores.classes[pair.predicted]} {pair.count:,}"


def _tone(row: ClassRow) -> Tone | None:
    return None if row.scores.support else "muted"


def _score_column(index: int) -> TableColumn[ClassRow]:
    metric = MACRO_MEANS[index]
    return TableColumn(
        metric.per_class,
        metric.heading,
        lambda row: f"{row.scores.values[index]:.3f}",
        lambda row: row.scores.values[index],
        right=True,
        tone=_tone,
    )


_CLASS_COLUMNS: tuple[TableColumn[ClassRow], ...] = (
    TableColumn(
        "class",
        "class",
        lambda row: row.scores.name,
        lambda row: row.scores.name.casefold(),
        tone=_tone,
        narrowest=10,
        widest=40,
    ),
    *map(_score_column, range(len(MACRO_MEANS))),
    TableColumn(
        "support",
        "images",
        lambda row: f"{row.scores.support:,}",
        lambda row: row.scores.support,
        right=True,
        falling=True,
    ),
    TableColumn(
        "confused with",
        "confused with",
        lambda row: row.confused_with,
        lambda row: row.confused_with.casefold() or None,
        rank=1,
        widest=28,
    ),
)
_PAIR_COLUMNS: tuple[TableColumn[PairRow], ...] = (
    TableColumn("actual", "actual", lambda r: r.actual, lambda r: r.actual.casefold(), narrowest=10, widest=40),
    TableColumn(
        "predicted", "predicted", lambda r: r.predicted, lambda r: r.predicted.casefold(), narrowest=10, widest=40
    ),
    TableColumn("count", "images", lambda r: f"{r.pair.count:,}", lambda r: r.pair.count, right=True, falling=True),
    TableColumn(
        "share", "of actual", lambda r: f"{r.pair.share * 100:.1f} %", lambda r: r.pair.share, right=True, falling=True
    ),
)
