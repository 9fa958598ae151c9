"""The parts of Results that show a session's figures: matrix, classes, confused pairs and curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import DescendantFocus
from textual.message import Message
from textual.widgets import Static

from cnn_tui.formatting import printable
from cnn_tui.metrics import Scores
from cnn_tui.reports.charts.layout import sample
from cnn_tui.reports.labels import best_epoch_label
from cnn_tui.reports.sessions.document import unsupported_text
from cnn_tui.reports.sessions.scores import macro_summary
from cnn_tui.store.records import SessionRecord
from cnn_tui.tui.screen_keys import key_of
from cnn_tui.tui.screens.errors import error_content
from cnn_tui.tui.screens.results_data import SessionView
from cnn_tui.tui.screens.results_header import details_line
from cnn_tui.tui.screens.results_rows import CLASS_COLUMNS, PAIR_COLUMNS, ClassLine, PairRow, class_lines, pair_rows
from cnn_tui.tui.widgets.confusion_matrix import ConfusionMatrixView
from cnn_tui.tui.widgets.confusion_words import describe_cell
from cnn_tui.tui.widgets.line_chart import LineChart
from cnn_tui.tui.widgets.sorted_table import SortedTable

_LEGEND_ROOM = 72  # for the criterion of the best epoch too
_PICTURES = "Show the test pictures behind it"
_SHOW_PICTURES = Binding("enter", "choose", "Pictures", tooltip=_PICTURES)


@dataclass
class PicturesWanted(Message):
    """A person asks for the test pictures of a class, of those taken for ``predicted`` unless that is None."""

    actual: int
    predicted: int | None


@dataclass
class CellWanted(Message):
    """A person walks in a table of what the matrix shows, and came to the row of this cell."""

    actual: int
    predicted: int


class ResultMatrix(ConfusionMatrixView):
    """The matrix with keys named so shortly that all of them fit into a narrow footer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "next_mode", "Unit", tooltip="Counts, per cent of actual or per cent of predicted"),
        Binding("enter", "select", "Pictures", tooltip=_PICTURES),
    ]


class MatrixPane(Vertical):
    """The confusion matrix over a sentence about the cell under the cursor; without a result, why there is none."""

    DEFAULT_CSS = """
    MatrixPane {
        #sentence { height: 2; padding: 0 1; content-align: left middle; }
        #no-result { height: 1fr; padding: 1 3; overflow-y: auto; display: none; }
        &.-no-result {
            ConfusionMatrixView, #sentence { display: none; }
            #no-result { display: block; }
        }
    }
    """

    def compose(self) -> ComposeResult:
        """Matrix, sentence, and what stands in their place."""
        yield ResultMatrix(id="matrix")
        yield Static("", id="sentence")
        yield Static("", id="no-result")

    def show(self, view: SessionView) -> None:
        """Show a session's matrix, or say why it has none."""
        record = view.record
        self.set_class(record.result is None, "-no-result")
        self.query_one("#no-result", Static).update(without_result(record) if record.result is None else "")
        matrix = self.query_one(ConfusionMatrixView)
        matrix.scores = record.result
        self._say(matrix)

    @on(ConfusionMatrixView.CellHighlighted)
    def say_cell(self, event: ConfusionMatrixView.CellHighlighted) -> None:
        """Say the cell in words."""
        event.stop()
        self._say(event.view)

    @on(ConfusionMatrixView.CellSelected)
    def ask_for_pictures(self, event: ConfusionMatrixView.CellSelected) -> None:
        """Ask for what is behind the cell."""
        event.stop()
        self.post_message(PicturesWanted(event.actual, event.predicted))

    def _say(self, matrix: ConfusionMatrixView) -> None:
        words = describe_cell(matrix.scores, *matrix.cursor) if matrix.scores else ""
        self.query_one("#sentence", Static).update(Content(printable(words)), layout=False)


class ClassTable(SortedTable[ClassLine]):
    """One row for each class, the macro means below."""

    BINDINGS: ClassVar[list[BindingType]] = [_SHOW_PICTURES]


class ClassesPane(Vertical):
    """Precision, recall and F1 of each class."""

    DEFAULT_CSS = """
    ClassesPane {
        #unsupported { height: auto; padding: 0 1; color: $text-warning; }
        #details { height: auto; padding: 0 1; }
    }
    """

    def compose(self) -> ComposeResult:
        """The table, the metrics for which the header has no room, and what the macro means leave out."""
        yield ClassTable(CLASS_COLUMNS, key=lambda line: str(line.row.index), id="classes-table")
        yield Static("", id="details")
        yield Static("", id="unsupported")

    def show(self, scores: Scores) -> None:
        """Show these scores."""
        macro = ClassLine(macro_summary(scores, short=True))
        self.query_one(ClassTable).show_rows(class_lines(scores), pinned=[macro])
        self.query_one("#details", Static).update(details_line(scores))
        note = self.query_one("#unsupported", Static)
        note.update(Content(printable(unsupported_text(scores))))
        note.display = bool(scores.unsupported)

    @on(SortedTable.Highlighted)
    @on(DescendantFocus)
    def point_to_cell(self) -> None:
        """Point to the cell of the class's recognised pictures, while a person walks here."""
        table = self.query_one(ClassTable)
        line = table.current
        if table.has_focus and line is not None and line.row.index is not None:
            self.post_message(CellWanted(line.row.index, line.row.index))

    @on(SortedTable.Chosen)
    def ask_for_pictures(self, event: SortedTable.Chosen) -> None:
        """Ask for the pictures of the class."""
        event.stop()
        line = self.query_one(ClassTable).current
        if line is not None and line.row.index is not None:
            self.post_message(PicturesWanted(line.row.index, None))


