"""The Queue screen."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import ScreenResume
from textual.screen import Screen
from textual.widgets import Static

from cnn_tui.config.preset import RunPreset
from cnn_tui.errors import CnnTuiError, ConfigError
from cnn_tui.formatting import printable
from cnn_tui.service.protocol import Act, Action, Clear, Continue, Follow, Move, Remove, Request
from cnn_tui.tui.job_state import JobState
from cnn_tui.tui.messages import PresetRequested, QueueRequested
from cnn_tui.tui.screen_keys import key_of
from cnn_tui.tui.screens.dialogs import ConfirmScreen
from cnn_tui.tui.screens.errors import notify_error
from cnn_tui.tui.screens.queue_rows import QUEUE_COLUMNS, QueueRow, load_queue_rows, queue_details
from cnn_tui.tui.widgets.key_footer import KeyFooter
from cnn_tui.tui.widgets.sorted_table import SortedTable
from cnn_tui.tui.widgets.title_bar import TitleBar

_EMPTY = Content(
    "Nothing runs and nothing waits.\n\nA run or study that is started while another one runs waits here.\n"
    f"Press {key_of('setup')} for Setup, or add presets with 'cnn-tui queue add'."
)
_NO_QUEUE = Content("There is no queue.\n\nThis workbench trains inside its own process, one job at a time.")


class QueueTable(SortedTable[QueueRow]):
    """The table of jobs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Live", tooltip="Show the running job in Live"),
        Binding("s", "next_sort", "Sort", show=False, tooltip="Sort by the next column"),
    ]


class QueueScreen(Screen[None]):
    """The jobs that run, were interrupted, or wait; the order of those that wait can be changed."""

    DEFAULT_CSS = """
    QueueScreen {
        #body { height: 1fr; margin: 1 0 0 0; }
        #details { height: 3; padding: 0 1; color: $text-muted; border-top: solid $panel; }
        #empty {
            height: 1fr;
            padding: 0 4;
            content-align: center middle;
            text-align: center;
            color: $text-muted;
            display: none;
        }
        &.-empty {
            #body, #details { display: none; }
            #empty { display: block; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "next", "Run next", tooltip="Start this job before all others that wait"),
        Binding("K,shift+up", "shift(-1)", "Earlier", key_display="K", tooltip="Start this job earlier"),
        Binding("J,shift+down", "shift(1)", "Later", key_display="J", show=False, tooltip="Start this job later"),
        Binding("e", "edit", "Edit", tooltip="Change a waiting run in Setup"),
        Binding("u", "continue", "Continue", tooltip="Let an interrupted job go on"),
        Binding("p", "act('pause')", "Pause", tooltip="Pause the job at its next batch"),
        Binding("p", "act('resume')", "Resume", tooltip="Resume the paused job"),
        Binding("x", "act('stop')", "Stop", tooltip="Stop the job: test and save what it has trained"),
        Binding("d,delete", "remove", "Remove", tooltip="Remove a job that does not run"),
        Binding("c", "clear", "Clear", tooltip="Remove all waiting jobs, after confirmation"),
    ]
    AUTO_FOCUS = "QueueTable"

    def compose(self) -> ComposeResult:
        """The table, and one line about the selected job."""
        yield TitleBar("queue")
        yield QueueTable(QUEUE_COLUMNS, key=lambda row: str(row.entry.id), id="body")
        yield Static("", id="details")
        yield Static("", id="empty")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Reload when the queue changes, or the job its stage."""
        self._milestone: object = None
        self.watch(self.app, "queue", self.reload_rows, init=False)
        self.watch(self.app, "job", self._job_changed, init=False)

    @on(ScreenResume)
    def reload_rows(self) -> None:
        """Reload the queue."""
        self._load()

    def _job_changed(self, job: JobState | None) -> None:
        milestone = job.milestone if job else None
        if milestone != self._milestone:
            self._milestone = milestone
            self._load()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        if not self.is_current:
            return
        try:
            rows = await asyncio.to_thread(load_queue_rows)
        except CnnTuiError as error:
            notify_error(self, error)
            return
        self._table.show_rows(rows)
        self.set_class(not rows, "-empty")
        has_queue = bool(getattr(self.app, "queues", False))
        self.query_one("#empty", Static).update(_EMPTY if has_queue else _NO_QUEUE)
        self.show_details()

    @on(SortedTable.Highlighted)
    def show_details(self) -> None:
        """Show the selected job below the table."""
        row = self._table.current
        text = queue_details(row) if row is not None else ""
        self.query_one("#details", Static).update(Content(printable(text)), layout=False)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what the state of the selected job permits."""
        row = self._table.current
        state = "" if row is None else row.entry.state
        match action, parameters:
            case "continue", _:
                return state == "interrupted"
            case "next" | "shift" | "edit", _:
                return state == "waiting" or None
            case "remove", _:
                return state in ("waiting", "interrupted") or None
            case "act", ("stop",):
                return state == "running" or None
            case "act", (wanted,):
                return row is not None and state == "running" and row.entry.paused == (wanted == "resume")
        return True

    @on(SortedTable.Chosen)
    def join(self) -> None:
        """Show the running job in Live."""
        row = self._table.current
        if row is not None and row.entry.state == "running":
            self._request(Follow(number=row.entry.id))
            self.app.switch_mode("live")

    def action_next(self) -> None:
        """Move the job before all others that wait."""
        self._move(0)

    def action_shift(self, by: int) -> None:
        """Move the job by one."""
        row = self._table.current
        if row is not None and row.index is not None:
            self._move(max(0, row.index + by))

    def action_edit(self) -> None:
        """Open a waiting run in Setup; starting it there changes it."""
        row = self._table.current
        if row is None:
            return
        preset = row.entry.job.preset
        if isinstance(preset, RunPreset):
            self.post_message(PresetRequested(preset, f"job {row.entry.id} in the queue", waiting=row.entry.id))
        else:
            detail = "Only single runs can be edited here."
            notify_error(self, ConfigError("A study", detail, "Remove it, and start it again in Studies."))

    def action_continue(self) -> None:
        """Let an interrupted job go on."""
        if (row := self._table.current) is not None:
            self._request(Continue(number=row.entry.id))

    def action_act(self, action: Action) -> None:
        """Stop, pause or resume a running job."""
        if (row := self._table.current) is not None:
            self._request(Act(number=row.entry.id, action=action))

    def action_remove(self) -> None:
        """Remove a job that does not run."""
        if (row := self._table.current) is not None:
            self._request(Remove(number=row.entry.id))

    @work(exclusive=True, group="dialog")
    async def action_clear(self) -> None:
        """Remove all waiting jobs, after confirmation."""
        if await self.app.push_screen_wait(ConfirmScreen("Remove all waiting jobs from the queue?", "Remove")):
            self._request(Clear())

    def _move(self, index: int) -> None:
        if (row := self._table.current) is not None:
            self._request(Move(number=row.entry.id, index=index))

    def _request(self, request: Request) -> None:
        self.post_message(QueueRequested(request))

    @property
    def _table(self) -> QueueTable:
        return self.query_one(QueueTable)
