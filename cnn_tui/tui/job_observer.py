"""Shows the progress and result of a job in the workbench."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.notifications import SeverityLevel
from textual.screen import ModalScreen

from cnn_tui.events import ErrorReport, JobEvent, JobFinished, RunEvent, RunFinished
from cnn_tui.formatting import pluralize, printable
from cnn_tui.trainer import protocol
from cnn_tui.trainer.crash_report import is_kill
from cnn_tui.tui.job_state import JobState
from cnn_tui.tui.screen_keys import ModeName, key_of
from cnn_tui.tui.screens.errors import printable_lines

if TYPE_CHECKING:
    from cnn_tui.tui.state import WorkbenchState


class JobObserver:
    """Keeps ``WorkbenchState.job``, the job that is running or was the last, up to date.

    Args:
        session: where the run's session is, None for the one that its events name.
    """

    def __init__(self, app: WorkbenchState, session: str | None = None) -> None:
        self._app = app
        self._session = session
        self._next_mode: ModeName | None = None

    def show_result(self) -> None:
        """Switch from Live to the result of a job that has ended; while a dialog is open, wait until it is closed."""
        mode, self._next_mode = self._next_mode, None
        if mode is None or self._app.current_mode != "live":
            return
        if isinstance(self._app.screen, ModalScreen):
            self._next_mode = mode
        else:
            self._app.switch_mode(mode)

    def handle(self, *messages: protocol.Message) -> None:
        """Update the job with messages of the trainer, and react to them."""
        state = self._app.job
        if state is not None:
            for message in messages:
                state.apply(message)
            self.refresh()
        for message in messages:
            self._react(state, message)

    def _react(self, state: JobState | None, message: protocol.Message) -> None:
        match message:
            case protocol.Idle():
                self._app.busy = False
            case protocol.Refused():
                self._app.notify(printable(message.reason), title="Not now", severity="warning", markup=False)
            case protocol.Queued():
                text = f"Press {key_of('queue')} for the queue."
                self._app.notify(text, title=printable(f"{message.name} waits in the queue"), markup=False)
            case protocol.QueueChanged():
                self._queue_changed(message)
            case protocol.Lost() if state is None or message.error not in (state.error, state.run.error):
                self.notify_error(message.error)
            case protocol.JobUpdate(event=event) if state is not None:
                self._handle_event(state, event)
            case _:
                pass

    def _queue_changed(self, message: protocol.QueueChanged) -> None:
        """Offer to continue interrupted jobs, once."""
        if self._app.queue is None and message.interrupted:
            text = f"Press {key_of('queue')} for the queue, where they can be continued."
            title = f"{pluralize(message.interrupted, 'job')} interrupted"
            self._app.notify(text, title=title, severity="warning", markup=False)
        self._app.queue = message

    def refresh(self) -> None:
        """Call the watchers of the job."""
        self._app.mutate_reactive(type(self._app).job)

    def _handle_event(self, state: JobState, event: JobEvent) -> None:
        match event:
            case RunEvent(event=RunFinished() as finished) if state.job.study is None:
                self._run_finished(state, finished)
            case JobFinished() if state.job.study is not None:
                self._study_finished(state, event)
            case _:
                pass

    def _run_finished(self, state: JobState, finished: RunFinished) -> None:
        """Open the results of a run if Live is shown; report a failure on all other screens."""
        if finished.result is not None:
            self._app.shown_session = self._session or state.run.history.session_id
            self._lead_to("results")
        elif finished.error is not None and self._app.current_mode != "live":
            self.notify_error(finished.error)

    def _study_finished(self, state: JobState, finished: JobFinished) -> None:
        """Open the table of a study if Live is shown; notify on all other screens but Studies."""
        if finished.error is not None:
            self.notify_error(finished.error)
        elif self._app.current_mode not in ("live", "studies"):
            text = f"{printable(state.job.preset.name)}. Press {key_of('studies')} for its table."
            self._app.notify(text, title=f"Study {finished.status}", markup=False)
        self._lead_to("studies")

    def _lead_to(self, mode: ModeName) -> None:
        self._next_mode = mode
        self.show_result()

    def notify_error(self, error: ErrorReport) -> None:
        """Show an error as a notification."""
        text = "\n".join(part for part in (error.detail, error.hint) if part)
        severity: SeverityLevel = "information" if is_kill(error) else "error"
        self._app.notify(
            printable_lines(text), title=printable(error.title), severity=severity, markup=False, timeout=15
        )
