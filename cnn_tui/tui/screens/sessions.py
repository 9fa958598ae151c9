"""The Sessions screen."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.events import ScreenResume
from textual.screen import Screen
from textual.widgets import Input, Static

from cnn_tui import paths
from cnn_tui.config.job import Job
from cnn_tui.errors import CnnTuiError, ConfigError
from cnn_tui.formatting import printable
from cnn_tui.store.checkpoints import has_checkpoint
from cnn_tui.store.records import RESUMABLE
from cnn_tui.tui.job_state import JobState
from cnn_tui.tui.messages import CompareRequested, JobRequested, PresetRequested, SessionRequested
from cnn_tui.tui.screen_keys import key_of
from cnn_tui.tui.screens import sessions_dialogs
from cnn_tui.tui.screens.errors import notify_error
from cnn_tui.tui.screens.sessions_preview import SessionPreview
from cnn_tui.tui.screens.sessions_rows import SESSION_COLUMNS, SessionRow, details, load_rows, matching
from cnn_tui.tui.widgets.key_footer import KeyFooter
from cnn_tui.tui.widgets.sorted_table import SortedTable
from cnn_tui.tui.widgets.text_line import TextLine
from cnn_tui.tui.widgets.title_bar import TitleBar

_FILTERED = "name, model, data, status, note or #tag"
_PREVIEW_MIN_WIDTH, _PREVIEW_MIN_HEIGHT = 180, 40
_NO_SESSIONS = Content(
    "No sessions yet.\n\nEvery run is saved here with its metrics, curves and test images.\n"
    f"Press {key_of('setup')} for Setup and ctrl+r to start the first."
)


class SessionsTable(SortedTable[SessionRow]):
    """The table of sessions."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "Open", tooltip="Open its results")]


