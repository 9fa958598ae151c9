"""Starts and controls the trainer's job, and shows its progress and result in the workbench."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.notifications import SeverityLevel
from textual.screen import ModalScreen

from cnn_tui.config.job import Job
from cnn_tui.errors import ConfigError
from cnn_tui.events import ErrorReport, JobEvent, JobFinished, RunEvent, RunFinished
from cnn_tui.formatting import printable
from cnn_tui.store.session_writer import with_unique_name
from cnn_tui.trainer import protocol
from cnn_tui.trainer.crash_report import is_kill
from cnn_tui.tui.job_state import JobState
from cnn_tui.tui.screen_keys import ModeName, key_of
from cnn_tui.tui.screens.errors import printable_lines

if TYPE_CHECKING:
    from cnn_tui.tui.state import WorkbenchState


class JobMonitor:
    """Keeps ``WorkbenchState.job``, the job that is running or was the last, up to date."""

    def __init__(self, app: WorkbenchState, trainer: protocol.Trainer) -> None:
        self._app = app
        self._next_mode: ModeName | None = None
        self.trainer = trainer

    @property
    def kind(self) -> str:
        """What is running: "run" or "study"."""
        return self._app.job.job.kind if self._app.job else "run"

    def start(self, job: Job) -> None:
        """Start a job unless one is running. A new single run gets a name that no session has yet."""
        if self._refused():
            return
        if job.study is None and job.resume is None:
            job = job.with_preset(with_unique_name(job.runs[0]))
        try:
            submitted = job.with_absolute_paths()
        except ConfigError as error:
            self._notify_error(ErrorReport.of(error))
            return
        self._app.busy = True
        self._next_mode = None
        self._app.job = JobState(job)
        self.trainer.submit(submitted)
        if job.study is None:
            self._app.switch_mode("live")

    def stop(self) -> None:
        """Stop the job; a second time, skip its test."""
        if (state := self._app.job) is not None and state.active:
            state.stop()
            self._refresh()
            self.trainer.stop()

    def pause(self) -> None:
        """Pause the job, or resume it."""
        if (state := self._app.job) is not None and state.stage == "paused":
            self.trainer.resume()
        elif state is not None and state.stage == "running":
            self.trainer.pause()

    def kill(self) -> None:
        """Kill the trainer."""
        if (state := self._app.job) is not None and state.active:
            self.trainer.kill()

    def close(self, finish: bool) -> None:
        """Let the trainer exit, after finishing its job or by stopping it."""
        self._next_mode = None
        self.trainer.close(finish)

    def show_result(self) -> None:
        """Switch from Live to the result of a job that has ended; while a dialog is open, wait until it is closed."""
        mode, self._next_mode = self._next_mode, None
        if mode is None or self._app.current_mode != "live":
            return
        if isinstance(self._app.screen, ModalScreen):
            self._next_mode = mode
        else:
            self._app.switch_mode(mode)

    def handle(self, message: protocol.Message) -> None:
        """Update the job with a message of the trainer, and react to it."""
        state = self._app.job
        if state is not None:
            state.apply(message)
            self._refresh()
        match message:
            case protocol.Idle():
                self._app.busy = False
            case protocol.Refused():
                self._app.notify(printable(message.reason), title="Not now", severity="warning", markup=False)
            case protocol.Lost() if state is None or message.error not in (state.error, state.run.error):
                self._notify_error(message.error)
            case protocol.JobUpdate(event=event) if state is not None:
                self._handle_event(state, event)
            case _:
                pass

    def _refresh(self) -> None:
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
            self._app.shown_session = state.run.history.session_id
            self._lead_to("results")
        elif finished.error is not None and self._app.current_mode != "live":
            self._notify_error(finished.error)

    def _study_finished(self, state: JobState, finished: JobFinished) -> None:
        """Open the table of a study if Live is shown; notify on all other screens but Studies."""
        if finished.error is not None:
            self._notify_error(finished.error)
        elif self._app.current_mode not in ("live", "studies"):
            text = f"{printable(state.job.preset.name)}. Press {key_of('studies')} for its table."
            self._app.notify(text, title=f"Study {finished.status}", markup=False)
        self._lead_to("studies")

    def _lead_to(self, mode: ModeName) -> None:
        self._next_mode = mode
        self.show_result()

    def _notify_error(self, error: ErrorReport) -> None:
        text = "\n".join(part for part in (error.detail, error.hint) if part)
        severity: SeverityLevel = "information" if is_kill(error) else "error"
        self._app.notify(
            printable_lines(text), title=printable(error.title), severity=severity, markup=False, timeout=15
        )

    def _refused(self) -> bool:
        if self.trainer.busy:
            text = f"Press {key_of('live')} to watch it and x there to stop it, or wait until it ends."
            self._app.notify(text, title=f"A {self.kind} is running", severity="warning", markup=False)
        return self.trainer.busy
