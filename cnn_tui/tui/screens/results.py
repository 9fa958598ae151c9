"""What a session came to."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Literal

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Resize, ScreenResume
from textual.screen import Screen
from textual.widgets import Static

from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.errors import CnnTuiError
from cnn_tui.formatting import pluralize
from cnn_tui.reports.documents.tables import to_markdown, to_tsv
from cnn_tui.tui.job_state import JobState
from cnn_tui.tui.messages import JobRequested, PresetRequested
from cnn_tui.tui.screen_keys import key_of
from cnn_tui.tui.screens.errors import error_content
from cnn_tui.tui.screens.export_flow import export_into_folder
from cnn_tui.tui.screens.pictures import PicturesScreen
from cnn_tui.tui.screens.pictures_data import Choice
from cnn_tui.tui.screens.results_body import ResultsBody
from cnn_tui.tui.screens.results_data import SessionView, load_view, read_stamp
from cnn_tui.tui.screens.results_export import chart_files, charts_of, table_files, table_in, tables_of
from cnn_tui.tui.screens.results_header import ResultHeader
from cnn_tui.tui.screens.results_panes import PicturesWanted
from cnn_tui.tui.screens.sessions_rows import preset_of
from cnn_tui.tui.widgets.confusion_matrix import ConfusionMatrixView
from cnn_tui.tui.widgets.key_footer import KeyFooter
from cnn_tui.tui.widgets.title_bar import TitleBar

_FORMATS = {"markdown": ("Markdown", to_markdown), "tsv": ("tab-separated text", to_tsv)}


class ResultsScreen(Screen[None]):
    """The confusion matrix of a session and all that follows from it. It shows the app's ``shown_session``."""

    DEFAULT_CSS = """
    ResultsScreen {
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
        Binding("t", "step(1)", "View", tooltip="Show the next of the views"),
        Binding("T", "step(-1)", "Previous view", show=False),
        Binding("y", "copy('markdown')", "Copy", tooltip="Copy the table in view as Markdown"),
        Binding("Y", "copy('tsv')", "Copy for a spreadsheet", show=False),
        Binding("ctrl+e", "export", "Export", tooltip="Write the charts and all tables into a folder"),
        Binding("r", "rerun", "Rerun", tooltip="Train the session's experiment again"),
        Binding("o", "open_preset", "Preset", tooltip="Open the session's experiment in Setup"),
    ]

    AUTO_FOCUS = ""

    def __init__(self) -> None:
        super().__init__()
        self._view: SessionView | None = None
        self._wanted: str | None = None

    def compose(self) -> ComposeResult:
        """What was run and what it came to, its parts, and what stands there while there is nothing."""
        yield TitleBar("results")
        yield ResultHeader()
        yield ResultsBody()
        yield Static(_NOTHING, id="nothing")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Follow the session that is to be shown."""
        self.add_class("-nothing")
        self.watch(self.app, "shown_session", self._want)
        self.watch(self.app, "job", self._follow, init=False)

    @on(Resize)
    @on(ScreenResume)
    def lay_out(self) -> None:
        """Use the room that there is; it may have changed while another screen was up."""
        self.set_class(self.app.size.height < _TALL, "-short")
        self.query_one(ResultsBody).lay_out(self.app.size)

    @on(ScreenResume)
    def reload_view(self) -> None:
        """Read the session again if it has changed meanwhile."""
        if self._wanted is not None:
            self._load(self._wanted)
        if self._view is not None and self.focused is None:
            self.query_one(ResultsBody).focus_first()

    def _want(self, session_id: str | None) -> None:
        self._wanted = session_id
        if session_id is not None:
            self._load(session_id)

    def _follow(self, job: JobState | None) -> None:
        """Read the session again when its run has ended."""
        if job is not None and not job.run.active and job.run.history.session_id == self._wanted:
            self._load(self._wanted)

    @work(exclusive=True, group="load")
    async def _load(self, session_id: str) -> None:
        if await self._is_fresh(session_id):
            return
        try:
            view = await asyncio.to_thread(load_view, session_id)
        except CnnTuiError as error:
            self._show_failure(error)
        else:
            self._show(view)

    async def _is_fresh(self, session_id: str) -> bool:
        """Whether what is shown is this session as it is on disk."""
        shown = self._view
        if shown is None or shown.record.id != session_id or shown.record.live:
            return False
        return await asyncio.to_thread(read_stamp, shown.folder) == shown.stamp

    def _show_failure(self, error: CnnTuiError) -> None:
        self._view = None
        self.add_class("-nothing")
        self.query_one("#nothing", Static).update(error_content(error))

    def _show(self, view: SessionView) -> None:
        another = self._view is None or self._view.record.id != view.record.id
        self._view = view
        self.remove_class("-nothing")
        header = self.query_one(ResultHeader)
        header.record, header.note = view.record, view.note
        body = self.query_one(ResultsBody)
        body.show(view)
        self.refresh_bindings()
        if another and self.is_current:
            body.focus_first()

    @on(PicturesWanted)
    def show_pictures(self, message: PicturesWanted) -> None:
        """Open the pictures behind a cell or of a class."""
        if self._view is not None and self._view.record.result is not None:
            choice = Choice(message.actual, message.predicted)
            self.app.push_screen(PicturesScreen(self._view.folder, self._view.record.result, choice))

    def action_step(self, by: int) -> None:
        """Show another of the views that take turns."""
        self.query_one(ResultsBody).step(by)

    def action_copy(self, form: Literal["markdown", "tsv"]) -> None:
        """Copy the table in view by OSC 52, which works over SSH too."""
        if self._view is None:
            return
        pane = self.query_one(ResultsBody).in_view
        table = table_in(pane, self._view, self.query_one(ConfusionMatrixView).mode)
        if table is None:
            self.notify("There is no table in this view.", severity="warning", markup=False)
            return
        name, write = _FORMATS[form]
        self.app.copy_to_clipboard(write(table))
        self.notify(f"{pluralize(len(table.rows), 'row')} as {name}", title="Copied", markup=False)

    @work(exclusive=True, group="export")
    async def action_export(self) -> None:
        """Ask for a folder and write the charts and every table into it."""
        view = self._view
        if view is not None:
            question = "Write the charts as PDF and PNG and all tables as CSV and Markdown into this folder"
            tables, charts = tables_of(view), charts_of(view)
            await export_into_folder(
                self,
                question,
                f"./{view.record.id}-tables",
                lambda folder: table_files(folder, tables) | chart_files(folder, charts),
            )

    def action_rerun(self) -> None:
        """Train the same again."""
        if (preset := self._preset()) is not None:
            self.post_message(JobRequested(Job(preset=preset)))

    def action_open_preset(self) -> None:
        """Open what was run in Setup."""
        if self._view is not None and (preset := self._preset()) is not None:
            self.post_message(PresetRequested(preset, f"session {self._view.record.id}"))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a session there is nothing to copy, export or run again."""
        return self._view is not None or action not in ("step", "copy", "export", "rerun", "open_preset")

    def _preset(self) -> RunPreset | None:
        return preset_of(self._view.record) if self._view else None


_TALL = 30
_NOTHING = Content(
    f"No result yet.\n\nTrain something: press {key_of('setup')} for Setup and ctrl+r to start; "
    "its result opens here when it ends.\n"
    f"Or press {key_of('sessions')} for Sessions and enter to open one that is there."
)