class SessionsScreen(Screen[None]):
    """Lists all sessions, to open, compare, rerun, resume, annotate, rename or delete them."""

    CSS_PATH = "sessions.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Mark", key_display="␣", tooltip="Mark or unmark the session for a comparison"),
        Binding("c", "compare", "Compare", tooltip="Compare the marked sessions; the first marked is A"),
        Binding("slash", "filter", "Filter", key_display="/", tooltip=f"Filter by {_FILTERED}"),
        Binding("r", "rerun", "Rerun", tooltip="Train the session's experiment again"),
        Binding("u", "continue", "Continue", tooltip="Resume a run that was stopped, crashed or killed"),
        Binding("o", "open_preset", "Preset", tooltip="Open the session's experiment in Setup"),
        Binding("p", "predict", "Predict", tooltip="Classify your own images with the session's network"),
        Binding("e", "annotate", "Note", tooltip="Edit the note and tags"),
        Binding("n", "rename", "Rename", tooltip="Rename the session"),
        Binding("d,delete", "delete", "Delete", tooltip="Delete the session, after confirmation"),
        Binding("escape", "clear_filter", "Show all", tooltip="Clear the filter"),
        Binding("escape", "unmark", "Unmark", tooltip="Unmark all sessions"),
    ]
    AUTO_FOCUS = "#table"

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[SessionRow] = []
        self._seen = ("", "")
        self._marked: list[str] = []

    def compose(self) -> ComposeResult:
        """A filter, the table, details of the selected session, and on large terminals a preview of it."""
        yield TitleBar("sessions")
        with Horizontal(id="filter-bar"):
            yield Static("filter /", id="filter-mark")
            # Keys typed before the focus arrives would be selected by it and then overwritten.
            yield TextLine(placeholder=_FILTERED, compact=True, select_on_focus=False, id="filter")
            yield Static("", id="count")
        with Horizontal(id="body"):
            yield SessionsTable(SESSION_COLUMNS, key=lambda row: row.id, id="table")
            yield SessionPreview()
        yield Static("", id="details")
        yield Static("", id="empty")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Reload when a run begins or ends."""
        self.watch(self.app, "job", self._follow, init=False)

    @on(ScreenResume)
    def reload_rows(self) -> None:
        """Reload the sessions, which other programs may have changed."""
        self._load()

    def on_resize(self) -> None:
        """Show the preview if there is space for it."""
        large = self.size.width >= _PREVIEW_MIN_WIDTH and self.size.height >= _PREVIEW_MIN_HEIGHT
        self.set_class(large, "-large")
        self.show_details()

    def _follow(self, job: JobState | None) -> None:
        """Reload when the stage of the run changes, not after each event."""
        turn = (job.run.history.session_id, job.run.stage) if job else ("", "")
        if turn != self._seen and self.is_current:
            self._load()
        self._seen = turn

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        try:
            self._rows = await asyncio.to_thread(load_rows)
        except CnnTuiError as error:
            notify_error(self, error)
        self._mark(self._marked)
        self.query_one(SessionPreview).reload()

    def _mark(self, marked: list[str]) -> None:
        """Mark exactly these sessions, ignoring ids that no longer exist."""
        existing = {row.id for row in self._rows}
        self._marked = [session_id for session_id in marked if session_id in existing]
        self._rows = [replace(row, marked=row.id in self._marked) for row in self._rows]
        self._show_rows()
        self.refresh_bindings()

    def _show_rows(self) -> None:
        query = self._filter.value
        shown = matching(self._rows, query)
        self._table.show_rows(shown)
        self.set_class(not self._rows, "-empty")
        if not self._rows:
            self.query_one("#empty", Static).update(_NO_SESSIONS)
        count = f"{len(shown)} of {len(self._rows)}" if query.strip() else f"{len(self._rows)}"
        marked = f", {len(self._marked)} marked" if self._marked else ""
        self.query_one("#count", Static).update(f"{count} {'session' if count == '1' else 'sessions'}{marked}")

    @on(Input.Changed, "#filter")
    def filter_rows(self) -> None:
        """Show the matching sessions."""
        self._show_rows()
        self.refresh_bindings()

    @on(Input.Submitted, "#filter")
    def focus_table(self) -> None:
        """Keep the filter and move to the table."""
        self.set_focus(self._table)

    @on(SortedTable.Highlighted)
    def show_details(self) -> None:
        """Show the selected session below the table and in the preview."""
        row = self._table.current
        text = details(row) if row else "No session matches." if self._rows else ""
        self.query_one("#details", Static).update(Content(printable(text)), layout=False)
        self.query_one(SessionPreview).session_id = row.id if row is not None and self.has_class("-large") else None

    @on(SortedTable.Chosen)
    def open_session(self) -> None:
        """Open the results."""
        row = self._table.current
        if row is not None:
            self.post_message(SessionRequested(row.id))

    def action_filter(self) -> None:
        """Focus the filter immediately: the next key may already be queued."""
        self.set_focus(self._filter)

    def action_clear_filter(self) -> None:
        """Show all sessions again."""
        self._filter.clear()
        self.set_focus(self._table)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what applies: escape clears the filter first, then the marks."""
        filtering = self._filter.has_focus or bool(self._filter.value)
        match action:
            case "filter":
                return not self._filter.has_focus
            case "clear_filter":
                return filtering
            case "unmark":
                return bool(self._marked) and not filtering
        return True

    def action_mark(self) -> None:
        """Mark or unmark the session and move to the next."""
        row = self._selected()
        if row is not None:
            others = [session_id for session_id in self._marked if session_id != row.id]
            self._mark(others if row.marked else [*others, row.id])
            self._table.action_move(1)

    def action_unmark(self) -> None:
        """Unmark all sessions."""
        self._mark([])

    def action_compare(self) -> None:
        """Compare the marked sessions in the order in which they were marked."""
        if len(self._marked) < 2:
            hint = "Mark at least two sessions with space first."
            self.notify(hint, title="Not enough sessions to compare", severity="warning", markup=False)
            return
        self.post_message(CompareRequested(tuple(self._marked)))

    def action_rerun(self) -> None:
        """Train the session's experiment again."""
        row = self._selected()
        if row is not None and row.preset is not None:
            self.post_message(JobRequested(Job(preset=row.preset)))

    def action_continue(self) -> None:
        """Continue the session's run from its last checkpoint."""
        row = self._selected()
        if row is None or row.preset is None:
            return
        if row.status not in RESUMABLE:
            title = f"{row.name} is {row.status}"
            notify_error(self, ConfigError(title, "Only runs that were stopped, crashed or killed can be resumed."))
        elif not has_checkpoint(paths.sessions_folder() / row.id):
            detail = "It ended before its first checkpoint."
            notify_error(self, ConfigError(f"{row.name} cannot be resumed", detail, "Press r to train it again."))
        else:
            self.post_message(JobRequested(Job(preset=row.preset, resume=row.id)))

    def action_open_preset(self) -> None:
        """Open the session's experiment in Setup."""
        row = self._selected()
        if row is not None and row.preset is not None:
            self.post_message(PresetRequested(row.preset, f"session {row.id}"))

    def action_predict(self) -> None:
        """Classify images with the session's network."""
        from cnn_tui.tui.screens.predict import open_predict

        if (row := self._selected()) is not None:
            open_predict(self, paths.sessions_folder() / row.id)

    @work(exclusive=True, group="change")
    async def action_rename(self) -> None:
        """Rename the session."""
        if (row := self._selected()) is not None:
            await sessions_dialogs.rename(self, row)
            self._load()

    @work(exclusive=True, group="change")
    async def action_annotate(self) -> None:
        """Edit the session's note and tags."""
        if (row := self._table.current) is not None:
            await sessions_dialogs.annotate(self, row)
            self._load()

    @work(exclusive=True, group="change")
    async def action_delete(self) -> None:
        """Delete the session after confirmation."""
        if (row := self._table.current) is not None:
            await sessions_dialogs.delete(self, row)
            self._load()

    @property
    def _filter(self) -> TextLine:
        return self.query_one("#filter", TextLine)

    @property
    def _table(self) -> SessionsTable:
        return self.query_one(SessionsTable)

    def _selected(self) -> SessionRow | None:
        """The selected session; reports an error and returns None if its record cannot be read."""
        row = self._table.current
        if row is not None and row.preset is None:
            notify_error(self, CnnTuiError("This session cannot be read", row.problem))
            return None
        return row
