"""What a study came to so far: its table, its best value, its curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
from cnn_tui.reports.studies.findings import Best, best
from cnn_tui.reports.studies.table import StudyTable, study_table
from cnn_tui.store.records import SessionRecord
from cnn_tui.tui.job_state import RunState
from cnn_tui.tui.messages import CompareRequested, SessionRequested
from cnn_tui.tui.screens.studies_dialogs import choose_session
from cnn_tui.tui.screens.studies_plot import show_study
from cnn_tui.tui.screens.studies_rows import StudyLine, study_columns, study_lines
from cnn_tui.tui.widgets.line_chart import LineChart
from cnn_tui.tui.widgets.sorted_table import SortedTable
from cnn_tui.tui.widgets.table_columns import TableColumn


@dataclass(frozen=True)
class ShownStudy:
    """A study with what is known of its runs by their places: those that ended, and those that go on."""

    study: StudyPreset
    records: Mapping[int, SessionRecord] = field(default_factory=dict)
    running: Mapping[int, RunState] = field(default_factory=dict)

    @cached_property
    def table(self) -> StudyTable:
        """The table so far."""
        return study_table(self.study, self.records, self.running)

    @cached_property
    def best(self) -> Best | None:
        """The best value so far."""
        return best(self.table)


class StudyTableView(SortedTable[StudyLine]):
    """The values of a study as rows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Open", tooltip="Open the results of the row's run"),
        Binding("s", "next_sort", "Sort", show=False, tooltip="Sort by the next column"),
    ]


class StudyResults(Vertical):
    """The table, the best value in words, and the curves; repaints what has changed."""

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
        Binding("space", "mark", "Mark", key_display="␣", tooltip="Mark the row, to compare it with others"),
        Binding("c", "compare", "Compare", tooltip="Compare the marked rows"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._columns: tuple[tuple[str, int | None], ...] = ()
        self._marked: frozenset[int] = frozenset()
        self.shown: ShownStudy | None = None
        # Kept, not looked up: what a study comes to may be told while the workbench closes.
        self._table = StudyTableView((), key=lambda line: line.key)
        self._best = Static("", id="best", markup=False)
        self._curves = LineChart(id="curves")

    def compose(self) -> ComposeResult:
        """From the figures to the picture."""
        yield self._table
        yield self._best
        yield self._curves

    @property
    def has_figures(self) -> bool:
        """Whether any run has finished."""
        return self.shown is not None and self.shown.table.done > 0

    def show(self, shown: ShownStudy) -> None:
        """Show a study as far as it has come."""
        if self.shown is not None and self.shown.study.name != shown.study.name:
            self._marked = frozenset()
        self.shown = shown
        self._show_columns(study_columns(shown.table))
        self._table.show_rows(self._lines())
        self._say(shown.best)
        show_study(self._curves, shown.table)

    def focus_table(self) -> None:
        """Put the cursor into the table."""
        self.screen.set_focus(self._table)

    def action_mark(self) -> None:
        """Mark the line under the cursor, or take its mark away, and go on to the next."""
        if (line := self._table.current) is not None:
            self._marked ^= {line.place}
            self._table.show_rows(self._lines())
            self._table.action_walk(1)
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Rows are compared once some are marked."""
        return action != "compare" or bool(self._marked)

    def action_compare(self) -> None:
        """Compare the runs of the marked lines, of each the first."""
        marked = [line.sessions[0] for line in self._lines() if line.marked and line.sessions]
        if len(marked) < 2:
            self.notify("Mark two or more rows that have run with space.", title="Nothing to compare", markup=False)
        else:
            self.post_message(CompareRequested(tuple(marked)))

    @on(SortedTable.Chosen)
    @work(exclusive=True, group="open")
    async def open_row(self) -> None:
        """Open the results of the row's run; if it goes on, watch it."""
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
        """Columns are made anew for each table; they are others only if they are called otherwise."""
        kinds = tuple((column.label, column.narrowest) for column in columns)
        if kinds != self._columns:
            self._columns = kinds
            self._table.show_columns(columns)

    def _say(self, found: Best | None) -> None:
        words = Content(f"★ {printable(found.sentence)}" if found else "")
        if self._best.content != words:
            self._best.update(words)
            self.set_class(found is not None, "-best")