class PairTable(SortedTable[PairRow]):
    """One row for each pair of classes that were taken for each other."""

    BINDINGS: ClassVar[list[BindingType]] = [_SHOW_PICTURES]


class ConfusedPane(Vertical):
    """The pairs that were most often confused."""

    DEFAULT_CSS = """
    ConfusedPane { #no-mistakes { height: auto; padding: 1 2; color: $text-success; } }
    """

    def compose(self) -> ComposeResult:
        """The table, and praise where it is empty."""
        yield PairTable(PAIR_COLUMNS, key=lambda row: f"{row.pair.actual} {row.pair.predicted}", id="pairs-table")
        yield Static("Every test picture was recognised.", id="no-mistakes")

    def show(self, scores: Scores) -> None:
        """Show these scores."""
        rows = pair_rows(scores)
        table = self.query_one(PairTable)
        table.show_rows(rows)
        table.display = bool(rows)
        self.query_one("#no-mistakes").display = not rows

    @on(SortedTable.Highlighted)
    @on(DescendantFocus)
    def point_to_cell(self) -> None:
        """Point to the pair's cell, while a person walks here."""
        table = self.query_one(PairTable)
        if table.has_focus and table.current is not None:
            self.post_message(CellWanted(table.current.pair.actual, table.current.pair.predicted))

    @on(SortedTable.Chosen)
    def ask_for_pictures(self, event: SortedTable.Chosen) -> None:
        """Ask for the pictures of the pair."""
        event.stop()
        row = self.query_one(PairTable).current
        if row is not None:
            self.post_message(PicturesWanted(row.pair.actual, row.pair.predicted))


class CurvesPane(Vertical):
    """How loss and accuracy went during the run."""

    DEFAULT_CSS = """
    CurvesPane {
        LineChart { padding: 0 1; }
        #legend { dock: bottom; height: auto; max-height: 2; padding: 0 1; display: none; }
        &.-tight #legend { display: block; }
        #curves-problem { dock: top; height: auto; padding: 0 1; color: $text-warning; display: none; }
    }
    """

    def compose(self) -> ComposeResult:
        """Two charts, and a legend for both where they are too narrow for their own."""
        yield Static("", id="curves-problem")
        yield Static("", id="legend")
        yield LineChart("loss", id="loss")
        yield LineChart("accuracy", id="accuracy")

    def show(self, view: SessionView) -> None:
        """Draw a session's curves, or say what became of them."""
        best = view.record.result.best_epoch if view.record.result else None
        for chart, series in ((self._loss, view.loss), (self._accuracy, view.accuracy)):
            chart.best = best
            chart.x_label = "epoch"
            chart.empty_text = "nothing was trained"
            chart.series = series
        self._accuracy.percent = True
        self._place_legend()
        self.query_one("#legend", Static).update(self._legend())
        problem = self.query_one("#curves-problem", Static)
        problem.update(Content(printable(view.damage)))
        problem.display = bool(view.damage)

    def notify_style_update(self) -> None:
        """Take the new theme's colours into the legend."""
        super().notify_style_update()
        if self.is_mounted:
            self.query_one("#legend", Static).update(self._legend(), layout=False)

    def on_resize(self) -> None:
        """See whether the charts have room for their legends."""
        self._place_legend()

    def _place_legend(self) -> None:
        beside = self.styles.layout is not None and self.styles.layout.name == "horizontal"
        tight = bool(self._loss.series) and self.size.width // (1 + beside) < _LEGEND_ROOM
        self.set_class(tight, "-tight")
        self._loss.legend = self._accuracy.legend = not tight

    def _legend(self) -> Text:
        """Each curve's name in its colour and with its marker."""
        entries = [Text(f"{sample(series)} {series.name}", self._style(series.role)) for series in self._loss.series]
        if self._loss.best is not None:
            entries.append(Text(f"▲ {best_epoch_label(round(self._loss.best))}", self._style("best")))
        return Text("   ").join(entries)

    def _style(self, role: str) -> Style:
        return self._loss.get_component_rich_style(f"line-chart--{role}", partial=True)

    @property
    def _loss(self) -> LineChart:
        return self.query_one("#loss", LineChart)

    @property
    def _accuracy(self) -> LineChart:
        return self.query_one("#accuracy", LineChart)


def without_result(record: SessionRecord) -> Content:
    """Why a session has no result, and what to do about it."""
    if record.error is not None:
        return Content("\n\n").join((error_content(record.error), Content.styled(_NEXT, "$foreground-muted")))
    if record.live:
        title, reason = (
            "This run is going on",
            f"It is tested when it ends. Press {key_of('live')} to see it live, if it runs here.",
        )
    elif record.status == "killed":
        title, reason = "This run was killed", "Its process ended before anything was tested."
    else:
        title, reason = "This run has no result", "It was stopped before there was anything to test."
    parts = (Content.styled(title, "bold $text-warning"), Content(reason), Content.styled(_NEXT, "$foreground-muted"))
    return Content("\n\n").join(parts)


_NEXT = "Press r to run it again, o to change its settings first."
