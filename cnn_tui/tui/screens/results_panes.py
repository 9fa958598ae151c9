"""The confusion matrix, curves and settings of a session."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from rich.table import Table as RichTable
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from cnn_tui.formatting import printable
from cnn_tui.reports.charts.layout import sample
from cnn_tui.reports.labels import BEST_EPOCH_CRITERION, best_epoch_label
from cnn_tui.reports.sessions.document import session_facts
from cnn_tui.store.records import SessionRecord
from cnn_tui.tui.screen_keys import key_of
from cnn_tui.tui.screens.errors import error_content
from cnn_tui.tui.screens.images import ImageSelection, ImagesRequested
from cnn_tui.tui.screens.results_data import SessionView
from cnn_tui.tui.widgets.confusion_cells import describe_cell
from cnn_tui.tui.widgets.confusion_matrix import ConfusionMatrixView
from cnn_tui.tui.widgets.line_chart import LineChart

_LEGEND_WIDTH = 72  # of a chart's own legend with the criterion of the best epoch
_SHORT_CRITERION = "val. loss"
_RERUN_HINT = "Press r to run it again, o to change its settings first."


class ResultMatrix(ConfusionMatrixView):
    """The matrix, with key labels short enough for a narrow footer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "next_mode", "Unit", tooltip="Counts, per cent of actual or per cent of predicted"),
        Binding("enter", "select", "Images", tooltip="Show the test images in this cell"),
    ]


class MatrixPane(Vertical):
    """The confusion matrix above a description of the selected cell; without a result, the reason."""

    DEFAULT_CSS = """
    MatrixPane {
        #description { height: 2; padding: 0 1; content-align: left middle; }
        #no-result { height: 1fr; padding: 1 3; overflow-y: auto; display: none; }
        &.-no-result {
            ConfusionMatrixView, #description { display: none; }
            #no-result { display: block; }
        }
    }
    """

    def compose(self) -> ComposeResult:
        """The matrix and its description, and the text that replaces them."""
        yield ResultMatrix(id="matrix")
        yield Static("", id="description")
        yield Static("", id="no-result")

    def show(self, view: SessionView) -> None:
        """Show a session's matrix, or why it has none."""
        record = view.record
        self.set_class(record.result is None, "-no-result")
        self.query_one("#no-result", Static).update(without_result(record) if record.result is None else "")
        matrix = self.query_one(ConfusionMatrixView)
        matrix.scores = record.result
        self._describe_cell(matrix)

    @on(ConfusionMatrixView.CellHighlighted)
    def show_description(self, event: ConfusionMatrixView.CellHighlighted) -> None:
        """Describe the selected cell."""
        event.stop()
        self._describe_cell(event.view)

    @on(ConfusionMatrixView.CellSelected)
    def request_images(self, event: ConfusionMatrixView.CellSelected) -> None:
        """Request the images of the cell."""
        event.stop()
        self.post_message(ImagesRequested(ImageSelection(event.actual, event.predicted)))

    def _describe_cell(self, matrix: ConfusionMatrixView) -> None:
        text = describe_cell(matrix.scores, *matrix.cursor) if matrix.scores else ""
        self.query_one("#description", Static).update(Content(printable(text)), layout=False)


