"""The results of a study so far: its table, its best row and its curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from cnn_tui.config.study import StudyPreset
from cnn_tui.formatting import printable
from cnn_tui.metrics import ACCURACY
from cnn_tui.reports.charts.series import Series
from cnn_tui.reports.studies.charts import StudyCurve, charted_curves, curve_series, factor_axis
from cnn_tui.reports.studies.findings import Best, best
from cnn_tui.reports.studies.table import StudyTable, study_table
from cnn_tui.store.records import SessionRecord
from cnn_tui.tui.job_state import JobState, RunState
from cnn_tui.tui.messages import CompareRequested, SessionRequested
from cnn_tui.tui.screens.studies_dialogs import choose_session
from cnn_tui.tui.screens.studies_table import StudyLine, StudyTableView, study_columns, study_lines
from cnn_tui.tui.widgets.line_chart import LineChart
from cnn_tui.tui.widgets.sorted_table import SortedTable
from cnn_tui.tui.widgets.table_model import TableColumn


@dataclass(frozen=True)
class ShownStudy:
    """A study with the sessions of its ended runs and the states of its running ones, by their indices."""

    study: StudyPreset
    records: Mapping[int, SessionRecord]
    running: Mapping[int, RunState]

    @classmethod
    def of(cls, study: StudyPreset, records: Mapping[int, SessionRecord], job: JobState | None) -> ShownStudy:
        """The study with its sessions; a running job may repeat finished runs, whose earlier sessions do not count."""
        if job is None:
            return cls(study, dict(records), {})
        ended = job.history.ended
        current = {index: record for index, record in records.items() if ended.get(index) == record.id}
        return cls(study, current, job.running)

    @cached_property
    def table(self) -> StudyTable:
        """The table so far."""
        return study_table(self.study, self.records, self.running)

    @cached_property
    def best(self) -> Best | None:
        """The best row so far."""
        return best(self.table)


class StudyResults(Vertical):
    """The table, the best row as a sentence, and the curves."""

    DEFAULT_CSS = """
    StudyResults {
        & > StudyTableView { height: auto; max-height: 50%; min-height: 3; }
        & > #best { height: auto; max-height: 5; margin: 0 1; color: $text-muted; display: none; }
        & > #curves { height: 1fr; }
        &.-best > #best { display: block; }
        &.-outdated { opacity: 50%; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Mark", key_display="␣", tooltip="Mark the row for a comparison"),
        Binding("c", "compare", "Compare", tooltip="Compare the marked rows"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._columns: tuple[tuple[str, int | None], ...] = ()
        self._marked: frozenset[int] = frozenset()
        self.shown: ShownStudy | None = None
        # Attributes instead of queries, which fail if results arrive while the screen is closed.
        self._table = StudyTableView((), key=lambda line: line.key)
        self._best = Static("", id="best", markup=False)
        self._curves = LineChart(id="curves")

    def compose(self) -> ComposeResult:
        """The table above the curves."""
        yield self._table
        yield self._best
        yield self._curves

    @property
    def has_results(self) -> bool:
        """Whether any run has finished."""
        return self.shown is not None and self.shown.table.done > 0

    def show(self, shown: ShownStudy) -> None:
        """Show the current results of a study."""
        if self.shown is not None and self.shown.study.name != shown.study.name:
            self._marked = frozenset()
        self.shown = shown
        self._show_columns(tuple(study_columns(shown.table)))
        self._table.show_rows(self._lines())
        self._show_best(shown.best)
        _plot(self._curves, shown.table)

    def focus_table(self) -> None:
        """Focus the table."""
        self.screen.set_focus(self._table)

    def action_mark(self) -> None:
        """Mark or unmark the current line, and move to the next."""
        if (line := self._table.current) is not None:
            self._marked ^= {line.index}
            self._table.show_rows(self._lines())
            self._table.action_move(1)
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer a comparison once rows are marked."""
        return action != "compare" or bool(self._marked)

    def action_compare(self) -> None:
        """Compare the first runs of the marked rows."""
        sessions = [line.sessions[0] for line in self._lines() if line.marked and line.sessions]
        if len(sessions) < 2:
            text = "Mark two or more rows with results: space marks a row."
            self.notify(text, title="Nothing to compare", markup=False)
        else:
            self.post_message(CompareRequested(tuple(sessions)))

    @on(SortedTable.Chosen)
    @work(exclusive=True, group="open")
    async def open_row(self) -> None:
        """Open the results of the row's run, or Live if it is running."""
        line = self._table.current
        if line is None:
            return
        session = await choose_session(self, line)
        if session is not None:
            self.post_message(SessionRequested(session))
        elif line.row.status == "running":
            self.app.switch_mode("live")
        else:
            self.notify("This row has not run yet.", title="Nothing to open", markup=False)

    def _lines(self) -> list[StudyLine]:
        shown = self.shown
        if shown is None:
            return []
        return study_lines(shown.table, shown.running, self._marked, shown.best.row if shown.best else None)

    def _show_columns(self, columns: tuple[TableColumn[StudyLine], ...]) -> None:
        """Replace the columns if their headings or widths have changed; the objects are new for every table."""
        layout = tuple((column.label, column.narrowest) for column in columns)
        if layout != self._columns:
            self._columns = layout
            self._table.show_columns(columns)

    def _show_best(self, found: Best | None) -> None:
        text = Content(f"★ {printable(found.sentence)}" if found else "")
        if self._best.content != text:
            self._best.update(text)
            self.set_class(found is not None, "-best")


def _plot(chart: LineChart, table: StudyTable) -> None:
    """Plot all scores, or for two factors the accuracy for each value of the second."""
    axis = factor_axis(table)
    chart.title = f"Test accuracy by {table.second_factor.lower()}" if table.second_factor else "Test set"
    chart.x_label, chart.log_x, chart.x_ticks = axis.label.lower(), axis.log, axis.ticks
    chart.empty_text = "No run has finished yet"
    series = charted_curves(table)
    chart.series = tuple(
        _terminal_style(curve_series(axis, index, points), points) for index, points in enumerate(series)
    )


def _terminal_style(series: Series, points: StudyCurve) -> Series:
    """Only our accuracy as a line: at the resolution of a terminal, lines of similar scores would hide each other."""
    is_line = points.metric is ACCURACY and not points.reported
    return series if is_line else replace(series, dash="none")
