"""All sessions in a table."""

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

from cnn_tui.config.job import Job
from cnn_tui.errors import CnnTuiError
from cnn_tui.formatting import printable
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
_PREVIEW_WIDTH, _PREVIEW_HEIGHT = 180, 40


class SessionsTable(SortedTable[SessionRow]):
    """The sessions as rows."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "Open", tooltip="Open its results")]


class SessionsScreen(Screen[None]):
    """Lists every session, to be opened, compared, run again, annotated, renamed or deleted."""

    CSS_PATH = "sessions.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Mark", key_display="␣", tooltip="Mark it to compare it, or take the mark away"),
        Binding("c", "compare", "Compare", tooltip="Put the marked sessions side by side, the first marked as A"),
        Binding("slash", "filter", "Filter", key_display="/", tooltip=f"Filter by {_FILTERED}"),
        Binding("r", "rerun", "Rerun", tooltip="Train the session's experiment again"),
        Binding("o", "open_preset", "Preset", tooltip="Open the session's experiment in Setup"),
        Binding("e", "annotate", "Note", tooltip="Write a note and tags"),
        Binding("n", "rename", "Rename", tooltip="Give the session another name"),
        Binding("d,delete", "delete", "Delete", tooltip="Delete the session, after asking"),
        Binding("escape", "leave_filter", "Show all", tooltip="Empty the filter"),
        Binding("escape", "unmark", "Unmark", tooltip="Take all marks away"),
    ]
    AUTO_FOCUS = "#table"

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[SessionRow] = []
        self._seen = ("", "")
        self._marked: list[str] = []

    def compose(self) -> ComposeResult:
        """A line to filter by, the table, and about the session under the cursor a line and, with room, more."""
        yield TitleBar("sessions")
        with Horizontal(id="filter-bar"):
            yield Static("filter /", id="filter-mark")
            # Letters that come before the focus does must not be selected by it, and typed over.
            yield TextLine(placeholder=_FILTERED, compact=True, select_on_focus=False, id="filter")
            yield Static("", id="count")
        with Horizontal(id="body"):
            yield SessionsTable(SESSION_COLUMNS, key=lambda row: row.id, id="table")
            yield SessionPreview()
        yield Static("", id="details")
        yield Static("", id="empty")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Notice when a run begins or ends."""
        self.watch(self.app, "job", self._follow, init=False)

    @on(ScreenResume)
    def reload_rows(self) -> None:
        """Read the sessions again: others may have changed them."""
        self._load()

    def on_resize(self) -> None:
        """Show more of the session under the cursor where there is room beside the list."""
        self.set_class(self.size.width >= _PREVIEW_WIDTH and self.size.height >= _PREVIEW_HEIGHT, "-large")
        self.show_details()

    def _follow(self, job: JobState | None) -> None:
        """Read the sessions again at the turns of a run, not at each of its events."""
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
        """Mark exactly these of the sessions that there are."""
        there = {row.id for row in self._rows}
        self._marked = [session_id for session_id in marked if session_id in there]
        self._rows = [replace(row, marked=row.id in self._marked) for row in self._rows]
        self._show_rows()
        self.refresh_bindings()

    def _show_rows(self) -> None:
        words = self._filter.value
        shown = matching(self._rows, words)
        self.query_one(SessionsTable).show_rows(shown)
        self.set_class(not self._rows, "-empty")
        if not self._rows:
            self.query_one("#empty", Static).update(_NOTHING)
        count = f"{len(shown)} of {len(self._rows)}" if words.strip() else f"{len(self._rows)}"
        marked = f", {len(self._marked)} marked" if self._marked else ""
        self.query_one("#count", Static).update(f"{count} {'session' if count == '1' else 'sessions'}{marked}")

    @on(Input.Changed, "#filter")
    def filter_rows(self) -> None:
        """Show what matches."""
        self._show_rows()
        self.refresh_bindings()

    @on(Input.Submitted, "#filter")
    def go_to_table(self) -> None:
        """Leave the filter as it is and walk in what it has left."""
        self.set_focus(self.query_one(SessionsTable))

    @on(SortedTable.Highlighted)
    def show_details(self) -> None:
        """Tell what there was no room for in the table."""
        row = self.query_one(SessionsTable).current
        words = details(row) if row else "No session matches." if self._rows else ""
        self.query_one("#details", Static).update(Content(printable(words)), layout=False)
        self.query_one(SessionPreview).wanted = row.id if row is not None and self.has_class("-large") else None

    @on(SortedTable.Chosen)
    def open_session(self) -> None:
        """Open the results."""
        row = self.query_one(SessionsTable).current
        if row is not None:
            self.post_message(SessionRequested(row.id))

    def action_filter(self) -> None:
        """Go to the filter, at once: the next letter may be on its way."""
        self.set_focus(self._filter)

    def action_leave_filter(self) -> None:
        """Show all sessions again."""
        self._filter.clear()
        self.set_focus(self.query_one(SessionsTable))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer the way into the filter, and the ways out of it and of the marks where there are some."""
        filtering = self._filter.has_focus or bool(self._filter.value)
        match action:
            case "filter":
                return not self._filter.has_focus
            case "leave_filter":
                return filtering
            case "unmark":
                return bool(self._marked) and not filtering
        return True

    def action_mark(self) -> None:
        """Mark the session, or take its mark away, and go on to the next."""
        row = self._chosen()
        if row is not None:
            others = [session_id for session_id in self._marked if session_id != row.id]
            self._mark(others if row.marked else [*others, row.id])
            self.query_one(SessionsTable).action_walk(1)

    def action_unmark(self) -> None:
        """Take all marks away."""
        self._mark([])

    def action_compare(self) -> None:
        """Put the marked sessions side by side, in the order in which they were marked."""
        if len(self._marked) < 2:
            words = "Mark two sessions or more with space first."
            self.notify(words, title="A comparison takes two", severity="warning", markup=False)
            return
        self.post_message(CompareRequested(tuple(self._marked)))

    def action_rerun(self) -> None:
        """Train the same again."""
        row = self._chosen()
        if row is not None and row.preset is not None:
            self.post_message(JobRequested(Job(preset=row.preset)))

    def action_open_preset(self) -> None:
        """Open what was run in Setup."""
        row = self._chosen()
        if row is not None and row.preset is not None:
            self.post_message(PresetRequested(row.preset, f"session {row.id}"))

    @work(exclusive=True, group="change")
    async def action_rename(self) -> None:
        """Ask for another name and give it to the session."""
        if (row := self._chosen()) is not None:
            await sessions_dialogs.rename(self, row)
            self._load()

    @work(exclusive=True, group="change")
    async def action_annotate(self) -> None:
        """Ask for a note and tags."""
        if (row := self.query_one(SessionsTable).current) is not None:
            await sessions_dialogs.annotate(self, row)
            self._load()

    @work(exclusive=True, group="change")
    async def action_delete(self) -> None:
        """Delete the session if the person really means it."""
        if (row := self.query_one(SessionsTable).current) is not None:
            await sessions_dialogs.delete(self, row)
            self._load()

    @property
    def _filter(self) -> TextLine:
        return self.query_one("#filter", TextLine)

    def _chosen(self) -> SessionRow | None:
        """The session under the cursor; a broken one is refused in words."""
        row = self.query_one(SessionsTable).current
        if row is not None and row.preset is None:
            notify_error(self, CnnTuiError("This session is broken", row.problem))
            return None
        return row


_NOTHING = Content(
    "No sessions yet.\n\nEvery run is kept here with its figures, its curves and its test pictures.\n"
    f"Press {key_of('setup')} for Setup and ctrl+r to start the first."
)
