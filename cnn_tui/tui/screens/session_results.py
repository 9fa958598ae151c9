"""The results of a session, without actions that start a run."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Literal

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize, ScreenResume
from textual.screen import Screen
from textual.widgets import Static

from cnn_tui.errors import CnnTuiError
from cnn_tui.formatting import pluralize
from cnn_tui.reports.documents.document import Block, Document, Section
from cnn_tui.reports.documents.tables import Table, to_markdown, to_tsv
from cnn_tui.reports.sessions.document import (
    curve_charts,
    epoch_table,
    facts_table,
    matrix_charts,
    session_facts,
    session_tables,
)
from cnn_tui.reports.sessions.scores import MatrixUnit, class_table, confused_table, matrix_table
from cnn_tui.tui.job_state import JobState
from cnn_tui.tui.screens.errors import error_content
from cnn_tui.tui.screens.export import chart_files, export_into_folder, table_files
from cnn_tui.tui.screens.images import ImagesRequested, ImagesScreen
from cnn_tui.tui.screens.results_body import Pane, ResultsBody
from cnn_tui.tui.screens.results_data import SessionView, load_view, read_stamp
from cnn_tui.tui.screens.results_header import ResultHeader
from cnn_tui.tui.widgets.confusion_matrix import ConfusionMatrixView
from cnn_tui.tui.widgets.key_footer import KeyFooter
from cnn_tui.tui.widgets.title_bar import TitleBar

_FORMATS = {"markdown": ("Markdown", to_markdown), "tsv": ("tab-separated text", to_tsv)}
_NORMAL_HEIGHT = 30


class SessionResultsScreen(Screen[None]):
    """The confusion matrix and metrics of the session in the app's ``shown_session``."""

    NO_RESULT: ClassVar[str] = "No result yet.\n\nThe result opens here when the run ends."
    """Shown while there is none."""

    DEFAULT_CSS = """
    SessionResultsScreen {
        ResultHeader { margin: 1 0; }
        &.-short ResultHeader { margin: 0; }
        #nothing { height: 1fr; padding: 2 4; content-align: center middle; text-align: center; display: none; }
        &.-nothing {
            ResultHeader, ResultsBody { display: none; }
            #nothing { display: block; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "step(1)", "View", tooltip="Show the next view"),
        Binding("T", "step(-1)", "Previous view", show=False),
        Binding("y", "copy('markdown')", "Copy", tooltip="Copy the current table as Markdown"),
        Binding("Y", "copy('tsv')", "Copy for a spreadsheet", show=False),
        Binding("ctrl+e", "export", "Export", tooltip="Write the charts and all tables into a folder"),
    ]

    AUTO_FOCUS = ""

    def __init__(self) -> None:
        super().__init__()
        self.view: SessionView | None = None
        self._session_id: str | None = None

    def compose(self) -> ComposeResult:
        """The header and body, and the message that replaces them without a session."""
        yield TitleBar("results")
        yield ResultHeader()
        yield ResultsBody()
        yield Static(self.NO_RESULT, id="nothing", markup=False)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Follow the app's session and run."""
        self.add_class("-nothing")
        self.watch(self.app, "shown_session", self._open)
        self.watch(self.app, "job", self._follow, init=False)

    @on(Resize)
    @on(ScreenResume)
    def lay_out(self) -> None:
        """Lay out for the terminal size, which may have changed while another screen was shown."""
        self.set_class(self.app.size.height < _NORMAL_HEIGHT, "-short")
        self.query_one(ResultsBody).lay_out(self.app.size)

    @on(ScreenResume)
    def reload_view(self) -> None:
        """Reload the session if it has changed."""
        if self._session_id is not None:
            self._load(self._session_id)
        if self.view is not None and self.focused is None:
            self.query_one(ResultsBody).focus_first()

    def _open(self, session_id: str | None) -> None:
        self._session_id = session_id
        if session_id is not None:
            self._load(session_id)

    def _follow(self, job: JobState | None) -> None:
        """Reload the session when its run has ended."""
        if job is not None and not job.run.active and job.run.history.session_id == self._session_id:
            self._load(self._session_id)

    @work(exclusive=True, group="load")
    async def _load(self, session_id: str) -> None:
        if await self._is_current(session_id):
            return
        try:
            view = await asyncio.to_thread(load_view, session_id)
        except CnnTuiError as error:
            self.view = None
            self.add_class("-nothing")
            self.query_one("#nothing", Static).update(error_content(error))
        else:
            self._show(view)

    async def _is_current(self, session_id: str) -> bool:
        """Whether the session is shown and has not changed on disk."""
        view = self.view
        if view is None or view.record.id != session_id or view.record.live:
            return False
        return await asyncio.to_thread(read_stamp, view.folder) == view.stamp

    def _show(self, view: SessionView) -> None:
        is_new = self.view is None or self.view.record.id != view.record.id
        self.view = view
        self.remove_class("-nothing")
        self.query_one(ResultHeader).show(view)
        body = self.query_one(ResultsBody)
        body.show(view)
        self.refresh_bindings()
        if is_new and self.is_current:
            body.focus_first()

    @on(ImagesRequested)
    def show_images(self, message: ImagesRequested) -> None:
        """Open the test images of a cell or class."""
        if self.view is not None and self.view.record.result is not None:
            self.app.push_screen(ImagesScreen(self.view.folder, self.view.record.result, message.selection))

    def action_step(self, by: int) -> None:
        """Show the next or previous view."""
        self.query_one(ResultsBody).step(by)

    def action_copy(self, form: Literal["markdown", "tsv"]) -> None:
        """Copy the current table by OSC 52, which works over SSH too."""
        if self.view is None:
            return
        pane, unit = self.query_one(ResultsBody).current, self.query_one(ConfusionMatrixView).mode
        table = table_in(pane, self.view, unit)
        if table is None:
            self.notify("There is no table in this view.", severity="warning", markup=False)
            return
        name, write = _FORMATS[form]
        self.app.copy_to_clipboard(write(table))
        self.notify(f"{pluralize(len(table.rows), 'row')} as {name}", title="Copied", markup=False)

    @work(exclusive=True, group="export")
    async def action_export(self) -> None:
        """Export the charts and tables into a folder."""
        view = self.view
        if view is not None:
            question = "Write the charts as PDF and PNG and all tables as CSV and Markdown into this folder"
            tables = session_tables(view.record, view.epochs, view.warnings, view.folder)
            charts: tuple[Block, ...] = (*curve_charts(view.record, view.epochs), *matrix_charts(view.record))
            document = Document(view.record.name, (Section("", charts),))
            await export_into_folder(
                self,
                question,
                f"./{view.record.id}-tables",
                lambda folder: table_files(folder, tables) | chart_files(folder, document),
            )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a session there is nothing to copy or export; some apps write no files."""
        if action == "export" and not getattr(self.app, "may_export", True):
            return False
        return self.view is not None or action not in ("step", "copy", "export")


def table_in(pane: Pane, view: SessionView, unit: MatrixUnit) -> Table | None:
    """The table shown in a pane, None if the session has none."""
    result = view.record.result
    if pane == "settings":
        return facts_table(session_facts(view.record, view.warnings, view.folder))
    if pane == "curves":
        return epoch_table(view.epochs) if view.epochs else None
    if result is None:
        return None
    if pane == "matrix":
        return matrix_table(result, unit)
    return class_table(result) if pane == "classes" else confused_table(result)