class CurvesPane(Vertical):
    """Loss and accuracy over the run."""

    DEFAULT_CSS = """
    CurvesPane {
        LineChart { padding: 0 1; }
        #legend { dock: bottom; height: 1; padding: 0 1; text-wrap: nowrap; display: none; }
        &.-tight #legend { display: block; }
        #curves-problem { dock: top; height: auto; padding: 0 1; color: $text-warning; display: none; }
    }
    """

    def compose(self) -> ComposeResult:
        """Two charts, and a shared legend for when they are too narrow for their own."""
        yield Static("", id="curves-problem")
        yield Static("", id="legend")
        yield LineChart("loss", id="loss")
        yield LineChart("accuracy", id="accuracy")

    def show(self, view: SessionView) -> None:
        """Draw a session's curves, or show why they are missing."""
        best = view.record.result.best_epoch if view.record.result else None
        for chart, series in ((self._loss, view.loss), (self._accuracy, view.accuracy)):
            chart.best = best
            chart.x_label = "epoch"
            chart.empty_text = "nothing was trained"
            chart.series = series
        self._accuracy.percent = True
        self._place_legend()
        problem = self.query_one("#curves-problem", Static)
        problem.update(Content(printable(view.damage)))
        problem.display = bool(view.damage)

    def notify_style_update(self) -> None:
        """Redraw the legend in the colours of the new theme."""
        super().notify_style_update()
        if self.is_mounted:
            self._draw_legend()

    def on_resize(self) -> None:
        """Use the charts' own legends if they fit."""
        self._place_legend()

    def _place_legend(self) -> None:
        beside = self.styles.layout is not None and self.styles.layout.name == "horizontal"
        tight = bool(self._loss.series) and self.size.width // (1 + beside) < _LEGEND_WIDTH
        self.set_class(tight, "-tight")
        self._loss.legend = self._accuracy.legend = not tight
        self._draw_legend()

    def _draw_legend(self) -> None:
        legend = self.query_one("#legend", Static)
        legend.update(self._legend(self.size.width - legend.styles.padding.width), layout=False)

    def _legend(self, width: int) -> Text:
        """The curves' names in their colours, and the best epoch in the longest form that fits into ``width`` cells."""
        curves = [Text(f"{sample(series)} {series.name}", self._style(series.role)) for series in self._loss.series]
        if self._loss.best is None:
            return Text("   ").join(curves)
        full = best_epoch_label(round(self._loss.best))
        short = full.replace(BEST_EPOCH_CRITERION, _SHORT_CRITERION)
        for gap, text in (("   ", full), ("  ", full), ("  ", short), ("  ", f"best by {_SHORT_CRITERION}")):
            legend = Text(gap).join([*curves, Text(f"▲ {text}", self._style("best"))])
            if legend.cell_len <= width:
                break
        return legend

    def _style(self, role: str) -> Style:
        return self._loss.get_component_rich_style(f"line-chart--{role}", partial=True)

    @property
    def _loss(self) -> LineChart:
        return self.query_one("#loss", LineChart)

    @property
    def _accuracy(self) -> LineChart:
        return self.query_one("#accuracy", LineChart)


class SettingsPane(VerticalScroll):
    """Settings, timings and environment of the run."""

    DEFAULT_CSS = """
    SettingsPane { padding: 0 1; scrollbar-size-vertical: 1; }
    """

    def compose(self) -> ComposeResult:
        """A single scrollable text."""
        yield Static("", id="settings")

    def show(self, view: SessionView) -> None:
        """Show a session's settings."""
        grid = RichTable.grid(padding=(0, 2), expand=True)
        grid.add_column(ratio=2)
        grid.add_column(ratio=3, overflow="fold")
        for index, (heading, facts) in enumerate(session_facts(view.record, view.warnings, view.folder)):
            if index:
                grid.add_row()
            grid.add_row(Text(heading, "bold underline"))
            for name, value in facts:
                grid.add_row(Text(printable(name), "dim"), Text(printable(value)))
        self.query_one("#settings", Static).update(grid)


def without_result(record: SessionRecord) -> Content:
    """Why a session has no result, and what to do about it."""
    hint = Content.styled(_RERUN_HINT, "$foreground-muted")
    if record.error is not None:
        return Content("\n\n").join((error_content(record.error), hint))
    if record.live:
        title = "This run has not finished"
        reason = f"It is tested at the end. Press {key_of('live')} to follow it, if it runs in this workbench."
    elif record.status == "killed":
        title, reason = "This run was killed", "Its process ended before the test."
    else:
        title, reason = "This run has no result", "It was stopped before there was anything to test."
    return Content("\n\n").join((Content.styled(title, "bold $text-warning"), Content(reason), hint))
