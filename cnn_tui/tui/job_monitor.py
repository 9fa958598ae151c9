"""Starts and controls the trainer's job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnn_tui.config.job import Job
from cnn_tui.errors import ConfigError
from cnn_tui.events import ErrorReport
from cnn_tui.store.session_names import with_unique_name
from cnn_tui.trainer import protocol
from cnn_tui.tui.job_observer import JobObserver
from cnn_tui.tui.job_state import JobState
from cnn_tui.tui.screen_keys import key_of

if TYPE_CHECKING:
    from cnn_tui.tui.state import WorkbenchState


class JobMonitor(JobObserver):
    """Observes the job of a trainer, and controls it."""

    def __init__(self, app: WorkbenchState, trainer: protocol.Trainer) -> None:
        super().__init__(app)
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
            self.notify_error(ErrorReport.of(error))
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
            self.refresh()
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

    def _refused(self) -> bool:
        if self.trainer.busy:
            text = f"Press {key_of('live')} to watch it and x there to stop it, or wait until it ends."
            self._app.notify(text, title=f"A {self.kind} is running", severity="warning", markup=False)
        return self.trainer.busy
